"""What a management station is told: object identifiers and typed values.  Pure."""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple, TypeAlias

from havip.clock import Duration, milliseconds, seconds

Oid: TypeAlias = tuple[int, ...]

INTERNET: Final[Oid] = (1, 3, 6, 1)
MOST_32, MOST_64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
LEAST_INTEGER, MOST_INTEGER = -0x80000000, 0x7FFFFFFF
LONGEST_TEXT: Final = 255  # bytes of a DisplayString (RFC 2579)
SECOND, CENTISECOND = seconds(1), milliseconds(10)


class Kind(IntEnum):
    """The type of a value, as AgentX numbers it (RFC 2741 section 5.4)."""

    INTEGER = 2
    OCTET_STRING = 4
    NULL = 5
    OBJECT_IDENTIFIER = 6
    IP_ADDRESS = 64
    COUNTER32 = 65
    GAUGE32 = 66
    TIME_TICKS = 67
    OPAQUE = 68
    COUNTER64 = 70
    NO_SUCH_OBJECT = 128
    NO_SUCH_INSTANCE = 129
    END_OF_MIB_VIEW = 130


#: kinds whose values are bytes
OCTETS: Final = frozenset((Kind.OCTET_STRING, Kind.IP_ADDRESS, Kind.OPAQUE))


class Value(NamedTuple):
    """A value of one kind: a number, bytes, or an object identifier; of no value, no bytes."""

    kind: Kind
    data: int | bytes | Oid


NO_SUCH_OBJECT: Final = Value(Kind.NO_SUCH_OBJECT, b"")
NO_SUCH_INSTANCE: Final = Value(Kind.NO_SUCH_INSTANCE, b"")
END_OF_MIB_VIEW: Final = Value(Kind.END_OF_MIB_VIEW, b"")


def oid(text: str) -> Oid:
    """Return an object identifier written with dots."""
    return tuple(map(int, text.strip(".").split(".")))


def integer(number: int) -> Value:
    """Return an INTEGER."""
    return Value(Kind.INTEGER, max(LEAST_INTEGER, min(number, MOST_INTEGER)))


def truth(holds: bool) -> Value:
    """Return a TruthValue, or whatever else is 1 for yes and 2 for no."""
    return Value(Kind.INTEGER, 1 if holds else 2)


def gauge(number: int) -> Value:
    """Return a Gauge32, which is also Unsigned32."""
    return Value(Kind.GAUGE32, max(0, min(number, MOST_32)))


def counter32(number: int) -> Value:
    """Return a Counter32, which begins again at 0 when it is full."""
    return Value(Kind.COUNTER32, number & MOST_32)


def counter64(number: int) -> Value:
    """Return a Counter64."""
    return Value(Kind.COUNTER64, number & MOST_64)


def ticks(hundredths: int) -> Value:
    """Return TimeTicks, which are also a TimeStamp."""
    return Value(Kind.TIME_TICKS, max(0, hundredths) & MOST_32)


def text(words: str) -> Value:
    """Return a DisplayString."""
    return Value(Kind.OCTET_STRING, words.encode()[:LONGEST_TEXT])


def octet_string(data: bytes) -> Value:
    """Return an OCTET STRING."""
    return Value(Kind.OCTET_STRING, data)


def inet(address: IPv4Address | IPv6Address) -> Value:
    """Return an InetAddress."""
    return Value(Kind.OCTET_STRING, address.packed)


def ip_address(address: IPv4Address) -> Value:
    """Return an IpAddress, which is IPv4."""
    return Value(Kind.IP_ADDRESS, address.packed)


def in_seconds(length: Duration) -> int:
    """Return whole seconds, rounded up: a delay that is there is not told as none."""
    return -(-length // SECOND)


def in_centiseconds(length: Duration) -> int:
    """Return whole hundredths of a second, rounded up."""
    return -(-length // CENTISECOND)
