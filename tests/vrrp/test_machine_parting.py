"""A master that gave way says that it was there until the better one has heard it, for its clients' sake."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from havip.vrrp.actions import SendAdvert
from havip.vrrp.events import Impeded, StepDown, Tick
from havip.vrrp.machine import Backup, Initialize, Master, State, step
from tests.vrrp.build import LOW_PEER, advert, at, master, us

PARTING = [SendAdvert(100)]


def deposed(**settings: Any) -> State:
    """Return a router that gave way at 0.4 s, with one last advert."""
    state, _ = step(us(**settings), master(), advert(101), at(0.4))
    assert isinstance(state, Backup)
    return state


def test_an_answer_at_once_shows_that_the_farewell_was_heard() -> None:
    state, actions = step(us(), deposed(), advert(101), at(0.45))
    assert (actions, state.parting) == ([], None)  # type: ignore[union-attr]
    for second in (1.4, 2.4, 3.4):
        state, actions = step(us(), state, advert(101), at(second))
        assert actions == []


def test_a_farewell_that_is_not_answered_is_said_three_times_more() -> None:
    state, said = deposed(), 0
    for second in range(1, 9):
        state, actions = step(us(), state, advert(101), at(second + 0.4))
        assert actions == (PARTING if second <= 3 else [])
        said += len(actions)
    assert said == 3


def test_one_of_them_that_is_answered_is_the_last() -> None:
    state, actions = step(us(), deposed(), advert(101), at(1.4))
    assert actions == PARTING
    state, actions = step(us(), state, advert(101), at(1.41))
    assert actions == []
    assert step(us(), state, advert(101), at(2.4))[1] == []


def test_a_lan_that_a_group_has_left_and_that_is_whole_again_much_later_is_told() -> None:
    state, _ = step(us(), master(), StepDown("with b", defer=False), at(0))
    state = replace(state, master_down_at=at(1000))  # type: ignore[type-var]
    state, actions = step(us(), state, advert(101), at(500))
    assert actions == PARTING


@pytest.mark.parametrize("priority", [1, 99, 100])
def test_a_master_that_is_not_better_hears_no_farewell(priority: int) -> None:
    assert step(us(), deposed(), advert(priority, source=LOW_PEER), at(1.4))[1] == []


def test_who_stepped_down_for_an_operator_is_silent() -> None:
    state, _ = step(us(), master(), StepDown("failover"), at(0))
    for priority in (1, 200):
        assert SendAdvert(100) not in step(us(), state, advert(priority), at(1))[1]


@pytest.mark.parametrize("settings", [{"last_word": False}, {"interval": at(2) - at(1.1)}])
def test_who_may_not_say_farewell_once_may_not_say_it_again(settings: dict[str, Any]) -> None:
    state = deposed(**settings)
    for second in range(1, 5):
        state, actions = step(us(**settings), state, advert(101), at(second + 0.4))
        assert actions == []


def test_a_router_that_takes_over_or_fails_has_nothing_left_to_say() -> None:
    state, _ = step(us(), deposed(), Tick(), at(9))
    assert isinstance(state, Master)
    state, _ = step(us(), deposed(), Impeded("no link"), at(1))
    assert state == Initialize("no link")
