"""The probe's packets, and what the witnesses read from the wire: literals from the RFCs."""

from __future__ import annotations

import struct

import pytest

from lab.capture import Frame
from lab.plan import MILLISECOND, SECOND, master_down, parse_interval, skew, slack, spell
from lab.probe import answered_number, echo_request
from lab.watch import AddressSeen, AdvertSeen, CarrierSeen, advert, changes

IPV4 = bytes.fromhex("4500002400000000400100000a4d00fe0a4d0064")
IPV6 = bytes.fromhex("6000000000103a40") + bytes(32)


def ones_complement_sum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    return (total & 0xFFFF) + (total >> 16)


@pytest.mark.parametrize("number", [0, 1, 65_535, 65_536, 2**40 + 12_345])
def test_an_icmp_echo_request_has_a_checksum_that_sums_to_all_ones(number: int) -> None:
    packet = echo_request(4, 0xBEEF, number)
    assert packet[:2] == b"\x08\x00"
    assert ones_complement_sum(packet) == 0xFFFF


def test_an_icmpv6_echo_request_leaves_the_checksum_to_the_kernel() -> None:
    assert echo_request(6, 0x1234, 7) == bytes.fromhex("80000000 1234 0007 0000000000000007")


@pytest.mark.parametrize(("family", "header", "reply"), [(4, IPV4, 0), (6, IPV6, 129)])
def test_an_answer_carries_the_number_of_its_echo_beyond_sixteen_bits(
    family: int, header: bytes, reply: int
) -> None:
    answer = header + bytes([reply]) + echo_request(family, 0xBEEF, 70_000)[1:]
    assert answered_number(family, 0xBEEF, answer) == 70_000


@pytest.mark.parametrize(("family", "header", "reply"), [(4, IPV4, 0), (6, IPV6, 129)])
def test_an_answer_to_somebody_else_or_a_request_is_no_answer(family: int, header: bytes, reply: int) -> None:
    request = echo_request(family, 0xBEEF, 5)
    assert answered_number(family, 0xBEEF, header + request) is None
    assert answered_number(family, 0xBEEE, header + bytes([reply]) + request[1:]) is None
    assert answered_number(family, 0xBEEF, (header + bytes([reply]) + request[1:])[:-1]) is None
    assert answered_number(family, 0xBEEF, b"") is None


def frame(text: str) -> Frame:
    return Frame(5, outgoing=False, data=bytes.fromhex(text))


def test_an_advert_over_ipv4_is_read_from_its_frame() -> None:
    ethernet = "01005e000012 020000000001 0800 "
    ip = "45c00020 00000000 ff700000 c0000201 e0000012 "
    vrrp = "31 33 96 01 0064 0000 c00002fe"
    assert advert(frame(ethernet + ip + vrrp)) == AdvertSeen(5, 4, "192.0.2.1", 0x33, 150)


def test_an_advert_over_ipv6_is_read_from_its_frame() -> None:
    ethernet = "333300000012 020000000001 86dd "
    ip = "60000000 0018 70 ff fe800000000000000000000000000001 ff020000000000000000000000000012 "
    vrrp = "31 33 00 01 0064 0000 fe8000000000000000000000000000fe"
    assert advert(frame(ethernet + ip + vrrp)) == AdvertSeen(5, 6, "fe80::1", 0x33, 0)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "01005e000012 020000000001 0806 45c00020 00000000 ff700000 c0000201 e0000012 31339601",
        "01005e000012 020000000001 0800 45c00020 00000000 ff110000 c0000201 e0000012 31339601",
        "01005e000012 020000000001 0800 45c00020 00000000 ff700000 c0000201 e0000012 3133",
        "01005e000012 020000000001 0800 45c00020 00000000 ff700000 c0000201 e0000012 32339601",
    ],
    ids=["empty", "ARP", "UDP", "truncated", "not an advertisement"],
)
def test_other_frames_are_no_adverts(text: str) -> None:
    assert advert(frame(text)) is None


def message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def test_address_notifications_tell_the_local_address() -> None:
    ifaddrmsg = struct.pack("=BBBBI", 2, 24, 0, 0, 7)
    pair = attribute(1, bytes([10, 0, 0, 9])) + attribute(2, bytes([10, 0, 0, 1]))
    data = message(20, ifaddrmsg + pair) + message(21, ifaddrmsg + pair)
    assert list(changes(data, 5)) == [AddressSeen(5, "10.0.0.1", True), AddressSeen(5, "10.0.0.1", False)]


def test_link_notifications_tell_the_carrier() -> None:
    def link(kind: int, flags: int) -> bytes:
        return message(kind, struct.pack("=BxHiII", 0, 1, 7, flags, 0) + attribute(3, b"eth0\0"))

    data = link(16, 0x11043) + link(16, 0x1003) + link(17, 0x11043)
    seen = [CarrierSeen(5, "eth0", True), CarrierSeen(5, "eth0", False), CarrierSeen(5, "eth0", False)]
    assert list(changes(data, 5)) == seen


def test_the_timers_are_those_of_the_rfc() -> None:
    # RFC 9568 section 6.1: priority 100 at 1 s has a skew of 156/256 s.
    assert skew(100, SECOND) == 609_375_000
    assert master_down(100, SECOND) == 3_609_375_000
    assert master_down(150, SECOND) == 3_414_062_500
    assert master_down(100, 100 * MILLISECOND) == 360_937_500


@pytest.mark.parametrize(("interval", "allowed"), [(10, 50), (100, 100), (1000, 250), (40_950, 250)])
def test_a_change_may_be_late_by_an_interval_within_bounds(interval: int, allowed: int) -> None:
    assert slack(interval * MILLISECOND) == allowed * MILLISECOND


@pytest.mark.parametrize(
    ("text", "interval"),
    [("1s", 10**9), ("100ms", 10**8), ("1.5s", 15 * 10**8), ("40.95s", 4095 * 10**7), ("10ms", 10**7)],
)
def test_an_interval_is_read_with_its_unit(text: str, interval: int) -> None:
    assert parse_interval(text) == interval


@pytest.mark.parametrize("text", ["", "1", "s", "-1s", "0s", "15ms", "41s", "1 hour"])
def test_an_interval_that_vrrp_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"interval|VRRPv3"):
        parse_interval(text)


@pytest.mark.parametrize(
    ("length", "text"),
    [(3_609_375_000, "3.609 s"), (61_000_000, "61 ms"), (412_345, "0.4 ms"), (0, "0.0 ms")],
)
def test_lengths_are_spelt_for_people(length: int, text: str) -> None:
    assert spell(length) == text
