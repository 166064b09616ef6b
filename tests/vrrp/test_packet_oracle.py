"""The codec against scapy, which shares no code with it: each reads what the other wrote."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.vrrp import VRRP, VRRPv3

from havip.clock import Duration
from havip.config.model import ChecksumForm
from havip.vrrp import packet
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings
from tests.vrrp.wire import GROUP_V4, GROUP_V6

MESSAGE, PSEUDO = ChecksumForm.MESSAGE, ChecksumForm.PSEUDO_HEADER

v4 = st.integers(1, 2**32 - 2).map(lambda number: str(IPv4Address(number)))
v6 = st.integers(1, 2**128 - 2).map(lambda number: str(IPv6Address(number)))
vrids, priorities = st.integers(1, 255), st.integers(0, 255)
centiseconds, whole_seconds = st.integers(1, 4095), st.integers(1, 255)
FEW = settings(max_examples=50, deadline=None)  # scapy takes about a millisecond each


def packed(text: str) -> bytes:
    return (IPv6Address(text) if ":" in text else IPv4Address(text)).packed


@FEW
@given(vrids, priorities, centiseconds, v4, st.lists(v4, min_size=1, max_size=20))
def test_we_read_vrrp_v3_over_ipv4_that_scapy_wrote(
    vrid: int, priority: int, interval: int, source: str, addresses: list[str]
) -> None:
    layer = VRRPv3(vrid=vrid, priority=priority, ipcount=len(addresses), adv=interval, addrlist=addresses)
    datagram = bytes(IP(src=source, dst="224.0.0.18", ttl=255, proto=112) / layer)
    heard = packet.decode(*packet.split_ipv4(datagram))
    assert isinstance(heard, Advert)
    assert PSEUDO in heard.forms  # scapy knows no other form
    assert (heard.version, heard.vrid, heard.priority) == (3, vrid, priority)
    assert heard.interval == interval * 10_000_000
    assert heard.source == packed(source)
    assert heard.addresses == tuple(map(packed, addresses))


@FEW
@given(vrids, priorities, whole_seconds, v4, st.lists(v4, min_size=1, max_size=20))
def test_we_read_vrrp_v2_that_scapy_wrote(
    vrid: int, priority: int, interval: int, source: str, addresses: list[str]
) -> None:
    layer = VRRP(vrid=vrid, priority=priority, ipcount=len(addresses), adv=interval, addrlist=addresses)
    datagram = bytes(IP(src=source, dst="224.0.0.18", ttl=255, proto=112) / layer)
    heard = packet.decode(*packet.split_ipv4(datagram))
    assert isinstance(heard, Advert)
    assert (heard.version, heard.vrid, heard.priority, heard.auth_type) == (2, vrid, priority, 0)
    assert heard.interval == interval * 1_000_000_000
    assert heard.addresses == tuple(map(packed, addresses))


@FEW
@given(vrids, priorities, centiseconds, v6, st.lists(v6, min_size=1, max_size=20))
def test_we_read_vrrp_v3_over_ipv6_that_scapy_wrote(
    vrid: int, priority: int, interval: int, source: str, addresses: list[str]
) -> None:
    layer = VRRPv3(vrid=vrid, priority=priority, ipcount=len(addresses), adv=interval, addrlist=addresses)
    datagram = bytes(IPv6(src=source, dst="ff02::12", hlim=255, nh=112) / layer)
    heard = packet.decode(datagram[40:], packed(source), GROUP_V6, datagram[7])
    assert isinstance(heard, Advert)
    assert (heard.version, heard.vrid, heard.priority) == (3, vrid, priority)
    assert heard.interval == interval * 10_000_000
    assert heard.addresses == tuple(map(packed, addresses))


@FEW
@given(vrids, priorities, centiseconds, v4, st.lists(v4, min_size=1, max_size=20))
def test_scapy_reads_vrrp_v3_over_ipv4_that_we_wrote(
    vrid: int, priority: int, interval: int, source: str, addresses: list[str]
) -> None:
    us = Settings(3, vrid, 100, Duration(interval * 10_000_000), packed(source), checksum_form=PSEUDO)
    sent = packet.encode(us, priority, tuple(map(packed, addresses)), GROUP_V4)
    seen = IP(packet.ipv4_datagram(sent, packed(source), GROUP_V4))
    assert (seen.version, seen.ihl, seen.tos, seen.ttl, seen.proto) == (4, 5, 0xC0, 255, 112)
    assert (seen.src, seen.dst, seen.len) == (source, "224.0.0.18", 20 + len(sent))
    layer = seen[VRRPv3]
    assert (layer.version, layer.type, layer.vrid, layer.priority) == (3, 1, vrid, priority)
    assert (layer.ipcount, layer.res, layer.adv) == (len(addresses), 0, interval)
    assert layer.addrlist == addresses
    del layer.chksum
    assert bytes(seen)[20:] == sent  # scapy's own checksum is ours


@FEW
@given(vrids, priorities, whole_seconds, v4, st.lists(v4, min_size=1, max_size=20))
def test_scapy_reads_vrrp_v2_that_we_wrote(
    vrid: int, priority: int, interval: int, source: str, addresses: list[str]
) -> None:
    us = Settings(2, vrid, 100, Duration(interval * 1_000_000_000), packed(source))
    sent = packet.encode(us, priority, tuple(map(packed, addresses)), GROUP_V4)
    layer = IP(packet.ipv4_datagram(sent, packed(source), GROUP_V4))[VRRP]
    assert (layer.version, layer.type, layer.vrid, layer.priority) == (2, 1, vrid, priority)
    assert (layer.ipcount, layer.authtype, layer.adv) == (len(addresses), 0, interval)
    assert (layer.auth1, layer.auth2) == (0, 0)
    assert layer.addrlist == addresses
    del layer.chksum
    assert bytes(layer) == sent


@FEW
@given(vrids, priorities, centiseconds, v6, st.lists(v6, min_size=1, max_size=20))
def test_scapy_reads_vrrp_v3_over_ipv6_that_we_wrote(
    vrid: int, priority: int, interval: int, source: str, addresses: list[str]
) -> None:
    us = Settings(3, vrid, 100, Duration(interval * 10_000_000), packed(source))
    sent = packet.encode(us, priority, tuple(map(packed, addresses)), GROUP_V6)
    seen = IPv6(bytes(IPv6(src=source, dst="ff02::12", hlim=255, nh=112, plen=len(sent))) + sent)
    layer = seen[VRRPv3]
    assert (layer.version, layer.type, layer.vrid, layer.priority) == (3, 1, vrid, priority)
    assert (layer.ipcount, layer.res, layer.adv) == (len(addresses), 0, interval)
    assert list(map(packed, layer.addrlist)) == list(map(packed, addresses))
    del layer.chksum
    assert bytes(seen)[40:] == sent
