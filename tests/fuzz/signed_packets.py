"""Signed and unicast packets, and a model that decides by itself which of them may be believed."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from havip.vrrp.packet import Heard
from tests.fuzz.packets import damaged
from tests.vrrp.signed import KEY, OTHER_KEY, SEQUENCE, sign
from tests.vrrp.wire import covered, ip, message, ones_complement_sum

WINDOW = 5  # seconds
SECOND = 1 << 32  # of a sequence
SOURCES = tuple(ip(f"10.0.0.{last}") for last in (2, 3, 4))
ADDRESS = ip("10.0.0.9")
#: least and most TTL of each unicast peer; the third source is none
BOUNDS = {SOURCES[0]: (255, 255), SOURCES[1]: (250, 253)}


@dataclass
class Model:
    """Which packets a router of VRID 51 may believe; ``here`` is where they arrive."""

    here: bytes
    unicast: bool
    signed: bool
    latest: dict[bytes, int] = field(default_factory=dict)

    def may_believe(self, heard: Heard) -> bool:
        """Say whether a packet is whole, from the right place, signed, and new.

        A sequence counts as heard once its signature is right, whatever the message says.
        """
        payload, source, _, ttl = heard
        body = payload[:-28] if self.signed else payload
        if self.signed and not self.has_a_new_signature(payload, body, source, ttl):
            return False
        return self.is_from_the_right_place(source, ttl) and is_whole(body, source, self.here)

    def has_a_new_signature(self, payload: bytes, body: bytes, source: bytes, ttl: int) -> bool:
        """Judge a trailer, of a packet that may be for us at all; remember its sequence if it is good."""
        if len(body) < 8 or body[0] >> 4 != 3 or body[1] != 51 or len(body) != 8 + 4 * body[3]:
            return False
        if source not in BOUNDS if self.unicast else ttl != 255:
            return False
        sequence = int.from_bytes(payload[-24:-16], "big")
        if payload != sign(body, source, sequence) or not self.is_new(source, sequence):
            return False
        self.latest[source] = sequence
        return True

    def is_from_the_right_place(self, source: bytes, ttl: int) -> bool:
        """Judge the sender and the TTL."""
        if not self.unicast:
            return ttl == 255
        least, most = BOUNDS.get(source, (1, 0))
        return least <= ttl <= most

    def is_new(self, source: bytes, sequence: int) -> bool:
        """Judge a sequence, by a clock that stands still at `SEQUENCE`."""
        off = sequence // SECOND - SEQUENCE // SECOND
        return abs(off) <= WINDOW and sequence > self.latest.get(source, -1)


def is_whole(body: bytes, source: bytes, here: bytes) -> bool:
    """Say whether a message is an advert of VRID 51 as RFC 9568 section 5.2 has it."""
    if len(body) < 12 or body[0] != 0x31 or body[1] != 51 or len(body) != 8 + 4 * body[3]:
        return False
    if ((body[4] << 8 | body[5]) & 0xFFF) == 0:
        return False
    return ones_complement_sum(covered(3, "pseudo-header", body, source, here)) == 0xFFFF


def random_packet(random: Random, model: Model, recorded: list[Heard]) -> Heard:
    """Return a packet that is good, stale, of another key, unsigned, repeated, or damaged."""
    if recorded and random.random() < 0.15:
        payload, source, _, ttl = random.choice(recorded)
        return payload, random.choice((source, source, *SOURCES)), model.here, ttl
    source = random.choice(SOURCES)
    payload = message(
        vrid=random.choice((51, 51, 51, 51, 52)),
        priority=random.choice((0, 1, 100, 254)),
        addresses=[ADDRESS] * random.choice((1, 1, 1, 2, 20)),
        timing=random.choice((None, None, None, 0, 1)),
        source=source,
        destination=model.here,
    )
    if random.random() < (0.85 if model.signed else 0.2):
        seconds = random.choice((*range(-WINDOW, WINDOW + 1), -WINDOW - 1, WINDOW + 1, -(2**31), 2**31))
        sequence = (SEQUENCE + seconds * SECOND + random.randrange(-3, 4)) % 2**64
        key, number = random.choice(((KEY, 1), (KEY, 1), (KEY, 1), (KEY, 1), (OTHER_KEY, 1), (KEY, 2)))
        payload = sign(payload, source, sequence, key=key, number=number)
    if random.random() < 0.3:
        payload = damaged(random, payload)
    return payload, source, model.here, random.choice((255, 255, 255, 253, 252, 250, 249, 254, 1, 0))
