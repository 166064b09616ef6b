"""AgentX: the bytes of RFC 2741, there and back, and whatever else may come."""

from __future__ import annotations

import struct
from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.snmp.agentx import (
    HEADER,
    MOST_PAYLOAD,
    MOST_RANGES,
    Binding,
    Close,
    Get,
    GetBulk,
    GetNext,
    Malformed,
    Notify,
    Open,
    Packet,
    Pdu,
    Ping,
    Range,
    Register,
    Response,
    SetTest,
    Step,
    decode,
    decode_header,
    encode,
)
from havip.snmp.values import Kind, Oid, Value

#: octets as RFC 2741 lays them out, by what they mean
WRITTEN: list[tuple[Pdu, str, str]] = [
    (Open(3, b"havip"), "01", "03000000 00000000 00000005 6861766970000000"),
    (Close(5), "02", "05000000"),
    # 1.3.6.1.2.1.68: a prefix of 2, and two more sub-identifiers
    (Register((1, 3, 6, 1, 2, 1, 68)), "03", "007f0000 02020000 00000001 00000044"),
    (
        Get((Range((1, 3, 6, 1, 2, 1, 68, 1, 1, 0), False, ()),)),
        "05",
        "05020000 00000001 00000044 00000001 00000001 00000000 00000000",
    ),
    (
        GetNext((Range((1, 3, 6, 1, 4, 1, 9586), True, (1, 3, 6, 1, 4, 1, 9587)),)),
        "06",
        "02040100 00000001 00002572 02040000 00000001 00002573",
    ),
    (GetBulk(0, 10, (Range((0, 0), False, ()),)), "07", "0000000a 02000000 00000000 00000000 00000000"),
    (SetTest((Binding((1, 3, 6, 1), Value(Kind.INTEGER, -2)),)), "08",
     "00020000 04000000 00000001 00000003 00000006 00000001 fffffffe"),
    (Step(9), "09", ""),
    (Notify((Binding((0, 0), Value(Kind.OBJECT_IDENTIFIER, (1, 3, 6, 1, 2, 1, 68, 0, 1))),)), "0c",
     "00060000 02000000 00000000 00000000 04020000 00000001 00000044 00000000 00000001"),
    (Ping(), "0d", ""),
    (
        Response(100, 0, 0, (Binding((0, 0), Value(Kind.COUNTER64, 2**40)),)),
        "12",
        "00000064 00000000 00460000 02000000 00000000 00000000 00000100 00000000",
    ),
    (
        Response(0, 17, 1, (Binding((0, 0), Value(Kind.NO_SUCH_OBJECT, b"")),)),
        "12",
        "00000000 00110001 00800000 02000000 00000000 00000000",
    ),
    (
        Response(0, 0, 0, (Binding((0, 0), Value(Kind.IP_ADDRESS, bytes((10, 77, 0, 1)))),)),
        "12",
        "00000000 00000000 00400000 02000000 00000000 00000000 00000004 0a4d0001",
    ),
]  # fmt: skip


def read(data: bytes) -> Packet:
    return decode(decode_header(data[:HEADER]), data[HEADER:])


@pytest.mark.parametrize(("pdu", "kind", "payload"), WRITTEN)
def test_a_pdu_has_the_octets_of_the_rfc(pdu: Pdu, kind: str, payload: str) -> None:
    body = bytes.fromhex(payload)
    head = bytes.fromhex(f"01{kind}1000 00000007 00000008 00000009") + struct.pack(">I", len(body))
    assert encode(Packet(pdu, 7, 8, 9)) == head + body
    assert read(head + body) == Packet(pdu, 7, 8, 9)


def test_what_a_master_agent_of_the_other_byte_order_sends_is_read() -> None:
    body = bytes.fromhex("0502000001000000440000000100000001000000000000000000 0000".replace(" ", ""))
    head = bytes.fromhex("01050000") + struct.pack("<IIII", 7, 8, 9, len(body))
    assert read(head + body) == Packet(Get((Range((1, 3, 6, 1, 2, 1, 68, 1, 1, 0), False, ()),)), 7, 8, 9)


def test_a_context_precedes_everything_else() -> None:
    data = encode(Packet(Ping(), 1, 2, 3, b"blue"))
    assert data[2] == 0x18
    assert data[HEADER:] == bytes.fromhex("00000004") + b"blue"
    assert read(data).context == b"blue"


numbers = st.integers(0, 0xFFFFFFFF)
oids: st.SearchStrategy[Oid] = st.one_of(
    st.lists(numbers, max_size=120).map(tuple),
    st.tuples(st.just((1, 3, 6, 1)), st.lists(numbers, max_size=20).map(tuple)).map(
        lambda two: two[0] + two[1]
    ),
)
values = st.one_of(
    st.builds(Value, st.just(Kind.INTEGER), st.integers(-(2**31), 2**31 - 1)),
    st.builds(Value, st.sampled_from((Kind.COUNTER32, Kind.GAUGE32, Kind.TIME_TICKS)), numbers),
    st.builds(Value, st.just(Kind.COUNTER64), st.integers(0, 2**64 - 1)),
    st.builds(
        Value, st.sampled_from((Kind.OCTET_STRING, Kind.OPAQUE, Kind.IP_ADDRESS)), st.binary(max_size=300)
    ),
    st.builds(Value, st.just(Kind.OBJECT_IDENTIFIER), oids),
    st.builds(
        Value,
        st.sampled_from((Kind.NULL, Kind.NO_SUCH_OBJECT, Kind.NO_SUCH_INSTANCE, Kind.END_OF_MIB_VIEW)),
        st.just(b""),
    ),
)
bindings = st.lists(st.builds(Binding, oids, values), max_size=8).map(tuple)
ranges = st.lists(st.builds(Range, oids, st.booleans(), oids), max_size=8).map(tuple)
octet, short = st.integers(0, 255), st.integers(0, 0xFFFF)
pdus: st.SearchStrategy[Pdu] = st.one_of(
    st.builds(Open, octet, st.binary(max_size=100)),
    st.builds(Close, octet),
    st.builds(Register, oids, octet),
    st.builds(Get, ranges),
    st.builds(GetNext, ranges),
    st.builds(GetBulk, short, short, ranges),
    st.builds(SetTest, bindings),
    st.builds(Step, st.sampled_from((9, 10, 11))),
    st.builds(Notify, bindings),
    st.builds(Response, numbers, short, short, bindings),
    st.just(Ping()),
)
packets = st.builds(Packet, pdus, numbers, numbers, numbers, st.none() | st.binary(max_size=40))


@given(packets)
def test_every_packet_is_read_as_it_was_meant(packet: Packet) -> None:
    assert read(encode(packet)) == packet


@given(st.binary(max_size=200), st.integers(0, 20), st.booleans())
def test_any_payload_is_a_packet_or_malformed(payload: bytes, kind: int, network: bool) -> None:
    flags = 0x18 if network else 0x08
    head = bytes((1, kind, flags, 0)) + struct.pack(">IIII" if network else "<IIII", 1, 2, 3, len(payload))
    with suppress(Malformed):
        read(head + payload)


def test_damaged_packets_are_packets_or_malformed() -> None:
    random = Random(2741)
    samples = [encode(Packet(pdu, 7, 8, 9, b"x" if random.random() < 0.3 else None)) for pdu, _, _ in WRITTEN]
    outcomes = {"packet": 0, "malformed": 0}
    for _ in range(20_000):
        data = bytearray(random.choice(samples))
        for _ in range(random.randint(1, 4)):
            data[random.randrange(len(data))] = random.randrange(256)
        if random.random() < 0.3:
            del data[random.randrange(len(data)) :]
        try:
            read(bytes(data))
            outcomes["packet"] += 1
        except Malformed:
            outcomes["malformed"] += 1
    assert min(outcomes.values()) > 1000, outcomes


def header(length: int, kind: int = 5) -> bytes:
    return bytes((1, kind, 0x10, 0)) + struct.pack(">IIII", 1, 2, 3, length)


def test_a_payload_that_is_too_large_is_refused_before_it_is_read() -> None:
    assert decode_header(header(MOST_PAYLOAD)).length == MOST_PAYLOAD
    with pytest.raises(Malformed, match="payload"):
        decode_header(header(MOST_PAYLOAD + 4))


def test_more_variables_than_we_take_are_refused() -> None:
    empty = bytes(8)  # a range from nothing to nothing
    assert len(read(header(8 * MOST_RANGES) + empty * MOST_RANGES).pdu.ranges) == MOST_RANGES  # type: ignore[union-attr]
    with pytest.raises(Malformed, match="variables"):
        read(header(8 * MOST_RANGES + 8) + empty * (MOST_RANGES + 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        header(0)[:19],
        b"\x02" + header(0)[1:],  # another version
        header(3),
        header(0, 99),
        header(4) + b"\x81\0\0\0",  # 129 sub-identifiers of which none is there
        header(4, 2) + b"\0\0\0\0" * 2,
    ],
)
def test_what_is_no_packet_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(data)
