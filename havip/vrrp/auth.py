"""The HMAC trailer behind an advert: how one is made, and what is asked of one that was heard.

The format is keepalived's since 2.4.2 (draft-cassen-vrrp-auth-hmac): 28 octets behind the VRRP message,
which name a key and hold a sequence and half an HMAC-SHA-256.  The HMAC covers the message without its
checksum, the source address and the VRID, but not the destination: one trailer does for every peer.

No clock, no socket, no file: the caller brings the wall clock and keeps the sequences.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from hmac import compare_digest
from struct import Struct
from typing import Final

from havip.clock import NANOSECONDS_PER_SECOND
from havip.config.authentication import Hmac
from havip.errors import Refusal

#: type, key, reserved, sequence (seconds, 1/65536 s, count within it), first half of the HMAC
TRAILER: Final = Struct("!BBHQ16s")
HEAD: Final = Struct("!BBH")  # the part of it that one key always sends
HMAC_SHA_256: Final = 1
MAC: Final = 16  # octets of the HMAC that are sent
BLANK_MAC: Final = bytes(MAC)  # what the HMAC is computed over in its own place
BLANK_CHECKSUM: Final = bytes(2)
CHECKSUM_AT, CHECKSUM_END = 6, 8  # in the VRRP header
SOURCE: Final = 16  # octets for the source address, zeros behind an IPv4 one

SECOND: Final = 32  # bits of a sequence below its seconds
TICKS: Final = 65_536  # of a second
ALL_SECONDS, HALF_OF_SECONDS = 1 << 32, 1 << 31
ALL, HALF = 1 << 64, 1 << 63
ROOM: Final = 4  # senders of one group whose latest sequence is kept

BLOCK: Final = 64  # octets that SHA-256 takes at a time (RFC 2104)


def sequence_at(wall: int) -> int:
    """Return the first sequence of an instant: ``wall`` in nanoseconds since 1970."""
    whole, rest = divmod(wall, NANOSECONDS_PER_SECOND)
    return (whole % ALL_SECONDS) << SECOND | (rest * TICKS // NANOSECONDS_PER_SECOND) << 16


def is_later(one: int, other: int) -> bool:
    """Say whether ``one`` follows ``other``, in the arithmetic of serial numbers (RFC 1982, 64 bits)."""
    return 0 < (one - other) % ALL < HALF


def seconds_between(one: int, other: int) -> int:
    """Return how many seconds lie from the sequence ``other`` to ``one``, round the end of 32 bits."""
    return ((one >> SECOND) - (other >> SECOND) + HALF_OF_SECONDS) % ALL_SECONDS - HALF_OF_SECONDS


def next_sequence(last: int | None, wall: int, window: int | None) -> int:
    """Return the sequence for an advert that is sent now, after ``last``.

    It is the clock's, or one more than the last if the clock has not moved on or went back.  Receivers that
    judge by the clock forget what lies outside their ``window`` of seconds, and so do we: a clock that was
    an hour ahead for a moment must not keep us an hour ahead.
    """
    clock = sequence_at(wall)
    if last is None or is_later(clock, last):
        return clock
    if window is not None and seconds_between(last, clock) > window:
        return clock
    return (last + 1) % ALL


def keyed(secret: bytes) -> Callable[[bytes], bytes]:
    """Return the function that computes the first half of HMAC-SHA-256 (RFC 2104) with this key.

    The key's own two blocks are hashed here, once: a call takes half as long as `hmac.digest`.
    """
    padded = secret.ljust(BLOCK, b"\0")
    inner = hashlib.sha256(bytes(octet ^ 0x36 for octet in padded))
    outer = hashlib.sha256(bytes(octet ^ 0x5C for octet in padded))

    def mac(data: bytes) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(data)
        second.update(first.digest())
        return second.digest()[:MAC]

    return mac


def preamble(version: int, vrid: int, source: bytes) -> bytes:
    """Return what the HMAC covers ahead of the message; the length of ``source`` tells the family."""
    family = 6 if len(source) == SOURCE else 4
    return bytes((family, version, vrid, 0)) + source.ljust(SOURCE, b"\0")


class Signer:
    """Signs one message again and again, each time with another sequence."""

    def __init__(self, hmac: Hmac, message: bytes, source: bytes) -> None:
        active = next(key for key in hmac.keys if key.number == hmac.active_key)
        self._mac = keyed(active.octets)
        self._head = HEAD.pack(HMAC_SHA_256, active.number, 0)
        blank = message[:CHECKSUM_AT] + BLANK_CHECKSUM + message[CHECKSUM_END:]
        self._covered = preamble(message[0] >> 4, message[1], source) + blank + self._head

    def trailer(self, sequence: int) -> bytes:
        """Return the trailer for an advert with this sequence."""
        number = sequence.to_bytes(8, "big")
        return self._head + number + self._mac(self._covered + number + BLANK_MAC)


class Marks:
    """The latest sequence of each sender, for ``room`` of them: the one unheard for longest makes way.

    ``keep`` is told of each new mark and ``drop`` of each sender that is forgotten.
    """

    def __init__(
        self,
        room: int = ROOM,
        known: Iterable[tuple[bytes, int]] = (),
        keep: Callable[[bytes, int], None] = lambda source, sequence: None,
        drop: Callable[[bytes], None] = lambda source: None,
    ) -> None:
        self._room = room
        self._latest = dict(known)
        self._keep = keep
        self._drop = drop

    def of(self, source: bytes) -> int | None:
        """Return the latest sequence of a sender, or None."""
        return self._latest.get(source)

    def set(self, source: bytes, sequence: int) -> None:
        """Remember a sequence whose HMAC was right."""
        latest = self._latest
        if latest.pop(source, None) is None:
            while len(latest) >= self._room:
                oldest = next(iter(latest))
                del latest[oldest]
                self._drop(oldest)
        latest[source] = sequence  # at the end: heard last
        self._keep(source, sequence)


class Guard:
    """Judges the trailers of one virtual router's adverts."""

    def __init__(self, hmac: Hmac, version: int, vrid: int, window: int | None, marks: Marks) -> None:
        self._version = version
        self._vrid = vrid
        self._window = window
        self._marks = marks
        self._keys = {key.number: keyed(key.octets) for key in hmac.keys}

    def judge(self, payload: bytes, source: bytes, wall: int) -> Refusal | int:
        """Return why a message with a trailer is refused, or the seconds that its clock is ahead of ours.

        ``payload`` ends with the trailer; ``wall`` is now, in nanoseconds since 1970.  The cheap checks come
        first, and nothing is remembered about a sender before its HMAC was found right.
        """
        kind, number, reserved, sequence, mac = TRAILER.unpack_from(payload, len(payload) - TRAILER.size)
        if kind != HMAC_SHA_256 or reserved != 0:
            return Refusal.HMAC_MALFORMED
        window, clock, ahead = self._window, 0, 0
        if window is not None:
            clock = sequence_at(wall)
            ahead = seconds_between(sequence, clock)
            if abs(ahead) > window:
                return Refusal.HMAC_STALE
        sign = self._keys.get(number)
        if sign is None:
            return Refusal.HMAC_UNKNOWN_KEY
        covered = (
            preamble(self._version, self._vrid, source)
            + payload[:CHECKSUM_AT]
            + BLANK_CHECKSUM
            + payload[CHECKSUM_END:-MAC]
            + BLANK_MAC
        )
        if not compare_digest(sign(covered), mac):
            return Refusal.HMAC_INVALID
        mark = self._marks.of(source)
        if mark is not None and window is not None and abs(seconds_between(clock, mark)) > window:
            mark = None  # void: what it kept out would be stale by now
        if mark is not None and not is_later(sequence, mark):
            return Refusal.HMAC_REPLAY
        self._marks.set(source, sequence)
        return ahead
