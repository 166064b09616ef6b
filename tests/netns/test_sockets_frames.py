"""What `FrameSender` puts on a real wire, and what one family alone must stand: IPv6 and its MTU."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from havip.config.model import Family
from havip.vrrp.sockets import FrameSender
from lab.capture import Capture
from tests.netns.raw import Pair, frame_sender, hear, memberships, pair, payloads, receiver, say
from tests.vrrp.wire import message

pytestmark = pytest.mark.root

#: A gratuitous ARP for 10.77.0.200 from r1, written out.
ARP = bytes.fromhex("ffffffffffff020000000001080600010800060400010200000000010a4d00c8ffffffffffff0a4d00c8")


@pytest.fixture
def wire() -> Iterator[Pair]:
    with pair("fx_") as made:
        yield made


def test_a_frame_arrives_as_it_was_given(wire: Pair) -> None:
    with Capture(wire.peer) as capture, frame_sender(wire.ours) as mouth:
        assert mouth.send(ARP) is None
        assert capture.wait_for(lambda frame: frame.data[12:14] == b"\x08\x06").data == ARP


def test_the_peer_learns_the_new_owner(wire: Pair) -> None:
    wire.peer.run(
        "ip", "neigh", "add", "10.77.0.200", "lladdr", "02:00:00:00:00:99", "nud", "stale", "dev", "eth0"
    )
    with Capture(wire.peer) as capture, frame_sender(wire.ours) as mouth:
        assert mouth.send(ARP) is None
        capture.wait_for(lambda frame: frame.data == ARP)
    assert "02:00:00:00:00:01" in wire.peer.run("ip", "neigh", "show", "10.77.0.200").stdout


def test_a_link_that_is_down_is_told_and_recovers(wire: Pair) -> None:
    with frame_sender(wire.ours) as mouth:
        wire.ours.run("ip", "link", "set", "eth0", "down")
        assert mouth.send(ARP) == "ENETDOWN"
        wire.ours.run("ip", "link", "set", "eth0", "up")
        wire.ours.wait_for_carrier()
        with Capture(wire.peer) as capture:
            assert mouth.send(ARP) is None
            capture.wait_for(lambda frame: frame.data == ARP)


def test_a_deleted_interface_is_told(wire: Pair) -> None:
    with frame_sender(wire.ours) as mouth:
        wire.ours.run("ip", "link", "del", "eth0")
        assert mouth.send(ARP) == "ENXIO"


def test_a_full_queue_is_told(wire: Pair) -> None:
    wire.ours.run("tc", "qdisc", "add", "dev", "eth0", "root", "pfifo", "limit", "0")
    with frame_sender(wire.ours) as mouth:
        assert mouth.send(ARP) == "ENOBUFS"


def test_a_frame_longer_than_the_link_allows_is_told(wire: Pair) -> None:
    with frame_sender(wire.ours) as mouth:
        assert mouth.send(ARP + bytes(1514)) == "EMSGSIZE"


def test_a_thousand_frames_wait_for_a_slow_card(wire: Pair) -> None:
    """A takeover announces everything at once; the usual send buffer holds 300 frames."""
    slow = ("tbf", "rate", "8kbit", "burst", "2kb", "limit", "1mb")
    wire.ours.run("tc", "qdisc", "add", "dev", "eth0", "root", *slow)
    with frame_sender(wire.ours) as mouth:
        assert [mouth.send(ARP) for _ in range(1000)] == [None] * 1000


def test_a_sender_of_frames_takes_no_input(wire: Pair) -> None:
    with frame_sender(wire.ours), receiver(wire.ours, Family.IPV4) as ears:
        say(wire.peer, Family.IPV4, message())
        hear(ears, 1)
        with wire.ours.entered():
            rows = [row.split() for row in Path("/proc/thread-self/net/packet").read_text().splitlines()]
    # socket, references, type, protocol, interface, running, bytes of input waiting, ...
    assert [(row[3], row[5], row[6]) for row in rows[1:]] == [("0000", "0", "0")]


def test_another_interface_under_the_same_name_is_refused(wire: Pair) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    with wire.ours.entered(), pytest.raises(OSError, match="another one") as refused:
        FrameSender("eth0", socket.if_nametoindex("eth0") + 1)
    assert refused.value.errno == errno.ENODEV
    with wire.ours.entered(), pytest.raises(OSError, match="No such device"):
        FrameSender("nosuch0", 1)
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_ipv6_forgets_its_groups_with_a_small_mtu_until_we_rejoin(wire: Pair) -> None:
    """Below 1280 an interface has no IPv6 at all (RFC 8200 section 5)."""
    advert = message(source=b"\xfe\x80" + bytes(14))
    with receiver(wire.ours, Family.IPV6) as ears:
        wire.ours.run("ip", "link", "set", "eth0", "mtu", "1279")
        with pytest.raises(OSError, match="Invalid argument") as refused:
            ears.rejoin()
        assert refused.value.errno == errno.EINVAL
        wire.ours.run("ip", "link", "set", "eth0", "mtu", "1500")
        wire.ours.wait_for_address("fe80::ff:fe00:1")
        assert "ff02::12" not in memberships(wire.ours)
        ears.rejoin()
        assert "ff02::12" in memberships(wire.ours)
        say(wire.peer, Family.IPV6, advert)
        assert payloads(hear(ears, 1)) == [advert]


@pytest.mark.parametrize("family", Family)
def test_rejoining_a_group_that_was_never_left_changes_nothing(wire: Pair, family: Family) -> None:
    advert = message()
    with receiver(wire.ours, family) as ears:
        before = memberships(wire.ours)
        ears.rejoin()
        assert memberships(wire.ours) == before
        say(wire.peer, family, advert)
        assert payloads(hear(ears, 1)) == [advert]
