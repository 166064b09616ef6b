"""Preemption: RFC 9568 Preempt_Mode, and the preemption delay that keepalived's users know."""

from __future__ import annotations

import pytest

from havip.vrrp.events import Tick
from havip.vrrp.machine import Backup, Master, State, next_deadline, step
from tests.vrrp.build import LOW_PEER, PEER, advert, at, backup, s, us

PATIENT = us(preempt_delay=s(10))


def hear(state: State, priority: int, offset: float) -> State:
    """Let the patient router hear an advert; a backup never answers one."""
    state, actions = step(PATIENT, state, advert(priority), at(offset))
    assert actions == []
    return state


def test_without_a_delay_preemption_comes_one_master_down_after_the_last_master_followed() -> None:
    followed, _ = step(us(), backup(), advert(150), at(1))
    weaker, _ = step(us(), followed, advert(50, source=LOW_PEER), at(2))
    assert weaker == Backup(at(4.609375), s(1), None, PEER)
    taken, _ = step(us(), weaker, Tick(), at(4.609375))
    assert isinstance(taken, Master)


def test_the_delay_runs_from_the_first_weaker_advert() -> None:
    state = hear(backup(), 50, 1)
    assert state == Backup(at(4.609375), s(1), at(11), PEER)


def test_later_weaker_adverts_do_not_restart_the_delay() -> None:
    state = hear(hear(backup(), 50, 1), 50, 2)
    assert state == Backup(at(5.609375), s(1), at(11), PEER)


def test_while_the_delay_runs_a_weaker_master_is_followed() -> None:
    state: State = backup()
    for second in range(1, 11):
        state = hear(state, 50, second)
        assert next_deadline(state) == at(second + 3.609375)


def test_when_the_delay_is_over_a_weaker_master_is_followed_no_more() -> None:
    state = hear(hear(backup(), 50, 1), 50, 10.5)
    at_its_end = hear(state, 50, 11)
    assert at_its_end is state
    assert hear(state, 50, 12) is state
    assert next_deadline(state) == at(14.109375)
    taken, _ = step(PATIENT, state, Tick(), at(14.109375))
    assert isinstance(taken, Master)


def test_a_nanosecond_before_the_end_of_the_delay_the_weaker_master_is_still_followed() -> None:
    state = hear(backup(), 50, 1)
    assert next_deadline(hear(state, 50, 10.999999999)) == at(14.609374999)


@pytest.mark.parametrize("priority", [100, 101, 255])
def test_a_master_as_good_as_us_cancels_the_delay(priority: int) -> None:
    state = hear(hear(backup(), 50, 1), priority, 5)
    assert state == Backup(at(8.609375), s(1), None, PEER)
    again = hear(state, 50, 6)
    assert again == Backup(at(9.609375), s(1), at(16), PEER)


def test_the_delay_does_not_hold_when_there_is_no_master() -> None:
    never_heard, _ = step(PATIENT, backup(), Tick(), at(3.609375))
    assert isinstance(never_heard, Master)


def test_the_delay_does_not_hold_when_the_weaker_master_falls_silent() -> None:
    state = hear(backup(), 50, 1)
    taken, _ = step(PATIENT, state, Tick(), at(4.609375))
    assert isinstance(taken, Master)


def test_the_delay_does_not_hold_when_the_weaker_master_resigns() -> None:
    resigned = hear(hear(backup(), 50, 1), 0, 2)
    assert next_deadline(resigned) == at(2.609375)
    taken, _ = step(PATIENT, resigned, Tick(), at(2.609375))
    assert isinstance(taken, Master)


def test_while_the_delay_runs_vrrp_v3_learns_the_weaker_masters_interval() -> None:
    state, _ = step(PATIENT, backup(), advert(50, interval=2), at(1))
    assert state == Backup(at(8.21875), s(2), at(11), PEER)


def test_a_router_that_may_not_preempt_never_does_however_long_it_waits() -> None:
    settings = us(preempt=False, preempt_delay=s(1))
    state: State = backup()
    for second in range(1, 30):
        state, actions = step(settings, state, advert(50), at(second))
        assert state == Backup(at(second + 3.609375), s(1), None, PEER)
        assert actions == []


def test_a_delay_that_was_configured_away_holds_no_longer() -> None:
    waiting = hear(backup(), 50, 1)
    state, _ = step(us(), waiting, advert(50), at(2))
    assert state is waiting
