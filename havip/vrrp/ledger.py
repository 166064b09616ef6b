"""What we hold of one kind, as far as the kernel has told us; pure.

A holding is ``ours``, added by us or found with our mark, or ``foreign``: it was there before us.  Both
are held, but a foreign one is never removed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from havip.vrrp.holdings import Holding, Key


class Ledger:
    """Holdings by key, the removals of ours that have not been heard of, and what others took away."""

    def __init__(self) -> None:
        self.ours: dict[Key, Holding] = {}
        self.foreign: dict[Key, Holding] = {}
        self.lost: dict[Key, Holding] = {}
        self._wanted_as: dict[Key, Key] = {}  # where what is there has another key than what was asked for
        self._own_removals: Counter[Key] = Counter()  # whose events have not been read yet

    def hold_foreign(self, there: Key, wanted: Key, holding: Holding) -> None:
        """Hold what was there before us; ``wanted`` is the key that was asked for."""
        self.foreign[there] = holding
        if there != wanted:
            self._wanted_as[there] = wanted

    def let_go(self, wanted: Key) -> None:
        """Hold what is foreign no more."""
        for there in [key for key in self.foreign if self._wanted_as.get(key, key) == wanted]:
            del self.foreign[there]
            self._wanted_as.pop(there, None)

    def note_deletion(self, key: Key) -> bool:
        """Take note that the kernel says a holding is gone; say whether others removed it."""
        if self._own_removals[key] > 0:
            self._own_removals[key] -= 1
            return False
        held = self.ours.get(key) or self.foreign.get(key)
        if held is not None:
            self.lost[key] = held
        return True

    def note_presence(self, key: Key) -> None:
        """Take note that the kernel says a holding is there: perhaps gone and back before we looked."""
        self.lost.pop(key, None)

    def note_own_removal(self, key: Key) -> None:
        """Expect the event of a removal of ours."""
        self._own_removals[key] += 1

    def forget_own_removals(self) -> None:
        """Expect no event any more: the kernel queues that of a removal before it answers the request."""
        self._own_removals.clear()

    def compare(self, is_there: Callable[[Key], bool]) -> None:
        """Go by what is there now, instead of by events."""
        held = self.ours | self.foreign
        self.lost = {key: holding for key, holding in held.items() if not is_there(key)}

    def take_lost(self) -> tuple[Key, ...]:
        """Return what others took away since the last time, as it was asked for, and hold it no more."""
        lost, self.lost = self.lost, {}
        for key in lost:
            self.ours.pop(key, None)
            self.foreign.pop(key, None)
        return tuple(self._wanted_as.pop(key, key) for key in lost)
