"""Regular expressions over what a server said: no text may take more than its time."""

from __future__ import annotations

import re
import signal

import pytest

from havip.healthcheck.expressions import OutOfTime, search

SLOW = [
    ("(a+)+b", "a" * 50),
    ("(?:a|aa)+$", "a" * 60 + "b"),
    (".*.*.*.*=", "a" * 60_000),
    ("(.*)(.*)(.*)x\\3", "y" * 3000),
]


@pytest.mark.parametrize(("pattern", "text"), SLOW)
def test_a_search_that_would_take_years_ends(pattern: str, text: str) -> None:
    with pytest.raises(OutOfTime):
        search(re.compile(pattern), text)


def test_other_searches_find_what_is_there_and_leave_no_timer_behind() -> None:
    found = search(re.compile("b+"), "abbb")
    assert found is not None
    assert found.span() == (1, 4)
    assert search(re.compile("a"), "abbb", 1) is None
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_a_signal_that_comes_too_late_ends_nothing() -> None:
    search(re.compile("a"), "a")
    signal.raise_signal(signal.SIGVTALRM)
