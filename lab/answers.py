"""What the client got: every echo of one family, answered or lost, and the gaps between good ones.

Owns the arithmetic of loss.  Must never guess: an echo is good when its answer came in time, and lost
otherwise.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lab.probe import ANSWERED, Record

#: An answer later than this is no answer to a client that waits for it.  ns
IN_TIME: Final = 200_000_000
#: How long an echo may be under way before it is called missing on the screen.  ns
UNDER_WAY: Final = 30_000_000
KEEP: Final = 1_200_000  # echoes: twenty minutes


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of lost echoes between two good ones."""

    begin: int  #: ns, when the last good answer before it came; or where the search began
    end: int  #: ns, when the first good answer after it came; or where the search ended
    lost: int  #: echoes
    after: str  #: who answered after it; empty: nobody yet

    @property
    def length(self) -> int:
        """Return its length in ns."""
        return self.end - self.begin


class Answers:
    """The echoes of one family, by their number."""

    def __init__(self, names: dict[bytes, str]) -> None:
        self._names = list(names.values())
        self._index = {mac: index for index, mac in enumerate(names)}
        self._first = 0  # number of the oldest echo kept
        self._sent = array("q")
        self._answered = array("q")  # ns; 0: not
        self._who = array("b")
        self.last_good = -1  #: number of the newest echo answered in time

    def note(self, record: Record) -> None:
        """Take one record of the probe's."""
        place = record.number - self._first
        if record.kind == ANSWERED:
            # An unknown Ethernet address is an answer all the same, by nobody we know: -1.
            if 0 <= place < len(self._sent) and not self._answered[place]:
                self._answered[place] = record.at
                self._who[place] = self._index.get(record.mac, -1)
                if record.at - self._sent[place] <= IN_TIME:
                    self.last_good = max(self.last_good, record.number)
            return
        self._sent.append(record.at)
        self._answered.append(0)
        self._who.append(-1)
        if len(self._sent) > KEEP:
            half = KEEP // 2
            del self._sent[:half], self._answered[:half], self._who[:half]
            self._first += half

    def answering(self, count: int) -> str:
        """Return who answered the newest good echo and the ``count`` - 1 before it; "" if not one router."""
        last = self.last_good - self._first
        if last + 1 < count:
            return ""
        places = range(last - count + 1, last + 1)
        who = {self._who_at(place) for place in places}
        return who.pop() if len(who) == 1 else ""

    def first_good_at(self) -> int:
        """Return when the first good echo was sent, ns; 0 if there was none."""
        return next((self._sent[place] for place in range(len(self._sent)) if self._good(place)), 0)

    def last_good_at(self) -> int:
        """Return when the newest good echo was sent, ns; 0 if there was none."""
        place = self.last_good - self._first
        return self._sent[place] if place >= 0 else 0

    def silent_for(self, now: int) -> int:
        """Return for how long, ns, no echo has been good; 0 while the newest may still be under way."""
        place = self.last_good - self._first
        since = self._sent[place] if place >= 0 else (self._sent[0] if self._sent else now)
        return now - since if now - since > UNDER_WAY else 0

    def round_trip(self) -> int:
        """Return the round trip of the newest good echo, ns; 0 if there was none."""
        place = self.last_good - self._first
        return self._answered[place] - self._sent[place] if place >= 0 else 0

    def gaps(self, begin: int, end: int) -> list[Gap]:
        """Return the gaps whose lost echoes were sent in [begin, end), both in ns.

        A gap runs from answer to answer: an echo that waits for ARP is answered long after it was sent.
        """
        found = []
        lost = 0
        before = begin
        for place in self._places(end):
            at = self._sent[place]
            if not self._good(place):
                lost += at >= begin
                continue
            if lost:
                found.append(Gap(before, self._answered[place], lost, self._who_at(place)))
                lost = 0
            before = max(begin, self._answered[place])
        if lost:
            found.append(Gap(before, end, lost, ""))
        return found

    def spells(self, begin: int, end: int) -> Iterator[tuple[int, int, str]]:
        """Yield (from, to, who) for each spell in which one router answered, in ns.  Gaps lie between."""
        start = stop = 0
        current = ""
        for place in self._places(end):
            at = self._sent[place]
            who = self._who_at(place)
            if at < begin or who == current:
                stop = at
                continue
            if current:
                yield start, stop, current
            start, stop, current = at, at, who
        if current:
            yield start, stop, current

    def _places(self, end: int) -> Iterator[int]:
        for place, at in enumerate(self._sent):
            if at >= end:
                return
            yield place

    def _good(self, place: int) -> bool:
        return 0 < self._answered[place] <= self._sent[place] + IN_TIME

    def _who_at(self, place: int) -> str:
        if not self._good(place):
            return ""
        index = self._who[place]
        return self._names[index] if index >= 0 else "a stranger"
