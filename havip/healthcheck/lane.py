"""Probes that share a number of places: each begins when it is due, or as soon after as there is a place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic

from havip.clock import NEVER, ZERO, Duration, Instant, after, milliseconds
from havip.healthcheck.schedule import Agenda, Item
from havip.healthcheck.turns import Alarm, Turns

LATE: Final = milliseconds(50)
#: from one look at what is due to the next: a wake-up for each probe would cost as much as the probe
BREATH: Final = milliseconds(8)
SLICE: Final = 64  # probes that begin in one turn of the loop: what has arrived is heard in between


@dataclass(slots=True)
class Punctuality:
    """How many probes began, how many of them late, and by how much: together, and at worst."""

    begun: int = 0
    late: int = 0
    sum: int = 0  # ns
    worst: Duration = ZERO

    def began(self, lateness: int) -> None:
        """Take note of one that began."""
        self.begun += 1
        self.sum += lateness
        if lateness > LATE:
            self.late += 1
        if lateness > self.worst:
            self.worst = Duration(lateness)


class Lane(Generic[Item]):
    """An agenda, and the turns in which it is worked off.  ``taken`` says how many places are."""

    def __init__(
        self, places: int, taken: Callable[[], int], begin: Callable[[Item, Instant], None], turns: Turns
    ) -> None:
        self.punctuality = Punctuality()
        self._places = places
        self._taken = taken
        self._begin = begin
        self._turns = turns
        self._agenda: Agenda[Item] = Agenda()
        self._ready = self._agenda.ready
        self._alarm: Alarm | None = None
        self._alarm_at = NEVER
        self._rests_until = Instant(0)
        self._soon = False

    def close(self) -> None:
        """Begin nothing any more."""
        self._places = 0
        if self._alarm is not None:
            self._alarm.cancel()

    @property
    def waiting(self) -> int:
        """Return how many are due that found no place."""
        return len(self._ready)

    def put(self, item: Item, due: Instant) -> None:
        """Have a probe begin at an instant."""
        self._agenda.put(item, due)
        if due < self._alarm_at:
            self._set_alarm(due)

    def drop(self, item: Item) -> None:
        """Have a probe not begin."""
        self._agenda.drop(item)

    def freed(self) -> None:
        """Take note that a place may have become free."""
        if self._ready and not self._soon:
            self._soon = True
            self._turns.soon(self._go_on)

    def _set_alarm(self, at: Instant) -> None:
        at = max(at, self._rests_until)
        if at == self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = self._turns.at(at, self._wake)

    def _wake(self) -> None:
        self._alarm, self._alarm_at = None, NEVER
        self._work()

    def _go_on(self) -> None:
        self._soon = False
        self._work()

    def _work(self) -> None:
        now = self._turns.now()
        self._rests_until = after(now, BREATH)
        free = self._places - self._taken()
        for item, due in self._agenda.take(now, min(SLICE, free)):
            self.punctuality.began(now - due)
            self._begin(item, now)
        if self._taken() < self._places:
            self.freed()  # and more is due: in the next turn
        following = self._agenda.next_at
        if following < self._alarm_at:
            self._set_alarm(following)
