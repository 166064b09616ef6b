"""`havip.vrrp.kernel`: options of addresses, in a real kernel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

import pytest

from havip.clock import milliseconds
from havip.config.model import VirtualAddress
from tests.netns.kernel_stage import Stage, read_all, stage
from tests.netns.routing_stage import add, key, remove

pytestmark = pytest.mark.root


@pytest.fixture
def s() -> Iterator[Stage]:
    with stage() as made:
        yield made


def test_an_address_goes_on_the_device_that_it_names(s: Stage) -> None:
    s.ip("link", "add", "veth8", "type", "veth", "peer", "name", "veth9")
    read_all(s.kernel)
    wanted = VirtualAddress(ip_address("10.99.0.1"), 24, device="veth8", label="veth8:vip", scope=253)
    wanted = replace(wanted, broadcast=ip_address("10.99.0.255"), preferred_lifetime=milliseconds(0))
    assert add(s, wanted) == []
    there = s.shown("veth8")["10.99.0.1/24"]
    assert (there["label"], there["scope"], there["broadcast"]) == ("veth8:vip", "link", "10.99.0.255")
    assert there["deprecated"] is True
    assert remove(s, wanted) == []
    assert "10.99.0.1/24" not in s.shown("veth8")


def test_options_of_an_address_reach_the_kernel(s: Stage) -> None:
    s.ip("link", "add", "veth8", "type", "veth", "peer", "name", "veth9")
    read_all(s.kernel)
    peer = VirtualAddress(ip_address("10.98.0.1"), 30, peer=ip_address("10.98.0.2"))
    six = VirtualAddress(ip_address("2001:db8::5"), 64, prefix_route=False, home=True, manage_temporary=True)
    assert add(s, peer, six) == []
    shown_there = s.shown()
    assert shown_there["10.98.0.1/30"]["address"] == "10.98.0.2"
    assert shown_there["2001:db8::5/64"].keys() >= {"home", "mngtmpaddr", "noprefixroute", "nodad"}
    assert read_all(s.kernel).lost == ()
    s.ip("addr", "del", "10.98.0.1", "peer", "10.98.0.2/30", "dev", "eth0")
    assert read_all(s.kernel).lost == (key(s, peer),)
    assert add(s, peer) == []
    assert remove(s, peer, six) == []
    assert s.shown().keys().isdisjoint({"10.98.0.1/30", "2001:db8::5/64"})


def test_an_address_whose_lifetime_changes_is_changed_in_place(s: Stage) -> None:
    address = VirtualAddress(ip_address("2001:db8::5"), 64)
    add(s, address)
    monitor = s.another_kernel()
    assert add(s, replace(address, preferred_lifetime=milliseconds(5_000_000))) == []
    kinds = [message.kind for message in monitor._events.drain(64).messages]
    assert 21 not in kinds  # RTM_DELADDR
    assert 4990 <= s.shown()["2001:db8::5/64"]["preferred_life_time"] <= 5000
    assert read_all(s.kernel).lost == ()


def test_an_address_whose_label_changes_is_removed_and_added_in_one_go(s: Stage) -> None:
    address = VirtualAddress(ip_address("10.88.0.5"), 24, label="eth0:1")
    add(s, address)
    monitor = s.another_kernel()
    assert add(s, replace(address, label="eth0:2")) == []
    assert [message.kind for message in monitor._events.drain(64).messages] == [21, 20]
    assert s.shown()["10.88.0.5/24"]["label"] == "eth0:2"
    assert read_all(s.kernel).lost == ()
    assert s.marks()["10.88.0.5/24"] == 112
