"""When checks are due: spread at the start, at a set pace afterwards."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from havip.clock import Duration, Instant
from havip.healthcheck.schedule import Agenda, Phases, first_due, next_due, settled_due

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


@given(st.integers(1, 10**10), st.integers(1, 20_000))
def test_first_runs_begin_within_a_second_or_at_a_bounded_rate(interval: int, count: int) -> None:
    last = first_due(NOW, Duration(interval), count - 1, count) - NOW
    assert last <= max(SECOND, count * SECOND // 2000)
    if count > 1:
        step = first_due(NOW, Duration(interval), count // 2, count) - NOW
        assert step <= last


@given(st.integers(0, 10**15), st.integers(10**7, 10**11), st.floats(0, 0.999999), st.integers(0, 10**15))
def test_a_settled_check_has_its_phase_and_is_neither_early_nor_long_in_coming(
    due: int, interval: int, phase: float, now: int
) -> None:
    found = settled_due(Instant(due), Duration(interval), phase, Instant(now))
    assert (found - int(interval * phase)) % interval == 0
    earliest = max(now + 1, due + interval // 2)
    assert earliest <= found < earliest + interval


@given(st.integers(1, 3000), st.integers(0, 3000))
def test_phases_lie_evenly_however_many_there_are_and_whoever_came_first(count: int, skipped: int) -> None:
    phases = Phases()
    for _ in range(skipped):
        phases.take(Duration(SECOND))
    taken = sorted(phases.take(Duration(SECOND)) for _ in range(count))
    gaps = [later - earlier for earlier, later in pairwise([*taken, taken[0] + 1])]
    assert max(gaps) <= 2.7 / count  # the three-gap theorem, for the golden ratio
    assert min(gaps) >= (0.3 / count if count > 1 else 0)


def test_checks_of_different_intervals_do_not_begin_together() -> None:
    phases = Phases()
    first = sorted(phases.take(Duration(SECOND + number)) for number in range(100))
    assert min(later - earlier for earlier, later in pairwise(first)) > 0.001


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abcdef"), st.integers(0, 20)),
        st.tuples(st.just("drop"), st.sampled_from("abcdef"), st.just(0)),
        st.tuples(st.just("take"), st.just(""), st.integers(0, 3)),
    ),
    max_size=40,
)


@given(OPERATIONS)
def test_an_agenda_yields_what_is_due_once_in_its_turn_and_nothing_that_was_dropped(
    operations: list[tuple[str, str, int]],
) -> None:
    agenda, expected, now = Agenda[str](), dict[str, int](), 0
    for what, item, number in operations:
        if what == "put":
            agenda.put(item, Instant(now + number))
            expected[item] = now + number
        elif what == "drop":
            agenda.drop(item)
            expected.pop(item, None)
        else:
            now += 3
            found = list(agenda.take(Instant(now), number))
            ready = {one: due for one, due in expected.items() if due <= now}
            assert len(found) == min(number, len(ready))
            for one, due in found:
                assert expected.pop(one) == due <= now
        assert len(agenda) == len(expected)
    while expected:
        now += 50
        for one, _ in agenda.take(Instant(now), 1):
            expected.pop(one)
    assert list(agenda.take(Instant(now), 9)) == []


def test_who_waits_for_a_place_is_not_overtaken_by_who_comes_due_later() -> None:
    agenda = Agenda[str]()
    for number, item in enumerate("abc"):
        agenda.put(item, Instant(number))
    assert [item for item, _ in agenda.take(Instant(5), 1)] == ["a"]
    agenda.put("a", Instant(0))  # due again, and with an earlier instant than those that wait
    assert [item for item, _ in agenda.take(Instant(6), 3)] == ["b", "c", "a"]
