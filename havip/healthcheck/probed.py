"""One probe, and what its runs add up to.  It knows neither names nor who is told."""

from __future__ import annotations

from typing import Final

from havip.clock import Duration, Instant, seconds, spell
from havip.config.health import Check, FirstState
from havip.healthcheck.record import Record, clean
from havip.healthcheck.relations import Word
from havip.healthcheck.runner import Ending, Result, way_of
from havip.healthcheck.schedule import next_due, settled_due
from havip.healthcheck.verdict import Flaps, Verdict
from havip.healthreport import CheckReport

SECOND: Final = seconds(1)
TAKEN: Final = "is taken for good before its first run"
RESTED: Final = "has not been probed since its parent is good again"
NOT_YET: Final = "has not been good often enough yet"


class Probed:
    """One probe, and the names of the checks that it serves.

    ``last`` is what a check of this definition, or of the one in whose place it is, has said so far.
    """

    def __init__(self, check: Check, last: Word, phase: float) -> None:
        self.check = check
        self.way = way_of(check)
        self.names: list[str] = []
        self.asleep = 0  # names whose parent has failed, or that are not to be run for now
        self.run: Ending | None = None
        self.phase = phase
        self.due = Instant(0)
        self.pace: Duration | None = None  # None: it has no place among the others of its pace yet
        good = last.good
        if good is None and check.start is not FirstState.UNKNOWN:
            good = check.start is FirstState.GOOD
        self.verdict = Verdict(good)
        self.flaps = Flaps()
        self.record = Record()
        why = last.why or (TAKEN if good else NOT_YET)
        self.word = Word(good, why if good is not None else "", last.weight)

    @property
    def wanted(self) -> bool:
        """Say whether some name is served by another run."""
        return len(self.names) > self.asleep

    def rest(self) -> None:
        """Be run no more for now: what was found counts for nothing, and the next run decides alone."""
        self.verdict, self.pace = Verdict(), None
        self.word = Word(False, RESTED)

    def report(self, now: Instant) -> CheckReport:
        """Return what its runs came to."""
        held = None if self.check.damping is None else bool(self.verdict.good and self.flaps.held)
        return self.record.report(tuple(self.names), now, self.verdict.against, held)

    def judge(self, result: Result, now: Instant) -> bool:
        """Take the outcome of a run; say whether there is news."""
        check, outcome, before, was = self.check, result.outcome, self.word, self.verdict.good
        all_is_well = outcome.failure is None and was and before.good and not self.verdict.against
        if all_is_well and outcome.weight == before.weight:
            return False
        self.verdict = self.verdict.after(outcome.passed, check.rise, check.fall)
        good = self.verdict.good
        if check.damping is not None:
            self.flaps = self.flaps.seen(check.damping, now)
            if was and not good:
                self.flaps = self.flaps.failed(check.damping, now)
        if good and self.flaps.held:
            if before.good or was is not good:
                self.word = Word(False, self._held_back(now))
            return self.word != before
        weight = (outcome.weight if outcome.passed else before.weight) if good else None
        if good is not was or good is not before.good or weight != before.weight:
            asks = "" if weight is None else f", and asks for weight {weight}"
            self.word = Word(good, f"is good{asks}" if good else clean(str(result)), weight)
        return self.word != before

    def _held_back(self, now: Instant) -> str:
        """Return why it counts as failed although its runs are good."""
        assert self.check.damping is not None
        calm_at = Duration(-(-self.flaps.lasts(self.check.damping, now) // SECOND) * SECOND)
        return f"is good, and held back for {spell(calm_at)}: it failed {self.flaps.failures} times lately"

    def next_run(self, now: Instant) -> Instant:
        """Return when it is due again."""
        check = self.check
        pace = check.pace(self.verdict.good, self.verdict.against)
        retries = self.verdict.against > 0 and check.retry_interval is not None
        if retries or pace == self.pace:
            self.due = next_due(self.due, pace, now)
        else:
            self.due = settled_due(self.due, pace, self.phase, now)
        self.pace = None if retries else pace
        return self.due
