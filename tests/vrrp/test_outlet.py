"""The interface that a router has to itself: when it may be used."""

from __future__ import annotations

import struct

import pytest

from havip.netlink import codec
from havip.netlink.codec import Link
from havip.netlink.mirror import Mirror
from havip.vrrp.interface import outlet_fault

MAC = bytes.fromhex("00005e000133")
UP = codec.IFF_UP | codec.IFF_RUNNING | codec.IFF_LOWER_UP


@pytest.mark.parametrize(
    ("link", "fault"),
    [
        (Link(9, "vrrp.51", UP, MAC, 1500, 2), None),
        (Link(9, "vrrp.51", UP, MAC, 1500, 3), "interface vrrp.51 stands on another interface"),
        (Link(9, "vrrp.51", UP, MAC, 1500), "interface vrrp.51 stands on another interface"),
        (
            Link(9, "vrrp.51", UP, b"\2" + MAC[1:], 1500, 2),
            "interface vrrp.51 has another MAC address than the virtual one",
        ),
        (Link(9, "vrrp.51", 0, MAC, 1500, 2), "interface vrrp.51 is down"),
        (Link(9, "vrrp.51", codec.IFF_UP, MAC, 1500, 2), None),  # its parent says that
        (Link(9, "vrrp.52", UP, MAC, 1500, 2), "interface vrrp.51 does not exist"),
    ],
)
def test_an_interface_is_used_only_if_it_is_the_one_that_was_made(link: Link, fault: str | None) -> None:
    mirror = Mirror()
    mirror.put_link(link)
    assert outlet_fault(mirror, "vrrp.51", 2, MAC) == fault


def test_an_ipvlan_may_have_any_mac_address() -> None:
    mirror = Mirror()
    mirror.put_link(Link(9, "vrrp.51", UP, MAC, 1500, 2))
    assert outlet_fault(mirror, "vrrp.51", 2, b"") is None


def test_the_kernel_says_on_what_an_interface_stands() -> None:
    name = struct.pack("=HH8s", 12, 3, b"vrrp.51")  # IFLA_IFNAME
    parent = struct.pack("=HHI", 8, 5, 2)  # IFLA_LINK
    body = struct.pack("=BxHiII", 0, 1, 9, UP, 0) + name + parent
    assert codec.parse_link(body) == Link(9, "vrrp.51", UP, b"", 0, 2)
