"""Rise and fall: how many runs in a row turn a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.clock import Instant, milliseconds, seconds
from havip.config.health import Damping
from havip.healthcheck.verdict import Flaps, Verdict


def run(start: Verdict, runs: str, rise: int, fall: int) -> str:
    """Return the verdicts after each run: + and - are good and bad, ? is unknown."""
    verdicts = []
    for one in runs:
        start = start.after(one == "+", rise, fall)
        verdicts.append({True: "+", False: "-", None: "?"}[start.good])
    return "".join(verdicts)


@pytest.mark.parametrize(
    ("runs", "rise", "fall", "verdicts"),
    [
        ("+-+-", 1, 1, "+-+-"),
        ("+--+++", 2, 2, "++--++"),
        ("+--++", 1, 3, "+++++"),
        ("+---+", 2, 3, "+++--"),
        ("+-+--+---", 1, 3, "++++++++-"),
        ("---", 1, 3, "---"),  # the first one decides, whatever fall says
        ("+", 5, 1, "+"),  # and whatever rise says
    ],
)
def test_it_takes_rise_or_fall_runs_in_a_row_to_turn_a_verdict(
    runs: str, rise: int, fall: int, verdicts: str
) -> None:
    assert run(Verdict(), runs, rise, fall) == verdicts


def test_what_starts_failed_needs_rise_good_runs() -> None:
    assert run(Verdict(False), "++-+++", 3, 1) == "-----+"


@given(st.text("+-", min_size=1), st.integers(1, 5), st.integers(1, 5))
def test_a_verdict_turns_exactly_when_the_last_runs_all_deny_it(runs: str, rise: int, fall: int) -> None:
    verdicts = run(Verdict(), runs, rise, fall)
    assert verdicts[0] == runs[0]
    for i in range(1, len(runs)):
        if verdicts[i] != verdicts[i - 1]:
            needed = rise if verdicts[i] == "+" else fall
            assert runs[: i + 1].endswith(verdicts[i] * needed)


DAMPING = Damping(half_life=seconds(10), suppress=2500, reuse=750, longest=seconds(40))


def at(time: float) -> Instant:
    return Instant(10**12 + seconds(time))


def test_a_penalty_halves_with_time() -> None:
    flaps = Flaps().failed(DAMPING, at(0))
    assert [round(flaps.decayed(DAMPING, at(time))) for time in (0, 10, 20, 40)] == [1000, 500, 250, 62]


@pytest.mark.parametrize(
    ("times", "held"),
    [
        ((0,), False),
        ((0, 1), False),
        ((0, 1, 2), True),
        ((0, 10, 20), False),  # 1000 + 500 + 250
        ((0, 4, 8, 12), True),
        ((0, 30, 60, 90), False),
    ],
)
def test_failures_that_come_soon_upon_each_other_hold_a_check_back(
    times: tuple[float, ...], held: bool
) -> None:
    flaps = Flaps()
    for time in times:
        flaps = flaps.seen(DAMPING, at(time)).failed(DAMPING, at(time))
    assert flaps.held is held


def test_it_is_let_go_of_when_it_said_and_not_before() -> None:
    flaps = Flaps()
    for time in (0, 1, 2):
        flaps = flaps.failed(DAMPING, at(time))
    lasts = flaps.lasts(DAMPING, at(2))
    assert round(lasts / 1e9) == 19
    assert flaps.seen(DAMPING, Instant(at(2) + lasts - 10**6)).held
    assert flaps.seen(DAMPING, Instant(at(2) + lasts + 10**6)) == replace(flaps, held=False, failures=0)


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=60))
def test_nothing_is_held_back_for_longer_than_longest_after_its_last_failure(steps: list[int]) -> None:
    flaps, now = Flaps(), at(0)
    for step in steps:
        now = Instant(now + milliseconds(step))
        flaps = flaps.seen(DAMPING, now).failed(DAMPING, now)
        assert 1000 <= flaps.penalty <= 750 * 2**4
        assert flaps.lasts(DAMPING, now) <= seconds(40)
    assert not flaps.seen(DAMPING, Instant(now + seconds(40) + 1000)).held


@pytest.mark.parametrize(("gap", "held"), [(15, True), (18, False)])
def test_by_default_three_failures_within_half_a_minute_hold_a_check_back(gap: int, held: bool) -> None:
    flaps = Flaps()
    for number in range(3):
        flaps = flaps.failed(Damping(), at(number * gap))
    assert flaps.held is held
    if held:
        assert 100 <= flaps.lasts(Damping(), at(2 * gap)) / 1e9 <= 120
