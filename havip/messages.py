"""Every value that crosses a process border: one closed list.

Supervisor to VRRP worker and checker worker: what is wanted.  Workers to supervisor: what is.  `channel`
carries them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from havip.config import cast
from havip.config.cast import Address
from havip.config.health import Check
from havip.config.model import Estate, Rank, Static, VirtualRouter
from havip.config.tracking import (
    InterfaceDelays,
    Script,
    TrackedFile,
    TrackedProcess,
    TrackerKey,
    TrackerKind,
)
from havip.healthreport import CheckReport
from havip.plain import Unfit, from_plain, to_plain

if TYPE_CHECKING:
    from havip import balancing

INFO, WARNING, ERROR = 20, 30, 40  #: levels as `logging` numbers them; importing that costs a worker 13 ms
Key: TypeAlias = cast.Key


@dataclass(frozen=True, slots=True)
class Setup:
    """First message to a worker: how to set itself up."""

    rank: Rank
    enters: bool = False  # other network namespaces


@dataclass(frozen=True, slots=True)
class PutRouter:
    """Have this router: start it, or change the one of the same key in place."""

    router: VirtualRouter


@dataclass(frozen=True, slots=True)
class DropRouter:
    """Resign from this router and forget it."""

    key: Key


@dataclass(frozen=True, slots=True)
class Impede:
    """Keep a router from taking part, or let it: FAULT for ``reason`` in words until that is None.

    ``cause`` names the impediment among those of the router.
    """

    key: Key
    cause: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The addresses, sorted, that a unicast peer's name has in one IP version.  They stay until told anew."""

    name: str
    family: int
    addresses: tuple[Address, ...]


@dataclass(frozen=True, slots=True)
class Override:
    """Have a router elect with this priority instead of its configured one and all weights; None: no more."""

    key: Key
    priority: int | None


@dataclass(frozen=True, slots=True)
class HandOver:
    """Have a router that is MASTER let another one take over; ``again``: at the next start, follow it."""

    key: Key
    again: bool = False


@dataclass(frozen=True, slots=True)
class PutStatic:
    """Hold this, whoever is master, and nothing that was put before."""

    static: Static


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What an earlier run may have left in the kernel: the first commit sweeps of all such, and no more."""

    estates: tuple[Estate, ...]


@dataclass(frozen=True, slots=True)
class PutGroup:
    """Have this sync group: its members are MASTER together, or not at all.  They have been put before."""

    name: str
    members: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class DropGroup:
    """Let the members of this sync group go on, each for itself."""

    name: str


@dataclass(frozen=True, slots=True)
class HoldBack:
    """Start no router before this instant, which may be past."""

    until: int
    why: str  # in words


@dataclass(frozen=True, slots=True)
class KeepSequences:
    """Keep the sequences of signed adverts in this file, which is there."""

    path: str


@dataclass(frozen=True, slots=True)
class Commit:
    """All changes of this generation have been sent: start what is new; answered by `Committed`."""

    generation: int


@dataclass(frozen=True, slots=True)
class Describe:
    """Report every router or every check, counters included; answered by the reports and then `Described`."""

    token: int


@dataclass(frozen=True, slots=True)
class Resign:
    """Send priority 0 for every router that is MASTER, remove all addresses, exit."""


@dataclass(frozen=True, slots=True)
class TrackResult:
    """What a tracker last said: checker worker to supervisor to VRRP worker.  The newest of a key counts."""

    kind: TrackerKind
    name: str
    good: bool
    value: int = 0  # of a file, or of processes while there are too few
    state: str = ""  # of a virtual router
    why: str = ""  # in words that follow the tracker's name: "exited with 1"
    weight: int | None = None  # that the server of a check asked for

    @property
    def key(self) -> TrackerKey:
        """Return what it is filed under."""
        return self.kind, self.name


@dataclass(frozen=True, slots=True)
class DropTracker:
    """Nobody tracks this any more: run it no longer, and forget its result."""

    kind: TrackerKind
    name: str


@dataclass(frozen=True, slots=True)
class PutScript:
    """Run this script from the next `Commit` on; ``good`` is its verdict so far, None if there is none."""

    script: Script
    good: bool | None


@dataclass(frozen=True, slots=True)
class PutFile:
    """Track this file; ``fresh``: nobody has tracked it before, so its initial value is due."""

    file: TrackedFile
    fresh: bool


@dataclass(frozen=True, slots=True)
class PutProcess:
    """Track these processes."""

    process: TrackedProcess


@dataclass(frozen=True, slots=True)
class PutCheck:
    """Run this check from the next `Commit` on; ``last`` is what it said in an earlier life of the worker."""

    check: Check
    last: TrackResult | None


@dataclass(frozen=True, slots=True)
class Delay:
    """Go by these delays of interfaces; an interface that is not among them has none."""

    interfaces: tuple[InterfaceDelays, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """What one tracker means for the standing of one router."""

    kind: TrackerKind
    name: str
    weight: int
    adds: int  # to the priority; negative: takes away
    fault: bool  # it keeps the router in FAULT
    why: str


@dataclass(frozen=True, slots=True)
class RouterReport:
    """One router as it is now.  A newer report replaces an older one of the same key."""

    key: Key
    name: str
    version: int
    state: str  # MASTER, BACKUP, FAULT or INIT
    since: float  # seconds since 1970
    why: str
    priority: int  # configured
    effective_priority: int
    interval: int  # ns, ours
    master_interval: int  # ns, as the master last advertised it
    master_down: int  # ns, Master_Down_Interval now in force
    next_deadline: int  # ns from the time of the report; negative: none
    master: str  # address of the master: our own while MASTER, empty while unknown
    primary_address: str  # the one we send from; empty while there is none
    addresses: tuple[str, ...]
    counters: dict[str, int] = field(default_factory=dict)
    terms: tuple[Term, ...] = ()  # what trackers add to the priority
    holds: tuple[str, ...] = ()  # what the master holds beside the addresses, in words
    authentication: str = ""  # how adverts prove where they come from, in words; empty: not at all
    peers: tuple[str, ...] = ()  # of unicast, names with the address that is used for them
    defers: bool = False  # it stepped down for an operator, and follows whoever takes over


@dataclass(frozen=True, slots=True)
class GroupReport:
    """One sync group as it is now."""

    name: str
    state: str  # MASTER, BACKUP, FAULT; INIT: not all of its members have started
    since: float  # seconds since 1970
    why: str
    members: tuple[str, ...]  # names
    waits_for: tuple[str, ...] = ()  # who keeps the others, which would, from being MASTER


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of state.  Every one is told, in order: none replaces another."""

    kind: str  # "router", "group" for a sync group, "service", or "server", whose name is SERVICE/SERVER
    name: str
    state: str  # MASTER, BACKUP or FAULT; INIT: it was stopped.  Of services and servers UP or DOWN
    priority: int  # effective; 0 for all but routers
    why: str
    at: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that notification programs may want to know, and that is no change of state."""

    kind: str  # "router" or "group"
    name: str
    event: str  # "rx-lower-priority": as MASTER a weaker master was heard; "priority": ours changed
    state: str
    priority: int  # effective
    at: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class RouterGone:
    """A dropped router has resigned and holds nothing any more."""

    key: Key


@dataclass(frozen=True, slots=True)
class Committed:
    """Every change up to this generation is in force, and every router is in a state."""

    generation: int


@dataclass(frozen=True, slots=True)
class Described:
    """All reports asked for by `Describe` have been sent."""

    token: int
    totals: dict[str, int]  # counters of the whole worker


@dataclass(frozen=True, slots=True)
class Alive:
    """The worker's loop turns."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line for the journal: the worker itself never writes where it could block."""

    level: int  # INFO, WARNING or ERROR
    text: str
    fields: dict[str, str] = field(default_factory=dict)


Common: TypeAlias = (
    Setup
    | PutRouter
    | DropRouter
    | Impede
    | PutGroup
    | DropGroup
    | HoldBack
    | KeepSequences
    | Resolved
    | Override
    | HandOver
    | PutStatic
    | Leftovers
    | Commit
    | Describe
    | Resign
    | TrackResult
    | DropTracker
    | PutScript
    | PutFile
    | PutProcess
    | PutCheck
    | CheckReport
    | Delay
    | RouterReport
    | GroupReport
    | Transition
    | Notice
    | RouterGone
    | Committed
    | Described
    | Alive
    | LogLine
)

#: those of the load balancer are the rest: the VRRP worker, which must start fast, never imports them
Message: TypeAlias = "Common | balancing.Message"

BY_NAME: dict[str, type[Common]] = {kind.__name__: kind for kind in Common.__args__}


def kind_of(name: str) -> type[Message]:
    """Return the kind of message of a name.  Raises `KeyError`."""
    kind = BY_NAME.get(name)
    if kind is not None:
        return kind
    from havip import balancing

    return balancing.BY_NAME[name]


def encode(message: Message) -> bytes:
    """Return a message as bytes without a frame."""
    return json.dumps([type(message).__name__, to_plain(message)], separators=(",", ":")).encode()


def decode(data: bytes) -> Message:
    """Return the message that ``data`` holds.  Raises `Unfit` for anything that is not on the list."""
    try:
        name, body = json.loads(data)
        kind = kind_of(name)
    except (ValueError, TypeError, KeyError) as error:
        raise Unfit(f"not a message: {data[:80]!r}") from error
    return from_plain(kind, body)
