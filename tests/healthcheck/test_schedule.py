"""When checks are due: spread at the start, at a set pace afterwards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from havip.clock import Duration, Instant
from havip.healthcheck.schedule import first_due, next_due

SECOND = 1_000_000_000
NOW = Instant(1000 * SECOND)


def test_a_check_alone_is_due_at_once() -> None:
    assert first_due(NOW, Duration(5 * SECOND), 0, 1) == NOW


def test_checks_that_begin_together_are_spread_over_their_interval() -> None:
    due = [first_due(NOW, Duration(SECOND // 2), number, 5) - NOW for number in range(5)]
    assert due == [0, SECOND // 10, SECOND // 5, 3 * SECOND // 10, 2 * SECOND // 5]


def test_first_results_come_within_a_second_however_long_the_interval() -> None:
    assert first_due(NOW, Duration(3600 * SECOND), 99, 100) - NOW == 990_000_000


def test_the_pace_does_not_drift_with_lateness() -> None:
    assert next_due(NOW, Duration(SECOND), Instant(NOW + 3_000_000)) == NOW + SECOND


def test_what_was_missed_is_not_made_up_for() -> None:
    late = Instant(NOW + 3 * SECOND + 1)
    assert next_due(NOW, Duration(SECOND), late) == NOW + 4 * SECOND


@given(st.integers(0, 10**18), st.integers(1, 10**13), st.integers(0, 10**18))
def test_the_next_one_is_always_ahead_and_at_most_an_interval(due: int, interval: int, now: int) -> None:
    following = next_due(Instant(due), Duration(interval), Instant(now))
    assert following > now
    assert (following - due) % interval == 0
    assert following <= max(now, due) + interval
