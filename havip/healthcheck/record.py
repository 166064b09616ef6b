"""What the runs of one probe came to, counted as they end.  Pure.

A run costs one look-up in a few bounds and a handful of additions: everything that is put into words is put
into words when somebody asks.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from havip.clock import Instant, milliseconds, seconds
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthreport import CheckReport

#: response times are counted together up to each of these, itself included; the last bucket has no bound
BOUNDS: Final = (
    milliseconds(1), milliseconds(3), milliseconds(10), milliseconds(30), milliseconds(100),
    milliseconds(300), seconds(1), seconds(3), seconds(10),
)  # fmt: skip
NEVER_RAN: Final = -1
LONGEST: Final = 500  # characters of words about a run


class Record:
    """Every run of one probe since it began."""

    __slots__ = ("_buckets", "_ended_at", "_failed", "_last", "_outcome", "_passed", "_sum", "_took")

    def __init__(self) -> None:
        self._passed = 0
        self._failed: dict[Failure, int] = {}
        self._buckets = [0] * (len(BOUNDS) + 1)
        self._sum = 0  # ns, of the runs that passed
        self._outcome: Outcome | None = None
        self._last: object = ""
        self._took = 0
        self._ended_at = Instant(0)

    def ran(self, outcome: Outcome, took: int, told: object, now: Instant) -> None:
        """Count a run that has ended.  The text of ``told`` says it in words."""
        failure = outcome.failure
        if failure is None:
            self._passed += 1
            self._buckets[bisect_left(BOUNDS, took)] += 1
            self._sum += took
        else:
            self._failed[failure] = self._failed.get(failure, 0) + 1
        self._outcome, self._last, self._took, self._ended_at = outcome, told, took, now

    def report(
        self, names: tuple[str, ...], now: Instant, against: int = 0, held: bool | None = None
    ) -> CheckReport:
        """Return it as the supervisor is told it, for the checks of these names."""
        outcome = self._outcome
        never = outcome is None
        return CheckReport(
            names=names,
            words=clean(str(self._last)),
            failure="" if outcome is None or outcome.failure is None else str(outcome.failure),
            warning="" if outcome is None else clean(outcome.warning),
            weight=None if outcome is None else outcome.weight,
            took=self._took,
            age=NEVER_RAN if never else now - self._ended_at,
            passed=self._passed,
            failed={str(failure): count for failure, count in self._failed.items()},
            buckets=tuple(self._buckets),
            sum=self._sum,
            against=against,
            held=held,
        )


def clean(text: str) -> str:
    """Return words fit for a terminal, whatever a server put into them: printable, and not too long."""
    text = text[:LONGEST]
    return text if text.isprintable() else text.encode("unicode_escape").decode()
