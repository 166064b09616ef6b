"""Instants and lengths of time: integer nanoseconds of one monotonic clock.

The only file that reads the monotonic clock and the only one that converts between units.
Wall-clock time is for people to read; beside that only the signatures of adverts go by it (`stamp`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NewType, cast

Instant = NewType("Instant", int)  #: nanoseconds of CLOCK_MONOTONIC
Duration = NewType("Duration", int)  #: nanoseconds, never negative

NANOSECONDS_PER_SECOND: Final = 1_000_000_000
NANOSECONDS_PER_CENTISECOND: Final = 10_000_000

NEVER: Final = Instant(2**63 - 1)  #: later than any instant the clock will show
ZERO: Final = Duration(0)


#: The time now.  Pure code never calls this: it is given ``now``.
#: The function of the system itself: a wrapper would take three times as long, and everything asks for it.
monotonic: Final = cast("Callable[[], Instant]", time.monotonic_ns)


def uptime() -> Duration:
    """Return how long the host has been up, time that it was suspended included."""
    return Duration(time.clock_gettime_ns(time.CLOCK_BOOTTIME))


def wall() -> float:
    """Return seconds since 1970 (UTC), for logs and status only."""
    return time.time()


def stamp() -> int:
    """Return nanoseconds since 1970 (UTC), for the sequences of signed adverts only."""
    return time.time_ns()


def of_wall(stamp: int) -> Instant:
    """Return the instant of a stamp of the kernel's: nanoseconds of wall-clock time since 1970.

    Right unless somebody sets the wall clock in between; late by the time between two reads, never early.
    """
    age = time.time_ns() - stamp
    return Instant(time.monotonic_ns() - age)


def pause(length: Duration) -> None:
    """Let ``length`` pass, for those who may: a loop whose next deadline is farther away than that."""
    time.sleep(length / NANOSECONDS_PER_SECOND)


def after(now: Instant, length: Duration) -> Instant:
    """Return the instant that lies ``length`` after ``now``."""
    return Instant(now + length)


def seconds(count: float) -> Duration:
    """Return ``count`` seconds."""
    return Duration(round(count * NANOSECONDS_PER_SECOND))


def milliseconds(count: float) -> Duration:
    """Return ``count`` milliseconds."""
    return Duration(round(count * 1_000_000))


def centiseconds(count: int) -> Duration:
    """Return ``count`` centiseconds, the unit of VRRPv3 on the wire (RFC 9568 section 5.2.7)."""
    return Duration(count * NANOSECONDS_PER_CENTISECOND)


def to_seconds(length: int) -> float:
    """Return a length, or the distance of two instants, in seconds."""
    return length / NANOSECONDS_PER_SECOND


def to_whole_seconds(length: Duration) -> int:
    """Return a length in whole seconds, rounded down: the unit of VRRPv2 on the wire."""
    return length // NANOSECONDS_PER_SECOND


def to_centiseconds(length: Duration) -> int:
    """Return a length in whole centiseconds, rounded down: the unit of VRRPv3 on the wire."""
    return length // NANOSECONDS_PER_CENTISECOND


def spell(length: int) -> str:
    """Return a length for people: ``3.609s``, ``30ms``, ``250us``."""
    for unit, size in (("s", NANOSECONDS_PER_SECOND), ("ms", 1_000_000), ("us", 1_000)):
        if abs(length) >= size:
            return f"{length / size:.3f}".rstrip("0").rstrip(".") + unit
    return f"{length}ns" if length else "0s"
