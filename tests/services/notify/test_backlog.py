"""The order in which changes are told, whatever comes when: by tables, and by Hypothesis."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.services.notify.backlog import Backlog, superseded
from havip.services.notify.retry import try_again

A, B, C = ("router", "a"), ("router", "b"), ("group", "a")


def backlog(waiting: int = 10, running: int = 10) -> Backlog[str]:
    """Return a backlog of texts, of which those in capitals are states."""
    return Backlog(waiting, running, str.isupper)


def test_changes_of_one_subject_are_told_one_after_the_other() -> None:
    line = backlog()
    for item in ("MASTER", "BACKUP"):
        assert line.put(A, item) is None
    assert line.take() == (A, "MASTER")
    assert line.take() is None  # its script still runs
    line.done(A)
    assert line.take() == (A, "BACKUP")
    line.done(A)
    assert line.take() is None
    assert (line.queued, line.running) == (0, 0)


def test_different_subjects_are_told_side_by_side() -> None:
    line = backlog()
    for subject in (A, B, C):
        line.put(subject, "MASTER")
    assert [line.take(), line.take(), line.take()] == [(A, "MASTER"), (B, "MASTER"), (C, "MASTER")]
    assert (line.queued, line.running) == (0, 3)


def test_no_more_than_the_limit_run_at_once_and_nobody_is_passed_over() -> None:
    line = backlog(running=1)
    line.put(A, "MASTER")
    line.put(A, "BACKUP")
    line.put(B, "MASTER")
    assert line.take() == (A, "MASTER")
    assert line.take() is None
    line.done(A)
    assert line.take() == (B, "MASTER")  # A has had its turn
    line.done(B)
    assert line.take() == (A, "BACKUP")


@pytest.mark.parametrize(
    ("states", "goes"),
    [
        ((True, True), 0),  # an older state
        ((False, True), 0),  # an event before a state
        ((True, False, True), 0),
        ((True, False), 1),  # the state is the newest: the event goes, though it is younger
        ((True, False, False), 1),  # the older of two events
        ((False, False), 0),
        ((True,), 0),
    ],
)
def test_what_a_later_state_makes_old_news_goes_first(states: tuple[bool, ...], goes: int) -> None:
    assert superseded(states) == goes


def test_a_full_backlog_drops_superseded_states_and_keeps_the_newest() -> None:
    line = backlog(waiting=2)
    line.put(A, "MASTER")
    assert line.take() == (A, "MASTER")
    assert [line.put(A, item) for item in ("BACKUP", "FAULT", "STOP")] == [None, None, "BACKUP"]
    assert line.put(A, "weaker") == "FAULT"
    assert line.put(A, "weaker") == "weaker"
    assert line.queued == 2
    line.done(A)
    assert line.take() == (A, "STOP")


def test_clearing_returns_all_that_waits_but_not_what_runs() -> None:
    line = backlog()
    for item in ("MASTER", "BACKUP", "FAULT"):
        line.put(A, item)
    line.put(B, "MASTER")
    line.take()
    assert line.clear() == ["BACKUP", "FAULT", "MASTER"]
    assert (line.queued, line.running) == (0, 1)
    line.done(A)
    line.put(A, "STOP")
    assert line.take() == (A, "STOP")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from((A, B, C)), st.booleans()),
        st.tuples(st.just("take"), st.none(), st.none()),
        st.tuples(st.just("done"), st.integers(0, 5), st.none()),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 4), st.integers(1, 3))
def test_whatever_happens_order_bounds_and_the_newest_state_hold(
    steps: list[tuple[str, object, object]], waiting: int, running: int
) -> None:
    line: Backlog[tuple[int, bool]] = Backlog(waiting, running, lambda item: item[1])
    at_work: list[tuple[str, str]] = []
    told: dict[tuple[str, str], list[tuple[int, bool]]] = {A: [], B: [], C: []}
    newest: dict[tuple[str, str], tuple[int, bool]] = {}
    number = 0
    dropped = []

    def take() -> bool:
        if (taken := line.take()) is None:
            return False
        subject, item = taken
        assert subject not in at_work, "never two of one subject at once"
        at_work.append(subject)
        assert len(at_work) <= running
        told[subject].append(item)
        return True

    for what, first, second in steps:
        if what == "put":
            number += 1
            assert isinstance(first, tuple)
            item = (number, bool(second))
            if item[1]:
                newest[first] = item
            lost = line.put(first, item)
            if lost is not None:
                dropped.append(lost)
        elif what == "take":
            take()
        elif at_work:
            assert isinstance(first, int)
            line.done(at_work.pop(first % len(at_work)))
        assert line.queued <= 3 * waiting
        assert line.running == len(at_work)
    while at_work or line.queued:
        while take():
            pass
        line.done(at_work.pop())
    for subject, items in told.items():
        assert items == sorted(items), "in order"
        if subject in newest:
            assert newest[subject] in items, "the newest state is always told"
    assert len(dropped) + sum(map(len, told.values())) == number, "told or counted"


@pytest.mark.parametrize(
    ("failures", "elapsed", "wanted", "pause"),
    [
        (1, 0.0, 0.0, 1.0),
        (4, 10.0, 0.0, 8.0),
        (5, 10.0, 0.0, None),  # the bound on attempts
        (2, 99.0, 0.0, None),  # the next attempt would come too late
        (2, 98.0, 0.0, 2.0),
        (1, 0.0, 30.0, 30.0),  # Retry-After
        (1, 0.0, 3600.0, 60.0),
        (3, 0.0, 2.0, 4.0),  # it may ask for more, not for less
    ],
)
def test_attempts_are_bounded_in_number_and_in_time(
    failures: int, elapsed: float, wanted: float, pause: float | None
) -> None:
    assert try_again(failures, elapsed, most=5, within=100.0, wanted=wanted) == pause
