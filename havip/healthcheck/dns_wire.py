"""DNS messages (RFC 1035 section 4): questions to bytes, bytes to answers in words.  Pure.

Whatever the bytes are, reading them takes time in proportion to their number: a compressed name may only
point back, not often, and is never longer than 255 bytes.  What cannot be read raises `Malformed`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from struct import Struct, error
from typing import Final

from havip.config.probes import Rcode, RecordType

HEADER: Final = Struct("!6H")  # id, flags, counts of questions, answers, authorities, additional records
QUESTION: Final = Struct("!2H")  # type, class
RECORD: Final = Struct("!HHIH")  # type, class, TTL, length of the data
SIGNATURE: Final = Struct("!HBBIIIH")  # RFC 4034 section 3.1
KEY: Final = Struct("!HBB")  # RFC 4034 section 2.1
SERVICE: Final = Struct("!3H")  # RFC 2782: priority, weight, port
TIMES: Final = Struct("!5I")  # serial, refresh, retry, expire, minimum

RESPONSE, TRUNCATED, RECURSION_DESIRED = 0x8000, 0x0200, 0x0100
OPCODE, RCODE = 0x7800, 0x000F
INTERNET: Final = 1
MOST_POINTERS: Final = 127  # of one name, which has no more labels than that
LONGEST_NAME: Final = 255  # bytes, lengths and the root included (section 2.3.4)
POINTER: Final = 0xC0

TYPES: Final = {
    RecordType.A: 1,
    RecordType.NS: 2,
    RecordType.CNAME: 5,
    RecordType.SOA: 6,
    RecordType.PTR: 12,
    RecordType.MX: 15,
    RecordType.TXT: 16,
    RecordType.AAAA: 28,
    RecordType.SRV: 33,
    RecordType.RRSIG: 46,
    RecordType.DNSKEY: 48,
}
NAMES: Final = {number: name for name, number in TYPES.items()}
RCODES: Final = {
    0: Rcode.NOERROR,
    1: Rcode.FORMERR,
    2: Rcode.SERVFAIL,
    3: Rcode.NXDOMAIN,
    4: Rcode.NOTIMP,
    5: Rcode.REFUSED,
}


class Malformed(ValueError):
    """Bytes are no DNS message; the text says where it ends to be one."""


class Unrelated(ValueError):
    """A message is no answer to our question; the text says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: its response code, and the records of the type that was asked for, in words."""

    rcode: str  # a name of `Rcode`, or "rcode 9"
    truncated: bool = False
    records: tuple[str, ...] = ()


def question(number: int, name: str, kind: RecordType, recursion: bool) -> bytes:
    """Return the message that asks for records of one type of one name."""
    flags = RECURSION_DESIRED if recursion else 0
    return HEADER.pack(number, flags, 1, 0, 0, 0) + asked(name, kind)


def asked(name: str, kind: RecordType) -> bytes:
    """Return the section of the question alone."""
    labels = [] if name == "." else name.removesuffix(".").split(".")
    encoded = b"".join(bytes((len(label),)) + label.encode("ascii") for label in labels)
    return encoded + b"\0" + QUESTION.pack(TYPES[kind], INTERNET)


def read_answer(data: bytes, query: bytes, kind: RecordType) -> Answer:
    """Return what ``data`` answers to the message ``query``.  Raises `Malformed`, `Unrelated`."""
    try:
        return _read(data, query, kind)
    except (error, IndexError):
        raise Malformed(f"the message ends too early, after {len(data)} bytes") from None


def _read(data: bytes, query: bytes, kind: RecordType) -> Answer:
    number, flags, questions, answers, _, _ = HEADER.unpack_from(data)
    if number != int.from_bytes(query[:2], "big"):
        raise Unrelated("it has another id than the question")
    if not flags & RESPONSE or flags & OPCODE:
        raise Unrelated("it is no response to a question")
    code = flags & RCODE
    rcode = str(RCODES.get(code, f"rcode {code}"))
    if questions == 0 and code:
        return Answer(rcode)  # a server that cannot read the question need not repeat it
    if questions != 1:
        raise Unrelated(f"it repeats {questions} questions")
    name, position = read_name(data, HEADER.size)
    theirs = QUESTION.unpack_from(data, position)
    ours, end = read_name(query, HEADER.size)
    if name.lower() != ours.lower() or theirs != QUESTION.unpack_from(query, end):
        raise Unrelated("it answers another question")
    position += QUESTION.size
    if flags & TRUNCATED:
        return Answer(rcode, truncated=True)  # what is there may end anywhere
    records = []
    for _ in range(answers):
        _, position = read_name(data, position)
        its_kind, its_class, _, length = RECORD.unpack_from(data, position)
        position += RECORD.size
        if position + length > len(data):
            raise Malformed("a record is longer than the message")
        if its_kind == TYPES[kind] and its_class == INTERNET:
            records.append(READERS[kind](data, position, position + length))
        position += length
    return Answer(rcode, records=tuple(records))


def read_name(data: bytes, position: int) -> tuple[str, int]:
    """Return a name as text, and where it ends.  Raises `Malformed`, IndexError.

    A pointer leads to before the part of the name that it ends (section 4.1.4: "a prior occurrence"), so the
    way ends.
    """
    labels: list[str] = []
    size, after, begin, pointers = 1, -1, position, 0
    while True:
        length = data[position]
        if length >= POINTER:
            target = (length & ~POINTER) << 8 | data[position + 1]
            pointers += 1
            if target >= begin:
                raise Malformed("a compressed name does not point back")
            if pointers > MOST_POINTERS:
                raise Malformed("a compressed name has more pointers than a name has labels")
            after = position + 2 if after < 0 else after
            position = begin = target
            continue
        if length > 63:
            raise Malformed(f"a label begins with {length:#04x}")
        position += 1
        if not length:
            return ".".join(labels) or ".", position if after < 0 else after
        size += length + 1
        if size > LONGEST_NAME:
            raise Malformed("a name is longer than 255 bytes")
        if position + length > len(data):
            raise IndexError
        labels.append(spelled(data[position : position + length]))
        position += length


def spelled(label: bytes) -> str:
    """Return a label or a text as in a zone file: what is not printable, and dots, as escapes."""
    return "".join(
        chr(byte) if 32 < byte < 127 and byte not in b'."\\' else f"\\{byte:03d}" for byte in label
    )


def of_ipv4(data: bytes, begin: int, end: int) -> str:
    """Read an address of 4 bytes."""
    if end - begin != 4:
        raise Malformed(f"an IPv4 address of {end - begin} bytes")
    return str(IPv4Address(data[begin:end]))


def of_ipv6(data: bytes, begin: int, end: int) -> str:
    """Read an address of 16 bytes."""
    if end - begin != 16:
        raise Malformed(f"an IPv6 address of {end - begin} bytes")
    return str(IPv6Address(data[begin:end]))


def of_name(data: bytes, begin: int, end: int) -> str:
    """Read a record that is a name."""
    name, after = read_name(data, begin)
    return within(name, after, end)


def of_exchange(data: bytes, begin: int, end: int) -> str:
    """Read MX: preference and name."""
    name, after = read_name(data, begin + 2)
    return within(f"{int.from_bytes(data[begin : begin + 2], 'big')} {name}", after, end)


def of_service(data: bytes, begin: int, end: int) -> str:
    """Read SRV: priority, weight, port and name."""
    priority, weight, port = SERVICE.unpack_from(data, begin)
    name, after = read_name(data, begin + SERVICE.size)
    return within(f"{priority} {weight} {port} {name}", after, end)


def of_authority(data: bytes, begin: int, end: int) -> str:
    """Read SOA: the first server, the mailbox, and five numbers."""
    server, position = read_name(data, begin)
    mailbox, position = read_name(data, position)
    numbers = TIMES.unpack_from(data, position)
    return within(" ".join((server, mailbox, *map(str, numbers))), position + TIMES.size, end)


def of_text(data: bytes, begin: int, end: int) -> str:
    """Read TXT: its strings put together, as those who use them do."""
    parts, position = bytearray(), begin
    while position < end:
        length = data[position]
        parts += data[position + 1 : position + 1 + length]
        position += 1 + length
    within("", position, end)
    return "".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:03d}" for byte in parts)


def of_signature(data: bytes, begin: int, end: int) -> str:
    """Read RRSIG: what it covers, by which algorithm, until when, and by whose key."""
    covered, algorithm, labels, ttl, until, since, tag = SIGNATURE.unpack_from(data, begin)
    signer, after = read_name(data, begin + SIGNATURE.size)
    if after > end:
        raise Malformed("the data of a record do not end with it")
    return f"{NAMES.get(covered, f'TYPE{covered}')} {algorithm} {labels} {ttl} {until} {since} {tag} {signer}"


def of_key(data: bytes, begin: int, end: int) -> str:
    """Read DNSKEY: flags, protocol, algorithm and the key in base 64."""
    flags, protocol, algorithm = KEY.unpack_from(data, begin)
    return f"{flags} {protocol} {algorithm} {base64.b64encode(data[begin + KEY.size : end]).decode()}"


def within(text: str, position: int, end: int) -> str:
    """Return ``text`` if its record ends where it should.  Raises `Malformed`."""
    if position != end:
        raise Malformed("the data of a record do not end with it")
    return text


READERS: Final[dict[RecordType, Callable[[bytes, int, int], str]]] = {
    RecordType.A: of_ipv4,
    RecordType.AAAA: of_ipv6,
    RecordType.NS: of_name,
    RecordType.CNAME: of_name,
    RecordType.PTR: of_name,
    RecordType.MX: of_exchange,
    RecordType.TXT: of_text,
    RecordType.SOA: of_authority,
    RecordType.SRV: of_service,
    RecordType.RRSIG: of_signature,
    RecordType.DNSKEY: of_key,
}


def is_among(expected: str, records: tuple[str, ...], kind: RecordType) -> bool:
    """Say whether one of the records is ``expected``, or its name or address alone is.

    Addresses are compared as such, names without regard to case and a last dot.
    """
    if kind is RecordType.AAAA:
        return any(IPv6Address(record) == IPv6Address(expected) for record in records)
    if kind in (RecordType.A, RecordType.TXT, RecordType.DNSKEY):
        return expected in records
    wanted = folded(expected)
    for record in map(folded, records):
        if record == wanted:
            return True
        words = record.split()
        if words and wanted == (words[0] if kind is RecordType.SOA else words[-1]):
            return True
    return False


def folded(text: str) -> str:
    """Return a record without case, and its names without a last dot."""
    return " ".join(word.lower().rstrip(".") or "." for word in text.split())
