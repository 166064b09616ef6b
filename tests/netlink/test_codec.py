"""`havip.netlink.codec`: what the kernel sends, what it accepts, and that no bytes can upset us.

The literal messages were taken from Linux 6.18 on a little-endian machine.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from havip.netlink import codec
from havip.netlink.codec import Address, Answer, Link, Malformed, Message

# ip addr add 10.0.0.1/24 with IFA_PROTO 112, as the event shows it.
NEW_IPV4 = bytes.fromhex(
    "58000000140000000700000000000000"
    "0218800003000000"
    "080001000a000001"
    "080002000a000001"
    "090003006574683000000000"
    "05000b0070000000"
    "0800080080000000"
    "14000600ffffffffffffffff0000000000000000"
)
# A deprecated 2001:db8::1/128 without duplicate address detection: no IFA_LOCAL.
NEW_IPV6 = bytes.fromhex(
    "50000000140000000000000000000000"
    "0a80a20003000000"
    "1400010020010db8000000000000000000000001"
    "1400060000000000ffffffff37a3020037a30200"
    "08000800a2000000"
    "05000b0070000000"
)
EEXIST = bytes.fromhex(
    "480000000200000308000000a5d034e9"
    "efffffff"
    "30000000140005060800000000000000"
    "23000100697076343a204164647265737320616c72656164792061737369676e65640000"
)


def only(datagram: bytes) -> Message:
    (message,) = codec.messages(datagram)
    return message


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def link_body(family: int = 0, attributes: bytes = b"") -> bytes:
    return struct.pack("=BxHiII", family, 1, 7, 0x11043, 0) + attributes


def test_an_ipv4_address_event_is_read_with_its_flags_and_its_mark() -> None:
    message = only(NEW_IPV4)
    assert (message.kind, message.sequence) == (20, 7)
    assert codec.parse_address(message.body) == Address(
        ifindex=3,
        address=bytes((10, 0, 0, 1)),
        peer=bytes((10, 0, 0, 1)),
        prefix_length=24,
        flags=0x80,
        scope=0,
        protocol=112,
        created=0,
    )


def test_an_ipv6_address_without_ifa_local_is_its_own_peer() -> None:
    address = codec.parse_address(only(NEW_IPV6).body)
    assert address is not None
    expected = bytes.fromhex("20010db8000000000000000000000001")
    assert (address.address, address.peer) == (expected, expected)
    assert (address.prefix_length, address.flags, address.protocol) == (128, 0xA2, 112)
    assert address.created == 172855


def test_the_address_of_a_point_to_point_link_is_the_local_end() -> None:
    body = struct.pack("=BBBBI", 2, 32, 0, 0, 3)
    body += attribute(1, bytes((10, 0, 0, 9))) + attribute(2, bytes((10, 0, 0, 1)))
    address = codec.parse_address(body)
    assert address is not None
    assert (address.address, address.peer) == (bytes((10, 0, 0, 1)), bytes((10, 0, 0, 9)))


def test_flags_above_bit_7_are_read_from_their_attribute() -> None:
    body = struct.pack("=BBBBI", 2, 24, 0x80, 0, 3)
    body += attribute(2, bytes((10, 0, 0, 1))) + attribute(8, struct.pack("=I", 0x280))
    address = codec.parse_address(body)
    assert address is not None
    assert address.flags == 0x280


def test_an_address_without_a_mark_has_protocol_0() -> None:
    body = struct.pack("=BBBBI", 2, 24, 0, 0, 3) + attribute(2, bytes((10, 0, 0, 1)))
    address = codec.parse_address(body)
    assert address is not None
    assert address.protocol == 0


@pytest.mark.parametrize("family", [0, 7, 28, 45])
def test_addresses_of_other_families_tell_us_nothing(family: int) -> None:
    assert codec.parse_address(struct.pack("=BBBBI", family, 8, 0, 0, 3) + attribute(2, b"\x01")) is None


def test_an_address_of_the_wrong_size_is_malformed() -> None:
    body = struct.pack("=BBBBI", 10, 24, 0, 0, 3) + attribute(2, bytes((10, 0, 0, 1)))
    with pytest.raises(Malformed):
        codec.parse_address(body)


def test_a_link_event_is_read() -> None:
    attributes = attribute(3, b"eth0\0") + attribute(1, bytes.fromhex("02000000000a"))
    attributes += attribute(4, struct.pack("=I", 1500))
    assert codec.parse_link(link_body(0, attributes)) == Link(
        ifindex=7, name="eth0", flags=0x11043, mac=bytes.fromhex("02000000000a"), mtu=1500
    )


def test_a_port_that_leaves_its_bridge_is_not_taken_for_a_deleted_interface() -> None:
    assert codec.parse_link(link_body(7, attribute(3, b"eth0\0"))) is None


def test_a_wireless_event_is_not_taken_for_an_interface_without_a_name() -> None:
    assert codec.parse_link(link_body(0, attribute(11, bytes(16)))) is None


def test_an_interface_name_that_is_not_utf_8_survives_as_the_os_module_spells_it() -> None:
    link = codec.parse_link(link_body(0, attribute(3, b"et\xff0\0")))
    assert link is not None
    assert link.name == "et\udcff0"


def test_a_refusal_carries_the_kernels_own_words() -> None:
    message = only(EEXIST)
    assert message.sequence == 8
    assert codec.parse_answer(message) == Answer(17, "ipv4: Address already assigned")


def test_words_are_found_behind_a_request_that_is_quoted_in_full() -> None:
    # Without NETLINK_CAP_ACK the quotation is as long as its own header says: 20 bytes here.
    body = struct.pack("=i", -22) + struct.pack("=IHHII", 20, 20, 5, 8, 0) + b"abcd" + attribute(1, b"no\0")
    assert codec.parse_answer(Message(2, 0x200, 8, body)) == Answer(22, "no")


def test_a_refusal_without_words_is_read() -> None:
    body = struct.pack("=i", -1) + struct.pack("=IHHII", 48, 20, 5, 8, 0)
    assert codec.parse_answer(Message(2, 0x100, 8, body)) == Answer(1, "")


def test_the_end_of_a_dump_may_be_an_error() -> None:
    assert codec.parse_answer(Message(3, 2, 8, struct.pack("=i", 0))) == Answer(0)
    assert codec.parse_answer(Message(3, 2, 8, struct.pack("=i", -12))) == Answer(12)


def test_several_messages_of_one_datagram_are_told_apart() -> None:
    assert [message.kind for message in codec.messages(NEW_IPV4 + EEXIST + NEW_IPV6)] == [20, 2, 20]


def test_messages_are_aligned_to_four_bytes() -> None:
    odd = struct.pack("=IHHII", 17, 16, 0, 1, 0) + b"x" + bytes(3)
    assert next(codec.messages(odd + EEXIST)).body == b"x"
    assert len(list(codec.messages(odd + EEXIST))) == 2


@pytest.mark.parametrize("length", [0, 15, 21, 0xFFFFFFFF])
def test_a_message_longer_or_shorter_than_can_be_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        list(codec.messages(struct.pack("=IHHII", length, 20, 0, 1, 0) + bytes(4)))


@pytest.mark.parametrize("length", [0, 3, 9, 0xFFFF])
def test_an_attribute_longer_or_shorter_than_can_be_is_malformed(length: int) -> None:
    with pytest.raises(Malformed):
        list(codec.attributes(struct.pack("=HH", length, 1) + bytes(4), 0))


def test_forwarding_is_read_from_a_netconf_message() -> None:
    head = bytes((10, 0, 0, 0)) + attribute(1, struct.pack("=i", 3))
    assert codec.parse_forwarding(head + attribute(2, struct.pack("=i", 1))) == (3, True)
    assert codec.parse_forwarding(head + attribute(2, struct.pack("=i", 0))) == (3, False)
    assert codec.parse_forwarding(head + attribute(3, struct.pack("=i", 1))) is None  # rp_filter
    ipv4 = bytes((2, 0, 0, 0)) + head[4:]
    assert codec.parse_forwarding(ipv4 + attribute(2, struct.pack("=i", 1))) is None


def test_forwarding_for_all_interfaces_has_an_index_that_no_interface_has() -> None:
    every = bytes((10, 0, 0, 0)) + attribute(1, struct.pack("=i", -1)) + attribute(2, struct.pack("=i", 1))
    assert codec.parse_forwarding(every) == (-1, True)


def test_the_request_for_the_settings_of_every_interface_is_these_bytes() -> None:
    assert codec.dump_forwarding(9) == bytes.fromhex("140000005200010309000000000000000a000000")


def test_an_ipv4_addition_is_these_bytes() -> None:
    assert codec.add_address(7, 3, bytes((10, 0, 0, 1)), 24, protocol=112) == bytes.fromhex(
        "3000000014000106"  # REQUEST | EXCL | CREATE
        "0700000000000000"
        "0218000003000000"
        "080002000a000001"
        "080001000a000001"
        "05000b0070000000"
    )


def test_a_deletion_is_these_bytes() -> None:
    assert codec.delete_address(7, 3, bytes((10, 0, 0, 1)), 24) == bytes.fromhex(
        "280000001500010007000000000000000218000003000000080002000a000001080001000a000001"
    )


def test_a_marker_asks_for_an_answer_and_for_nothing_else() -> None:
    assert codec.marker(0x01020304) == bytes.fromhex("10000000010005000403020100000000")


# --- pyroute2 as the independent reader -------------------------------------------------------------


def read_by_pyroute2(data: bytes) -> ifaddrmsg:
    message = ifaddrmsg(data)
    message.decode()
    return message


@given(
    sequence=st.integers(1, 0xFFFFFFFF),
    ifindex=st.integers(1, 0x7FFFFFFF),
    address=st.ip_addresses(),
    protocol=st.integers(1, 255),
    deprecated=st.booleans(),
    data=st.data(),
)
def test_pyroute2_reads_our_additions_as_we_meant_them(
    sequence: int,
    ifindex: int,
    address: IPv4Address | IPv6Address,
    protocol: int,
    deprecated: bool,
    data: st.DataObject,
) -> None:
    length = data.draw(st.integers(0, address.max_prefixlen))
    built = codec.add_address(
        sequence,
        ifindex,
        address.packed,
        length,
        protocol=protocol,
        flags=0x02,
        preferred=0 if deprecated else 0xFFFFFFFF,
    )
    read = read_by_pyroute2(built)
    assert read["header"]["type"] == 20
    assert read["header"]["flags"] == 0x601
    assert read["header"]["sequence_number"] == sequence
    assert read["header"]["length"] == len(built)
    assert (read["family"], read["prefixlen"]) == (2 if address.version == 4 else 10, length)
    assert (read["index"], read["scope"], read["flags"]) == (ifindex, 0, 2)
    assert ip_address(read.get_attr("IFA_LOCAL")) == address
    assert ip_address(read.get_attr("IFA_ADDRESS")) == address
    assert read.get_attr("IFA_PROTO") == protocol
    lifetimes = read.get_attr("IFA_CACHEINFO")
    if deprecated:
        assert (lifetimes["ifa_preferred"], lifetimes["ifa_valid"]) == (0, 0xFFFFFFFF)
    else:
        assert lifetimes is None


@given(ifindex=st.integers(1, 0x7FFFFFFF), address=st.ip_addresses(), sequence=st.integers(1, 0xFFFFFFFF))
def test_pyroute2_reads_our_deletions_as_we_meant_them(
    ifindex: int, address: IPv4Address | IPv6Address, sequence: int
) -> None:
    read = read_by_pyroute2(codec.delete_address(sequence, ifindex, address.packed, 20))
    assert (read["header"]["type"], read["header"]["flags"]) == (21, 0x1)
    assert (read["index"], read["prefixlen"]) == (ifindex, 20)
    assert ip_address(read.get_attr("IFA_LOCAL")) == address
    assert ip_address(read.get_attr("IFA_ADDRESS")) == address


@given(
    ifindex=st.integers(1, 0x7FFFFFFF),
    name=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=15),
    mac=st.binary(min_size=6, max_size=6),
    mtu=st.integers(68, 0xFFFFFFFF),
    flags=st.integers(0, 0xFFFFFFFF),
)
def test_we_read_links_as_pyroute2_builds_them(
    ifindex: int, name: str, mac: bytes, mtu: int, flags: int
) -> None:
    built = ifinfmsg()
    built["index"], built["flags"] = ifindex, flags
    built["attrs"] = [
        ("IFLA_IFNAME", name),
        ("IFLA_MTU", mtu),
        ("IFLA_ADDRESS", ":".join(f"{byte:02x}" for byte in mac)),
    ]
    built["header"]["type"] = 16
    built.encode()
    assert codec.parse_link(only(bytes(built.data)).body) == Link(ifindex, name, flags, mac, mtu)


# --- no bytes can upset us --------------------------------------------------------------------------


def read_everything(datagram: bytes) -> None:
    """Read a datagram as every kind of message; `Malformed` is the only exception that may come."""
    with suppress(Malformed):
        for message in codec.messages(datagram):
            read_body(message)


def read_body(message: Message) -> None:
    for parse in (codec.parse_address, codec.parse_link, codec.parse_forwarding):
        with suppress(Malformed):
            parse(message.body)
    for kind in (2, 3):
        with suppress(Malformed):
            codec.parse_answer(Message(kind, message.flags, message.sequence, message.body))


@given(st.binary(max_size=200))
def test_random_bytes_are_read_or_malformed(datagram: bytes) -> None:
    read_everything(datagram)


@given(st.binary(max_size=120), st.integers(0, 0xFFFF))
def test_random_bodies_are_read_or_malformed(body: bytes, flags: int) -> None:
    read_body(Message(20, flags, 1, body))


@given(st.sampled_from([NEW_IPV4, NEW_IPV6, EEXIST]), st.data())
def test_damaged_messages_are_read_or_malformed(original: bytes, data: st.DataObject) -> None:
    damaged = bytearray(original)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(original) - 1))] = data.draw(st.integers(0, 255))
    read_everything(bytes(damaged[: data.draw(st.integers(0, len(original)))]))


@pytest.mark.parametrize("original", [NEW_IPV4, NEW_IPV6, EEXIST])
def test_a_message_cut_anywhere_is_malformed(original: bytes) -> None:
    for size in range(1, len(original)):
        with pytest.raises(Malformed):
            list(codec.messages(original[:size]))
