"""The health checks of this process: when each runs, what its runs add up to, and who is told.

Checks that are alike but for their names share one probe: an endpoint is asked once, whoever asks.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from havip.clock import Instant, milliseconds, monotonic, to_seconds
from havip.config.health import Check, FirstState
from havip.config.tracking import TrackerKind
from havip.healthcheck.reactor import Run
from havip.healthcheck.record import Record
from havip.healthcheck.runner import Result, Runner
from havip.healthcheck.schedule import first_due, next_due
from havip.healthcheck.verdict import Verdict
from havip.messages import CheckReport, TrackResult

MOST_AT_ONCE: Final = 1000  # probes under way; others wait for their turn
LATE: Final = milliseconds(50)
NOT_YET: Final = "has not been good often enough yet"

Tell = Callable[[TrackResult], None]


class Probed:
    """One probe, and the names of the checks that it serves."""

    def __init__(self, check: Check, good: bool | None) -> None:
        self.check = check
        self.names: list[str] = []
        if good is None and check.start is not FirstState.UNKNOWN:
            good = check.start is FirstState.GOOD
        self.verdict = Verdict(good)
        self.why = NOT_YET if good is False else ""
        self.weight: int | None = None
        self.due = Instant(0)
        self.run: Run | None = None
        self.dropped = False
        self.record = Record()

    def result(self, name: str) -> TrackResult | None:
        """Return what a check of that name says now; None: nothing yet."""
        good = self.verdict.good
        if good is None:
            return None
        return TrackResult(TrackerKind.CHECK, name, good, self.weight or 0, why=self.why)


class Checks:
    """Every health check by name, and every probe."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._runner = Runner()
        self._by_name: dict[str, Probed] = {}
        self._by_check: dict[Check, Probed] = {}
        self._coming: list[Probed] = []  # begin with the next commit
        self._queue: list[tuple[Instant, int, Probed]] = []  # by when they are due
        self._ready: deque[Probed] = deque()  # due, and waiting for a place
        self._serial = 0
        self._alarm: asyncio.TimerHandle | None = None
        self.runs = 0  # that were begun
        self.lateness = 0  # of all of them, ns
        self.late = 0  # runs that began more than `LATE` after they were due

    def put(self, check: Check, good: bool | None) -> None:
        """Run a check from the next `begin` on; ``good`` is its verdict so far, None if there is none."""
        self.drop(check.name)
        probed = self._by_check.get(check.probed)
        if probed is None:
            probed = self._by_check[check.probed] = Probed(check, good)
            self._coming.append(probed)
        probed.names.append(check.name)
        self._by_name[check.name] = probed
        result = probed.result(check.name)
        if result is not None:
            self._tell(result)

    def drop(self, name: str) -> None:
        """Run a check no more."""
        probed = self._by_name.pop(name, None)
        if probed is None:
            return
        probed.names.remove(name)
        if not probed.names:
            del self._by_check[probed.check.probed]
            probed.dropped = True
            if probed.run is not None:
                probed.run.cancel()

    def begin(self) -> None:
        """Begin with the checks that are new."""
        coming, self._coming, now = [one for one in self._coming if not one.dropped], [], monotonic()
        for number, probed in enumerate(coming):
            self._schedule(probed, first_due(now, probed.check.interval, number, len(coming)))

    def reports(self) -> Iterator[CheckReport]:
        """Yield what became of every probe, each as it is when its turn comes."""
        for probed in list(self._by_check.values()):
            if not probed.dropped:
                yield probed.record.report(tuple(probed.names), monotonic())

    def totals(self) -> dict[str, int]:
        """Return the counters of all probes together; lengths are in ns."""
        return {
            "runs": self.runs,
            "late": self.late,
            "lateness": self.lateness,
            "under-way": self._runner.under_way,
            "waiting": len(self._ready),
        }

    def stop(self) -> None:
        """End everything."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._runner.close()

    def _schedule(self, probed: Probed, due: Instant) -> None:
        probed.due = due
        self._serial += 1
        heapq.heappush(self._queue, (due, self._serial, probed))
        if self._queue[0][2] is probed:
            self._set_alarm()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._queue:
            wait = max(0.0, to_seconds(self._queue[0][0] - monotonic()))
            self._alarm = asyncio.get_running_loop().call_later(wait, self._wake)

    def _wake(self) -> None:
        now = monotonic()
        while self._queue and self._queue[0][0] <= now:
            self._ready.append(heapq.heappop(self._queue)[2])
        self._start_ready(now)
        self._set_alarm()

    def _start_ready(self, now: Instant) -> None:
        while self._ready and self._runner.under_way < MOST_AT_ONCE:
            probed = self._ready.popleft()
            if not probed.dropped:
                self._run(probed, now)

    def _run(self, probed: Probed, now: Instant) -> None:
        lateness = now - probed.due
        self.runs += 1
        self.lateness += lateness
        self.late += lateness > LATE

        def done(result: Result) -> None:
            probed.run = None
            self._judge(probed, result)

        probed.run = self._runner.start(probed.check, now, done)

    def _judge(self, probed: Probed, result: Result) -> None:
        """Take the outcome of a run, and tell if it turns the verdict."""
        now, check, outcome, before = monotonic(), probed.check, result.outcome, probed.verdict.good
        probed.record.ran(outcome, result.took, result, now)
        probed.verdict = probed.verdict.after(outcome.passed, check.rise, check.fall)
        good = probed.verdict.good
        if good is not before or outcome.weight != probed.weight:
            probed.weight = outcome.weight
            probed.why = "is good" if good else str(result)
            for name in probed.names:
                told = probed.result(name)
                if told is not None:
                    self._tell(told)
        pace = check.pace(good, probed.verdict.against)
        self._schedule(probed, next_due(probed.due, pace, now))
        if self._ready:
            self._start_ready(now)
