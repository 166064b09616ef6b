"""Faults put into the schedule and the verdicts on purpose: the tests of simulated checks notice each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from havip.clock import Duration, Instant
from havip.healthcheck import checks, lane, probed, relations, schedule
from havip.healthcheck.schedule import Agenda, Phases
from havip.healthcheck.verdict import Verdict
from tests.healthcheck import test_checks as alone
from tests.healthcheck import test_checks_together as together
from tests.healthcheck import test_schedule

Patch = Callable[[pytest.MonkeyPatch], None]


class Stack(deque[Any]):
    """A queue in which the last one is the first."""

    def popleft(self) -> Any:
        return self.pop()


def all_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks, "first_due", lambda now, *_: now)


def no_rate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(schedule, "FIRST_RATE", 10**9)


def one_phase(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Phases, "take", lambda self, interval: 0.5)


def no_place_of_its_own(patch: pytest.MonkeyPatch) -> None:
    def unsettled(due: Instant, interval: Duration, phase: float, now: Instant) -> Instant:
        return schedule.next_due(due, interval, now)

    patch.setattr(probed, "settled_due", unsettled)


def from_the_end_of_a_run(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(probed, "next_due", lambda due, pace, now: Instant(now + pace))


def last_come_first_served(patch: pytest.MonkeyPatch) -> None:
    made = Agenda.__init__

    def init(self: Agenda[Any]) -> None:
        made(self)
        self.ready = Stack()

    patch.setattr(Agenda, "__init__", init)


def no_bound(patch: pytest.MonkeyPatch) -> None:
    real = lane.Lane.__init__

    def init(self: Any, places: int, *rest: Any) -> None:
        real(self, 10**6, *rest)

    patch.setattr(lane.Lane, "__init__", init)


def verdicts_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Verdict, "after", lambda self, passed, rise, fall: Verdict(passed))


def children_are_probed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks.Checks, "_rest", lambda self, probed: None)


def nobody_is_judged_by_others(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(relations.Relations, "_of", lambda self, name: iter(()))


def unknown_is_good(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(relations, "NOTHING", relations.Word(True, "is good"))


def one_probe_a_name(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks.Check, "probed", property(lambda self: self))


def late_counts_for_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lane.Punctuality, "began", lambda self, lateness: None)


BOUNDED = alone.test_the_number_of_probes_at_once_is_bounded_and_those_that_hang_starve_nobody
IN_TURN = test_schedule.test_who_waits_for_a_place_is_not_overtaken_by_who_comes_due_later
CHILD = together.test_a_child_has_failed_and_is_not_probed_while_its_parent_has_failed

FAULTS: list[tuple[Patch, Callable[[], None]]] = [
    (all_at_once, alone.test_many_checks_do_not_begin_all_at_once),
    (no_rate, alone.test_many_checks_do_not_begin_all_at_once),
    (one_phase, alone.test_checks_of_one_interval_are_spread_evenly_over_it),
    (one_phase, alone.test_what_a_reload_adds_fills_the_gaps),
    (no_place_of_its_own, alone.test_checks_of_one_interval_are_spread_evenly_over_it),
    (from_the_end_of_a_run, alone.test_a_steady_pace_does_not_drift),
    (last_come_first_served, IN_TURN),
    (no_bound, BOUNDED),
    (verdicts_at_once, alone.test_a_verdict_turns_after_fall_and_rise_runs_at_the_pace_of_each),
    (children_are_probed, CHILD),
    (nobody_is_judged_by_others, together.test_all_is_good_if_every_one_is_and_names_the_first_that_is_not),
    (unknown_is_good, together.test_several_as_one_say_nothing_before_that_follows_from_their_members),
    (one_probe_a_name, together.test_checks_that_are_alike_share_one_probe_and_all_hear_of_it),
    (late_counts_for_nothing, alone.test_what_begins_late_is_counted_with_the_worst),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "test"), FAULTS, ids=lambda one: one.__name__)
def test_a_fault_is_noticed(fault: Patch, test: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    test()
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        test()
