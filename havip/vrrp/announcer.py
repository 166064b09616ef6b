"""Sends the prepared announcements: gratuitous ARP and unsolicited NA, in slices or at a set pace.

Announcements of a router become void as soon as it gives its addresses up: nobody is called to an
address that we do not hold.  However often bursts are asked for, a router waits here only once.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final, TypeAlias

from havip.clock import NEVER, Instant, after

if TYPE_CHECKING:
    from havip.vrrp.router import Router

SLICE: Final = 128  # announcements sent before the worker looks at its deadlines again

#: What one router still has to say: its epoch when asked, the rounds left.
Rounds: TypeAlias = tuple[int, int]
#: An announcement that leaves the interface of the adverts, or another one by its name.
Frame: TypeAlias = bytes | tuple[str, bytes]


class Announcer:
    """The announcements that wait: all that may leave at once, and those of each interface with a pace."""

    def __init__(self) -> None:
        self._at_once = Waiting()
        self._paced: dict[str, Paced] = {}  # by interface

    def ask(self, router: Router, epoch: int, rounds: int) -> None:
        """Announce every address of ``router``, ``rounds`` times, unless ``epoch`` has passed."""
        if not rounds or not stands(router, epoch):
            return
        if router.settings.announce.interval:
            self._paced.setdefault(router.config.interface, Paced()).waiting.put(router, epoch, rounds)
        else:
            self._at_once.put(router, epoch, rounds)

    @property
    def busy(self) -> bool:
        """Say whether announcements wait that could leave at once."""
        return bool(self._at_once)

    def next_deadline(self) -> Instant:
        """Return when the next paced announcement may leave."""
        return min((paced.free_at for paced in self._paced.values() if paced.busy), default=NEVER)

    def run(self, now: Instant, more_to_come: bool = False) -> None:
        """Send one slice of what may leave; with ``more_to_come``, repeat nothing yet."""
        sent = 0
        while sent < SLICE and (router := self._at_once.take(more_to_come)) is not None:
            for frame in router.frames:
                send(router, frame)
            for away in router.frames_away:
                send(router, away)
            sent += len(router.frames) + len(router.frames_away)
        for paced in self._paced.values():
            paced.run(now)


class Waiting:
    """Routers whose addresses are to be announced: each once before any of them twice."""

    def __init__(self) -> None:
        self._first: OrderedDict[Router, Rounds] = OrderedDict()  # nobody has heard of these addresses yet
        self._again: OrderedDict[Router, Rounds] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._first or self._again)

    def put(self, router: Router, epoch: int, rounds: int) -> None:
        """Have a router announced at least ``rounds`` times from now on."""
        asked, left = self._first.get(router) or self._again.pop(router, (epoch, 0))
        self._first[router] = (epoch, max(rounds, left) if asked == epoch else rounds)

    def take(self, more_to_come: bool = False) -> Router | None:
        """Return the router whose round is next; with ``more_to_come``, only if it is its first."""
        while rounds := self._first or (not more_to_come and self._again):
            router, (epoch, left) = rounds.popitem(last=False)
            if stands(router, epoch):
                if left > 1:
                    self._again[router] = (epoch, left - 1)
                return router
        return None


class Paced:
    """The announcements of one interface that keep a least gap."""

    def __init__(self) -> None:
        self.waiting = Waiting()
        self.free_at = Instant(0)  # when the gap has passed
        self._round: tuple[Router, int, deque[Frame]] | None = None  # with its epoch and what is left of it

    @property
    def busy(self) -> bool:
        """Say whether something waits for the gap to pass."""
        return self._round is not None or bool(self.waiting)

    def run(self, now: Instant) -> None:
        """Send the next announcement if it may leave."""
        if now < self.free_at:
            return
        if self._round is None or not stands(*self._round[:2]):
            router = self.waiting.take()
            waiting: deque[Frame] = deque()
            if router is not None:
                waiting += router.frames
                waiting += router.frames_away
            self._round = (router, router.epoch, waiting) if router and waiting else None
        if self._round is not None:
            router, _, frames = self._round
            send(router, frames.popleft())
            self.free_at = after(now, router.settings.announce.interval)
            if not frames:
                self._round = None


def stands(router: Router, epoch: int) -> bool:
    """Say whether what was asked at ``epoch`` is still wanted."""
    return epoch == router.epoch and router.is_master


def send(router: Router, frame: Frame) -> None:
    """Send one announcement and count it."""
    sender = router.port.frames
    if sender is None:
        error: str | None = "no socket"
    elif type(frame) is tuple:
        error = sender.send_from(*frame)
    else:
        error = sender.send(frame)  # type: ignore[arg-type]  # the usual one, and told by the cheapest test
    if error is None:
        router.announcements_sent += 1
    else:
        router.send_errors += 1
