"""Interfaces and addresses that change while the daemon runs: FAULT with its reason, back by itself."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest

from lab.capture import Capture, Frame
from tests.daemon.conftest import Lan
from tests.daemon.hearing import adverts
from tests.daemon.running import Daemon, configuration, router

VIP = "10.77.0.100"
VIP6 = "fe80::100"


@pytest.fixture
def daemon(lan: Lan, folder: Path) -> Iterator[Daemon]:
    both = configuration(
        four=router(priority=150),
        six=router(priority=150, addresses=[f"{VIP6}/64", "2001:db8:77::100/64"]),
    )
    with Daemon(lan.r1, folder, both) as daemon:
        daemon.wait_for("four: MASTER")
        daemon.wait_for("six: MASTER")
        yield daemon


def fault_and_back(daemon: Daemon, reason: str, names: tuple[str, ...] = ("four", "six")) -> None:
    for name in names:
        daemon.wait_for(f"{name}: FAULT: {reason}")


def back(daemon: Daemon, names: tuple[str, ...] = ("four", "six")) -> None:
    for name in names:
        daemon.wait_for(f"{name}: BACKUP: recovered from: ")
        daemon.wait_for(f"{name}: MASTER", 2)


def test_ipv6_addresses_are_usable_at_once(lan: Lan, daemon: Daemon) -> None:
    assert "tentative" not in lan.r1.run("ip", "-6", "addr", "show", "dev", "eth0").stdout
    assert {VIP6, "2001:db8:77::100"} <= set(lan.r1.addresses("eth0"))


def test_an_interface_that_goes_down_is_a_fault(lan: Lan, daemon: Daemon) -> None:
    lan.r1.run("ip", "link", "set", "eth0", "down")
    fault_and_back(daemon, "interface eth0 is down")
    assert VIP not in lan.r1.run("ip", "addr", "show", "dev", "eth0").stdout
    status = daemon.router("four")
    assert (status.state, status.why) == ("FAULT", "interface eth0 is down")
    lan.r1.run("ip", "link", "set", "eth0", "up")
    back(daemon)
    assert {VIP, VIP6} <= set(lan.r1.addresses("eth0"))


def test_a_lost_carrier_is_a_fault(lan: Lan, daemon: Daemon) -> None:
    lan.net.carrier(lan.r1, False)
    fault_and_back(daemon, "interface eth0 has no carrier")
    lan.net.carrier(lan.r1, True)
    back(daemon)


def test_a_renamed_interface_is_a_fault_until_it_has_its_name_again(lan: Lan, daemon: Daemon) -> None:
    lan.r1.run("ip", "link", "set", "eth0", "name", "wan0")
    fault_and_back(daemon, "interface eth0 does not exist")
    assert VIP not in lan.r1.run("ip", "addr").stdout
    lan.r1.run("ip", "link", "set", "wan0", "name", "eth0")
    back(daemon)


def test_a_recreated_interface_is_used_again(lan: Lan, daemon: Daemon) -> None:
    lan.r1.run("ip", "link", "del", "eth0")
    fault_and_back(daemon, "interface eth0 does not exist")
    lan.net.plug(lan.r1, lan.switch, addresses=("10.77.0.1/24",))
    back(daemon)
    assert {VIP, VIP6} <= set(lan.r1.addresses("eth0"))


def test_an_interface_without_an_address_is_a_fault_for_its_family_alone(lan: Lan, daemon: Daemon) -> None:
    lan.r1.run("ip", "addr", "del", "10.77.0.1/24", "dev", "eth0")
    fault_and_back(daemon, "interface eth0 has no IPv4 address", ("four",))
    assert daemon.router("six").state == "MASTER"
    lan.r1.run("ip", "addr", "add", "10.77.0.1/24", "dev", "eth0")
    back(daemon, ("four",))
    assert daemon.said("six: ") == 2


def test_adverts_follow_a_changed_primary_address(lan: Lan, daemon: Daemon) -> None:
    lan.r1.run("ip", "addr", "add", "10.99.0.1/24", "dev", "eth0")
    with Capture(lan.r2, keep=adverts) as wire:
        lan.r1.run("ip", "addr", "del", "10.77.0.1/24", "dev", "eth0")
        wire.wait_for(lambda frame: frame.data[26:30] == bytes((10, 99, 0, 1)))
    assert daemon.router("four").primary_address == "10.99.0.1"


@pytest.mark.parametrize("address", ["10.77.0.100/24", "2001:db8:77::100/64"])
def test_a_stripped_address_is_put_back_in_place(lan: Lan, daemon: Daemon, address: str) -> None:
    plain = address.split("/")[0]
    for _ in range(3):
        lan.r1.run("ip", "addr", "del", address, "dev", "eth0")
        lan.r1.wait_for_address(plain)
    assert daemon.said("MASTER") == 2
    name = "six" if ":" in address else "four"
    assert daemon.router(name).counters["addresses-put-back"] == 3


def test_neighbours_are_told_that_we_route_as_soon_as_we_do(lan: Lan, daemon: Daemon) -> None:
    def neighbour_advertisement(frame: Frame) -> bool:
        return frame.data[12:14] == b"\x86\xdd" and frame.data[20] == 58 and frame.data[54] == 136

    with Capture(lan.r2, keep=neighbour_advertisement) as wire:
        lan.r1.sysctl("net.ipv6.conf.all.forwarding", 1)
        for vip in (VIP6, "2001:db8:77::100"):
            packed = ip_address(vip).packed
            wire.wait_for(lambda frame, vip=packed: frame.data[62:78] == vip and frame.data[58] & 0x80)
    assert daemon.said("six: ") == 2


def test_a_flushed_interface_is_a_fault_and_then_healed(lan: Lan, daemon: Daemon) -> None:
    lan.r1.run("ip", "-4", "addr", "flush", "dev", "eth0")
    fault_and_back(daemon, "interface eth0 has no IPv4 address", ("four",))
    lan.r1.run("ip", "addr", "add", "10.77.0.1/24", "dev", "eth0")
    back(daemon, ("four",))
    assert VIP in lan.r1.addresses("eth0")


def test_an_interface_that_comes_later_is_picked_up(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r2, folder, configuration(late=router(interface="late0"))) as daemon:
        daemon.wait_for("late: FAULT: interface late0 does not exist")
        lan.net.plug(lan.r2, lan.switch, interface="late0", addresses=("10.88.0.1/24",))
        daemon.wait_for("late: MASTER")
        assert VIP in lan.r2.addresses("late0")


def test_the_owners_own_address_stays_when_it_stops(lan: Lan, folder: Path) -> None:
    owner = configuration(owner=router(priority=255, addresses=["10.77.0.2/24"]))
    with Daemon(lan.r2, folder, owner) as daemon:
        daemon.wait_for("owner: MASTER: started, and we own the addresses")
        assert daemon.stop() == 0
    assert "10.77.0.2" in lan.r2.addresses("eth0")
