"""What a reload does: from the virtual routers that run to those that a new file asks for.  Pure.

A plan is carried out in the order drop, change, add; what is kept is not touched at all.  In that order
no two virtual routers ever hold one address, not even between two steps.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, TypeAlias

from havip.config.cast import Key
from havip.config.fields import Field, Group, ListOf, Named, Shape
from havip.config.keys import CONFIGURATION, DAEMON, ROUTER
from havip.config.model import Configuration, VirtualRouter

#: keys of the daemon that a reload puts in force; the others wait for its next start
AT_ONCE = (
    "daemon.script_user:", "daemon.script_group:", "daemon.dumps", "daemon.nftables_priority:",
    "daemon.checker_silence.",
)  # fmt: skip
#: keys beside the daemon's that only its next start puts in force
AT_A_START: Final = ("load_balancer.network_namespace:",)
MOST_IN_A_LINE: Final = 50  # changed settings; `havip reload` shows them all
Change: TypeAlias = tuple[VirtualRouter, VirtualRouter]  # (as it runs, as it is wanted)


@dataclass(frozen=True, slots=True)
class Plan:
    """The difference of two configurations, in the order in which it is carried out."""

    drop: tuple[VirtualRouter, ...] = ()
    change: tuple[Change, ...] = ()  # in place: the election goes on
    add: tuple[VirtualRouter, ...] = ()
    keep: tuple[VirtualRouter, ...] = ()
    settings: tuple[str, ...] = ()  # what changes beside virtual routers, in words
    restart: tuple[str, ...] = ()  # settings of the daemon that only its next start can change, in words

    def describe(self) -> dict[str, Any]:
        """Return the plan for JSON: names, and for each change what differs in words."""
        return {
            "drop": [router.name for router in self.drop],
            "change": [
                {"name": new.name, "changes": differences(old, new, ROUTER)} for old, new in self.change
            ],
            "add": [router.name for router in self.add],
            "keep": [router.name for router in self.keep],
            "settings": list(self.settings),
            "restart": list(self.restart),
        }

    def __str__(self) -> str:
        """Return the plan in one line, for the log."""
        described = self.describe()
        changed = [f"{one['name']} ({'; '.join(one['changes'])})" for one in described["change"]]
        parts = [
            f"{done} {', '.join(names)}"
            for done, names in (
                ("dropped", described["drop"]),
                ("changed", changed),
                ("added", described["add"]),
                ("set", shortened(self.settings)),
                ("not until the next start:", self.restart),
            )
            if names
        ]
        return "; ".join([*parts, f"{len(self.keep)} kept"])


def shortened(lines: tuple[str, ...]) -> tuple[str, ...]:
    """Return so many of the lines as a log can take, and how many more there are."""
    more = len(lines) - MOST_IN_A_LINE
    return lines if more <= 0 else (*lines[:MOST_IN_A_LINE], f"and {more} more")


def plan(old: Configuration, new: Configuration) -> Plan:
    """Return what leads from ``old`` to ``new``.

    Virtual routers are matched by `VirtualRouter.key`.  Another version of VRRP is another virtual router,
    since its peers cannot follow it: the old one resigns, the new one starts.  So does a router whose
    addresses are to stand on another interface, which may have to be made in place of the old one.
    """
    before = {router.key: router for router in old.virtual_routers}
    after = {router.key: router for router in new.virtual_routers}
    keep: list[VirtualRouter] = []
    changing: dict[Key, Change] = {}
    for key, router in after.items():
        was = before.get(key)
        if was == router:
            keep.append(router)
        elif was is not None and was.version == router.version and same_device(was, router):
            changing[key] = (was, router)
    waits = [f"daemon.{line}" for line in differences(old.daemon, new.daemon, DAEMON)]
    at_once = settings(old, new) + [line for line in waits if line.startswith(AT_ONCE)]
    change = in_safe_order(changing)
    untouched = {router.key for router in keep} | {new.key for _, new in change}
    return Plan(
        drop=tuple(router for key, router in before.items() if key not in untouched),
        change=tuple(change),
        add=tuple(router for key, router in after.items() if key not in untouched),
        keep=tuple(keep),
        settings=tuple(line for line in at_once if not line.startswith(AT_A_START)),
        restart=tuple(
            line for line in (*at_once, *waits) if line.startswith(AT_A_START) or line not in at_once
        ),
    )


def settings(old: Configuration, new: Configuration) -> list[str]:
    """Return in words how two configurations differ beside virtual routers and the daemon's own keys.

    What becomes of the checks that are made for servers, the virtual services say.
    """
    old, new = without_made(old), without_made(new)
    return [
        line
        for field in CONFIGURATION.fields
        if field.name not in ("daemon", "defaults", "virtual_routers", "service_defaults")
        for line in difference(getattr(old, field.name), getattr(new, field.name), field, field.name)
    ]


def without_made(configuration: Configuration) -> Configuration:
    """Return a configuration without the checks that are made for servers."""
    services = configuration.virtual_services
    made = {name for one in services for server in one.servers for name in one.probe_names(server)}
    if not made:
        return configuration
    return replace(
        configuration, checks=tuple(check for check in configuration.checks if check.name not in made)
    )


def same_device(old: VirtualRouter, new: VirtualRouter) -> bool:
    """Say whether two virtual routers hold their addresses on one and the same interface."""
    # Into another link group it goes as it stands.
    moved = replace(old.virtual_mac, group=new.virtual_mac.group), replace(old.ipvlan, group=new.ipvlan.group)
    return moved == (new.virtual_mac, new.ipvlan)


def in_safe_order(changing: Mapping[Key, Change]) -> list[Change]:
    """Order changes so that what only one may hold is given up before another virtual router takes it.

    Where such things go round in a circle no order is safe; one virtual router of the circle is then left
    out, to be dropped and added anew.
    """
    remaining = dict(changing)
    while True:
        giver: dict[Hashable, Key] = {
            lost: key for key, (old, new) in remaining.items() for lost in held(old) - held(new)
        }
        waits_for = {
            key: [giver[gained] for gained in gains(new, old) if gained in giver]
            for key, (old, new) in remaining.items()
        }
        try:
            return [remaining[key] for key in TopologicalSorter(waits_for).static_order()]
        except CycleError as error:
            circle: list[Key] = error.args[1]
            del remaining[circle[0]]


def held(router: VirtualRouter) -> frozenset[Hashable]:
    """Return everything that a router's master holds and nobody else can: addresses, routes, rules."""
    routes, rules = (route.place for route in router.routes), (rule.place for rule in router.rules)
    return frozenset((*router.estate.claims, *routes, *rules))


def gains(new: VirtualRouter, old: VirtualRouter) -> list[Hashable]:
    """Return what a change gains, in an order that does not vary from run to run."""
    return sorted(held(new) - held(old), key=repr)


def differences(old: Any, new: Any, group: Group, path: str = "") -> list[str]:
    """Return in words how two values of one group differ, one line a key."""
    lines = []
    for name in (field.name for field in dataclasses.fields(old)):
        field = group.by_name.get(name)
        was, now = getattr(old, name), getattr(new, name)
        if field is not None:
            lines += difference(was, now, field, f"{path}{name}")
        elif was != now:
            lines.append(f"{path}{name}: {in_words(was, None)} -> {in_words(now, None)}")
    return lines


def difference(old: Any, new: Any, field: Field, path: str) -> list[str]:
    """Return in words how two values of one key differ; nothing if they do not."""
    shape = field.shape
    if old == new:
        return []
    if field.secret:
        return [f"{path}: changed"]
    if isinstance(shape, Group) and old is not None and new is not None:
        return differences(old, new, shape, f"{path}.")
    if isinstance(shape, Named):
        return by_name(old, new, shape, path)
    if isinstance(shape, ListOf) and shape.split is not None:
        was, now = (shlex.join(map(str, words)) or "none" for words in (old, new))
        return [f"{path}: {was} -> {now}"]
    if isinstance(shape, ListOf):
        return [f"{path}: {moved(old or (), new or ())}"]
    return [f"{path}: {in_words(old, shape)} -> {in_words(new, shape)}"]


def by_name(old: Sequence[Any], new: Sequence[Any], shape: Named, path: str) -> list[str]:
    """Return in words how two mappings from names to groups differ."""
    was = {getattr(item, shape.key): item for item in old}
    now = {getattr(item, shape.key): item for item in new}
    lines = [f"{path}.{name}: removed" for name in was if name not in now]
    for name, item in now.items():
        if name not in was:
            lines.append(f"{path}.{name}: added")
        else:
            lines += differences(was[name], item, shape.group, f"{path}.{name}.")
    return lines


def moved(old: Sequence[Any], new: Sequence[Any]) -> str:
    """Return in words how two lists differ.  What is in them must have a text that shows no secret."""
    words = [f"{item} added" for item in new if item not in old] + [
        f"{item} removed" for item in old if item not in new
    ]
    return ", ".join(words) or "in another order"


def in_words(value: Any, shape: Shape | None) -> str:
    """Return a value as a file would have it."""
    if value is None or value == "":
        return "none"
    if isinstance(shape, Group):
        return "set"
    written = value if shape is None or isinstance(shape, Named | ListOf) else shape.written(value)
    return str(written).lower() if isinstance(written, bool) else str(written)
