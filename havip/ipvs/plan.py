"""The way from what the kernel's IPVS tables hold to what they are to hold: ordered changes.  Pure.

What is right is not touched; what exists is edited and never made anew, so connections live on.  First comes
what makes room for traffic, last what takes it away: no server that is to stay is absent in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, assert_never

from havip.config.balancing import Foreign
from havip.ipvs.model import (
    AddDestination,
    AddService,
    Change,
    DropDestination,
    DropService,
    EditDestination,
    EditService,
    Pool,
    Refusal,
    ServiceKey,
    Sync,
    SyncRole,
    Table,
    Timeouts,
)

USUAL_SYNC_GROUP: Final = IPv4Address("224.0.0.81")
USUAL_SYNC_PORT: Final = 8848
USUAL_SYNC_TTL: Final = 1


def plan(
    wanted: Table,
    present: Table,
    ours: Collection[ServiceKey],
    foreign: Foreign = Foreign.LEAVE,
    others: Collection[ServiceKey] = (),
) -> list[Change]:
    """Return the changes that make ``present`` what is wanted.

    A service that is wanted is ours, whoever has made it.  Of the rest those in ``ours`` are removed, and
    the foreign ones only where they are not to be left; never what is in ``others``, which other daemons of
    ours have, and which must not be in ``wanted``.
    """
    changes: list[Change] = []
    for key, pool in wanted.items():
        changes += plan_service(pool, present.get(key))
    for key in present:
        if key not in wanted and (key in ours or (foreign == Foreign.REMOVE and key not in others)):
            changes.append(DropService(key))
    return changes


def plan_service(wanted: Pool | None, present: Pool | None) -> list[Change]:
    """Return the same for one service; None: it is not wanted, or not there."""
    if wanted is None:
        return [] if present is None else [DropService(present.service.key)]
    key = wanted.service.key
    if present is None:
        return [
            AddService(wanted.service),
            *(AddDestination(key, destination) for destination in wanted.destinations.values()),
        ]
    changes: list[Change] = []
    if wanted.service != present.service:
        changes.append(EditService(wanted.service))
    if wanted.destinations != present.destinations:
        changes += plan_destinations(key, wanted, present)
    return changes


def plan_destinations(key: ServiceKey, wanted: Pool, present: Pool) -> list[Change]:
    """Return the same for the destinations of a service that is there."""
    adding: list[Change] = []
    raising: list[Change] = []
    lowering: list[Change] = []
    for name, destination in wanted.destinations.items():
        there = present.destinations.get(name)
        if there is None:
            adding.append(AddDestination(key, destination))
        elif there is not destination and there != destination:
            kind = raising if destination.weight >= there.weight else lowering
            kind.append(EditDestination(key, destination))
    dropping = [
        DropDestination(key, name) for name in present.destinations if name not in wanted.destinations
    ]
    return [*adding, *raising, *lowering, *dropping]


def apply(table: Table, change: Change) -> None:
    """Change a table as the kernel has changed its own."""
    match change:
        case AddService(service=service):
            table[service.key] = Pool(service, {})
        case EditService(service=service):
            table[service.key] = Pool(service, table[service.key].destinations)
        case DropService(key=key):
            del table[key]
        case AddDestination(service=key, destination=one) | EditDestination(service=key, destination=one):
            table[key].destinations[one.key] = one
        case DropDestination(service=key, key=name):
            del table[key].destinations[name]
        case _:
            assert_never(change)


def settle(table: Table, changes: Iterable[Change], refused: Iterable[Refusal] = ()) -> None:
    """Change a table by all that the kernel has not refused.

    Where others meddle the kernel may have taken what cannot be: the next full read shows what it has.
    """
    without = {id(refusal.change) for refusal in refused}
    for change in changes:
        if id(change) not in without:
            with suppress(KeyError):
                apply(table, change)


def service_of(change: Change) -> ServiceKey:
    """Return which service a change concerns."""
    match change:
        case AddService(service=service) | EditService(service=service):
            return service.key
        case DropService(key=key):
            return key
        case AddDestination(service=key) | EditDestination(service=key) | DropDestination(service=key):
            return key
        case _:
            assert_never(change)


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What is to be done about sync daemons: between the two the tables change.

    The kernel has no sync daemon beside a server of another family than its service.
    """

    stop: tuple[SyncRole, ...] = ()
    start: tuple[Sync, ...] = ()


def plan_sync(
    wanted: Iterable[Sync],
    present: Iterable[Sync],
    started: Iterable[Sync] = (),
    foreign: Foreign = Foreign.LEAVE,
) -> SyncPlan:
    """Return which sync daemons must stop and which start.

    ``started`` are those that we have started, as we asked for them.  Where none is wanted, those of others
    go on running, unless foreign ones are not to be left.
    """
    asked = {sync.role: sync for sync in started}
    there = {sync.role: sync for sync in present}
    to_be = {sync.role: sync for sync in wanted}
    stop: list[SyncRole] = []
    start: list[Sync] = []
    for role, sync in there.items():
        if role in to_be:
            if not runs_as(sync, to_be[role], asked.get(role)):
                stop.append(role)
        elif to_be or role in asked or foreign == Foreign.REMOVE:
            stop.append(role)
    for role, sync in to_be.items():
        if role not in there or role in stop:
            start.append(sync)
    return SyncPlan(tuple(stop), tuple(start))


def runs_as(present: Sync, wanted: Sync, asked: Sync | None = None) -> bool:
    """Say whether a sync daemon is as it is wanted, what the kernel chooses aside."""
    if asked is not None and explicit(asked) != explicit(wanted):
        return False
    ours, theirs = explicit(wanted), explicit(present)
    return ours[:-1] == theirs[:-1] and ours[-1] in (0, theirs[-1])


def explicit(sync: Sync) -> tuple[object, ...]:
    """Return what makes a sync daemon, defaults spelled out; last its largest message."""
    return (
        sync.role,
        sync.interface,
        sync.sync_id,
        sync.group or USUAL_SYNC_GROUP,
        sync.port or USUAL_SYNC_PORT,
        sync.ttl or USUAL_SYNC_TTL,
        sync.max_length,
    )


def plan_timeouts(wanted: Timeouts, present: Timeouts) -> Timeouts | None:
    """Return the timeouts that must be set, 0 for those that are right; None: all of them are."""

    def one(want: int, have: int) -> int:
        return 0 if want == have else want

    needed = Timeouts(
        one(wanted.tcp, present.tcp), one(wanted.tcp_fin, present.tcp_fin), one(wanted.udp, present.udp)
    )
    return None if needed == Timeouts() else needed
