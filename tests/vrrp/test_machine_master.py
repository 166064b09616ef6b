"""RFC 9568 section 6.4.3: Master (Active), line by line, and what RFC 3768 says otherwise."""

from __future__ import annotations

import pytest

from havip.clock import NEVER
from havip.vrrp.actions import AddAddresses, AnnounceAddresses, HeardWeaker, RemoveAddresses, SendAdvert, Tell
from havip.vrrp.events import Cleared, Event, Impeded, SettingsChanged, Start, Stop, Tick
from havip.vrrp.machine import Backup, Initialize, Master, next_deadline, step
from havip.vrrp.states import Parting
from tests.vrrp.build import LOW_PEER, OURS, PEER, advert, at, master, quiet, s, us

VERSIONS = pytest.mark.parametrize("version", [2, 3])


@VERSIONS
def test_a_master_advertises_once_an_interval(version: int) -> None:
    state, actions = step(us(version=version), master(), Tick(), at(1))
    assert state == Master(at(2))
    assert actions == [SendAdvert(100)]


def test_a_master_does_not_advertise_a_nanosecond_early() -> None:
    assert step(us(), master(), Tick(), at(0.999999999)) == (master(), [])


def test_a_master_advertises_its_own_interval_only() -> None:
    state, _ = step(us(interval=s(0.01)), master(0.01), Tick(), at(0.01))
    assert next_deadline(state) == at(0.02)


@VERSIONS
def test_a_resignation_is_answered_with_an_advert_and_a_new_interval(version: int) -> None:
    settings = us(version=version, announce=quiet())
    state, actions = step(settings, master(), advert(0, version=version), at(0.4))
    assert state == Master(at(1.4), answered_until=at(1.4))
    # Whoever resigns beside us may have called our clients: they are called back.
    assert actions == [SendAdvert(100), AnnounceAddresses(5), HeardWeaker()]


def test_a_resignation_from_a_greater_address_is_no_better_master() -> None:
    state, _ = step(us(priority=1), master(), advert(0, source=PEER), at(0.4))
    assert isinstance(state, Master)


@VERSIONS
@pytest.mark.parametrize(("priority", "source"), [(101, PEER), (101, LOW_PEER), (255, LOW_PEER), (100, PEER)])
def test_a_master_gives_way_to_a_better_one_with_one_last_advert(
    version: int, priority: int, source: bytes
) -> None:
    heard = advert(priority, source=source, version=version)
    state, actions = step(us(version=version), master(), heard, at(0.4))
    assert state == Backup(at(4.009375), s(1), None, source, parting=Parting(3, at(0.4)))
    # The RFC would be silent; the winner calls the clients back only if it hears a weaker master.
    assert actions == [
        SendAdvert(100),
        RemoveAddresses(),
        Tell(f"a better master advertises with priority {priority}"),
    ]


def test_a_strict_master_gives_way_in_silence() -> None:
    state, actions = step(us(last_word=False), master(), advert(101), at(0.4))
    assert isinstance(state, Backup)
    assert actions == [RemoveAddresses(), Tell("a better master advertises with priority 101")]


def test_a_master_gives_way_even_when_it_may_not_preempt() -> None:
    state, _ = step(us(preempt=False), master(), advert(101), at(0.4))
    assert isinstance(state, Backup)


def test_a_master_that_gives_way_learns_the_better_ones_interval() -> None:
    state, _ = step(us(), master(), advert(101, interval=2), at(0.4))
    assert state == Backup(at(7.61875), s(2), None, PEER, parting=Parting(3, at(0.4)))


@pytest.mark.parametrize(
    ("theirs", "parting"),
    [(0.99, [SendAdvert(100)]), (1, [SendAdvert(100)]), (1.01, []), (40.95, [])],
)
def test_a_last_advert_never_promises_more_adverts_than_the_winner_sends(
    theirs: float, parting: list[SendAdvert]
) -> None:
    _, actions = step(us(), master(), advert(101, interval=theirs), at(0.4))
    assert actions[:-2] == parting
    assert actions[-2] == RemoveAddresses()


def test_a_master_that_gives_way_forgets_what_it_still_wanted_to_announce() -> None:
    busy = master(announce_at=at(5), announce_repeat=5, refresh_at=at(60), retry_at=at(1), refusals=2)
    state, _ = step(us(), busy, advert(101), at(0.4))
    assert next_deadline(state) == at(4.009375)


@VERSIONS
@pytest.mark.parametrize(("priority", "source"), [(99, PEER), (1, LOW_PEER), (100, LOW_PEER), (100, OURS)])
def test_a_weaker_master_is_answered_at_once_and_the_next_advert_stays_where_it_was(
    version: int, priority: int, source: bytes
) -> None:
    # RFC 9568 demands the answer; RFC 3768 would let the weaker master wait for the next advert.
    settings = us(version=version, announce=quiet())
    heard = advert(priority, source=source, version=version)
    state, actions = step(settings, master(), heard, at(0.4))
    assert state == Master(at(1), answered_until=at(1.4))
    assert actions == [SendAdvert(100), AnnounceAddresses(5), HeardWeaker()]


@VERSIONS
def test_a_weaker_master_is_not_answered_when_told_not_to(version: int) -> None:
    settings = us(version=version, answer_lower_priority=False)
    heard = advert(99, version=version)
    state, actions = step(settings, master(), heard, at(0.4))
    assert (state, actions) == (master(answered_until=at(1.4)), [HeardWeaker()])
    assert step(settings, state, heard, at(1.3)) == (state, [])  # scripts are told once an interval


def test_a_resignation_is_answered_even_when_weaker_masters_are_not() -> None:
    state, actions = step(us(answer_lower_priority=False), master(), advert(0), at(0.4))
    assert state == Master(at(1.4), answered_until=at(1.4))
    assert actions == [SendAdvert(100), HeardWeaker()]


def test_a_master_does_not_learn_the_interval_of_a_weaker_one() -> None:
    state, _ = step(us(), master(), advert(99, interval=10), at(0.4))
    ticked, _ = step(us(), state, Tick(), at(1))
    assert next_deadline(ticked) == at(2)


def test_a_master_that_stops_resigns_and_then_removes_its_addresses() -> None:
    state, actions = step(us(), master(), Stop(), at(0.4))
    assert state == Initialize()
    assert actions == [SendAdvert(0), RemoveAddresses(), Tell("stopped")]
    assert next_deadline(state) == NEVER


def test_the_owner_resigns_with_priority_zero_too() -> None:
    _, actions = step(us(priority=255), master(), Stop(), at(0.4))
    assert actions[0] == SendAdvert(0)


def test_a_master_that_loses_its_link_resigns_and_says_why() -> None:
    state, actions = step(us(), master(), Impeded("eth0 is down"), at(0.4))
    assert state == Initialize("eth0 is down")
    assert actions == [SendAdvert(0), RemoveAddresses(), Tell("eth0 is down")]


@pytest.mark.parametrize("event", [Start(), Start(resume=True), Cleared()], ids=repr)
def test_a_master_is_not_moved_by_what_it_knows_already(event: Event) -> None:
    assert step(us(), master(), event, at(0.4)) == (master(), [])


def test_new_settings_are_advertised_at_once() -> None:
    state, actions = step(us(priority=90, interval=s(2)), master(), SettingsChanged(), at(0.4))
    assert state == Master(at(2.4))
    assert actions == [SendAdvert(90)]


def test_a_master_whose_priority_falls_stays_until_somebody_better_speaks() -> None:
    lowered = us(priority=50)
    state, _ = step(lowered, master(), SettingsChanged(), at(0.4))
    assert isinstance(state, Master)
    given_way, _ = step(lowered, state, advert(60), at(0.5))
    assert isinstance(given_way, Backup)


def test_a_new_set_of_addresses_is_advertised_put_in_place_and_announced() -> None:
    state, actions = step(us(), master(), SettingsChanged(addresses=True), at(0.4))
    assert state == Master(at(1.4))
    assert actions == [SendAdvert(100), AddAddresses(), AnnounceAddresses(5)]


def test_new_settings_alone_touch_no_address() -> None:
    _, actions = step(us(), master(), SettingsChanged(), at(0.4))
    assert actions == [SendAdvert(100)]
