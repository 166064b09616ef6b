"""Which processes are tracked ones, and how many are enough."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.clock import Instant, seconds
from havip.config.tracking import Match, TrackedProcess
from havip.healthcheck.census import Census, matches

NOW = Instant(10**12)


def tracked(process: str = "proxy", **more: Any) -> TrackedProcess:
    return TrackedProcess("it", process, **more)


@pytest.mark.parametrize(
    ("one", "name", "words", "expected"),
    [
        (tracked(), "proxy", "/usr/sbin/proxy -D", True),
        (tracked(), "proxy2", "proxy", False),  # ssh is not sshd
        (tracked(), "prox", "proxy", False),
        (tracked("/usr/sbin/proxy"), "proxy", "proxy", True),
        (tracked("a-very-long-name-of-a-program"), "a-very-long-nam", "x", True),
        (tracked(full_command=True), "other", "proxy -D", True),
        (tracked("/usr/sbin/proxy", full_command=True), "proxy", "proxy", False),
        (tracked(full_command=True), "proxy", "", False),
        (tracked(arguments=("-f", "a")), "proxy", "proxy -f a", True),
        (tracked(arguments=("-f", "a")), "proxy", "proxy -f a b", False),
        (tracked(arguments=("-f", "a")), "proxy", "proxy -f", False),
        (tracked(arguments=("-f",), match=Match.PARTIAL), "proxy", "proxy -f a b", True),
        (tracked(arguments=("-f",), match=Match.PARTIAL), "proxy", "proxy a -f", False),
        (tracked(arguments=("-f", "a"), match=Match.INITIAL), "proxy", "proxy -f abc", True),
        (tracked(arguments=("-f", "a"), match=Match.INITIAL), "proxy", "proxy -fx abc", False),
        (tracked(arguments=("-f", "a"), match=Match.INITIAL), "proxy", "proxy -f a b", False),
        (tracked(match=Match.NONE), "proxy", "proxy", True),
        (tracked(match=Match.NONE), "proxy", "proxy -f", False),
        (tracked(match=Match.NONE), "proxy", "", False),  # not known, or a kernel thread
    ],
)
def test_a_process_is_recognised_by_its_name_and_arguments(
    one: TrackedProcess, name: str, words: str, expected: bool
) -> None:
    assert matches(one, name.encode(), [word.encode() for word in words.split()]) is expected


def census(one: TrackedProcess, count: int) -> Census:
    found = Census({"it": one})
    found.replace({pid: frozenset(("it",)) for pid in range(count)})
    return found


@pytest.mark.parametrize(
    ("quorum", "most", "count", "good"),
    [
        (1, None, 0, False),
        (1, None, 1, True),
        (1, None, 9, True),
        (2, 3, 1, False),
        (2, 3, 3, True),
        (2, 3, 4, False),
        (0, 0, 0, True),
        (0, 0, 1, False),  # it must not run at all
    ],
)
def test_as_many_must_run_as_are_wanted(quorum: int, most: int | None, count: int, good: bool) -> None:
    (result,) = census(tracked(quorum=quorum, quorum_max=most), count).judge(NOW)
    assert result.good is good
    assert result.why == (
        "is good" if good else f"has {count} of {quorum}{f' to {most}' if most is not None else ''} processes"
    )


def test_a_restart_within_its_delay_is_no_failure() -> None:
    found = census(tracked(terminate_delay=seconds(2), fork_delay=seconds(1)), 1)
    assert found.judge(NOW)[0].good
    found.saw(0, frozenset())
    assert found.judge(NOW)[0].good
    assert found.next_deadline() == NOW + 2 * 10**9
    found.saw(7, frozenset(("it",)))
    assert found.judge(Instant(NOW + 10**9))[0].good
    found.saw(7, frozenset())
    assert found.judge(Instant(NOW + 2 * 10**9))[0].good
    assert not found.judge(Instant(NOW + 4 * 10**9))[0].good
    found.saw(8, frozenset(("it",)))
    assert not found.judge(Instant(NOW + 5 * 10**9))[0].good
    assert found.judge(Instant(NOW + 6 * 10**9))[0].good


@given(st.lists(st.tuples(st.integers(1, 5), st.sets(st.sampled_from("ab")))))
def test_the_count_is_that_of_the_processes_that_are_known(steps: list[tuple[int, set[str]]]) -> None:
    both = {name: TrackedProcess(name, name, quorum=2) for name in "ab"}
    found, books = Census(both), dict[int, frozenset[str]]()
    for pid, names in steps:
        assert found.saw(pid, frozenset(names)) == (books.get(pid, frozenset()) != names)
        books[pid] = frozenset(names)
    counted = {name: sum(name in names for names in books.values()) for name in "ab"}
    assert {result.name: result.good for result in found.judge(NOW)} == {
        name: count >= 2 for name, count in counted.items()
    }
