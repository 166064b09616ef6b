"""Rise and fall: how many runs in a row turn a verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.healthcheck.verdict import Verdict


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
