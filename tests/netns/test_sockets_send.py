"""What `AdvertSender` puts on a real wire, judged by tshark and by the peer's ears."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from havip.config.model import Family
from havip.vrrp.sockets import AdvertSender, attach
from lab.capture import Capture, Frame
from tests.netns.raw import (
    ADDRESS,
    GROUP,
    Pair,
    datagram,
    hear,
    pair,
    payloads,
    receiver,
    say,
    sender,
    waiting_bytes,
)
from tests.vrrp.wire import ip, message, ones_complement_sum

pytestmark = [pytest.mark.root, pytest.mark.parametrize("family", Family)]

VIP = {Family.IPV4: ip("10.77.0.200"), Family.IPV6: ip("fe80::200")}
LINK_GROUP = {Family.IPV4: "01:00:5e:00:00:12", Family.IPV6: "33:33:00:00:00:12"}


@pytest.fixture(scope="module")
def wire() -> Iterator[Pair]:
    """One pair for the tests that leave it as it was."""
    with pair("tx_") as made:
        yield made


@pytest.fixture
def fragile() -> Iterator[Pair]:
    """A pair of its own for a test that breaks it."""
    with pair("txf_") as made:
        yield made


def advert(family: Family, priority: int = 200, source: bytes | None = None) -> bytes:
    """Return what r1 hands to its sender."""
    source = ADDRESS["r1", family] if source is None else source
    payload = message(source=source, priority=priority, addresses=(VIP[family],))
    return datagram(payload, source) if family is Family.IPV4 else payload


def sources(wire: Pair, family: Family, send: AdvertSender) -> list[bytes]:
    """Send one advert and return the source that the peer sees."""
    with receiver(wire.peer, family) as far:
        assert send.send(advert(family)) is None
        return [source for _, source, _, _ in hear(far, 1)]


def test_tshark_finds_the_packet_well_formed(wire: Pair, family: Family, tmp_path: Path) -> None:
    group = bytes.fromhex(LINK_GROUP[family].replace(":", ""))
    with Capture(wire.peer) as capture, sender(wire.ours, family) as mouth:
        assert mouth.send(advert(family)) is None
        capture.wait_for(lambda frame: frame.data.startswith(group) and b"\x31\x33" in frame.data)
    capture.write_pcap(tmp_path / "wire.pcap")
    fields = ["eth.src", "eth.dst", "vrrp.version", "vrrp.virt_rtr_id", "vrrp.prio", "vrrp.checksum.status"]
    if family is Family.IPV4:
        fields += ["ip.src", "ip.dst", "ip.ttl", "ip.dsfield", "ip.checksum.status", "vrrp.ip_addr"]
        expected = ["10.77.0.1", "224.0.0.18", "255", "0xc0", "1", "10.77.0.200"]
    else:
        fields += ["ipv6.src", "ipv6.dst", "ipv6.hlim", "ipv6.tclass", "vrrp.ipv6_addr"]
        expected = ["fe80::ff:fe00:1", "ff02::12", "255", "0x000000c0", "fe80::200"]
    verify = ["-o", "ip.check_checksum:TRUE"]
    dissect = ["tshark", "-r", str(tmp_path / "wire.pcap"), *verify]
    seen = wire.peer.run(
        *dissect, "-Y", "vrrp", "-T", "fields", *(word for field in fields for word in ("-e", field))
    )
    assert seen.stdout.splitlines() == [
        "\t".join(["02:00:00:00:00:01", LINK_GROUP[family], "3", "51", "200", "1", *expected])
    ]
    complaints = wire.peer.run(*dissect, "-Y", "vrrp && _ws.expert")
    assert complaints.stdout == ""


def test_the_peer_hears_the_advert_as_it_was_built(wire: Pair, family: Family) -> None:
    with receiver(wire.peer, family) as far, sender(wire.ours, family) as mouth:
        assert mouth.send(advert(family)) is None
        payload = message(source=ADDRESS["r1", family], addresses=(VIP[family],))
        assert hear(far, 1) == [(payload, ADDRESS["r1", family], ip(GROUP[family]), 255)]


def test_a_host_without_any_route_sends(fragile: Pair, family: Family) -> None:
    number = "-4" if family is Family.IPV4 else "-6"
    fragile.ours.run("ip", number, "route", "flush", "table", "main")
    assert fragile.ours.run("ip", number, "route").stdout == ""
    with sender(fragile.ours, family) as mouth:
        assert sources(fragile, family, mouth) == [ADDRESS["r1", family]]


def test_a_default_route_elsewhere_does_not_take_the_adverts_along(fragile: Pair, family: Family) -> None:
    fragile.network.plug(fragile.ours, fragile.network.switch("other"), "eth1", ("10.78.0.1/24",))
    prefix = ["ip", "-4" if family is Family.IPV4 else "-6", "route", "add"]
    fragile.ours.run(*prefix, "default", "dev", "eth1")
    if family is Family.IPV4:
        fragile.ours.run(*prefix, "224.0.0.0/4", "dev", "eth1")
    with sender(fragile.ours, family) as mouth:
        assert sources(fragile, family, mouth) == [ADDRESS["r1", family]]


@pytest.mark.parametrize("opened_first", [True, False])
def test_the_source_stays_ours_beside_a_virtual_address(
    fragile: Pair, family: Family, opened_first: bool
) -> None:
    def take_the_address() -> None:
        vip = "10.77.0.200/24" if family is Family.IPV4 else "fe80::200/64"
        fragile.ours.run("ip", "addr", "add", vip, "dev", "eth0")

    if not opened_first:
        take_the_address()
    with sender(fragile.ours, family) as mouth:
        if opened_first:
            take_the_address()
        assert sources(fragile, family, mouth) == [ADDRESS["r1", family]]


def test_a_source_that_is_not_there_yet_does_not_keep_the_sender_from_opening(
    wire: Pair, family: Family
) -> None:
    absent = ip("10.77.0.99") if family is Family.IPV4 else ip("fe80::99")
    with receiver(wire.peer, family) as far, sender(wire.ours, family, absent) as mouth:
        assert mouth.send(advert(family, source=absent)) is None
        assert [source for _, source, _, _ in hear(far, 1)] == [absent]


def test_each_sender_leaves_by_its_own_interface(fragile: Pair, family: Family) -> None:
    """Both interfaces have the same addresses, as link-local ones may: only the scope tells them apart."""
    other = fragile.network.switch("other")
    for number, host in enumerate((fragile.ours, fragile.peer), 1):
        mac = f"02:00:00:00:00:0{number}"
        fragile.network.plug(host, other, "eth1", (f"10.77.0.{number}/24",), mac=mac)
    with (
        receiver(fragile.peer, family) as first,
        receiver(fragile.peer, family, interface="eth1") as second,
        sender(fragile.ours, family) as mouth,
        sender(fragile.ours, family, interface="eth1") as other_mouth,
    ):
        assert mouth.send(advert(family, priority=10)) is None
        assert other_mouth.send(advert(family, priority=20)) is None
        assert [payload[2] for payload in payloads(hear(first, 1))] == [10]
        assert [payload[2] for payload in payloads(hear(second, 1))] == [20]
        assert first.receive() == second.receive() == []


def test_a_link_that_is_down_is_told_and_recovers(fragile: Pair, family: Family) -> None:
    with receiver(fragile.peer, family) as far, sender(fragile.ours, family) as mouth:
        fragile.ours.run("ip", "link", "set", "eth0", "down")
        assert mouth.send(advert(family, priority=1)) == "ENETUNREACH"
        fragile.ours.run("ip", "link", "set", "eth0", "up")
        fragile.ours.wait_for_carrier()
        fragile.ours.wait_for_address("fe80::ff:fe00:1")
        assert mouth.send(advert(family, priority=2)) is None
        assert [payload[2] for payload in payloads(hear(far, 1))] == [2]


def test_a_sender_opened_on_a_link_that_is_down_works_once_it_is_up(fragile: Pair, family: Family) -> None:
    fragile.ours.run("ip", "link", "set", "eth0", "down")
    with receiver(fragile.peer, family) as far, sender(fragile.ours, family) as mouth:
        assert mouth.send(advert(family, priority=1)) == "ENETUNREACH"
        fragile.ours.run("ip", "link", "set", "eth0", "up")
        fragile.ours.wait_for_carrier()
        fragile.ours.wait_for_address("fe80::ff:fe00:1")
        assert mouth.send(advert(family, priority=2)) is None
        assert [payload[2] for payload in payloads(hear(far, 1))] == [2]


def test_adverts_of_a_link_without_carrier_are_not_kept_for_later(fragile: Pair, family: Family) -> None:
    with receiver(fragile.peer, family) as far, sender(fragile.ours, family) as mouth:
        fragile.network.carrier(fragile.ours, False)
        # IPv4 never tells of a frame that is dropped on its way out, IPv6 once the queue has noticed.
        assert mouth.send(advert(family, priority=1)) in (None, "ENOBUFS")
        fragile.network.carrier(fragile.ours, True)
        assert mouth.send(advert(family, priority=2)) is None
        assert [payload[2] for payload in payloads(hear(far, 1))] == [2]


def test_a_deleted_interface_is_told(fragile: Pair, family: Family) -> None:
    with sender(fragile.ours, family) as mouth:
        fragile.ours.run("ip", "link", "del", "eth0")
        assert mouth.send(advert(family)) == ("ENODEV" if family is Family.IPV4 else "ENETUNREACH")


def test_a_firewall_that_drops_is_told(fragile: Pair, family: Family) -> None:
    rules = "add table inet t; add chain inet t out { type filter hook output priority 0; policy drop; }"
    with sender(fragile.ours, family) as mouth:
        fragile.ours.run("nft", rules)
        assert mouth.send(advert(family)) == "EPERM"
        fragile.ours.run("nft", "delete table inet t")
        assert mouth.send(advert(family)) is None


def test_a_datagram_longer_than_the_link_allows_is_told(wire: Pair, family: Family) -> None:
    with sender(wire.ours, family) as mouth:
        if family is Family.IPV4:
            assert mouth.send(datagram(bytes(1481))) == "EMSGSIZE"
            assert mouth.send(datagram(bytes(1480))) is None
        else:  # the kernel fragments: the limit is that of IPv6
            assert mouth.send(bytes(65536)) == "EMSGSIZE"


def test_the_longest_advert_of_ipv6_arrives_whole(wire: Pair, family: Family) -> None:
    """255 addresses: 1028 bytes over IPv4, 4088 over IPv6, which takes three fragments."""
    payload = message(source=ADDRESS["r1", family], addresses=[VIP[family]] * 255)
    with receiver(wire.peer, family) as far, sender(wire.ours, family) as mouth:
        assert mouth.send(datagram(payload) if family is Family.IPV4 else payload) is None
        assert payloads(hear(far, 1)) == [payload]


def icmp_error(wire: Pair, family: Family) -> None:
    """Let r2 claim that an advert of r1 could not be delivered: port unreachable, quoting it."""
    quoted = advert(family)
    if family is Family.IPV4:
        domain, protocol, target = socket.AF_INET, socket.IPPROTO_ICMP, ("10.77.0.1", 0)
        error = bytes((3, 3, 0, 0, 0, 0, 0, 0)) + quoted
        error = error[:2] + struct.pack("!H", 0xFFFF - ones_complement_sum(error)) + error[4:]
    else:
        domain, protocol, target = socket.AF_INET6, socket.IPPROTO_ICMPV6, ("fe80::ff:fe00:1%eth0", 0)
        head = struct.pack("!IHBB", 0x6C000000, len(quoted), 112, 255)
        error = bytes((1, 4, 0, 0, 0, 0, 0, 0)) + head + ADDRESS["r1", family] + ip("ff02::12") + quoted
    with wire.peer.entered(), socket.socket(domain, socket.SOCK_RAW, protocol) as forger:
        forger.sendto(error, target)


def test_a_forged_icmp_error_costs_no_advert(wire: Pair, family: Family) -> None:
    """A connected raw socket would answer the next send with ECONNREFUSED and send nothing."""

    def is_icmp(frame: Frame) -> bool:
        return not frame.outgoing and frame.data[23 if family is Family.IPV4 else 20] in (1, 58)

    with (
        receiver(wire.peer, family) as far,
        sender(wire.ours, family) as mouth,
        Capture(wire.ours) as capture,
    ):
        for number in range(1, 6):
            at = capture.frames[-1].at + 1 if capture.frames else 0
            icmp_error(wire, family)
            capture.wait_for(is_icmp, since=at)
            assert mouth.send(advert(family, priority=number)) is None
        assert [payload[2] for payload in payloads(hear(far, 5))] == [1, 2, 3, 4, 5]


def test_a_sender_takes_no_input(wire: Pair, family: Family) -> None:
    own = socket.inet_ntop(
        socket.AF_INET if family is Family.IPV4 else socket.AF_INET6, ADDRESS["r1", family]
    )
    with sender(wire.ours, family), receiver(wire.ours, family) as ears:
        payload = message(source=ADDRESS["r2", family])
        say(wire.peer, family, *[payload] * 20)
        say(wire.peer, family, *[payload] * 20, to=own)
        assert len(hear(ears, 20)) == 20
        assert waiting_bytes(wire.ours) == [0, 0]  # the sender's and the emptied receiver's


def test_the_binding_alone_keeps_other_adverts_out(wire: Pair, family: Family) -> None:
    """Each packet that reaches the filter costs a copy first: 0.2 us for every sender on the interface."""
    pass_all = struct.pack("=HBBI", 0x06, 0, 0, 0xFFFFFFFF)
    with sender(wire.ours, family) as mouth, receiver(wire.ours, family) as ears:
        attach(mouth._socket, pass_all)
        say(wire.peer, family, message(source=ADDRESS["r2", family]))
        hear(ears, 1)
        assert waiting_bytes(wire.ours) == [0, 0]


def test_adverts_have_the_priority_of_control_traffic(fragile: Pair, family: Family) -> None:
    """TC_PRIO_CONTROL is 6: the first band of the usual queues."""
    chain = "add table inet t; add chain inet t out { type filter hook output priority 0; }"
    fragile.ours.run("nft", chain + "; add rule inet t out meta l4proto 112 meta priority 0:6 counter")
    with sender(fragile.ours, family) as mouth:
        for _ in range(7):
            assert mouth.send(advert(family)) is None
    assert "counter packets 7 " in fragile.ours.run("nft", "list", "ruleset").stdout


@pytest.mark.parametrize(("name", "offset"), [("eth0", 1), ("lo", 0), ("nosuch0", 0)])
def test_a_name_that_is_not_the_interface_meant_is_refused(
    wire: Pair, family: Family, name: str, offset: int
) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    with wire.ours.entered():
        ifindex = socket.if_nametoindex("eth0") + offset
        with pytest.raises(OSError, match=r"interface|device") as refused:
            AdvertSender(name, ifindex, family, ADDRESS["r1", family])
    assert refused.value.errno == errno.ENODEV
    assert len(os.listdir("/proc/self/fd")) == descriptors
