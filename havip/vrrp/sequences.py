"""The sequences of signed adverts, sent and heard, in a file that outlives worker and daemon.

The file lies in memory (tmpfs) and is mapped: writing costs no system call and waits for no disk.  A killed
process leaves every sequence that it wrote.  The supervisor makes the file and takes copies to the disk; the
worker, which alone writes records, maps it.  Nothing is taken out for being old: a virtual router that one
reload drops and the next puts back must not believe what it has heard before.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Final, NamedTuple

from havip.messages import Key
from havip.vrrp.blackbox import FREE, NAME, name_of

FORMAT: Final = b"havip sequences 1\n"
#: a router, a sender (`OURS`: we ourselves), its latest sequence.  In the alignment and byte order of the
#: machine, so that one instruction writes a sequence: whatever kills us leaves it whole.
RECORD: Final = Struct(f"@{NAME.size}s16sQ16x")
SEQUENCE: Final = Struct("@Q")
SEQUENCE_AT: Final = NAME.size + 16
ROOM: Final = 32_768  # records
MODE: Final = 0o600
OURS: Final = bytes(16)
NONE: Final = 0  # no sequence: the clock shows it in 1970 only
LENGTH: Final = {4: 4, 6: 16}  # of an address; zeros fill the 16 octets behind an IPv4 one


class Unusable(ValueError):
    """A file holds something else than sequences, or is not ours alone."""


class Full(ValueError):
    """There are more senders than the file has room for."""


class Record(NamedTuple):
    """The latest sequence of one sender to one virtual router."""

    name: bytes  # of the router, as `blackbox.name_of` has it
    sender: bytes  # 16 octets
    sequence: int


class Sequences:
    """The file as the worker writes it.  Raises OSError and `Unusable`."""

    def __init__(self, path: str) -> None:
        descriptor = open_ours(path, os.O_RDWR)
        try:
            records = list(records_in(descriptor))
            self.memory = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
        finally:
            os.close(descriptor)
        self._next = (len(records) + 1) * RECORD.size  # records are taken from the beginning on
        self._free: list[int] = []
        self._ledgers: dict[bytes, Ledger] = {}
        self._left_behind: dict[bytes, dict[bytes, int]] = {}  # of routers that have not asked yet
        for number, record in enumerate(records, 1):
            places = self._left_behind.setdefault(record.name, {})
            places[record.sender] = number * RECORD.size + SEQUENCE_AT

    def ledger(self, key: Key) -> Ledger:
        """Return the ledger of a router, the same one for the same key.  Raises `Full`."""
        name = name_of(key)
        ledger = self._ledgers.get(name)
        if ledger is None:
            places = self._left_behind.pop(name, {})
            ledger = self._ledgers[name] = Ledger(self, name, LENGTH[key[2]], places)
        return ledger

    def take(self) -> int:
        """Return the place of a new record's sequence.  Raises `Full`."""
        full = self._next + RECORD.size > len(self.memory)
        if full and not self._free and self._left_behind:
            _, places = self._left_behind.popitem()  # of a router that this configuration does not have
            self._free += places.values()
        if self._free:
            return self._free.pop()
        if full:
            raise Full(
                f"no room for more than {len(self.memory) // RECORD.size - 1} senders of signed adverts"
            )
        self._next += RECORD.size
        return self._next - RECORD.size + SEQUENCE_AT

    def give_back(self, place: int) -> None:
        """Let another sender have a record."""
        self._free.append(place)

    def close(self) -> None:
        """Let go of the file."""
        self.memory.close()


class Ledger:
    """The sequences of one virtual router."""

    def __init__(self, sequences: Sequences, name: bytes, length: int, places: dict[bytes, int]) -> None:
        self._sequences = sequences
        self._memory = sequences.memory
        self._name = name
        self._length = length  # of an address
        self._places = places  # of the sequences, by sender
        self._ours = self._place(OURS)
        self.sent = self._at(self._ours) or None  #: the latest that we sent; None: there is none

    @property
    def heard(self) -> list[tuple[bytes, int]]:
        """Return (packed address, latest sequence) of each sender, the latest of all last."""
        known = ((sender, self._at(place)) for sender, place in self._places.items() if sender != OURS)
        found = [(sender[: self._length], sequence) for sender, sequence in known if sequence != NONE]
        return sorted(found, key=lambda one: one[1])

    def send(self, sequence: int) -> None:
        """Note the sequence of the advert that is about to be sent."""
        self.sent = sequence
        SEQUENCE.pack_into(self._memory, self._ours, sequence)

    def keep(self, source: bytes, sequence: int) -> None:
        """Note the latest sequence of a sender.  If there is no room, this life's own memory must do."""
        sender = source.ljust(16, b"\0")
        place = self._places.get(sender)
        if place is None:
            try:
                place = self._place(sender)
            except Full:
                return
        SEQUENCE.pack_into(self._memory, place, sequence)

    def drop(self, source: bytes) -> None:
        """Forget a sender."""
        place = self._places.pop(source.ljust(16, b"\0"), None)
        if place is not None:
            SEQUENCE.pack_into(self._memory, place, NONE)
            self._sequences.give_back(place)

    def _at(self, place: int) -> int:
        sequence: int = SEQUENCE.unpack_from(self._memory, place)[0]
        return sequence

    def _place(self, sender: bytes) -> int:
        place = self._places.get(sender)
        if place is None:
            place = self._places[sender] = self._sequences.take()
            SEQUENCE.pack_into(self._memory, place, NONE)  # first: a sender never has another's sequence
            self._memory[place - SEQUENCE_AT : place] = self._name + sender
        return place


def create(path: str, records: Sequence[Record] = (), room: int = ROOM) -> None:
    """Make a file that holds these records, in one step in place of whatever is there.  Raises OSError."""
    fresh = f"{path}.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(fresh)  # of a predecessor that died while it wrote
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    try:
        body = b"".join(RECORD.pack(*record) for record in records[:room])
        os.pwrite(descriptor, FORMAT.ljust(RECORD.size, b"\0") + body, 0)
        os.truncate(descriptor, (room + 1) * RECORD.size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(fresh, path)


def read(path: str) -> list[Record]:
    """Return the records of a file.  Raises OSError and `Unusable`."""
    descriptor = open_ours(path, os.O_RDONLY)
    try:
        return list(records_in(descriptor))
    finally:
        os.close(descriptor)


def open_ours(path: str, flags: int) -> int:
    """Open a file that nobody else could have written.  Raises OSError and `Unusable`."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        os.close(descriptor)
        raise Unusable(f"{path} is not a file of ours alone")
    return descriptor


def records_in(descriptor: int) -> Iterator[Record]:
    """Yield the records of an open file up to the first that is free.  Raises `Unusable`.

    By reading, not by the mapping: to look at a hole there would fill it with memory.
    """
    with open(descriptor, "rb", closefd=False) as file:
        if file.read(RECORD.size) != FORMAT.ljust(RECORD.size, b"\0"):
            raise Unusable("it holds no sequences")
        while len(record := file.read(RECORD.size)) == RECORD.size and not record.startswith(FREE):
            yield Record(*RECORD.unpack(record))
