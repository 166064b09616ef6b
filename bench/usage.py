"""What a set of processes has used: CPU time in nanoseconds and memory, from /proc.

Reads only.  CPU time is the scheduler's own account (schedstat), not the one that samples at clock ticks:
a daemon that wakes for 20 microseconds at a time is hardly ever met by a tick.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Memory:
    """Sums over processes, in bytes; ``proportional`` divides shared pages among those who share them."""

    resident: int
    proportional: int


def family_of(pid: int) -> list[int]:
    """Return ``pid`` and its living descendants, parents first."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    family = [pid]
    for member in family:
        family += children.get(member, [])
    return family


def cpu_time(pids: Iterable[int]) -> int:
    """Return the nanoseconds that all threads of the processes have run, in user and kernel mode.

    A process that has ended, such as a script, counts for nothing.
    """
    total = 0
    for pid in pids:
        for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):
                total += int(path.read_text().split()[0])
    return total


def memory(pids: Iterable[int]) -> Memory:
    """Return what the processes hold in memory."""
    resident = proportional = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended
            continue
        for line in lines:
            if line.startswith("Rss:"):
                resident += int(line.split()[1]) << 10
            elif line.startswith("Pss:"):
                proportional += int(line.split()[1]) << 10
    return Memory(resident, proportional)
