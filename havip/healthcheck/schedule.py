"""When a check is due: at a set pace, evenly spread, and in turn where not all can run.  Pure."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

from havip.clock import NEVER, ZERO, Duration, Instant, after, seconds

#: The first results decide whether routers may start: they come within this time, however long the interval,
FIRST_WITHIN: Final = seconds(1)
#: unless there are so many that this would be a herd: so many first runs a second at most.
FIRST_RATE: Final = 2000

#: Multiples of an irrational number, without their whole parts, lie evenly however many there are; of all
#: numbers the golden ratio is the farthest from any fraction.
GOLDEN: Final = 0.6180339887498949
#: the same between intervals, so that those of different checks do not begin together
SILVER: Final = 0.4142135623730951


def first_due(
    now: Instant, interval: Duration, number: int, count: int, warm_up: Duration = ZERO, phase: float = 0.0
) -> Instant:
    """Return when the check ``number`` (from 0) of ``count`` that begin now is due first."""
    window = max(min(interval, FIRST_WITHIN), seconds(count / FIRST_RATE))
    return after(now, Duration(window * number // max(1, count) + int(warm_up * phase)))


def next_due(due: Instant, interval: Duration, now: Instant) -> Instant:
    """Return the first instant after ``now`` that lies whole intervals after ``due``.

    What was missed, because we were late or a run took long, is not made up for.
    """
    if now < due + interval:  # nothing was missed
        return Instant(due + interval)
    passed = (now - due) // interval
    return after(due, Duration((passed + 1) * interval))


def settled_due(due: Instant, interval: Duration, phase: float, now: Instant) -> Instant:
    """Return the first instant after ``now`` that has this phase, at least half an interval after ``due``.

    A check whose pace becomes another one gets back into its place among those of that pace.
    """
    earliest = max(now + 1, due + interval // 2)
    offset = int(interval * phase)
    return Instant(offset - (offset - earliest) // interval * interval)


class Phases:
    """Hands out where in its interval each check runs, evenly whatever comes and goes."""

    def __init__(self) -> None:
        self._taken: dict[Duration, int] = {}
        self._offsets: dict[Duration, float] = {}

    def take(self, interval: Duration) -> float:
        """Return a phase, from 0 up to but not including 1."""
        offset = self._offsets.setdefault(interval, len(self._offsets) * SILVER)
        number = self._taken.get(interval, 0)
        self._taken[interval] = number + 1
        return (number * GOLDEN + offset) % 1.0


Item = TypeVar("Item", bound=Hashable)


class Agenda(Generic[Item]):
    """Items by when they are due.  Those that are due wait in turn for a place: none waits for ever."""

    def __init__(self) -> None:
        self._coming: list[tuple[Instant, int, Item]] = []
        self.ready: deque[tuple[Instant, int, Item]] = deque()  # due, and without a place
        self._valid: dict[Item, int] = {}
        self._serial = 0

    def __len__(self) -> int:
        return len(self._valid)

    def put(self, item: Item, due: Instant) -> None:
        """Have an item due at an instant, and at no other that was named before."""
        self._serial += 1
        self._valid[item] = self._serial
        heapq.heappush(self._coming, (due, self._serial, item))

    def drop(self, item: Item) -> None:
        """Forget an item, if it is there."""
        self._valid.pop(item, None)

    def take(self, now: Instant, places: int) -> Iterator[tuple[Item, Instant]]:
        """Yield up to ``places`` items that are due and when they were, and forget them."""
        coming, ready = self._coming, self.ready
        while coming and coming[0][0] <= now:
            ready.append(heapq.heappop(coming))
        while ready and places > 0:
            due, serial, item = ready.popleft()
            if self._valid.get(item) == serial:
                del self._valid[item]
                places -= 1
                yield item, due

    @property
    def next_at(self) -> Instant:
        """Return when the next item comes due, those aside that are."""
        while self._coming and self._valid.get(self._coming[0][2]) != self._coming[0][1]:
            heapq.heappop(self._coming)
        return self._coming[0][0] if self._coming else NEVER
