"""Macvlans in a real kernel: made as planned, found as made, removed together and nobody else's with them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from havip.config.device_plan import Create, DevicePlan, Remove, plan_devices
from havip.config.devices import Device
from havip.netlink.socket import LINK_EVENTS, EventSocket, Heard
from havip.services.links import GROUP, Links, links_in
from havip.services.sysctls import Sysctls
from lab.netns import Host, Network

pytestmark = pytest.mark.root

VRIDS = range(1, 7)
WANTED = [
    Device(
        *(f"r{vrid}", ("eth0", vrid, 4, ""), "macvlan", f"vrrp.{vrid}", "eth0"),
        mac=f"00:00:5e:00:01:{vrid:02x}",
    )
    for vrid in VRIDS
]


@pytest.fixture
def host() -> Iterator[Host]:
    with Network("hvl") as net:
        host, lan = net.host("r1"), net.switch("lan")
        net.plug(host, lan, addresses=("10.77.0.1/24",))
        host.run("ip", "link", "set", "eth0", "mtu", "1400")
        with host.entered():
            yield host


@pytest.fixture
def links(tmp_path: Path) -> Links:
    return Links(Sysctls(tmp_path))


def bring_about(links: Links, wanted: list[Device]) -> DevicePlan:
    plan = plan_devices(wanted, links.look(), "", remove=True)
    assert links.carry_out(plan) == {}
    return plan


def names(host: Host) -> set[str]:
    return {link["ifname"] for link in json.loads(host.run("ip", "-j", "link", "show").stdout)}


def test_what_was_made_is_what_was_wanted(host: Host, links: Links) -> None:
    assert len(bring_about(links, WANTED).steps) == 6
    assert bring_about(links, WANTED) == DevicePlan(), "a second look finds nothing to do"
    (link,) = json.loads(host.run("ip", "-j", "-d", "link", "show", "dev", "vrrp.1").stdout)
    assert (link["link"], link["address"], link["mtu"]) == ("eth0", "00:00:5e:00:01:01", 1400)
    assert "MULTICAST" not in link["flags"]
    assert "UP" in link["flags"]
    host.run("ip", "link", "set", "eth0", "mtu", "1500")
    bring_about(links, WANTED)
    (link,) = json.loads(host.run("ip", "-j", "-d", "link", "show", "dev", "vrrp.1").stdout)
    assert link["mtu"] == 1500


def test_many_go_at_once(host: Host, links: Links) -> None:
    bring_about(links, WANTED)
    plan = bring_about(links, WANTED[:1])
    assert [type(step) for step in plan.steps] == [Remove] * 5
    assert names(host) == {"lo", "eth0", "vrrp.1"}


def test_nobody_elses_interface_goes_with_them(host: Host, links: Links) -> None:
    host.run("ip", "link", "add", "theirs", "group", str(GROUP), "type", "veth", "peer", "name", "other")
    bring_about(links, WANTED)
    bring_about(links, [])
    assert names(host) == {"lo", "eth0", "theirs", "other"}


def test_what_the_kernel_refuses_is_told_in_its_words_and_the_rest_is_made(host: Host, links: Links) -> None:
    host.run("ip", "link", "add", "theirs", "link", "eth0", "address", WANTED[0].mac, "type", "macvlan")
    host.run("ip", "link", "set", "theirs", "up")
    plan = plan_devices(WANTED[:2], links.look(), "", remove=True)
    assert [type(step) for step in plan.steps] == [Create, Create]
    assert links.carry_out(plan) == {WANTED[0].key: "cannot make the macvlan vrrp.1: Address already in use"}
    assert names(host) == {"lo", "eth0", "theirs", "vrrp.2"}


def test_events_name_the_interfaces_that_changed(host: Host) -> None:
    with EventSocket(LINK_EVENTS) as events:
        assert links_in(events.drain(100)) == []
        host.run("ip", "link", "add", "theirs", "type", "veth", "peer", "name", "other")
        assert {link.name for link in links_in(events.drain(100)) or ()} == {"theirs", "other"}


def test_events_that_were_lost_are_not_taken_for_none() -> None:
    assert links_in(Heard(overrun=True, empty=True)) is None
