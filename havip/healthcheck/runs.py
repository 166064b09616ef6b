"""Which scripts run just now, in memory that outlives a killed checker: its successor must not run a second.

The checker writes, the supervisor reads once the checker has ended, and ends what it left behind.
"""

from __future__ import annotations

import os
import signal
from struct import Struct
from typing import Final

RECORD: Final = Struct("=qq")  # process id, and when it began by /proc: together nobody else's
MOST: Final = 4096  # records; a script beyond that is not written down


def create() -> int:
    """Return the descriptor of an empty page for both processes."""
    return os.memfd_create("havip-runs", os.MFD_CLOEXEC)


class Runs:
    """The checker's side: one place for each script that runs."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor
        self._places: dict[int, int] = {}  # by process id
        self._free: list[int] = []

    def begin(self, pid: int) -> None:
        """Write down a script that runs."""
        began = began_at(pid)
        if self._descriptor is None or began is None or len(self._places) >= MOST:
            return
        place = self._places[pid] = self._free.pop() if self._free else len(self._places)
        os.pwrite(self._descriptor, RECORD.pack(pid, began), place * RECORD.size)

    def end(self, pid: int) -> None:
        """Strike out a script that has ended."""
        place = self._places.pop(pid, None)
        if place is not None and self._descriptor is not None:
            os.pwrite(self._descriptor, RECORD.pack(0, 0), place * RECORD.size)
            self._free.append(place)


def end_leftovers(descriptor: int) -> list[int]:
    """Kill what a checker that has ended left running, with all of its session; return the process ids."""
    data = os.pread(descriptor, MOST * RECORD.size, 0)
    os.ftruncate(descriptor, 0)
    killed = []
    for pid, began in RECORD.iter_unpack(data[: len(data) // RECORD.size * RECORD.size]):
        if pid > 1 and began_at(pid) == began:
            try:
                os.killpg(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
            killed.append(pid)
    return killed


def began_at(pid: int) -> int | None:
    """Return when a process began, in the kernel's ticks; None: it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read(4096).rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None
