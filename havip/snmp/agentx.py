"""Bytes <-> AgentX PDUs (RFC 2741 section 6).  Pure.

What comes from a master agent is judged here: whatever is not a PDU, or is larger than we take, raises
`Malformed`, and nothing else.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from havip.snmp.values import INTERNET, OCTETS, Kind, Oid, Value

VERSION: Final = 1
PORT: Final = 705  # of AgentX over TCP
HEADER: Final = 20  # bytes
NON_DEFAULT_CONTEXT, NETWORK_BYTE_ORDER = 0x08, 0x10  # flags of the header
MOST_PAYLOAD: Final = 64 * 1024  # bytes that we take: what fits into one SNMP message
MOST_RANGES: Final = 1024  # variables that we are asked for at once
LONGEST_OID: Final = 128  # sub-identifiers (RFC 2578 section 3.5)

OPEN, CLOSE, REGISTER = 1, 2, 3
GET, GET_NEXT, GET_BULK = 5, 6, 7
TEST_SET, COMMIT_SET, UNDO_SET, CLEANUP_SET = 8, 9, 10, 11
NOTIFY, PING, RESPONSE = 12, 13, 18

# Errors of a response: RFC 3416 section 3, and 256 and above RFC 2741 section 6.2.16.
NO_ERROR, GENERAL_ERROR = 0, 5
COMMIT_FAILED, UNDO_FAILED, NOT_WRITABLE = 14, 15, 17
UNSUPPORTED_CONTEXT, DUPLICATE_REGISTRATION = 262, 263
ERRORS: Final = {
    256: "the master agent could not open the session",
    257: "the session is not open",
    262: "the SNMP context is not supported",
    263: "another agent has registered it",
    266: "the master agent could not parse what we sent",
    267: "the request is denied",
    268: "the master agent failed",
}
SHUTDOWN: Final = 5  # reason of a Close


class Malformed(ValueError):
    """What was received is no PDU."""


class Binding(NamedTuple):
    """A variable and its value."""

    name: Oid
    value: Value


class Range(NamedTuple):
    """Variables from ``start``, which counts with ``include``, up to but not ``end``; empty: to the last."""

    start: Oid
    include: bool
    end: Oid


@dataclass(frozen=True, slots=True)
class Open:
    """Begin a session."""

    timeout: int  # seconds for our answers; 0: as the master agent has it
    description: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """End it."""

    reason: int


@dataclass(frozen=True, slots=True)
class Register:
    """Have what is below ``subtree`` asked of us."""

    subtree: Oid
    priority: int = 127


@dataclass(frozen=True, slots=True)
class Get:
    """Say what these variables are."""

    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class GetNext:
    """Say what comes first in each range."""

    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class GetBulk:
    """Say what comes first in the first ranges, and several times what comes next in the others."""

    non_repeaters: int
    repetitions: int
    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class SetTest:
    """Say whether these variables can be set."""

    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A later step of setting variables."""

    type: int  # COMMIT_SET, UNDO_SET or CLEANUP_SET


@dataclass(frozen=True, slots=True)
class Notify:
    """Send a notification on to whoever wants it."""

    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class Ping:
    """Say that you are there."""


@dataclass(frozen=True, slots=True)
class Response:
    """The answer."""

    uptime: int = 0  # hundredths of a second; 0 from a sub-agent
    error: int = NO_ERROR
    index: int = 0  # which variable is to blame, from 1
    bindings: tuple[Binding, ...] = ()


Pdu: TypeAlias = Open | Close | Register | Get | GetNext | GetBulk | SetTest | Step | Notify | Ping | Response
TYPES: Final[dict[type[Pdu], int]] = {
    Open: OPEN, Close: CLOSE, Register: REGISTER, Get: GET, GetNext: GET_NEXT, GetBulk: GET_BULK,
    SetTest: TEST_SET, Notify: NOTIFY, Ping: PING, Response: RESPONSE,
}  # fmt: skip


class Header(NamedTuple):
    """What precedes every payload."""

    type: int
    flags: int
    session: int
    transaction: int
    packet: int
    length: int  # bytes of the payload

    @property
    def order(self) -> str:
        """Return the byte order, as `struct` writes it."""
        return ">" if self.flags & NETWORK_BYTE_ORDER else "<"


class Packet(NamedTuple):
    """A PDU and to what it belongs."""

    pdu: Pdu
    session: int = 0
    transaction: int = 0
    packet: int = 0
    context: bytes | None = None  # None: the default one


def encode(packet: Packet) -> bytes:
    """Return a packet as bytes, in network byte order."""
    pdu = packet.pdu
    flags, payload = NETWORK_BYTE_ORDER, b""
    if packet.context is not None:
        flags, payload = flags | NON_DEFAULT_CONTEXT, octets(packet.context)
    payload += body(pdu)
    number = pdu.type if isinstance(pdu, Step) else TYPES[type(pdu)]
    return (
        struct.pack(
            ">BBBxIIII",
            *(VERSION, number, flags),
            *(packet.session, packet.transaction, packet.packet, len(payload)),
        )
        + payload
    )


def body(pdu: Pdu) -> bytes:
    """Return the payload of a PDU."""
    match pdu:
        case Open():
            return struct.pack(">Bxxx", pdu.timeout) + identifier(()) + octets(pdu.description)
        case Close():
            return struct.pack(">Bxxx", pdu.reason)
        case Register():
            return struct.pack(">BBBx", 0, pdu.priority, 0) + identifier(pdu.subtree)
        case Get() | GetNext():
            return b"".join(map(spanned, pdu.ranges))
        case GetBulk():
            return struct.pack(">HH", pdu.non_repeaters, pdu.repetitions) + b"".join(map(spanned, pdu.ranges))
        case SetTest() | Notify():
            return b"".join(map(bound, pdu.bindings))
        case Response():
            return struct.pack(">IHH", pdu.uptime, pdu.error, pdu.index) + b"".join(map(bound, pdu.bindings))
        case Step() | Ping():
            return b""


def identifier(oid: Oid, include: bool = False) -> bytes:
    """Return an object identifier; internet.N in its short form (section 5.1)."""
    prefix = 0
    if len(oid) > len(INTERNET) and oid[: len(INTERNET)] == INTERNET and 0 < oid[len(INTERNET)] < 256:
        prefix, oid = oid[len(INTERNET)], oid[len(INTERNET) + 1 :]
    return struct.pack(f">BBBx{len(oid)}I", len(oid), prefix, include, *oid)


def octets(data: bytes) -> bytes:
    """Return an octet string, padded to four bytes (section 5.3)."""
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)


def spanned(one: Range) -> bytes:
    """Return a search range (section 5.2)."""
    return identifier(one.start, one.include) + identifier(one.end)


def bound(binding: Binding) -> bytes:
    """Return a variable with its value (section 5.4)."""
    value = binding.value
    head = struct.pack(">Hxx", value.kind) + identifier(binding.name)
    if value.kind in FORMATS:
        return head + struct.pack(FORMATS[value.kind], value.data)
    if value.kind is Kind.OBJECT_IDENTIFIER:
        assert isinstance(value.data, tuple)
        return head + identifier(value.data)
    if value.kind in OCTETS:
        assert isinstance(value.data, bytes)
        return head + octets(value.data)
    return head


FORMATS: Final = {
    Kind.INTEGER: ">i",
    Kind.COUNTER32: ">I",
    Kind.GAUGE32: ">I",
    Kind.TIME_TICKS: ">I",
    Kind.COUNTER64: ">Q",
}


def decode_header(data: bytes) -> Header:
    """Return the header of a packet.  Raises `Malformed`."""
    if len(data) != HEADER:
        raise Malformed(f"a header of {len(data)} bytes")
    version, number, flags = data[:3]
    if version != VERSION:
        raise Malformed(f"version {version} of AgentX")
    order = ">" if flags & NETWORK_BYTE_ORDER else "<"
    header = Header(number, flags, *struct.unpack(f"{order}IIII", data[4:]))
    if header.length > MOST_PAYLOAD or header.length % 4:
        raise Malformed(f"a payload of {header.length} bytes")
    return header


def decode(header: Header, payload: bytes) -> Packet:
    """Return the packet whose header was read.  Raises `Malformed`."""
    reader = Reader(payload, header.order)
    if len(payload) != header.length:
        raise Malformed("a payload of another length than its header has")
    context = reader.octets() if header.flags & NON_DEFAULT_CONTEXT else None
    pdu = pdu_of(header.type, reader)
    if reader.left and not isinstance(pdu, Ping | Step):
        raise Malformed(f"{reader.left} bytes too many")
    return Packet(pdu, header.session, header.transaction, header.packet, context)


def pdu_of(number: int, reader: Reader) -> Pdu:
    """Return the PDU of this type that ``reader`` holds.  Raises `Malformed`."""
    match number:
        case 1:
            (timeout,) = reader.take("Bxxx")
            reader.identifier()
            return Open(timeout, reader.octets())
        case 2:
            return Close(*reader.take("Bxxx"))
        case 3:
            _, priority, range_of = reader.take("BBBx")
            if range_of:
                raise Malformed("a range of subtrees")
            return Register(reader.identifier()[0], priority)
        case 5:
            return Get(reader.ranges())
        case 6:
            return GetNext(reader.ranges())
        case 7:
            non_repeaters, repetitions = reader.take("HH")
            return GetBulk(non_repeaters, repetitions, reader.ranges())
        case 8:
            return SetTest(reader.bindings())
        case 9 | 10 | 11:
            return Step(number)
        case 12:
            return Notify(reader.bindings())
        case 13:
            return Ping()
        case 18:
            uptime, error, index = reader.take("IHH")
            return Response(uptime, error, index, reader.bindings())
        case _:
            raise Malformed(f"a PDU of type {number}")


class Reader:
    """Takes a payload apart.  Every method raises `Malformed` for what is cut short or not allowed."""

    def __init__(self, data: bytes, order: str) -> None:
        self._data = data
        self._order = order
        self._at = 0

    @property
    def left(self) -> int:
        """Return how many bytes have not been taken."""
        return len(self._data) - self._at

    def take(self, form: str) -> tuple[int, ...]:
        """Return numbers, described as `struct` has it."""
        form = self._order + form
        size = struct.calcsize(form)
        if size > self.left:
            raise Malformed("cut short")
        found = struct.unpack_from(form, self._data, self._at)
        self._at += size
        return found

    def octets(self) -> bytes:
        """Return an octet string."""
        (length,) = self.take("I")
        padded = length + -length % 4
        if padded > self.left:
            raise Malformed("an octet string cut short")
        data = self._data[self._at : self._at + length]
        self._at += padded
        return data

    def identifier(self) -> tuple[Oid, bool]:
        """Return an object identifier, and whether it is included in the range that it begins."""
        count, prefix, include = self.take("BBBx")
        oid = self.take(f"{count}I")
        if prefix:
            oid = (*INTERNET, prefix, *oid)
        if len(oid) > LONGEST_OID:
            raise Malformed(f"an object identifier of {len(oid)} parts")
        return oid, bool(include)

    def ranges(self) -> tuple[Range, ...]:
        """Return search ranges up to the end."""
        found: list[Range] = []
        while self.left:
            if len(found) == MOST_RANGES:
                raise Malformed(f"more than {MOST_RANGES} variables")
            start, include = self.identifier()
            end, _ = self.identifier()
            found.append(Range(start, include, end))
        return tuple(found)

    def bindings(self) -> tuple[Binding, ...]:
        """Return variables with their values up to the end."""
        found: list[Binding] = []
        while self.left:
            if len(found) == MOST_RANGES:
                raise Malformed(f"more than {MOST_RANGES} variables")
            (number,) = self.take("Hxx")
            name, _ = self.identifier()
            found.append(Binding(name, self._value(number)))
        return tuple(found)

    def _value(self, number: int) -> Value:
        try:
            kind = Kind(number)
        except ValueError:
            raise Malformed(f"a value of type {number}") from None
        if kind in FORMATS:
            return Value(kind, self.take(FORMATS[kind][1:])[0])
        if kind is Kind.OBJECT_IDENTIFIER:
            return Value(kind, self.identifier()[0])
        if kind in OCTETS:
            return Value(kind, self.octets())
        return Value(kind, b"")
