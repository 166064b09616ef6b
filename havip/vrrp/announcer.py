"""Sends the prepared announcements: gratuitous ARP and unsolicited NA, in slices or at a set pace.

Announcements of a router become void as soon as it gives its addresses up: nobody is called to an
address that we do not hold.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, TypeAlias

from havip.clock import NEVER, Instant, after

if TYPE_CHECKING:
    from havip.vrrp.router import Router

SLICE: Final = 128  # announcements sent before the worker looks at its deadlines again

#: One round over a router's addresses: the router, its epoch when asked, the rounds left.
Round: TypeAlias = "tuple[Router, int, int]"
#: One announcement that waits for its interface: the router, its epoch when asked, the frame.
Paced: TypeAlias = "tuple[Router, int, bytes]"


class Announcer:
    """The queue of announcements, unpaced and paced."""

    def __init__(self) -> None:
        self._first: deque[Round] = deque()  # nobody has heard of these addresses yet
        self._again: deque[Round] = deque()
        self._paced: dict[str, deque[Paced]] = {}  # by interface
        self._free_at: dict[str, Instant] = {}  # when the interface's least gap has passed

    def ask(self, router: Router, epoch: int, rounds: int) -> None:
        """Announce every address of ``router``, ``rounds`` times, unless ``epoch`` has passed."""
        if not rounds or not stands(router, epoch):
            return
        if not router.settings.announce.interval:
            self._first.append((router, epoch, rounds))
            return
        queue = self._paced.setdefault(router.config.interface, deque())
        queue.extend((router, epoch, frame) for _ in range(rounds) for frame in router.frames)

    @property
    def busy(self) -> bool:
        """Say whether announcements wait that could leave at once."""
        return bool(self._first or self._again)

    def next_deadline(self) -> Instant:
        """Return when the next paced announcement may leave."""
        if not self._paced:
            return NEVER
        return min(self._free_at.get(interface, Instant(0)) for interface in self._paced)

    def run(self, now: Instant, more_to_come: bool = False) -> None:
        """Send one slice of what may leave; with ``more_to_come``, repeat nothing yet."""
        sent = 0
        while sent < SLICE and (rounds := self._first or (not more_to_come and self._again)):
            router, epoch, left = rounds.popleft()
            if not stands(router, epoch):
                continue
            for frame in router.frames:
                send(router, frame)
            sent += len(router.frames)
            if left > 1:
                self._again.append((router, epoch, left - 1))
        for interface in list(self._paced):
            self._run_paced(interface, now)

    def _run_paced(self, interface: str, now: Instant) -> None:
        queue = self._paced[interface]
        while queue and now >= self._free_at.get(interface, Instant(0)):
            router, epoch, frame = queue.popleft()
            if stands(router, epoch):
                send(router, frame)
                self._free_at[interface] = after(now, router.settings.announce.interval)
        if not queue:
            del self._paced[interface]


def stands(router: Router, epoch: int) -> bool:
    """Say whether what was asked at ``epoch`` is still wanted."""
    return epoch == router.epoch and router.is_master


def send(router: Router, frame: bytes) -> None:
    """Send one announcement and count it."""
    sender = router.port.frames
    if sender is not None and sender.send(frame) is None:
        router.announcements_sent += 1
    else:
        router.send_errors += 1
