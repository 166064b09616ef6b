"""RFC 9568 section 6.4.1: Initialize, and FAULT, which is Initialize with a reason."""

from __future__ import annotations

import pytest

from havip.clock import NEVER
from havip.vrrp.actions import AddAddresses, AnnounceAddresses, SendAdvert, Tell
from havip.vrrp.events import (
    AddressesLost,
    AddressesRefused,
    Cleared,
    Event,
    Impeded,
    SettingsChanged,
    Start,
    Stop,
    Tick,
)
from havip.vrrp.machine import Backup, Initialize, Master, next_deadline, step
from tests.vrrp.build import advert, at, name, s, us

TAKE_OVER = [AddAddresses(), AnnounceAddresses(5)]


def test_a_router_that_does_not_own_the_addresses_starts_as_backup_and_says_nothing() -> None:
    state, actions = step(us(), Initialize(), Start(), at(0))
    assert state == Backup(at(3.609375), s(1))
    assert actions == [Tell("started")]


@pytest.mark.parametrize(
    ("changes", "down_at"),
    [
        ({"priority": 150}, 3.4140625),
        ({"priority": 254}, 3.0078125),
        ({"priority": 1}, 3.99609375),
        ({"interval": s(0.01)}, 0.03609375),
        ({"interval": s(40.95)}, 147.80390625),
        ({"down_adverts": 1}, 1.609375),
        ({"version": 2}, 3.609375),
        ({"version": 2, "interval": s(5)}, 15.609375),
    ],
)
def test_a_backup_waits_one_master_down_interval_from_its_start(
    changes: dict[str, object], down_at: float
) -> None:
    state, _ = step(us(**changes), Initialize(), Start(), at(0))
    assert next_deadline(state) == at(down_at)


def test_the_owner_of_the_addresses_is_master_at_once() -> None:
    state, actions = step(us(priority=255), Initialize(), Start(), at(0))
    assert state == Master(at(1), announce_at=at(5), announce_repeat=5)
    assert actions == [SendAdvert(255), *TAKE_OVER, Tell("started, and we own the addresses")]


def test_only_the_owner_is_master_at_once() -> None:
    state, actions = step(us(priority=254), Initialize(), Start(), at(0))
    assert isinstance(state, Backup)
    assert actions == [Tell("started")]


def test_a_router_whose_own_adverts_still_bind_its_peers_resumes_as_master() -> None:
    state, actions = step(us(), Initialize(), Start(resume=True), at(0))
    assert state == Master(at(1), announce_at=at(5), announce_repeat=5)
    assert actions == [SendAdvert(100), *TAKE_OVER, Tell("resumed: our own adverts still bind the peers")]


@pytest.mark.parametrize("state", [Initialize(), Initialize("no carrier")], ids=["init", "fault"])
@pytest.mark.parametrize(
    "event",
    [
        Tick(),
        advert(0),
        advert(50),
        advert(200),
        SettingsChanged(),
        SettingsChanged(addresses=True),
        AddressesLost(),
        AddressesRefused("no memory"),
    ],
    ids=name,
)
def test_nothing_but_a_start_or_a_link_wakes_a_router_that_takes_no_part(
    state: Initialize, event: Event
) -> None:
    assert next_deadline(state) == NEVER
    assert step(us(), state, event, at(100_000)) == (state, [])


def test_a_good_link_alone_starts_nothing() -> None:
    assert step(us(), Initialize(), Cleared(), at(1)) == (Initialize(), [])


def test_a_bad_link_puts_a_router_that_takes_no_part_into_fault() -> None:
    state, actions = step(us(), Initialize(), Impeded("eth0 is down"), at(1))
    assert state == Initialize("eth0 is down")
    assert actions == [Tell("eth0 is down")]


def test_a_new_reason_replaces_the_old_one() -> None:
    state, actions = step(us(), Initialize("eth0 is down"), Impeded("eth0 has no address"), at(1))
    assert state == Initialize("eth0 has no address")
    assert actions == [Tell("eth0 has no address")]


def test_a_router_in_fault_comes_back_as_backup_with_a_full_master_down_interval() -> None:
    state, actions = step(us(), Initialize("eth0 is down"), Cleared(), at(20))
    assert state == Backup(at(23.609375), s(1))
    assert actions == [Tell("recovered from: eth0 is down")]


def test_the_owner_comes_back_from_fault_as_master() -> None:
    state, actions = step(us(priority=255), Initialize("eth0 is down"), Cleared(), at(20))
    assert state == Master(at(21), announce_at=at(25), announce_repeat=5)
    assert actions == [
        SendAdvert(255),
        *TAKE_OVER,
        Tell("recovered from: eth0 is down, and we own the addresses"),
    ]


@pytest.mark.parametrize("state", [Initialize(), Initialize("no carrier")], ids=["init", "fault"])
def test_stopping_a_router_that_takes_no_part_sends_nothing(state: Initialize) -> None:
    assert step(us(), state, Stop(), at(1)) == (Initialize(), [Tell("stopped")])


def test_a_stopped_router_stays_stopped() -> None:
    stopped, _ = step(us(), Initialize("no carrier"), Stop(), at(1))
    for event in (Cleared(), Tick(), advert(200), advert(0), SettingsChanged()):
        assert step(us(), stopped, event, at(100_000)) == (stopped, [])
