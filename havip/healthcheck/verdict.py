"""From single runs of a check to a verdict: how many in a row it takes to turn it.  Pure."""

from __future__ import annotations

from dataclasses import dataclass


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
