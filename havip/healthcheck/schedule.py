"""When a check is due: at a set pace without drift, and not all checks at once.  Pure."""

from __future__ import annotations

from typing import Final

from havip.clock import Duration, Instant, after, seconds

#: The first results decide whether routers may start: they come within this time, however long the interval.
FIRST_WITHIN: Final = seconds(1)


def first_due(now: Instant, interval: Duration, number: int, count: int) -> Instant:
    """Return when the check ``number`` (from 0) of ``count`` that begin now is due first."""
    return after(now, Duration(min(interval, FIRST_WITHIN) * number // max(1, count)))


def next_due(due: Instant, interval: Duration, now: Instant) -> Instant:
    """Return the first instant after ``now`` that lies whole intervals after ``due``.

    What was missed, because we were late or a run took long, is not made up for.
    """
    passed = max(0, now - due) // interval
    return after(due, Duration((passed + 1) * interval))
