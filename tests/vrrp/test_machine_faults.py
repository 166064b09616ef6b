"""Addresses that somebody removes, addresses that the kernel refuses, and links that come and go."""

from __future__ import annotations

from havip.clock import NEVER
from havip.vrrp.actions import AddAddresses, AnnounceAddresses, RemoveAddresses, SendAdvert, Tell
from havip.vrrp.events import (
    AddressesLost,
    AddressesRefused,
    Cleared,
    Impeded,
    SettingsChanged,
    Start,
    Stop,
    Tick,
)
from havip.vrrp.machine import Backup, Initialize, Master, State, next_deadline, step
from tests.vrrp.build import advert, at, master, quiet, s, us

US = us(announce=quiet())
REFUSED = AddressesRefused("cannot assign 192.0.2.100: no memory")


def refused(state: State, times: int, offset: float) -> tuple[State, float]:
    """Let the kernel refuse ``times`` times, each answer following a retry by the machine."""
    for _ in range(times):
        state, actions = step(US, state, REFUSED, at(offset))
        assert actions == []
        assert isinstance(state, Master)
        assert state.retry_at == at(offset + 1)
        offset += 1
        state, actions = step(US, state, Tick(), at(offset))
        assert AddAddresses() in actions
    return state, offset


def test_an_address_that_somebody_removed_is_put_back_in_place() -> None:
    assert step(US, master(), AddressesLost(), at(0.4)) == (master(), [AddAddresses(), AnnounceAddresses(1)])


def test_an_address_lost_again_and_again_never_delays_an_advert() -> None:
    state: State = master()
    for tenth in range(1, 10):
        state, _ = step(US, state, AddressesLost(), at(tenth / 10))
    assert next_deadline(state) == at(1)


def test_refused_addresses_are_asked_for_again_after_an_interval() -> None:
    state, actions = step(US, master(), REFUSED, at(0.4))
    assert state == Master(at(1), retry_at=at(1.4), refusals=1)
    assert actions == []
    state, actions = step(US, state, Tick(), at(1.4))
    assert actions == [SendAdvert(100), AddAddresses(), AnnounceAddresses(5)]
    assert isinstance(state, Master)
    assert state.retry_at == NEVER


def test_a_master_bears_three_refusals() -> None:
    state, _ = refused(master(), times=3, offset=0.4)
    assert isinstance(state, Master)


def test_refusals_are_a_row_only_without_an_interval_of_peace_between_them() -> None:
    state, offset = refused(master(), times=3, offset=0.4)
    state, actions = step(US, state, Tick(), at(offset + 1))
    assert actions == [SendAdvert(100)]
    state, actions = step(US, state, REFUSED, at(offset + 1.5))
    assert isinstance(state, Master)
    assert (state.refusals, actions) == (1, [])


def test_several_addresses_refused_at_once_are_one_refusal() -> None:
    state, _ = step(US, master(), REFUSED, at(0.4))
    for _ in range(254):
        state, actions = step(US, state, REFUSED, at(0.4))
        assert (state, actions) == (Master(at(1), retry_at=at(1.4), refusals=1), [])


def test_a_refusal_that_still_waits_for_its_retry_is_not_forgiven_by_an_advert() -> None:
    state, _ = step(US, master(retry_at=at(1.4), refusals=2), Tick(), at(1))
    assert state == Master(at(2), retry_at=at(1.4), refusals=2)


def test_at_the_fourth_refusal_a_master_resigns_and_stands_aside_for_a_minute() -> None:
    state, offset = refused(master(), times=3, offset=0.4)
    state, actions = step(US, state, REFUSED, at(offset))
    assert state == Initialize(REFUSED.reason, retry_at=at(63.4))
    assert actions == [SendAdvert(0), RemoveAddresses(), Tell(REFUSED.reason)]


def test_a_router_that_stands_aside_says_nothing_and_hears_nothing() -> None:
    aside = Initialize("refused", retry_at=at(60))
    for event in (Tick(), advert(0), advert(50), advert(200), SettingsChanged(addresses=True), REFUSED):
        assert step(US, aside, event, at(59.9)) == (aside, [])
    assert next_deadline(aside) == at(60)


def test_a_router_that_stood_aside_tries_again_as_backup() -> None:
    state, actions = step(US, Initialize("refused", retry_at=at(60)), Tick(), at(60))
    assert state == Backup(at(63.609375), s(1))
    assert actions == [Tell("trying again after: refused")]


def test_an_owner_that_stood_aside_tries_again_as_master() -> None:
    owner = us(priority=255, announce=quiet())
    state, actions = step(owner, Initialize("refused", retry_at=at(60)), Tick(), at(60))
    assert isinstance(state, Master)
    assert actions[:2] == [SendAdvert(255), AddAddresses()]


def test_a_new_set_of_addresses_forgives_the_refusals_of_the_old_one() -> None:
    troubled = master(retry_at=at(1.4), refusals=3)
    state, _ = step(US, troubled, SettingsChanged(addresses=True), at(0.5))
    assert state == Master(at(1.5))
    state, actions = step(US, state, REFUSED, at(0.6))
    assert isinstance(state, Master)
    assert actions == []


def test_new_settings_with_the_old_addresses_forgive_nothing() -> None:
    troubled = master(retry_at=at(1.4), refusals=3)
    state, _ = step(US, troubled, SettingsChanged(), at(0.5))
    assert state == Master(at(1.5), retry_at=at(1.4), refusals=3)


def test_a_link_that_fails_and_returns_costs_mastership_until_master_down() -> None:
    state, actions = step(US, master(), Impeded("eth0 is down"), at(0.4))
    assert actions[0] == SendAdvert(0)
    for event in (Tick(), advert(0), advert(50)):
        assert step(US, state, event, at(1000)) == (state, [])
    state, actions = step(US, state, Cleared(), at(1000))
    assert state == Backup(at(1003.609375), s(1))
    assert actions == [Tell("recovered from: eth0 is down")]


def test_a_link_that_fails_while_standing_aside_is_what_must_mend() -> None:
    aside = Initialize("refused", retry_at=at(60))
    state, _ = step(US, aside, Impeded("eth0 is down"), at(30))
    assert state == Initialize("eth0 is down")
    assert step(US, state, Tick(), at(61)) == (state, [])


def test_a_whole_life_sends_one_resignation_and_it_is_the_last_word() -> None:
    state: State = Initialize()
    sent = []
    for event, offset in [
        (Start(), 0),
        (Tick(), 3.609375),
        (Tick(), 4.609375),
        (Stop(), 5),
        (Tick(), 100),
        (advert(0), 101),
        (Stop(), 102),
    ]:
        state, actions = step(US, state, event, at(offset))
        sent += [action.priority for action in actions if isinstance(action, SendAdvert)]
    assert sent == [100, 100, 0]
