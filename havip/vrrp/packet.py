"""Bytes to `Advert` and back.  The differences of VRRPv2, VRRPv3, IPv4 and IPv6 end in this file.

`decode` answers with an `Advert` or with the `Refusal` that names the first check that failed, in the
order of RFC 9568 section 7.1.  It never raises, whatever the bytes, and it knows no configuration:
what depends on ours (VRID, owner, checksum form, VRRPv2 interval) is judged by `refuse`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Final, TypeAlias

from havip.clock import Duration, centiseconds, seconds, to_centiseconds, to_whole_seconds
from havip.config.model import OWNER_PRIORITY, ChecksumForm
from havip.errors import Refusal

if TYPE_CHECKING:
    from havip.vrrp.settings import Settings

PROTOCOL: Final = 112  #: IP protocol number (RFC 9568 section 5.1.1.4)
TTL: Final = 255  #: and hop limit (sections 5.1.1.3, 5.1.2.3)
ADVERTISEMENT: Final = 1
GROUP_IPV4: Final = bytes((224, 0, 0, 18))  #: section 5.1.1.2
GROUP_IPV6: Final = bytes((0xFF, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12))  #: section 5.1.2.2
INTERNETWORK_CONTROL: Final = 0xC0  #: type of service that keepalived and routers give to VRRP

#: What the wire delivered: (VRRP message, packed source, packed destination, TTL or hop limit).
Heard: TypeAlias = tuple[bytes, bytes, bytes, int]

EITHER_FORM: Final = frozenset(ChecksumForm)
ONLY: Final = {form: frozenset((form,)) for form in ChecksumForm}

HEADER: Final = Struct("!BBBBHH")  # version|type, vrid, priority, count, interval or auth|interval, checksum
IPV4_HEADER: Final = Struct("!BBHHHBBH4s4s")
AUTHENTICATION_DATA: Final = 8  # bytes behind the addresses of VRRPv2 (RFC 3768 section 5.3.10)
TRAILER: Final = 28  # bytes behind a message that is signed (`havip.vrrp.auth`)
SIMPLE_PASSWORD: Final = 1  # authentication type (RFC 2338 section 5.3.6.2)


@dataclass(frozen=True, slots=True)
class Advert:
    """An ADVERTISEMENT that is well formed.

    ``source`` and ``addresses`` are packed in network order; ``forms`` are the checksum forms under which
    its checksum holds (both where only one exists); ``auth_type`` is 0 and ``auth_data`` empty
    in VRRPv3, and mostly in VRRPv2.
    """

    version: int
    vrid: int
    priority: int  # 0..255
    interval: Duration
    source: bytes
    addresses: tuple[bytes, ...] = ()
    forms: frozenset[ChecksumForm] = EITHER_FORM
    auth_type: int = 0
    auth_data: bytes = b""


def split_ipv4(datagram: bytes) -> Heard:
    """Take an IPv4 datagram, as a raw socket delivers it, apart for `decode`."""
    if len(datagram) < IPV4_HEADER.size:
        return b"", bytes(4), bytes(4), TTL  # the kernel never delivers it; `decode` says LENGTH
    return datagram[(datagram[0] & 0x0F) * 4 :], datagram[12:16], datagram[16:20], datagram[8]


def whole_ipv4(frame: bytes) -> bytes:
    """Return the datagram in a frame without the padding; empty if the kernel would have dropped it."""
    if len(frame) < IPV4_HEADER.size or frame[0] >> 4 != 4:
        return b""
    header, total = (frame[0] & 0x0F) * 4, frame[2] << 8 | frame[3]
    if not IPV4_HEADER.size <= header <= total <= len(frame) or not holds(frame[:header]):
        return b""
    return frame[:total]


def decode(payload: bytes, source: bytes, destination: bytes, hop_limit: int) -> Advert | Refusal:
    """Decode one VRRP message; the length of ``source`` (4 or 16 bytes) tells the family."""
    # Section 7.1, in its order: TTL, version, type, completeness, checksum.
    if hop_limit != TTL:
        return Refusal.TTL
    if not payload:
        return Refusal.LENGTH
    version, kind = payload[0] >> 4, payload[0] & 0x0F
    if version != 3 and not (version == 2 and len(source) == 4):
        return Refusal.VERSION
    if kind != ADVERTISEMENT:
        return Refusal.TYPE
    if len(payload) < HEADER.size:
        return Refusal.LENGTH
    _, vrid, priority, count, timing, _ = HEADER.unpack_from(payload)
    end = HEADER.size + count * len(source)
    if len(payload) != end + (AUTHENTICATION_DATA if version == 2 else 0):
        return Refusal.LENGTH
    if count == 0:
        return Refusal.NO_ADDRESSES
    forms = checksum_forms(version, payload, source, destination)
    if not forms:
        return Refusal.CHECKSUM
    if version == 2:
        auth_type, interval = timing >> 8, seconds(timing & 0xFF)
    else:
        auth_type, interval = 0, centiseconds(timing & 0x0FFF)  # the upper four bits are reserved
    addresses = tuple(payload[at : at + len(source)] for at in range(HEADER.size, end, len(source)))
    return Advert(
        version,
        vrid,
        priority,
        interval,
        source,
        addresses,
        forms,
        auth_type,
        payload[end:] if auth_type else b"",
    )


def refuse(us: Settings, advert: Advert) -> Refusal | None:
    """Judge a well-formed advert for our virtual router by our own settings; None: it counts."""
    if advert.version != us.version:
        return Refusal.VERSION
    if us.checksum_form not in advert.forms:
        return Refusal.CHECKSUM_FORM
    if advert.source == us.address:
        return Refusal.OWN_PACKET
    if us.owner:
        # Section 7.1: the address owner listens to nobody.
        return Refusal.TWO_OWNERS if advert.priority == OWNER_PRIORITY else Refusal.ADDRESS_OWNER
    if advert.auth_type != (SIMPLE_PASSWORD if us.password else 0):
        return Refusal.AUTH_TYPE
    # RFC 2338 section 7.1: the type, then the data.  Without authentication the data mean nothing.
    if us.password and advert.auth_data != us.password.ljust(AUTHENTICATION_DATA, b"\0"):
        return Refusal.PASSWORD
    # RFC 3768 section 7.1 drops a foreign interval; VRRPv3 learns it, but 0 would end every master at once.
    if advert.interval == 0 or (advert.version == 2 and advert.interval != us.interval):
        return Refusal.INTERVAL
    return None


def encode(us: Settings, priority: int, addresses: Sequence[bytes], destination: bytes) -> bytes:
    """Return our ADVERTISEMENT for ``addresses`` (packed), checksum included, without an IP header."""
    if us.version == 2:
        timing = to_whole_seconds(us.interval) | (SIMPLE_PASSWORD << 8 if us.password else 0)
        tail = us.password.ljust(AUTHENTICATION_DATA, b"\0")
    else:
        timing = to_centiseconds(us.interval)
        tail = b""
    body = b"".join(addresses) + tail
    fields = (us.version << 4 | ADVERTISEMENT, us.vrid, priority, len(addresses), timing)
    covered = HEADER.pack(*fields, 0) + body
    if us.version == 3 and (len(us.address) == 16 or us.checksum_form is ChecksumForm.PSEUDO_HEADER):
        covered = pseudo_header(us.address, destination, len(covered)) + covered
    return HEADER.pack(*fields, checksum(covered)) + body


def before_trailer(datagram: bytes) -> bytes:
    """Return an IPv4 datagram whose header promises a trailer behind it."""
    length = int.from_bytes(datagram[2:4], "big") + TRAILER
    return datagram[:2] + length.to_bytes(2, "big") + datagram[4:]


def with_trailer(message: bytes, trailer: bytes) -> bytes:
    """Return a VRRP message over IPv6 and a trailer, which the checksum then covers as well.

    The pseudo header gives the length (RFC 8200 section 8.1), so that counts too.
    """
    right = (int.from_bytes(message[6:8], "big") - TRAILER - int.from_bytes(trailer, "big")) % 0xFFFF
    return message[:6] + right.to_bytes(2, "big") + message[8:] + trailer


def without_trailer(payload: bytes, *, ipv6: bool) -> bytes:
    """Return the VRRP message ahead of a trailer, with a checksum that is right if that of the whole was.

    Over IPv4 the checksum never covers the trailer.
    """
    message, trailer = payload[:-TRAILER], payload[-TRAILER:]
    if not ipv6:
        return message
    right = (int.from_bytes(message[6:8], "big") + TRAILER + int.from_bytes(trailer, "big")) % 0xFFFF
    return message[:6] + right.to_bytes(2, "big") + message[8:]


def length_of(payload: bytes, address: int) -> int:
    """Return how long a message says that it is, for addresses of so many octets; 0: it does not say."""
    if len(payload) < HEADER.size:
        return 0
    tail = AUTHENTICATION_DATA if payload[0] >> 4 == 2 and address == 4 else 0
    return HEADER.size + payload[3] * address + tail


def ipv4_datagram(payload: bytes, source: bytes, destination: bytes, ttl: int = TTL) -> bytes:
    """Return ``payload`` behind an IPv4 header for a raw socket with IP_HDRINCL.

    The kernel fills in the identification and the header checksum (section 5.1.1 for the rest).
    """
    return (
        IPV4_HEADER.pack(
            0x45,
            INTERNETWORK_CONTROL,
            IPV4_HEADER.size + len(payload),
            0,
            0,
            ttl,
            PROTOCOL,
            0,
            source,
            destination,
        )
        + payload
    )


def checksum_forms(
    version: int, payload: bytes, source: bytes, destination: bytes
) -> frozenset[ChecksumForm]:
    """Return the forms under which the checksum of ``payload`` holds; empty: it is wrong.

    VRRPv2 covers the message (RFC 3768 section 5.3.8), VRRPv3 over IPv6 also the pseudo header (RFC 9568
    section 5.2.8); each has one form.  VRRPv3 over IPv4 is met in two.
    """
    plain = holds(payload)
    if version == 2:
        return EITHER_FORM if plain else frozenset()
    covered = holds(pseudo_header(source, destination, len(payload)) + payload)
    if len(source) == 16:
        return EITHER_FORM if covered else frozenset()
    if covered:
        return EITHER_FORM if plain else ONLY[ChecksumForm.PSEUDO_HEADER]
    return ONLY[ChecksumForm.MESSAGE] if plain else frozenset()


def pseudo_header(source: bytes, destination: bytes, length: int, protocol: int = PROTOCOL) -> bytes:
    """Return the pseudo header of either family: RFC 8200 section 8.1, RFC 9293 section 3.1."""
    if len(source) == 16:
        return source + destination + length.to_bytes(4, "big") + bytes((0, 0, 0, protocol))
    return source + destination + bytes((0, protocol)) + length.to_bytes(2, "big")


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071) of ``data``, of even length and with its field zero.

    A number in base 65536 leaves the same remainder modulo 65535 as the sum of its digits.
    """
    return -int.from_bytes(data, "big") % 0xFFFF


def holds(data: bytes) -> bool:
    """Say whether ``data``, of even length, carries a right Internet checksum."""
    return int.from_bytes(data, "big") % 0xFFFF == 0
