"""The health checks of this process: when each runs, what its runs add up to, and who is told.

Checks that are alike but for their names share one probe: an endpoint is asked once, whoever asks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from havip.clock import Instant
from havip.config.health import Check
from havip.config.tracking import TrackerKind
from havip.healthcheck.lane import Lane
from havip.healthcheck.probed import Probed
from havip.healthcheck.relations import NOTHING, Relations, Word, all_of, any_of, orphaned
from havip.healthcheck.runner import Result, Runner
from havip.healthcheck.schedule import Phases, first_due, next_due
from havip.healthcheck.turns import Turns
from havip.healthreport import CheckReport
from havip.messages import TrackResult

log = logging.getLogger("havip.checker")

MOST_AT_ONCE: Final = 10_000  # probes under way, if the process may have as many descriptors
MOST_PROGRAMS: Final = 64  # of the operator's under way: each is a process, and they are not ours

Tell = Callable[[TrackResult], None]


@dataclass(slots=True)
class Entry:
    """One check by its name.  ``probed`` is None for one that makes one of several."""

    check: Check
    probed: Probed | None
    word: Word  # as it was last told
    orphan: bool = False  # its parent has failed
    held: bool = False  # it is not to be run for now

    @property
    def asleep(self) -> bool:
        """Say whether it is served by no run."""
        return self.orphan or self.held


class Checks:
    """Every health check by name, and every probe."""

    def __init__(
        self,
        tell: Tell,
        runner: Runner | None = None,
        turns: Turns | None = None,
        places: int = MOST_AT_ONCE,
        programs: int = MOST_PROGRAMS,
    ) -> None:
        self._tell = tell
        self._runner = runner = Runner() if runner is None else runner
        self._turns = turns = Turns() if turns is None else turns
        self._entries: dict[str, Entry] = {}
        self._by_check: dict[Check, Probed] = {}
        self._coming: dict[Probed, None] = {}  # begin with the next commit
        self._news: dict[str, None] = {}  # names to be judged with the next commit
        self._on_hold: set[str] = set()  # names of checks that are not run for now
        self._relations = Relations({})
        self._phases = Phases()
        self._probes: Lane[Probed] = Lane(places, lambda: runner.under_way, self._run, turns)
        self._programs: Lane[Probed] = Lane(programs, lambda: runner.programs_under_way, self._run, turns)
        runner.on_gone = self._programs.freed

    def put(self, check: Check, last: TrackResult | None) -> None:
        """Have a check from the next `begin` on; ``last`` is what it said in an earlier life of ours.

        One that is in the place of another has that one's word until it has one of its own.
        """
        known = self._entries.get(check.name)
        if known is not None:
            word = known.word
        else:
            word = NOTHING if last is None else Word(last.good, last.why, last.weight)
        before = self._forget(check.name)
        probed = None
        if check.probes:
            probed = self._by_check.get(check.probed)
            if probed is None:
                same_pace = before is not None and before.check.interval == check.interval
                phase = before.phase if before and same_pace else self._phases.take(check.interval)
                probed = self._by_check[check.probed] = Probed(check, word, phase)
                self._coming[probed] = None
                if before is not None:
                    probed.record = before.record
            elif not probed.wanted:  # it rests, since all whom it served have lost their parent
                self._coming[probed] = None
            probed.names.append(check.name)
        held = check.name in self._on_hold
        if probed is not None and held:
            probed.asleep += 1
        self._entries[check.name] = Entry(check, probed, word if known is not None else NOTHING, held=held)
        self._news[check.name] = None

    def drop(self, name: str) -> None:
        """Have a check no more."""
        self._forget(name)
        self._on_hold.discard(name)

    def hold(self, names: Iterable[str], held: bool) -> None:
        """Run checks no more for now, or again: what they have said stands meanwhile."""
        for name in names:
            if held:
                self._on_hold.add(name)
            else:
                self._on_hold.discard(name)
            entry = self._entries.get(name)
            if entry is not None and entry.held is not held:
                slept, entry.held = entry.asleep, held
                if entry.probed is not None and entry.asleep is not slept:
                    self._stir(entry.probed, held, self._end)

    def begin(self) -> None:
        """Put in force what was put: judge what is new, and run it."""
        self._relations = Relations({name: entry.check for name, entry in self._entries.items()})
        news, self._news = self._news, {}
        self._relations.judge([name for name in news if name in self._entries], self._judge)
        coming, self._coming, now = [one for one in self._coming if one.wanted], {}, self._turns.now()
        for number, probed in enumerate(coming):
            check = probed.check
            due = first_due(now, check.interval, number, len(coming), check.warm_up, probed.phase)
            self._schedule(probed, due)

    def stop(self) -> None:
        """End everything."""
        self._probes.close()
        self._programs.close()
        self._runner.close()

    def _forget(self, name: str) -> Probed | None:
        """Let go of a check; return its probe if that served nobody else."""
        entry = self._entries.pop(name, None)
        self._news.pop(name, None)
        probed = None if entry is None else entry.probed
        if entry is None or probed is None:
            return None
        probed.names.remove(name)
        probed.asleep -= entry.asleep
        if probed.names:
            if not probed.wanted:
                self._rest(probed)
            return None
        del self._by_check[probed.check.probed]
        self._coming.pop(probed, None)
        self._end(probed)
        return probed

    def _end(self, probed: Probed) -> None:
        lane = self._lane(probed)
        lane.drop(probed)
        if probed.run is not None:
            probed.run.cancel()
            probed.run = None
            lane.freed()

    def _lane(self, probed: Probed) -> Lane[Probed]:
        return self._probes if probed.check.script is None else self._programs

    def _schedule(self, probed: Probed, due: Instant) -> None:
        probed.due = due
        self._lane(probed).put(probed, due)

    def _run(self, probed: Probed, now: Instant) -> None:
        if probed.run is not None:
            if not probed.run.over:  # a program that was told to end, and takes its time
                self._schedule(probed, next_due(probed.due, probed.check.interval, now))
                return
            probed.run = None
        run = self._runner.start(probed.way, now, partial(self._ended, probed))
        if run is not None and not run.over:
            probed.run = run

    def _ended(self, probed: Probed, result: Result) -> None:
        """Take the outcome of a run, and tell if it is news."""
        now, lane = self._turns.now(), self._lane(probed)
        if probed.run is not None and probed.run.over:
            probed.run = None
        probed.record.ran(result.outcome, result.took, result, now)
        if probed.judge(result, now):
            self._relations.judge(list(probed.names), self._judge)
        elif probed.check.log_failures and not result.outcome.passed:
            log.info("check %s: one run failed: %s", ", ".join(probed.names), result)
        if probed.wanted:  # what was told may have put it to rest
            lane.put(probed, probed.next_run(now))
        lane.freed()

    def _judge(self, name: str) -> bool:
        """Tell what a check says if that is news; say whether it was."""
        entry = self._entries.get(name)
        if entry is None:  # dropped since the last commit
            return False
        word = self._own_word(entry)
        parent = self._entries.get(entry.check.parent)
        orphan = parent is not None and parent.word.good is False
        if parent is not None and orphan:
            word = orphaned(entry.check.parent, parent.word)
        if orphan is not entry.orphan:
            slept, entry.orphan = entry.asleep, orphan
            if entry.probed is not None and entry.asleep is not slept:
                self._stir(entry.probed, orphan, self._rest)
        if word.good is None or word == entry.word:
            return False
        entry.word = word
        self._tell(result_of(name, word))
        return True

    def _own_word(self, entry: Entry) -> Word:
        if entry.probed is not None:
            return entry.probed.word
        check = entry.check
        names = check.all or check.any or ()
        members = [(name, self._entries[name].word) for name in names if name in self._entries]
        return all_of(members) if check.all else any_of(members)

    def _stir(self, probed: Probed, asleep: bool, end: Callable[[Probed], None]) -> None:
        """End a probe whose last name fell asleep, and wake it up again."""
        was_wanted = probed.wanted
        probed.asleep += 1 if asleep else -1
        if was_wanted and not probed.wanted:
            end(probed)
        elif probed.wanted and not was_wanted and probed not in self._coming:
            self._wake(probed)

    def _wake(self, probed: Probed) -> None:
        """Run a probe again that stood.  Many may wake up at once: they begin by their phases."""
        number, many = int(probed.phase * len(self._by_check)), len(self._by_check)
        self._schedule(probed, first_due(self._turns.now(), probed.check.interval, number, many))

    def _rest(self, probed: Probed) -> None:
        self._end(probed)
        probed.rest()

    def told(self) -> Iterator[tuple[Check, TrackResult | None]]:
        """Yield every check with what was last told of it; None: nothing yet."""
        for name, entry in self._entries.items():
            yield entry.check, None if entry.word.good is None else result_of(name, entry.word)

    def reports(self) -> Iterator[CheckReport]:
        """Yield what became of every probe, each as it is when its turn comes."""
        for probed in list(self._by_check.values()):
            if probed.names:
                yield probed.report(self._turns.now())

    def totals(self) -> dict[str, int]:
        """Return the counters of all probes together; lengths are in ns."""
        lanes = (self._probes, self._programs)
        return {
            "runs": sum(lane.punctuality.begun for lane in lanes),
            "late": sum(lane.punctuality.late for lane in lanes),
            "lateness": sum(lane.punctuality.sum for lane in lanes),
            "worst-lateness": max(lane.punctuality.worst for lane in lanes),
            "under-way": self._runner.under_way + self._runner.programs_under_way,
            "waiting": sum(lane.waiting for lane in lanes),
        }


def result_of(name: str, word: Word) -> TrackResult:
    """Return what a check says as it is told."""
    assert word.good is not None, "there is nothing to tell"
    return TrackResult(TrackerKind.CHECK, name, word.good, weight=word.weight, why=word.why)
