"""KEEPALIVED-MIB on what is tracked: by each virtual router and sync group, and as it is defined.  Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from havip.clock import Duration
from havip.config.tracking import (
    Match,
    Script,
    TrackedFile,
    TrackedProcess,
    Tracker,
    TrackerKind,
    Tracking,
)
from havip.messages import Term
from havip.snmp.mib import Columns, Objects, Table
from havip.snmp.values import Oid, Value, gauge, in_seconds, integer, text, truth
from havip.snmp.view import View

#: where each kind stands below `vrrp`: tracked by virtual routers, tracked by sync groups, defined
INTERFACES: Final = 4, 14
SCRIPTS: Final = 5, 15, 9
FILES: Final = 12, 16, 13
PROCESSES: Final = 20, 22, 21

WAITS: Final = "waits for its first result"  # the words of `havip.vrrp.tracking`
UNKNOWN, BAD, GOOD = 1, 2, 3  # results of a script
MATCHES: Final = {Match.EXACT: 1, Match.PARTIAL: 2, Match.INITIAL: 3}
ANY: Final = 0
MICROSECOND: Final = 1_000

#: what an interface is tracked with; the other kinds have an index of their own before it
TRACKED_INTERFACE: Columns[Tracker] = {
    1: lambda one: text(one.name),
    2: lambda one: integer(one.weight),
    3: lambda one: truth(one.reverse),
}
TRACKED: Columns[Tracker] = {
    2: lambda one: text(one.name),
    3: lambda one: integer(one.weight),
    4: lambda one: truth(one.reverse),
}

Found: TypeAlias = tuple[Tracker, Term] | None  # of a virtual router that tracks it


@dataclass(frozen=True, slots=True)
class ScriptRow:
    """A script, and what a virtual router that tracks it was told."""

    script: Script
    found: Found


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file, and the same."""

    file: TrackedFile
    found: Found


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """A set of processes, and the same."""

    process: TrackedProcess
    found: Found


def verdict(found: Found) -> bool | None:
    """Say whether what is tracked is good; None: nobody knows yet."""
    if found is None or found[1].why == WAITS:
        return None
    tracker, term = found
    if tracker.weight == 0:
        return term.fault if tracker.reverse else not term.fault
    return (term.adds != 0) if tracker.weight > 0 else (term.adds == 0)


def result_of(row: ScriptRow) -> Value:
    """Return the result of a script."""
    good = verdict(row.found)
    return integer(UNKNOWN if good is None else GOOD if good else BAD)


def number_in(row: FileRow) -> Value | None:
    """Return the number in a file; None: a virtual router that it can only put into FAULT does not say."""
    if row.found is None:
        return None
    tracker, term = row.found
    factor = -tracker.weight if tracker.reverse else tracker.weight
    return integer(term.adds // factor) if factor else None


def microseconds(length: Duration) -> Value:
    """Return a delay."""
    return gauge(length // MICROSECOND)


def is_running(row: ProcessRow) -> Value | None:
    """Return whether as many run as are wanted."""
    good = verdict(row.found)
    return None if good is None else truth(good)


SCRIPT_COLUMNS: Columns[ScriptRow] = {
    2: lambda row: text(row.script.name),
    3: lambda row: text(shlex.join(row.script.command)),
    4: lambda row: integer(in_seconds(row.script.interval)),
    5: lambda row: integer(row.script.weight),
    6: result_of,
    7: lambda row: gauge(row.script.rise),
    8: lambda row: gauge(row.script.fall),
    9: lambda row: truth(row.script.reverse),
}
FILE_COLUMNS: Columns[FileRow] = {
    2: lambda row: text(row.file.name),
    3: lambda row: text(row.file.path),
    4: number_in,
    5: lambda row: integer(row.file.weight),
    6: lambda row: truth(row.file.reverse),
}
PROCESS_COLUMNS: Columns[ProcessRow] = {
    2: lambda row: text(row.process.name),
    3: lambda row: text(row.process.process),
    4: lambda row: text(shlex.join(row.process.arguments)) if row.process.arguments else None,
    5: lambda row: integer(ANY if row.process.arguments is None else MATCHES[row.process.match]),
    6: lambda row: integer(row.process.weight),
    7: lambda row: truth(row.process.reverse),
    8: lambda row: gauge(row.process.quorum),
    9: lambda row: None if row.process.quorum_max is None else integer(row.process.quorum_max),
    10: lambda row: microseconds(row.process.fork_delay),
    11: lambda row: microseconds(row.process.terminate_delay),
    12: lambda row: truth(row.process.full_command),
    14: is_running,
}


def tracked(vrrp: Oid, view: View) -> Iterable[Objects]:
    """Return the tables below ``vrrp``."""
    tracks = [(one.number, one.router.track) for one in view.instances]
    groups = [(one.number, one.config.track) for one in view.groups]
    for place, owners in enumerate((tracks, groups)):
        yield Table((*vrrp, INTERFACES[place], 1), TRACKED_INTERFACE, interfaces(owners, view))
        for kind, numbers in KINDS:
            yield Table((*vrrp, numbers[place], 1), TRACKED, references(owners, kind))
    terms = view.terms
    defined = view.configuration.tracked
    yield Table(
        (*vrrp, SCRIPTS[2], 1),
        SCRIPT_COLUMNS,
        (
            ((number,), ScriptRow(one, terms.get((TrackerKind.SCRIPT, one.name))))
            for number, one in enumerate(defined.scripts, 1)
        ),
    )
    yield Table(
        (*vrrp, FILES[2], 1),
        FILE_COLUMNS,
        (
            ((number,), FileRow(one, terms.get((TrackerKind.FILE, one.name))))
            for number, one in enumerate(defined.files, 1)
        ),
    )
    yield Table(
        (*vrrp, PROCESSES[2], 1),
        PROCESS_COLUMNS,
        (
            ((number,), ProcessRow(one, terms.get((TrackerKind.PROCESS, one.name))))
            for number, one in enumerate(defined.processes, 1)
        ),
    )


KINDS: Final = (
    (TrackerKind.SCRIPT, SCRIPTS),
    (TrackerKind.FILE, FILES),
    (TrackerKind.PROCESS, PROCESSES),
)


def interfaces(owners: list[tuple[int, Tracking]], view: View) -> Iterator[tuple[Oid, Tracker]]:
    """Yield every tracked interface that is there, by its number."""
    for number, track in owners:
        for one in track.interfaces:
            index = view.interface(one.interface).number
            if index:
                yield (number, index), one.tracker()


def references(owners: list[tuple[int, Tracking]], kind: TrackerKind) -> Iterator[tuple[Oid, Tracker]]:
    """Yield what is tracked of one kind."""
    for number, track in owners:
        of_kind = [one for one in track.trackers() if one.kind is kind]
        for place, one in enumerate(of_kind, 1):
            yield (number, place), one
