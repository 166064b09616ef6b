"""The ears of the bench and of the interop tests, and the scripted master's voice."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from bench.scripted import message
from bench.wire import Advert, Announcement, Capture
from havip.clock import milliseconds
from havip.config.model import VirtualAddress, VirtualRouter
from lab.netns import Host, Network

BROADCAST = bytes.fromhex("ffffffffffff")
ALL_NODES = bytes.fromhex("333300000001")
OURS = bytes.fromhex("020000000001")
ROUTER = VirtualRouter(
    "gateway", "eth0", 51, (VirtualAddress(IPv4Address("10.77.0.100"), 24),), interval=milliseconds(100)
)


def arp(sender: str, target: str) -> bytes:
    """Return an ARP request."""
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + OURS + ip_address(sender).packed
    return BROADCAST + OURS + b"\x08\x06" + body + bytes(6) + ip_address(target).packed


def neighbour_advertisement(target: str, flags: int) -> bytes:
    """Return a neighbour advertisement with the flags in the top byte."""
    icmp = struct.pack("!BBHB3x", 136, 0, 0, flags) + ip_address(target).packed + b"\x02\x01" + OURS
    addresses = ip_address(target).packed + ip_address("ff02::1").packed
    return (
        ALL_NODES + OURS + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(icmp), 58, 255) + addresses + icmp
    )


def vrrp(version: int) -> bytes:
    """Return a VRRPv3 advert over IPv6, or one over IPv4 with an IP option, of priority 7 and vrid 9."""
    body = struct.pack("!BBBBHH", 0x31, 9, 7, 0, 100, 0)
    if version == 6:
        addresses = ip_address("fe80::1").packed + ip_address("ff02::12").packed
        return ALL_NODES + OURS + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, 8, 112, 255) + addresses + body
    header = struct.pack("!BBHHHBBH", 0x46, 0xC0, 32, 0, 0, 255, 112, 0) + ip_address("10.77.0.1").packed
    return BROADCAST + OURS + b"\x08\x00" + header + ip_address("224.0.0.18").packed + bytes(4) + body


@pytest.fixture
def wire() -> Iterator[tuple[Host, Capture]]:
    """Return a host and the ears at its port of the switch."""
    with Network("wire") as network:
        host, switch = network.host("r1"), network.switch("lan")
        network.plug(host, switch, "eth0", ("10.77.0.1/24",))
        with Capture(switch, {"r1-eth0": "r1"}) as capture:
            yield host, capture


@pytest.mark.root
def test_capture_takes_vrrp_and_announcements_and_nothing_else(wire: tuple[Host, Capture]) -> None:
    host, capture = wire
    frames = [
        arp("10.77.0.1", "10.77.0.2"),  # an ordinary question
        neighbour_advertisement("fd77::1", 0x60),  # an answer
        arp("10.77.0.100", "10.77.0.100"),
        neighbour_advertisement("fd77::100", 0x20),
        vrrp(4),
        vrrp(6),
    ]
    with host.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind(("eth0", 0))
        for frame in frames:
            sender.send(frame)

    capture.first(Advert, lambda advert: advert.source == IPv6Address("fe80::1"))

    called = [sight.address for sight in capture.seen if isinstance(sight, Announcement)]
    assert called == [IPv4Address("10.77.0.100"), IPv6Address("fd77::100")]
    spoken = [sight for sight in capture.seen if isinstance(sight, Advert)]
    assert [(a.source, a.version, a.vrid, a.priority) for a in spoken] == [
        (IPv4Address("10.77.0.1"), 3, 9, 7),
        (IPv6Address("fe80::1"), 3, 9, 7),
    ]
    assert [sight.frame for sight in capture.seen] == frames[2:]
    assert sorted(sight.at for sight in capture.seen) == [sight.at for sight in capture.seen]


def test_scripted_master_speaks_what_a_router_of_the_rfc_would() -> None:
    # 31 33 fe 01 00 0a cksum 0a4d0064; the sum runs over 0a4d0001 e0000012 0070 000c as well.
    assert message(ROUTER, IPv4Address("10.77.0.1")).hex() == "3133fe01000adb320a4d0064"
