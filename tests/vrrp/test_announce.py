"""Gratuitous ARP and unsolicited Neighbor Advertisements, byte for byte and as scapy sees them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6NDOptDstLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from havip.vrrp import announce
from tests.vrrp.wire import ip, ones_complement_sum

MAC = bytes.fromhex("020000000001")
FEW = settings(max_examples=50, deadline=None)
macs = st.binary(min_size=6, max_size=6)
v4 = st.binary(min_size=4, max_size=4)
v6 = st.binary(min_size=16, max_size=16)


def test_a_gratuitous_arp_is_a_broadcast_request_from_and_for_the_address() -> None:
    assert announce.gratuitous_arp(ip("192.0.2.100"), MAC).hex(" ", -2) == (
        "ffff ffff ffff 0200 0000 0001 0806 "  # to all, from us, ARP
        "0001 0800 0604 0001 "  # Ethernet, IPv4, their lengths, request
        "0200 0000 0001 c000 0264 "  # sender: our hardware address, the virtual address
        "ffff ffff ffff c000 0264"  # target: anybody, the virtual address
    )


@pytest.mark.parametrize(("router", "flags", "checksum"), [(True, "a000", "d59c"), (False, "2000", "559d")])
def test_an_unsolicited_na_calls_all_nodes_from_the_address_itself(
    router: bool, flags: str, checksum: str
) -> None:
    assert announce.unsolicited_na(ip("fe80::100"), MAC, router).hex(" ", -2) == (
        "3333 0000 0001 0200 0000 0001 86dd "  # all nodes, from us, IPv6
        "6000 0000 0020 3aff "  # 32 bytes of ICMPv6, hop limit 255
        "fe80 0000 0000 0000 0000 0000 0000 0100 "
        "ff02 0000 0000 0000 0000 0000 0000 0001 "
        f"8800 {checksum} {flags} 0000 "  # advertisement
        "fe80 0000 0000 0000 0000 0000 0000 0100 "
        "0201 0200 0000 0001"  # target link-layer address
    )


def test_the_na_checksum_adds_up_with_its_pseudo_header() -> None:
    sent = announce.unsolicited_na(ip("2001:db8::100"), MAC, True)
    pseudo = sent[22:54] + bytes((0, 0, 0, 32, 0, 0, 0, 58))
    assert ones_complement_sum(pseudo + sent[54:]) == 0xFFFF


def test_the_router_flag_is_set_only_for_a_router() -> None:
    as_router = announce.unsolicited_na(ip("fe80::100"), MAC, True)
    as_host = announce.unsolicited_na(ip("fe80::100"), MAC, False)
    assert as_router[58] == 0b1010_0000  # Router, not Solicited, Override
    assert as_host[58] == 0b0010_0000


def test_the_family_of_a_frame_follows_the_address() -> None:
    four, six = ip("192.0.2.100"), ip("2001:db8::100")
    assert announce.frame(four, MAC, True) == announce.gratuitous_arp(four, MAC)
    assert announce.frame(four, MAC, False) == announce.gratuitous_arp(four, MAC)
    assert announce.frame(six, MAC, True) == announce.unsolicited_na(six, MAC, True)
    assert announce.frame(six, MAC, False) == announce.unsolicited_na(six, MAC, False)


@FEW
@given(v4, macs)
def test_scapy_writes_the_same_gratuitous_arp(address: bytes, mac: bytes) -> None:
    text, hardware = str(IPv4Address(address)), mac.hex(":")
    theirs = Ether(dst="ff:ff:ff:ff:ff:ff", src=hardware) / ARP(
        op=1, hwsrc=hardware, psrc=text, hwdst="ff:ff:ff:ff:ff:ff", pdst=text
    )
    ours = announce.gratuitous_arp(address, mac)
    assert ours == bytes(theirs)
    assert len(ours) == 42


@FEW
@given(v6, macs, st.booleans())
def test_scapy_writes_the_same_neighbor_advertisement(address: bytes, mac: bytes, router: bool) -> None:
    text, hardware = str(IPv6Address(address)), mac.hex(":")
    theirs = (
        Ether(dst="33:33:00:00:00:01", src=hardware)
        / IPv6(src=text, dst="ff02::1", hlim=255)
        / ICMPv6ND_NA(R=int(router), S=0, O=1, tgt=text)
        / ICMPv6NDOptDstLLAddr(lladdr=hardware)
    )
    assert announce.unsolicited_na(address, mac, router) == bytes(theirs)


@FEW
@given(v6, macs, st.booleans())
def test_scapy_reads_the_neighbor_advertisement_that_we_wrote(
    address: bytes, mac: bytes, router: bool
) -> None:
    seen = Ether(announce.unsolicited_na(address, mac, router))
    assert (seen[IPv6].hlim, seen[IPv6].nh, seen[IPv6].plen) == (255, 58, 32)
    na = seen[ICMPv6ND_NA]
    assert (na.type, na.code, na.R, na.S, na.O) == (136, 0, int(router), 0, 1)
    assert ip(na.tgt) == address
    assert seen[ICMPv6NDOptDstLLAddr].lladdr == mac.hex(":")
    ours = na.cksum
    del na.cksum
    assert Ether(bytes(seen))[ICMPv6ND_NA].cksum == ours
