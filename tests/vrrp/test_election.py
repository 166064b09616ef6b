"""Who gives way to whom: RFC 9568 sections 5.2.4, 6.4.2 and 6.4.3."""

from __future__ import annotations

import pytest

from havip.vrrp import election
from tests.vrrp.build import LOW_PEER, OURS, PEER, advert, us
from tests.vrrp.wire import ip


@pytest.mark.parametrize(("priority", "resigns"), [(0, True), (1, False), (255, False)])
def test_only_priority_zero_resigns(priority: int, resigns: bool) -> None:
    assert election.resigns(advert(priority)) is resigns


@pytest.mark.parametrize(
    ("theirs", "preempt", "waiting"),
    [
        (101, True, True),
        (100, True, True),  # equal is enough for a backup; addresses are compared by masters only
        (99, True, False),
        (101, False, True),
        (100, False, True),
        (99, False, True),
        (1, False, True),
        (254, True, True),
        (1, True, False),
    ],
)
def test_a_backup_follows_its_equals_and_betters_and_anyone_if_it_may_not_preempt(
    theirs: int, preempt: bool, waiting: bool
) -> None:
    assert election.we_keep_waiting(us(preempt=preempt), advert(theirs)) is waiting


def test_a_backup_of_equal_priority_follows_whatever_the_address() -> None:
    assert election.we_keep_waiting(us(), advert(100, source=LOW_PEER))
    assert election.we_keep_waiting(us(), advert(100, source=PEER))


@pytest.mark.parametrize(("theirs", "equals"), [(99, False), (100, True), (101, False), (0, False)])
def test_routers_of_one_priority_are_equals(theirs: int, equals: bool) -> None:
    assert election.we_are_equals(us(), advert(theirs)) is equals


@pytest.mark.parametrize(
    ("theirs", "source", "gives_way"),
    [
        (101, LOW_PEER, True),
        (101, PEER, True),
        (99, LOW_PEER, False),
        (99, PEER, False),
        (100, PEER, True),
        (100, LOW_PEER, False),
        (100, OURS, False),  # nobody gives way to himself
        (255, LOW_PEER, True),
        (1, PEER, False),
    ],
)
def test_a_master_gives_way_to_more_priority_or_at_equal_priority_to_the_greater_address(
    theirs: int, source: bytes, gives_way: bool
) -> None:
    assert election.we_give_way(us(), advert(theirs, source=source)) is gives_way


@pytest.mark.parametrize(
    ("ours", "theirs", "gives_way"),
    [
        ("192.0.2.9", "192.0.2.10", True),  # as text, 9 would be the greater
        ("192.0.2.10", "192.0.2.9", False),
        ("10.0.0.1", "200.0.0.1", True),  # as signed integers, 200 would be negative
        ("200.0.0.1", "10.0.0.1", False),
        ("192.0.2.255", "192.0.3.0", True),  # in host order of this machine, 255 would be the greater
        ("fe80::9", "fe80::10", True),
        ("fe80::10", "fe80::9", False),
        ("fe80::ffff", "fe80::1:0", True),
        ("fe80::1:0", "fe80::ffff", False),
    ],
)
def test_addresses_are_compared_as_unsigned_integers_in_network_order(
    ours: str, theirs: str, gives_way: bool
) -> None:
    settings = us(address=ip(ours))
    assert election.we_give_way(settings, advert(100, source=ip(theirs))) is gives_way


def test_of_two_masters_exactly_one_gives_way() -> None:
    routers = [(priority, source) for priority in (1, 100, 254) for source in (LOW_PEER, OURS, PEER)]
    for mine in routers:
        for theirs in routers:
            if mine == theirs:
                continue
            we = election.we_give_way(
                us(priority=mine[0], address=mine[1]), advert(theirs[0], source=theirs[1])
            )
            they = election.we_give_way(
                us(priority=theirs[0], address=theirs[1]), advert(mine[0], source=mine[1])
            )
            assert we is not they
