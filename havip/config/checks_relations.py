"""What must hold between health checks that go by each other: parents, and several as one.  Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType
from typing import Final

from havip.config.draft import good, group_of, list_of
from havip.config.health import Damping
from havip.config.probes import TOGETHER
from havip.config.problems import Place, Problems, nearest_of, quote
from havip.config.reader import BAD, Read, Reading

#: keys of a check that mean something only for one that probes; where it goes is for `checks_health`
OF_PROBES: Final = (
    "interval", "retry_interval", "failed_interval", "timeout", "rise", "fall", "start", "warm_up", "damping"
)  # fmt: skip


def check_relations(
    root: Reading, problems: Problems, made: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Check parents, those who are one together, and what damps.

    ``made`` are the names of further checks with those of their parents.
    """
    checks = group_of(root, "checks")
    needed: dict[str, dict[str, Place]] = {}
    for name, read in checks.items():
        if read.value is BAD:
            continue
        needed[name] = {}
        for key, needs, place in named(read.value):
            if needs in needed[name]:
                if key != "parent":
                    problems.add(place, f"{quote(needs)} again", why="once is enough")
                continue
            if needs in checks or needs in made:
                needed[name][needs] = place
            else:
                why = 'none below "checks"'
                nearest = nearest_of(needs, checks)
                problems.add(place, quote(needs), "the name of a health check", nearest=nearest, why=why)
        check_together(read.value, problems)
        check_damping(group_of(read.value, "damping"), problems)
    check_circles(needed, made, problems)


def named(reading: Reading) -> Iterator[tuple[str, str, Place]]:
    """Yield each check that another one names: by which key, its name, and where."""
    for key in TOGETHER:
        for item in list_of(reading, key):
            yield key, item.value, item.place
    parent = good(reading, "parent")
    if parent is not None:
        yield "parent", parent.value, parent.place


def check_together(reading: Reading, problems: Problems) -> None:
    """Refuse what means nothing for a check that probes nothing itself."""
    kind = next((kind for kind in TOGETHER if kind in reading), None)
    if kind is None:
        return
    for key in OF_PROBES:
        if key in reading:
            problems.add(
                reading[key].place,
                f'"{key}" beside "{kind}"',
                why="it makes one of several, and probes nothing",
            )


def check_damping(reading: Mapping[str, Read], problems: Problems) -> None:
    """Refuse bounds that never hold back, or never let go."""
    if not reading:
        return
    usual = Damping()
    values = {
        key: read.value if (read := good(reading, key)) is not None else getattr(usual, key)
        for key in ("half_life", "suppress", "reuse", "longest")
    }
    place = next(
        reading[key].place for key in ("reuse", "suppress", "longest", "half_life") if key in reading
    )
    if values["reuse"] >= values["suppress"]:
        problems.add(place, f"reuse {values['reuse']}", f"less than suppress, {values['suppress']}")
        return
    ceiling = values["reuse"] * math.exp2(min(64, values["longest"] / values["half_life"]))
    if ceiling < values["suppress"]:
        why = f"within longest no penalty above {ceiling:.0f} wears off, so none is kept"
        problems.add(place, f"suppress {values['suppress']} is never reached", why=why)


def check_circles(
    needed: Mapping[str, Mapping[str, Place]], made: Mapping[str, str], problems: Problems
) -> None:
    """Refuse checks that go by each other round in a circle, or by themselves."""
    graph = {name: [one for one in others if one in needed or one in made] for name, others in needed.items()}
    graph |= {name: [parent] for name, parent in made.items() if parent in needed}
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1]
            while circle[1] not in needed:  # one that is made names nothing itself
                circle = [*circle[1:], circle[1]]
            way = " -> ".join(reversed(circle))
            place = needed[circle[1]][circle[0]]  # it names the one before it
            why = "no verdict of theirs would follow from a probe"
            problems.add(place, f"health checks that go by each other in a circle: {way}", why=why)
            graph[circle[1]].remove(circle[0])
        else:
            return
