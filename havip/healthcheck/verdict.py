"""From single runs of a check to a verdict: how many in a row turn it, and how often they may.  Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from havip.clock import Duration, Instant
from havip.config.health import Damping

PENALTY: Final = 1000.0  # of one failure (RFC 2439 calls it the figure of merit)
START: Final = Instant(0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """``good`` is what counts, None before the first run; ``against`` counts the latest runs that deny it."""

    good: bool | None = None
    against: int = 0

    def after(self, passed: bool, rise: int, fall: int) -> Verdict:
        """Return the verdict after one more run.

        The first run decides alone.  Then it takes ``rise`` good runs in a row to mend, and ``fall`` bad
        ones in a row to fail.
        """
        if self.good is None:
            return Verdict(passed)
        if passed is self.good:
            return Verdict(self.good) if self.against else self
        against = self.against + 1
        return Verdict(passed) if against >= (rise if passed else fall) else Verdict(self.good, against)


@dataclass(frozen=True, slots=True)
class Flaps:
    """How often a check has failed lately: a penalty that halves with time (RFC 2439 section 4.2)."""

    penalty: float = 0.0  # as it was at ``at``
    at: Instant = START
    failures: int = 0  # since it was last calm
    held: bool = False  # it counts as failed although its runs are good

    def decayed(self, damping: Damping, now: Instant) -> float:
        """Return what is left of the penalty."""
        return self.penalty * math.exp2(-max(0, now - self.at) / damping.half_life)

    def failed(self, damping: Damping, now: Instant) -> Flaps:
        """Return it after one more failure."""
        # RFC 2439 section 4.2: no more penalty than is worn off within the longest time of suppression.
        ceiling = damping.reuse * math.exp2(damping.longest / damping.half_life)
        penalty = min(self.decayed(damping, now) + PENALTY, ceiling)
        return Flaps(penalty, now, self.failures + 1, self.held or penalty > damping.suppress)

    def seen(self, damping: Damping, now: Instant) -> Flaps:
        """Return it as it is now: let go of once it has been calm for long enough."""
        if self.failures == 0 or self.decayed(damping, now) >= damping.reuse:
            return self
        return replace(self, failures=0, held=False)

    def lasts(self, damping: Damping, now: Instant) -> Duration:
        """Return how long it is until it is let go of, if it does not fail again."""
        left = self.decayed(damping, now) / damping.reuse
        return Duration(math.ceil(damping.half_life * math.log2(left)) if left > 1 else 0)
