"""Deadlines: they do not drift, do not bunch up after a late wake-up, and no packet postpones an advert."""

from __future__ import annotations

import pytest

from havip.clock import NEVER
from havip.vrrp.actions import SendAdvert
from havip.vrrp.events import AddressesLost, AddressesRefused, Cleared, Event, Start, Tick
from havip.vrrp.machine import Initialize, Master, State, next_deadline, step
from tests.vrrp.build import LOW_PEER, STATES, advert, at, backup, master, name, quiet, s, us

US = us(announce=quiet())


def test_adverts_that_leave_late_do_not_make_the_next_ones_later() -> None:
    state: State = master(1)
    for second in range(1, 101):
        assert next_deadline(state) == at(second)
        state, actions = step(US, state, Tick(), at(second + 0.03))
        assert actions == [SendAdvert(100)]


@pytest.mark.parametrize(
    ("woken", "next_advert"),
    [(1, 2), (1.5, 2), (1.999999999, 2), (2, 3), (2.5, 3.5), (6.3, 7.3), (3600, 3601)],
)
def test_a_late_wake_up_costs_one_advert_and_never_a_burst(woken: float, next_advert: float) -> None:
    state, actions = step(US, master(1), Tick(), at(woken))
    assert actions == [SendAdvert(100)]
    assert next_deadline(state) == at(next_advert)


@pytest.mark.parametrize(
    "event",
    [
        advert(1),
        advert(99),
        advert(100, source=LOW_PEER),
        advert(99, interval=40.95),
        AddressesLost(),
        AddressesRefused("why"),
        Cleared(),
        Start(),
        Tick(),
    ],
    ids=name,
)
def test_nothing_that_leaves_a_master_in_place_postpones_its_next_advert(event: Event) -> None:
    state: State = master(1)
    for tenth in (2, 5, 9):
        state, _ = step(US, state, event, at(tenth / 10))
        assert isinstance(state, Master)
        assert state.advertise_at == at(1)
    _, actions = step(US, state, Tick(), at(1))
    assert SendAdvert(100) in actions


def test_a_resignation_moves_the_next_advert_only_because_one_has_just_left() -> None:
    state: State = master(1)
    for tenth in range(1, 10):
        state, actions = step(US, state, advert(0), at(tenth / 10))
        assert actions[0] == SendAdvert(100)
        assert isinstance(state, Master)
        assert state.advertise_at == at(tenth / 10 + 1)


@pytest.mark.parametrize(
    ("state", "deadline"),
    [
        (Initialize(), NEVER),
        (Initialize("refused", retry_at=at(60)), at(60)),
        (backup(3.609375), at(3.609375)),
        (backup(3.609375, preempt_at=at(2)), at(3.609375)),  # the end of a delay needs no wake-up
        (master(1), at(1)),
        (master(5, announce_at=at(4)), at(4)),
        (master(5, refresh_at=at(3)), at(3)),
        (master(5, retry_at=at(2)), at(2)),
        (master(1, announce_at=at(4), refresh_at=at(3), retry_at=at(2)), at(1)),
    ],
)
def test_a_state_asks_for_its_earliest_deadline(state: State, deadline: int) -> None:
    assert next_deadline(state) == deadline


def test_a_refresh_interval_shorter_than_a_late_wake_up_does_not_bunch_up() -> None:
    settings = us(announce=quiet(refresh=s(1)))
    state, actions = step(settings, master(100, refresh_at=at(1)), Tick(), at(9.5))
    assert len(actions) == 1
    assert next_deadline(state) > at(9.5)


@pytest.mark.parametrize("state", STATES, ids=lambda state: type(state).__name__)
def test_an_event_that_nobody_knows_is_an_error_and_not_silence(state: State) -> None:
    with pytest.raises(AssertionError):
        step(US, state, "an event of tomorrow", at(0.5))  # type: ignore[arg-type]


def test_a_state_that_nobody_knows_is_an_error_and_not_silence() -> None:
    with pytest.raises(AssertionError):
        step(US, "a state of tomorrow", Tick(), at(0.5))  # type: ignore[arg-type]
    with pytest.raises(AssertionError):
        next_deadline("a state of tomorrow")  # type: ignore[arg-type]
