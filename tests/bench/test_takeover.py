"""How a captured takeover is judged: made-up frames, figures by hand."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from bench.stage import fleet
from bench.takeover import Lateness, judge, timer_of
from bench.wire import Advert, Announcement, Sight
from havip.clock import milliseconds, seconds

MS = 1_000_000
TIMER = 350 * MS  # 3 * 100 ms + 128/256 * 100 ms
ROUTERS = fleet(2, milliseconds(100), 128)


def advert(at: float, port: str, vrid: int) -> Sight:
    """Return an advert at a time in ms."""
    return Advert(round(at * MS), port, IPv4Address("10.77.0.1"), 3, vrid, 100, b"")


def call(at: float, vrid: int) -> Sight:
    """Return the backup's announcement of the router's address at a time in ms."""
    return Announcement(round(at * MS), "dut", IPv4Address(f"10.78.0.{vrid}"), b"")


def test_timer_is_three_intervals_and_the_skew_of_priority_128() -> None:
    assert timer_of(milliseconds(100)) == 350_000_000
    assert timer_of(milliseconds(10)) == 35_000_000
    assert timer_of(seconds(1)) == 3_500_000_000


def test_each_router_is_late_by_its_own_last_advert() -> None:
    sights = [
        *(advert(at, "peer", 1) for at in (1000, 1100)),
        *(advert(at, "peer", 2) for at in (1002, 1102)),
        advert(1450.25, "dut", 1),
        call(1450.5, 1),
        call(1450.75, 1),  # a repetition
        advert(1455, "dut", 2),
        call(1462, 2),
        advert(1550.25, "dut", 1),
    ]

    assert judge(sights, ROUTERS, TIMER) == Lateness(250_000, 500_000, 3_000_000, 10_000_000)


def test_a_takeover_from_a_living_master_is_thrown_away() -> None:
    sights = [
        *(advert(at, "peer", vrid) for at in (1000, 1100) for vrid in (1, 2)),
        advert(1050, "dut", 2),
    ]

    assert judge(sights, ROUTERS, TIMER) is None


def test_a_backup_that_was_master_before_does_not_spoil_the_takeover() -> None:
    sights = [
        advert(900, "dut", 1),
        *(advert(at, "peer", vrid) for at in (1000, 1100) for vrid in (1, 2)),
        *(advert(1451, "dut", vrid) for vrid in (1, 2)),
        *(call(1452, vrid) for vrid in (1, 2)),
    ]

    assert judge(sights, ROUTERS, TIMER) == Lateness(1_000_000, 2_000_000, 1_000_000, 2_000_000)


def test_an_address_that_is_never_announced_is_an_error() -> None:
    sights = [
        *(advert(1000, "peer", vrid) for vrid in (1, 2)),
        *(advert(1351, "dut", vrid) for vrid in (1, 2)),
        call(1352, 1),
    ]

    with pytest.raises(RuntimeError, match="2 adverts and 1 announcements of 2 routers"):
        judge(sights, ROUTERS, TIMER)


def test_a_backup_that_speaks_before_its_time_has_negative_lateness() -> None:
    sights = [
        *(advert(1000, "peer", vrid) for vrid in (1, 2)),
        advert(1349.5, "dut", 1),
        advert(1351, "dut", 2),
        *(call(1352, vrid) for vrid in (1, 2)),
    ]

    assert judge(sights, ROUTERS, TIMER) == Lateness(-500_000, 2_000_000, 1_000_000, 2_000_000)
