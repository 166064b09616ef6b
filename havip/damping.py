"""A state of two values that counts only once it has lasted.  Pure: it is told the time."""

from __future__ import annotations

from dataclasses import dataclass

from havip.clock import NEVER, Duration, Instant, after


@dataclass(frozen=True, slots=True)
class Damped:
    """``shown`` is what counts; unless the opposite ends before, it counts from ``turns_at`` on."""

    shown: bool
    turns_at: Instant = NEVER

    def saw(self, actual: bool, up_delay: Duration, down_delay: Duration, now: Instant) -> Damped:
        """Return what follows from how it really is now."""
        if actual is self.shown:
            return self if self.turns_at == NEVER else Damped(self.shown)
        turns_at = min(self.turns_at, after(now, up_delay if actual else down_delay))
        return Damped(actual) if now >= turns_at else Damped(self.shown, turns_at)

    def at(self, now: Instant) -> Damped:
        """Return it with the turn taken that has come."""
        return Damped(not self.shown) if now >= self.turns_at else self
