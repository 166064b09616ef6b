"""Unicast on a real wire: what `AdvertReceiver`, `AdvertSender` and `Port` do with our own address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from havip.config.model import Family
from havip.vrrp.kernel import Kernel
from havip.vrrp.packet import decode
from havip.vrrp.port import Port
from havip.vrrp.sockets import readable
from havip.vrrp.wire import Wire
from lab.capture import Capture
from tests.netns.kernel_stage import read_until
from tests.netns.raw import ADDRESS, MAC, Pair, datagram, hear, pair, payloads, receiver, say, sender
from tests.vrrp.wire import ip, message

pytestmark = [pytest.mark.root, pytest.mark.parametrize("family", Family)]

VIP = {Family.IPV4: ip("10.77.0.200"), Family.IPV6: ip("fe80::200")}


@pytest.fixture(scope="module")
def wire() -> Iterator[Pair]:
    with pair("uc_") as made:
        yield made


def advert(family: Family, vrid: int = 51, by: str = "r1", to: str = "r2") -> bytes:
    """Return the message of a host to a peer."""
    source, destination = ADDRESS[by, family], ADDRESS[to, family]
    return message(vrid=vrid, source=source, destination=destination, addresses=(VIP[family],))


def packet(family: Family, ttl: int = 255) -> bytes:
    """Return what r1 hands to its sender for r2."""
    payload = advert(family)
    if family is Family.IPV6:
        return payload
    return datagram(payload, ADDRESS["r1", family], ADDRESS["r2", family], ttl)


def target(family: Family) -> tuple[str, int]:
    return readable(ADDRESS["r2", family]), 0


def with_prefix(address: bytes) -> list[str]:
    """Return an address as `ip address add` wants it, usable at once."""
    return [f"{readable(address)}/24"] if len(address) == 4 else [f"{readable(address)}/64", "nodad"]


@pytest.mark.parametrize("ttl", [255, 64, 1])
def test_unicast_is_heard_and_sent_between_two_hosts(wire: Pair, family: Family, ttl: int) -> None:
    """With the hop limit that was asked for, the right source, and a checksum that holds for this peer."""
    here, there = ADDRESS["r1", family], ADDRESS["r2", family]
    with (
        receiver(wire.peer, family, address=there) as far,
        sender(wire.ours, family, hop_limit=ttl) as mouth,
    ):
        assert mouth.send(packet(family, ttl), target(family)) is None
        [heard] = hear(far, 1)
        assert heard == (advert(family), here, there, ttl)
        assert not isinstance(decode(*heard[:3], 255), str)


def test_unicast_leaves_with_the_hop_limit_that_was_asked_for(
    wire: Pair, family: Family, tmp_path: Path
) -> None:
    with (
        receiver(wire.peer, family, address=ADDRESS["r2", family]),  # or its kernel would answer with ICMP
        Capture(wire.peer) as capture,
        sender(wire.ours, family, hop_limit=64) as mouth,
    ):
        assert mouth.send(packet(family, 64), target(family)) is None
        capture.wait_for(lambda frame: b"\x31\x33" in frame.data)
    capture.write_pcap(tmp_path / "wire.pcap")
    ip_fields = ["ip.ttl", "ip.dst"] if family is Family.IPV4 else ["ipv6.hlim", "ipv6.dst"]
    fields = ["eth.src", "eth.dst", *ip_fields, "vrrp.virt_rtr_id", "vrrp.checksum.status"]
    dissect = ["tshark", "-r", str(tmp_path / "wire.pcap"), "-o", "ip.check_checksum:TRUE"]
    words = [word for field in fields for word in ("-e", field)]
    seen = wire.peer.run(*dissect, "-Y", "vrrp", "-T", "fields", *words).stdout.splitlines()
    assert seen == ["\t".join([MAC["r1"], MAC["r2"], "64", target(family)[0], "51", "1"])]
    if family is Family.IPV6:
        assert wire.peer.run(*dissect, "-Y", "vrrp && _ws.expert").stdout == ""


def test_a_unicast_receiver_hears_neither_the_group_nor_other_addresses(wire: Pair, family: Family) -> None:
    here = ADDRESS["r1", family]
    with (
        receiver(wire.ours, family, [1, 2, 3], address=here) as unicast,
        receiver(wire.ours, family, [1, 2, 3]) as multicast,
    ):
        say(wire.peer, family, advert(family, 1, "r2", "r1"))
        say(wire.peer, family, advert(family, 2, "r2", "r1"), to=readable(here))
        hear(multicast, 1)
        assert payloads(hear(unicast, 1)) == [advert(family, 2, "r2", "r1")]
        assert unicast.receive() == multicast.receive() == []


def test_the_kernel_keeps_other_vrids_away_from_unicast_too(wire: Pair, family: Family) -> None:
    here = ADDRESS["r1", family]
    with receiver(wire.ours, family, [7], address=here) as opened:
        say(wire.peer, family, *(advert(family, vrid, "r2", "r1") for vrid in (6, 7, 8)), to=readable(here))
        assert payloads(hear(opened, 1)) == [advert(family, 7, "r2", "r1")]
        assert opened.receive() == []
        assert opened.lost() == 0


def test_an_address_that_is_not_there_yet_does_not_keep_the_receiver_from_opening(
    wire: Pair, family: Family
) -> None:
    absent = ip("10.77.0.99") if family is Family.IPV4 else ip("fe80::99")
    with receiver(wire.ours, family, address=absent) as opened:
        opened.rejoin()  # there is no group to join
        wire.ours.run("ip", "addr", "add", *with_prefix(absent), "dev", "eth0")
        say(wire.peer, family, advert(family), to=readable(absent))
        assert payloads(hear(opened, 1)) == [advert(family)]
        wire.ours.run("ip", "addr", "del", with_prefix(absent)[0], "dev", "eth0")


def test_a_peer_that_is_off_costs_no_later_advert(wire: Pair, family: Family) -> None:
    """Nobody listens at first, so that its kernel answers with an ICMP error."""
    with sender(wire.ours, family) as mouth, Capture(wire.ours) as capture:
        number, at = (1, 23) if family is Family.IPV4 else (58, 20)
        say(wire.ours, family, b"", to=target(family)[0])  # neighbours know each other from here on
        assert mouth.send(packet(family), target(family)) is None
        capture.wait_for(lambda frame: not frame.outgoing and frame.data[at] == number)
        with receiver(wire.peer, family, address=ADDRESS["r2", family]) as far:
            assert mouth.send(packet(family), target(family)) is None
            assert payloads(hear(far, 1)) == [advert(family)]


def test_a_unicast_port_tells_its_neighbours_where_its_own_address_is(wire: Pair, family: Family) -> None:
    """A peer that remembers another hardware address would send its adverts to nobody."""
    own, mac = ADDRESS["r1", family], bytes.fromhex(MAC["r1"].replace(":", ""))

    def announces(data: bytes) -> bool:
        if family is Family.IPV4:
            return data[12:14] == b"\x08\x06" and data[22:32] == mac + own
        return data[20] == 58 and data[54] == 136 and data[62:78] == own

    with Capture(wire.peer) as capture, wire.ours.entered():
        kernel = Kernel()
        port = Port(Wire("eth0", family, b""), kernel, [])
        assert port.view.address == own
        capture.wait_for(lambda frame: announces(frame.data))
        port.close()
        kernel.close()


def test_a_source_must_be_on_the_interface(wire: Pair, family: Family) -> None:
    absent = ip("10.77.0.98") if family is Family.IPV4 else ip("2001:db8::98")
    with wire.ours.entered():
        kernel = Kernel()
        port = Port(Wire("eth0", family, b"", absent), kernel, [])
        assert port.view.fault == f"interface eth0 has no address {readable(absent)} to send from"
        wire.ours.run("ip", "addr", "add", *with_prefix(absent), "dev", "eth0")
        read_until(kernel, lambda: port.look(kernel).fault is None)
        port.use(port.look(kernel))
        assert (port.view.fault, port.view.address) == (None, absent)
        wire.ours.run("ip", "addr", "del", with_prefix(absent)[0], "dev", "eth0")
        port.close()
        kernel.close()
