"""A state that counts only once it has lasted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from havip.clock import NEVER, Duration, Instant
from havip.damping import Damped

UP, DOWN = Duration(20), Duration(50)


def saw(damped: Damped, actual: bool, now: int) -> Damped:
    return damped.saw(actual, UP, DOWN, Instant(now))


def test_a_state_counts_once_it_has_lasted() -> None:
    down = saw(Damped(True), False, 100)
    assert down == Damped(True, Instant(150))
    assert down.at(Instant(149)) is down
    assert down.at(Instant(150)) == Damped(False)
    up = saw(Damped(False), True, 200)
    assert up.at(Instant(220)) == Damped(True)


def test_what_ends_before_counts_for_nothing() -> None:
    assert saw(saw(Damped(True), False, 100), True, 149) == Damped(True, NEVER)


def test_being_told_again_puts_nothing_off() -> None:
    assert saw(saw(Damped(True), False, 100), False, 140).turns_at == 150
    assert saw(saw(Damped(True), False, 100), False, 160) == Damped(False)


def test_without_a_delay_it_counts_at_once() -> None:
    assert Damped(True).saw(False, Duration(0), Duration(0), Instant(5)) == Damped(False)


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans())))
def test_it_never_turns_sooner_than_its_delay_after_the_last_change(steps: list[tuple[int, bool]]) -> None:
    damped, now, actual, since = Damped(True), 0, True, 0
    for wait, next_actual in steps:
        now += wait
        before = damped.at(Instant(now)).shown
        if before != damped.shown:
            assert before is actual
            assert now - since >= (UP if actual else DOWN)
        damped = damped.at(Instant(now))
        if next_actual != actual:
            actual, since = next_actual, now
        damped = saw(damped, actual, now)
