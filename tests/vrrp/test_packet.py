"""The VRRP message, byte for byte: RFC 9568 section 5, RFC 3768 section 5.3.

The expected bytes were written and their checksums added up by hand.
"""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.clock import Duration
from havip.config.model import ChecksumForm
from havip.errors import Refusal
from havip.vrrp import packet
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings
from tests.vrrp.wire import GROUP_V4, GROUP_V6, ip, message

MESSAGE, PSEUDO = ChecksumForm.MESSAGE, ChecksumForm.PSEUDO_HEADER
BOTH = frozenset((MESSAGE, PSEUDO))
SOURCE_V4, SOURCE_V6 = ip("198.51.100.10"), ip("fe80::10")
VIP_V4, VIP_V6 = ip("192.0.2.100"), ip("fe80::100")
SECOND = Duration(1_000_000_000)


class Vector(NamedTuple):
    """A message and what it means."""

    hex: str
    version: int
    priority: int
    source: bytes = SOURCE_V4
    addresses: tuple[bytes, ...] = (VIP_V4,)
    form: ChecksumForm = PSEUDO
    forms: frozenset[ChecksumForm] = frozenset((PSEUDO,))
    interval: Duration = SECOND
    vrid: int = 51

    @property
    def settings(self) -> Settings:
        return Settings(self.version, self.vrid, 100, self.interval, self.source, checksum_form=self.form)

    @property
    def destination(self) -> bytes:
        return GROUP_V6 if len(self.source) == 16 else GROUP_V4


ONLY_MESSAGE = frozenset((MESSAGE,))
VECTORS = {
    # 3133+c801+0064+c000+0264 = 1bbfc -> bbfd -> 4402
    "v3 ipv4 message only": Vector("3133c80100644402c0000264", 3, 200, form=MESSAGE, forms=ONLY_MESSAGE),
    # bbfd + c633+640a + e000+0012 + 0070 + 000c = 2c6c8 -> c6ca -> 3935
    "v3 ipv4 pseudo header": Vector("3133c80100643935c0000264", 3, 200),
    # 3133+0001+0064+c000+0264 = f3fc; + c633+640a+e000+0012+0070+000c = 2fec7 -> fec9 -> 0136
    "v3 ipv4 resignation": Vector("3133000100640136c0000264", 3, 0),
    # f998 + fe80+0100 + fe80+0010 + ff02+0012 + 0018 + 0070 = 3f744 -> f747 -> 08b8
    "v3 ipv6": Vector(
        "3133c801006408b8fe800000000000000000000000000100", 3, 200, SOURCE_V6, (VIP_V6,), forms=BOTH
    ),
    # 31ff+ff02+0fff + c000+0264 + c000+0265 = 2c5c9 -> c5cb -> 3a34
    "v3 greatest values, two addresses": Vector(
        "31ffff020fff3a34c0000264c0000265",
        3,
        255,
        addresses=(VIP_V4, ip("192.0.2.101")),
        form=MESSAGE,
        forms=ONLY_MESSAGE,
        interval=Duration(40_950_000_000),
        vrid=255,
    ),
    # 3101+0101+0001 + c000+0264 = f467 -> 0b98
    "v3 least values": Vector(
        "3101010100010b98c0000264",
        3,
        1,
        form=MESSAGE,
        forms=ONLY_MESSAGE,
        interval=Duration(10_000_000),
        vrid=1,
    ),
    # 3133+c801+0064 + c000+4666 = 1fffe -> ffff -> 0000
    "v3 whose checksum is zero": Vector(
        "3133c80100640000c0004666", 3, 200, addresses=(ip("192.0.70.102"),), form=MESSAGE, forms=ONLY_MESSAGE
    ),
    # 2133+c801+0001 + c000+0264 = 1ab99 -> ab9a -> 5465
    "v2": Vector("2133c80100015465c00002640000000000000000", 2, 200, forms=BOTH),
    # 2133+0001+00ff + c000+0264 = e497 -> 1b68
    "v2 resignation at the longest interval": Vector(
        "2133000100ff1b68c00002640000000000000000",
        2,
        0,
        forms=BOTH,
        interval=Duration(255_000_000_000),
    ),
}
EACH = pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())


@EACH
def test_an_advert_is_sent_as_worked_out_by_hand(vector: Vector) -> None:
    sent = packet.encode(vector.settings, vector.priority, vector.addresses, vector.destination)
    assert sent.hex() == vector.hex


@EACH
def test_an_advert_is_understood_as_worked_out_by_hand(vector: Vector) -> None:
    heard = packet.decode(bytes.fromhex(vector.hex), vector.source, vector.destination, 255)
    assert heard == Advert(
        vector.version,
        vector.vrid,
        vector.priority,
        vector.interval,
        vector.source,
        vector.addresses,
        vector.forms,
    )


def test_the_four_reserved_bits_are_sent_as_zero() -> None:
    settings = Settings(3, 51, 100, Duration(40_950_000_000), SOURCE_V4)
    assert packet.encode(settings, 100, [VIP_V4], GROUP_V4)[4:6].hex() == "0fff"


@pytest.mark.parametrize("reserved", [0x1000, 0x8000, 0xF000])
def test_the_four_reserved_bits_are_ignored_when_heard(reserved: int) -> None:
    heard = packet.decode(message(timing=reserved | 100), SOURCE_V4, GROUP_V4, 255)
    assert isinstance(heard, Advert)
    assert heard.interval == SECOND


def test_vrrp_v2_sends_eight_zero_bytes_of_authentication_data() -> None:
    sent = packet.encode(Settings(2, 51, 100, SECOND, SOURCE_V4), 100, [VIP_V4], GROUP_V4)
    assert sent[4] == 0
    assert sent[12:] == bytes(8)


def test_vrrp_v2_authentication_data_is_ignored_when_no_authentication_is_named() -> None:
    heard = packet.decode(message(version=2, tail=b"password"), SOURCE_V4, GROUP_V4, 255)
    assert isinstance(heard, Advert)
    assert heard.auth_type == 0
    assert packet.refuse(Settings(2, 51, 100, SECOND, VIP_V4), heard) is None


def test_vrrp_v2_authentication_type_is_read_apart_from_the_interval() -> None:
    heard = packet.decode(message(version=2, timing=0x0205), SOURCE_V4, GROUP_V4, 255)
    assert isinstance(heard, Advert)
    assert (heard.auth_type, heard.interval) == (2, 5_000_000_000)


def test_an_ipv4_checksum_that_holds_both_ways_is_known_to() -> None:
    source = ip("31.113.0.0")  # 1f71+0000 + e000+0012 + 0070 + 000c = ffff: it adds nothing
    heard = packet.decode(message(source=source), source, GROUP_V4, 255)
    assert isinstance(heard, Advert)
    assert heard.forms == BOTH


def test_the_ipv4_header_is_written_as_keepalived_writes_it() -> None:
    datagram = packet.ipv4_datagram(bytes.fromhex("3133c80100643935c0000264"), SOURCE_V4, GROUP_V4)
    # version 4, 5 words; class 0xc0; 32 bytes; id 0 and checksum 0: the kernel's; TTL 255; protocol 112
    assert datagram.hex() == "45c0002000000000ff700000c633640ae00000123133c80100643935c0000264"


def test_the_groups_are_those_of_the_rfc() -> None:
    assert ip("224.0.0.18") == packet.GROUP_IPV4
    assert ip("ff02::12") == packet.GROUP_IPV6


def test_a_bare_header_keeps_its_ttl_source_and_destination() -> None:
    datagram = bytes.fromhex("45c0001412340000fe70abcdc633640ae0000012")
    assert packet.split_ipv4(datagram) == (b"", SOURCE_V4, GROUP_V4, 254)


def test_a_datagram_is_taken_apart_as_the_raw_socket_delivers_it() -> None:
    datagram = bytes.fromhex("45c0002012340000fe70abcdc633640ae00000123133c80100643935c0000264")
    payload = bytes.fromhex("3133c80100643935c0000264")
    assert packet.split_ipv4(datagram) == (payload, SOURCE_V4, GROUP_V4, 254)


def test_ip_options_are_stepped_over() -> None:
    datagram = bytes.fromhex("46c0002412340000ff70abcdc633640ae0000012940400003133c80100643935c0000264")
    heard = packet.decode(*packet.split_ipv4(datagram))
    assert isinstance(heard, Advert)
    assert heard.priority == 200


@pytest.mark.parametrize("length", [0, 1, 19, 20, 21, 27])
def test_a_cut_datagram_is_too_short_and_nothing_worse(length: int) -> None:
    datagram = bytes.fromhex("45c0002012340000ff70abcdc633640ae00000123133c80100643935c0000264")
    assert packet.decode(*packet.split_ipv4(datagram[:length])) is Refusal.LENGTH


def test_a_header_longer_than_its_datagram_is_too_short_and_nothing_worse() -> None:
    datagram = bytes.fromhex("4fc0002012340000ff70abcdc633640ae00000123133c80100643935c0000264")
    assert packet.decode(*packet.split_ipv4(datagram)) is Refusal.LENGTH


def settings_of(family: int) -> st.SearchStrategy[Settings]:
    """Any settings that can be configured for a family."""
    centiseconds = st.integers(1, 4095).map(lambda count: Duration(count * 10_000_000))
    whole_seconds = st.integers(1, 255).map(lambda count: Duration(count * 1_000_000_000))
    address = st.binary(min_size=family, max_size=family)
    common = {"vrid": st.integers(1, 255), "priority": st.integers(1, 255), "address": address}
    three = st.builds(
        Settings,
        version=st.just(3),
        interval=centiseconds,
        checksum_form=st.sampled_from(ChecksumForm),
        **common,  # type: ignore[arg-type]
    )
    two = st.builds(Settings, version=st.just(2), interval=whole_seconds, **common)  # type: ignore[arg-type]
    return three if family == 16 else three | two


@st.composite
def sent_adverts(draw: st.DrawFn) -> tuple[Settings, int, tuple[bytes, ...], bytes]:
    """Settings, priority, addresses and destination: everything that `encode` takes."""
    family = draw(st.sampled_from((4, 16)))
    address = st.binary(min_size=family, max_size=family)
    addresses = tuple(draw(st.lists(address, min_size=1, max_size=255)))
    group = GROUP_V6 if family == 16 else GROUP_V4
    return draw(settings_of(family)), draw(st.integers(0, 255)), addresses, group


@given(sent_adverts())
def test_what_is_sent_is_what_is_heard(sent: tuple[Settings, int, tuple[bytes, ...], bytes]) -> None:
    settings, priority, addresses, group = sent
    heard = packet.decode(packet.encode(settings, priority, addresses, group), settings.address, group, 255)
    assert isinstance(heard, Advert)
    assert heard.version == settings.version
    assert heard.vrid == settings.vrid
    assert heard.priority == priority
    assert heard.interval == settings.interval
    assert heard.source == settings.address
    assert heard.addresses == addresses
    assert settings.checksum_form in heard.forms
    assert heard.auth_type == 0


@given(sent_adverts())
def test_a_peer_of_the_same_configuration_believes_what_is_sent(
    sent: tuple[Settings, int, tuple[bytes, ...], bytes],
) -> None:
    settings, priority, addresses, group = sent
    heard = packet.decode(packet.encode(settings, priority, addresses, group), settings.address, group, 255)
    assert isinstance(heard, Advert)
    other = bytes(byte ^ 1 for byte in settings.address)
    assert packet.refuse(replace(settings, address=other, priority=100), heard) is None


@given(sent_adverts(), st.data())
def test_no_single_bit_can_change_unnoticed(
    sent: tuple[Settings, int, tuple[bytes, ...], bytes], data: st.DataObject
) -> None:
    settings, priority, addresses, group = sent
    flipped = bytearray(packet.encode(settings, priority, addresses, group))
    bit = data.draw(st.integers(0, len(flipped) * 8 - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    heard = packet.decode(bytes(flipped), settings.address, group, 255)
    if isinstance(heard, Advert):  # right in the other form: still not what we demand
        assert settings.checksum_form not in heard.forms


@given(sent_adverts())
def test_the_model_of_the_tests_writes_the_same_bytes(
    sent: tuple[Settings, int, tuple[bytes, ...], bytes],
) -> None:
    settings, priority, addresses, group = sent
    unit = 1_000_000_000 if settings.version == 2 else 10_000_000
    assert packet.encode(settings, priority, addresses, group) == message(
        version=settings.version,
        vrid=settings.vrid,
        priority=priority,
        timing=settings.interval // unit,
        addresses=addresses,
        source=settings.address,
        destination=group,
        form=settings.checksum_form.value,
    )


def framed(datagram: bytes) -> bytes:
    """Return a datagram with a right header checksum, as the wire carries it: 46 bytes at least."""
    words = (datagram[0] & 15) * 2
    total = sum(struct.unpack(f"!{words}H", datagram[: 2 * words]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (datagram[:10] + (total ^ 0xFFFF).to_bytes(2, "big") + datagram[12:]).ljust(46, b"\0")


BARE = bytes.fromhex("45c0002000010000ff700000 0a4d0001 e0000012") + bytes(range(12))


def test_a_frame_is_freed_of_its_padding() -> None:
    assert packet.whole_ipv4(framed(BARE))[20:] == bytes(range(12))
    assert packet.whole_ipv4(framed(BARE)[:32])[20:] == bytes(range(12))


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        framed(BARE)[:19],
        framed(BARE)[:31],  # cut short
        framed(b"\x65" + BARE[1:]),  # another version
        framed(b"\x44" + BARE[1:]),  # a header of 16 bytes
        framed(BARE[:3] + b"\x13" + BARE[4:]),  # a total of 19 bytes
        framed(b"\x4f" + BARE[1:].ljust(59, b"\0")),  # a header of 60 bytes, which is more than the total
        framed(BARE)[:8] + b"\x01" + framed(BARE)[9:],  # a wrong checksum
    ],
)
def test_a_frame_that_the_kernel_would_drop_is_nothing(frame: bytes) -> None:
    assert packet.whole_ipv4(frame) == b""
