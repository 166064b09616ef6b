"""What must hold between routers, what they track, and what can be tracked.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from havip.clock import ZERO, Duration, spell
from havip.config.checks_groups import tracks_of
from havip.config.draft import Draft, good, group_of, list_of
from havip.config.model import OWNER_PRIORITY
from havip.config.problems import Place, Problems, nearest_of, quote
from havip.config.reader import BAD, Read, Reading

#: a list below `track`, the key of each item that names what is tracked, and where that is defined
REFERENCES: Final = (
    ("scripts", "script", "scripts", "script"),
    ("files", "file", "tracked_files", "tracked file"),
    ("processes", "process", "tracked_processes", "set of processes"),
    ("checks", "check", "checks", "health check"),
    ("routers", "router", "virtual_routers", "virtual router"),
    ("interfaces", "interface", "", "interface"),
)


def check_tracking(
    root: Reading, drafts: Sequence[Draft], problems: Problems, made: Collection[str] = ()
) -> None:
    """Check every `track`, and what is tracked; ``made`` are names of checks beside those of the file."""
    used: set[tuple[str, str]] = set()
    for draft in drafts:
        track = group_of(draft.reading, "track")
        check_names(root, track, used, problems, made)
        check_router(draft, track, problems)
    for _, track in tracks_of(root):
        check_names(root, track, used, problems, made)
    for section in ("scripts", "tracked_files", "tracked_processes"):
        for name, read in group_of(root, section).items():
            if (section, name) not in used:
                problems.note(read.place, f"{quote(name)} is tracked by no virtual router")
    check_circles(root, drafts, problems)
    check_definitions(root, problems)
    check_delays(root, drafts, problems)


def check_names(
    root: Reading,
    track: Reading,
    used: set[tuple[str, str]],
    problems: Problems,
    made: Collection[str] = (),
) -> None:
    """Refuse names that nothing has, and a thing that is tracked twice; note what is used."""
    for items, key, section, noun in REFERENCES:
        seen: dict[str, Place] = {}
        known = group_of(root, section)
        for name, place in named(track, items, key):
            if name in seen:
                why = f"tracked in {problems.line(seen[name])} as well"
                problems.add(place, f"{quote(name)} again", why=why)
            seen.setdefault(name, place)
            used.add((section, name))
            if section and name not in known and not (section == "checks" and name in made):
                nearest, why = nearest_of(name, known), f'none below "{section}"'
                problems.add(place, quote(name), f"the name of a {noun}", nearest=nearest, why=why)


def named(track: Reading, items: str, key: str) -> Iterator[tuple[str, Place]]:
    """Yield what a list of trackers names, and where."""
    for item in list_of(track, items):
        name = good(item.value, key)
        if name is not None:
            yield name.value, name.place


def check_router(draft: Draft, track: Reading, problems: Problems) -> None:
    """Check what one router tracks against the rest of it."""
    router = draft.router
    if router.track.own_interface and "interface" not in draft.bad:
        for name, place in named(track, "interfaces", "interface"):
            if name == router.interface:
                why = "its own interface is tracked anyway; with own_interface: false it is not"
                problems.add(place, quote(name), "another interface than the router's own", why=why)
    if router.priority == OWNER_PRIORITY and "priority" not in draft.bad:
        for items, *_ in REFERENCES:
            for item in list_of(track, items):
                if value(item.value, "weight", 0):
                    why = "the priority of the address owner (255) never changes"
                    problems.note(item.value["weight"].place, "this weight has no effect", why=why)


def check_circles(root: Reading, drafts: Sequence[Draft], problems: Problems) -> None:
    """Refuse routers that follow each other round in a circle, or themselves."""
    followed: dict[str, dict[str, Place]] = {}  # whom each router tracks, itself or by its sync group
    for draft in drafts:
        track = group_of(draft.reading, "track")
        followed[draft.router.name] = dict(named(track, "routers", "router"))
    for members, track in tracks_of(root):
        for member in members:
            if member in followed:
                followed[member] |= dict(named(track, "routers", "router"))
    graph = {name: [one for one in others if one in followed] for name, others in followed.items()}
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1]
            way = " -> ".join(reversed(circle))
            why = "no state of theirs would follow from anything else"
            place = followed[circle[1]][circle[0]]  # it tracks the one before it
            problems.add(place, f"virtual routers that track each other in a circle: {way}", why=why)
            graph[circle[1]].remove(circle[0])
        else:
            return


def check_definitions(root: Reading, problems: Problems) -> None:
    """Check scripts, files and processes by themselves."""
    for one in definitions(root, "tracked_files"):
        if value(one, "overwrite") and "initial" not in one:
            problems.add(one["overwrite"].place, "true", why="there is no initial value to write")
    for one in definitions(root, "tracked_processes"):
        quorum, most = value(one, "quorum", 1), value(one, "quorum_max")
        if most is not None and "quorum_max" in one and most < quorum and "quorum" in one:
            problems.add(one["quorum_max"].place, str(most), f"at least the quorum, {quorum}")
        match = value(one, "match", "exact")
        if match == "none" and "arguments" in one:
            problems.add(one["match"].place, '"none"', why="there are arguments")
        elif match not in ("exact", "none") and "arguments" not in one:
            problems.add(one["match"].place, quote(str(match)), why="there are no arguments to match")


def definitions(root: Reading, section: str) -> Iterator[Mapping[str, Read]]:
    """Yield the mapping of each definition of a section."""
    for read in group_of(root, section).values():
        if read.value is not BAD:
            yield read.value


def value(reading: Mapping[str, Read], key: str, default: Any = None) -> Any:
    """Return a value of a mapping; the default for one that is not there or could not be read."""
    read = good(reading, key)
    return default if read is None else read.value


def check_delays(root: Reading, drafts: Sequence[Draft], problems: Problems) -> None:
    """Point at delays of interfaces that nobody looks at, and at those that outlast the peers' patience."""
    looked_at = {draft.router.interface for draft in drafts} | {
        one.interface for draft in drafts for one in draft.router.track.interfaces
    }
    for name, read in group_of(root, "interfaces").items():
        if name not in looked_at:
            problems.note(read.place, f"no virtual router uses or tracks {quote(name)}")
        if read.value is BAD:
            continue
        down: Duration = value(read.value, "down_delay", ZERO)
        for draft in drafts:
            router = draft.router
            patience = Duration((router.down_adverts - 1) * router.interval)
            if router.interface == name and down >= patience > ZERO:
                silence = spell(router.down_adverts * router.interval)
                why = f"the peers of {quote(router.name)} take over after {silence} of silence"
                problems.note(read.value["down_delay"].place, f"a delay of {spell(down)}", why=why)
