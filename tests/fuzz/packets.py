"""What must hold for any bytes that the wire may deliver, and where such bytes come from.

`examine` is the judge of the suite's own fuzz and of the long campaigns of `fuzz_packet.py`.  It rests on
`tests.vrrp.wire`, a model of the message that shares nothing with the code under test.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from havip.clock import Duration, Instant
from havip.config.model import ChecksumForm
from havip.errors import Refusal
from havip.vrrp import packet
from havip.vrrp.machine import Backup, Initialize, Master, next_deadline, step
from havip.vrrp.packet import Advert, Heard
from havip.vrrp.settings import Settings
from tests.vrrp.wire import GROUP_V4, GROUP_V6, covered, ip, message, ones_complement_sum

SECOND = Duration(1_000_000_000)
NOW = Instant(1_000_000_000_000)
SOURCES = (ip("198.51.100.10"), ip("fe80::10"))
OURSELVES = {4: ip("198.51.100.20"), 16: ip("fe80::20")}
US = [
    Settings(version, 51, priority, SECOND, OURSELVES[family], checksum_form=form)
    for version, family in ((2, 4), (3, 4), (3, 16))
    for priority in (100, 255)
    for form in ChecksumForm
]


def examine(heard: Heard) -> Advert | Refusal:
    """Decode and judge one packet as the worker would; raise AssertionError if anything is wrong."""
    payload, source, destination, hop_limit = heard
    verdict = packet.decode(payload, source, destination, hop_limit)
    assert isinstance(verdict, (Advert, Refusal))
    if isinstance(verdict, Advert):
        assert hop_limit == 255
        believe(verdict, payload, source, destination)
        for us in US:
            if packet.refuse(us, verdict) is None:
                obey(us, verdict)
    return verdict


def believe(advert: Advert, payload: bytes, source: bytes, destination: bytes) -> None:
    """Check that a message which was understood says just that, by the independent model."""
    size, version = len(source), payload[0] >> 4
    assert payload[0] & 15 == 1
    assert (version, size) in {(2, 4), (3, 4), (3, 16)}
    assert advert.version == version
    assert (advert.vrid, advert.priority) == (payload[1], payload[2])
    assert len(advert.addresses) == payload[3] > 0
    assert b"".join(advert.addresses) == payload[8 : 8 + size * payload[3]]
    assert len(payload) == 8 + size * payload[3] + (8 if version == 2 else 0)
    timing = payload[4] << 8 | payload[5]
    if version == 2:
        assert (advert.auth_type, advert.interval) == (timing >> 8, (timing & 255) * 1_000_000_000)
    else:
        assert (advert.auth_type, advert.interval) == (0, (timing & 0xFFF) * 10_000_000)
    right = {
        form
        for form in ChecksumForm
        if ones_complement_sum(covered(version, form.value, payload, source, destination)) == 0xFFFF
    }
    assert advert.forms == right
    assert right


def obey(us: Settings, advert: Advert) -> None:
    """Let the advert loose on every state: no step may fail, stall, or wake a router that takes no part."""
    assert advert.version == us.version
    assert us.priority < 255
    assert advert.interval > 0
    backup = Backup(Instant(NOW + SECOND), SECOND)
    master = Master(Instant(NOW + SECOND))
    for state in (backup, master):
        after, _ = step(us, state, advert, NOW)
        assert next_deadline(after) > NOW
    idle = Initialize("no link")
    assert step(us, idle, advert, NOW) == (idle, [])


def random_packets(random: Random, count: int) -> Iterator[Heard]:
    """Yield packets: noise, messages with a few fields wrong, and right messages that were damaged."""
    for _ in range(count):
        source = random.choice(SOURCES)
        group = GROUP_V6 if len(source) == 16 else GROUP_V4
        kind = random.randrange(4)
        if kind == 0:
            payload = random.randbytes(random.randrange(64))
        else:
            payload = plausible(random, source, group)
            if kind == 2:
                payload = damaged(random, payload)
            elif kind == 3:
                payload = mended(damaged(random, payload), source, group)
        yield payload, source, group, random.choice((255, 255, 255, random.randrange(256)))


def plausible(random: Random, source: bytes, group: bytes) -> bytes:
    """Return a message that is right in most fields."""
    addresses = [random.randbytes(len(source)) for _ in range(random.choice((0, 1, 1, 1, 2, 3, 20)))]
    version = random.choice((3, 3, 3, 2, 2, random.randrange(16)))
    return message(
        version=version,
        kind=random.choice((1, 1, 1, 1, random.randrange(16))),
        vrid=random.choice((51, random.randrange(256))),
        priority=random.choice((0, 100, 255, random.randrange(256))),
        count=random.choice((None, None, None, random.randrange(256))),
        timing=random.choice((None, None, random.randrange(65536))),
        addresses=addresses,
        tail=random.choice((None, None, None, random.randbytes(random.randrange(12)))),
        source=source,
        destination=group,
        form=random.choice(("pseudo-header", "message")),
        damage=random.choice((0, 0, 0, random.randrange(65536))),
    )


def damaged(random: Random, payload: bytes) -> bytes:
    """Return ``payload`` after one to three accidents: bits flipped, bytes changed, cut, added, repeated."""
    data = bytearray(payload)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(data)) if data else 0
        accident = random.randrange(5) if data else 3
        if accident == 0:
            data[place] ^= 1 << random.randrange(8)
        elif accident == 1:
            data[place] = random.randrange(256)
        elif accident == 2:
            del data[place : place + random.randint(1, 9)]
        elif accident == 3:
            data[place:place] = random.randbytes(random.randint(1, 9))
        else:
            data += data[place:]
    return bytes(data)


def mended(payload: bytes, source: bytes, group: bytes) -> bytes:
    """Return ``payload`` with a checksum that is right again, so that later checks are reached."""
    if len(payload) < 8 or len(payload) % 2:
        return payload
    blank = payload[:6] + bytes(2) + payload[8:]
    right = 0xFFFF - ones_complement_sum(covered(payload[0] >> 4, "pseudo-header", blank, source, group))
    return blank[:6] + right.to_bytes(2, "big") + blank[8:]
