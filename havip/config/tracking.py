"""What a router's standing may depend on, as configured: trackers, and what they look at.  Pure.

A tracker belongs to one virtual router or sync group; a script, a file or a set of processes is defined
once for all that track it.  `havip.vrrp.tracking` adds the results up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias, TypeVar

from havip.clock import ZERO, Duration, seconds
from havip.config.health import Check

HEAVIEST = 253  # of a weight: 254 is what FAULT stands for
HEAVIEST_OF_A_FILE = 254  # so that the value 1 or -1 alone may mean FAULT


class TrackerKind(StrEnum):
    """What a tracker looks at."""

    INTERFACE = "interface"
    SCRIPT = "script"
    FILE = "file"
    PROCESS = "process"
    CHECK = "check"
    ROUTER = "router"


class Start(StrEnum):
    """What a script counts as before its first run has ended."""

    UNKNOWN = "unknown"  #: the first result decides, whatever ``rise`` and ``fall`` say
    FAILED = "failed"  #: it failed: only ``rise`` good runs mend that


class Match(StrEnum):
    """How the arguments of a tracked process are compared."""

    EXACT = "exact"
    INITIAL = "initial"  #: all as configured, but the last may go on
    PARTIAL = "partial"  #: as configured, and more may follow
    NONE = "none"  #: there are none


class RouterState(StrEnum):
    """A state of another router that may be good."""

    MASTER = "MASTER"
    BACKUP = "BACKUP"
    FAULT = "FAULT"


TrackerKey: TypeAlias = tuple[TrackerKind, str]


@dataclass(frozen=True, slots=True)
class Tracker:
    """One thing that a router's standing depends on, whatever it is.

    Weight 0: FAULT while it is bad.  Above: added while it is good.  Below: subtracted while it is bad.
    ``reverse`` turns that round.  A file's value is multiplied by the weight instead.
    """

    kind: TrackerKind
    name: str
    weight: int = 0
    reverse: bool = False
    states: tuple[str, ...] = ()  # of another router: those that are good

    @property
    def key(self) -> TrackerKey:
        """Return what results are filed under."""
        return self.kind, self.name


def spelled(name: str, weight: int | None, reverse: bool | None) -> str:
    """Return a tracker in words: ``web (weight -20, reverse)``."""
    words = [f"weight {weight}"] * bool(weight) + ["reverse"] * bool(reverse)
    return f"{name} ({', '.join(words)})" if words else name


@dataclass(frozen=True, slots=True)
class InterfaceTracker:
    """An interface beside the router's own: good while it is up and running."""

    interface: str
    weight: int = 0
    reverse: bool = False

    def __str__(self) -> str:
        return spelled(self.interface, self.weight, self.reverse)

    def tracker(self) -> Tracker:
        """Return what the standing is made of."""
        return Tracker(TrackerKind.INTERFACE, self.interface, self.weight, self.reverse)


@dataclass(frozen=True, slots=True)
class ScriptTracker:
    """A script by its name; weight and direction are those of its definition unless given here."""

    script: str
    weight: int | None = None
    reverse: bool | None = None

    def __str__(self) -> str:
        return spelled(self.script, self.weight, self.reverse)

    def tracker(self) -> Tracker:
        """Return what the standing is made of."""
        return Tracker(TrackerKind.SCRIPT, self.script, self.weight or 0, bool(self.reverse))


@dataclass(frozen=True, slots=True)
class FileTracker:
    """A tracked file by its name; weight and direction are those of its definition unless given here."""

    file: str
    weight: int | None = None
    reverse: bool | None = None

    def __str__(self) -> str:
        return spelled(self.file, self.weight, self.reverse)

    def tracker(self) -> Tracker:
        """Return what the standing is made of."""
        return Tracker(TrackerKind.FILE, self.file, self.weight or 0, bool(self.reverse))


@dataclass(frozen=True, slots=True)
class ProcessTracker:
    """A set of processes by its name; weight and direction are those of its definition unless given here."""

    process: str
    weight: int | None = None
    reverse: bool | None = None

    def __str__(self) -> str:
        return spelled(self.process, self.weight, self.reverse)

    def tracker(self) -> Tracker:
        """Return what the standing is made of."""
        return Tracker(TrackerKind.PROCESS, self.process, self.weight or 0, bool(self.reverse))


@dataclass(frozen=True, slots=True)
class CheckTracker:
    """A health check by its name; weight and direction are those of its definition unless given here."""

    check: str
    weight: int | None = None
    reverse: bool | None = None

    def __str__(self) -> str:
        return spelled(self.check, self.weight, self.reverse)

    def tracker(self) -> Tracker:
        """Return what the standing is made of."""
        return Tracker(TrackerKind.CHECK, self.check, self.weight or 0, bool(self.reverse))


@dataclass(frozen=True, slots=True)
class RouterTracker:
    """Another virtual router of this host: good while it is in one of these states."""

    router: str
    states: tuple[RouterState, ...] = (RouterState.MASTER,)
    weight: int = 0
    reverse: bool = False

    def __str__(self) -> str:
        return spelled(self.router, self.weight, self.reverse)

    def tracker(self) -> Tracker:
        """Return what the standing is made of."""
        return Tracker(TrackerKind.ROUTER, self.router, self.weight, self.reverse, self.states)


@dataclass(frozen=True, slots=True)
class Tracking:
    """Everything that one router tracks."""

    interfaces: tuple[InterfaceTracker, ...] = ()
    scripts: tuple[ScriptTracker, ...] = ()
    files: tuple[FileTracker, ...] = ()
    processes: tuple[ProcessTracker, ...] = ()
    checks: tuple[CheckTracker, ...] = ()
    routers: tuple[RouterTracker, ...] = ()
    own_interface: bool = True  # FAULT while the router's own interface is down or has no carrier

    def trackers(self) -> tuple[Tracker, ...]:
        """Return every tracker in the order of the file."""
        groups = (self.interfaces, self.scripts, self.files, self.processes, self.checks, self.routers)
        return tuple(one.tracker() for group in groups for one in group)


@dataclass(frozen=True, slots=True)
class Script:
    """A program whose exit code says whether all is well: 0 is good."""

    name: str
    command: tuple[str, ...]
    interval: Duration = field(default=seconds(1))
    timeout: Duration | None = None  # None: as long as the interval
    rise: int = 1  # good runs in a row that mend it
    fall: int = 1  # bad runs in a row that fail it
    weight: int = 0
    reverse: bool = False
    user: str = ""  # empty: daemon.script_user
    group: str = ""  # empty: that of the user
    start: Start = Start.UNKNOWN

    @property
    def patience(self) -> Duration:
        """Return how long a run may take."""
        return self.interval if self.timeout is None else self.timeout


@dataclass(frozen=True, slots=True)
class TrackedFile:
    """A file that holds a whole number."""

    name: str
    path: str
    weight: int = 1
    reverse: bool = False
    initial: int | None = None  # written at the start if there is no file
    overwrite: bool = False  # or even if there is one


@dataclass(frozen=True, slots=True)
class TrackedProcess:
    """Processes of one name: good while as many run as are wanted."""

    name: str
    process: str  # the name that the kernel knows it by, or with `full_command` its first word
    arguments: tuple[str, ...] | None = None  # None: any
    match: Match = Match.EXACT
    weight: int = 1
    reverse: bool = False
    quorum: int = 1
    quorum_max: int | None = None
    fork_delay: Duration = ZERO  # how long enough of them must run before that counts
    terminate_delay: Duration = ZERO  # how long there must be too few before that counts
    full_command: bool = False


Definition: TypeAlias = Script | TrackedFile | TrackedProcess | Check


@dataclass(frozen=True, slots=True)
class InterfaceDelays:
    """How long an interface must be down, or up, before that counts."""

    name: str
    down_delay: Duration = ZERO
    up_delay: Duration = ZERO


@dataclass(frozen=True, slots=True)
class Tracked:
    """Everything that some router tracks by name, of one configuration."""

    scripts: tuple[Script, ...] = ()
    files: tuple[TrackedFile, ...] = ()
    processes: tuple[TrackedProcess, ...] = ()
    checks: tuple[Check, ...] = ()

    def definitions(self) -> Iterator[tuple[TrackerKey, Definition]]:
        """Yield each definition under the key of its results."""
        for script in self.scripts:
            yield (TrackerKind.SCRIPT, script.name), script
        for file in self.files:
            yield (TrackerKind.FILE, file.name), file
        for process in self.processes:
            yield (TrackerKind.PROCESS, process.name), process
        for check in self.checks:
            yield (TrackerKind.CHECK, check.name), check

    def resolve(self, tracking: Tracking) -> Tracking:
        """Return ``tracking`` with the weights of the definitions where it names none itself."""
        scripts = {one.name: one for one in self.scripts}
        files = {one.name: one for one in self.files}
        processes = {one.name: one for one in self.processes}
        checks = {one.name: one for one in self.checks}
        return replace(
            tracking,
            scripts=tuple(settled(one, scripts.get(one.script)) for one in tracking.scripts),
            files=tuple(settled(one, files.get(one.file)) for one in tracking.files),
            processes=tuple(settled(one, processes.get(one.process)) for one in tracking.processes),
            checks=tuple(settled(one, checks.get(one.check)) for one in tracking.checks),
        )


Reference = TypeVar("Reference", ScriptTracker, FileTracker, ProcessTracker, CheckTracker)


def settled(reference: Reference, definition: Definition | None) -> Reference:
    """Return a reference whose weight and direction are decided."""
    if definition is None:  # it was reported
        return reference
    return replace(
        reference,
        weight=definition.weight if reference.weight is None else reference.weight,
        reverse=definition.reverse if reference.reverse is None else reference.reverse,
    )


def merged(members: Tracking, groups: Tracking) -> Tracking:
    """Return what a router tracks as the member of a sync group that tracks something itself.

    Of what both track, the group's weight wins.
    """
    return replace(
        members,
        interfaces=both(members.interfaces, groups.interfaces),
        scripts=both(members.scripts, groups.scripts),
        files=both(members.files, groups.files),
        processes=both(members.processes, groups.processes),
        checks=both(members.checks, groups.checks),
        routers=both(members.routers, groups.routers),
    )


Ref = TypeVar(
    "Ref", InterfaceTracker, ScriptTracker, FileTracker, ProcessTracker, CheckTracker, RouterTracker
)


def both(members: tuple[Ref, ...], groups: tuple[Ref, ...]) -> tuple[Ref, ...]:
    """Return the group's trackers, and before them those of the member that the group has not."""
    taken = {one.tracker().key for one in groups}
    return tuple(one for one in members if one.tracker().key not in taken) + groups
