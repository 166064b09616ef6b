"""What servers might say to probes of the wire and of databases: good answers, damaged in every way."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from havip.config.probes import RecordType
from havip.healthcheck import agent
from havip.healthcheck.dns_wire import Malformed, Unrelated, is_among, question, read_answer
from havip.healthcheck.outcome import Failed, Outcome
from havip.healthcheck.probes import mysql, ping, postgresql
from havip.healthcheck.resp import Malformed as NotRedis
from havip.healthcheck.resp import size_of
from tests.healthcheck.test_dns_wire import RECORDS, asking, message, record

LINES = (b"75%", b"up 100%", b"down # no disk", b"drain, maxconn:3", b"maint", b"\xff%", b"1000%")
PACKETS = (
    b"\x0a8.0.36\0" + bytes(20), b"\xff\x15\x04#28000Access denied", b"\xff\x10\x04Too many", b"\x09",
)  # fmt: skip
MESSAGES = (
    (b"R", bytes(4)), (b"R", b"\0\0\0\x0aSCRAM\0"), (b"E", b"SFATAL\0C57P03\0Mstarting up\0\0"),
    (b"E", b"C28000\0Mno\0\0"), (b"R", b"\0"), (b"E", b""),
)  # fmt: skip
LENGTHS = (b"3", b"-1", b"0", b"-2", b"99999", b"9" * 40, b"\xb2", b"")


def damaged(random: Random, octets: bytes, chance: float = 0.7) -> bytes:
    """Return octets with some changed, and perhaps cut off."""
    if random.random() > chance or not octets:
        return octets
    changed = bytearray(octets)
    for _ in range(random.choice((0, 1, 1, 2, 8))):
        changed[random.randrange(len(changed))] = random.choice(
            (0, 1, 0x3F, 0xC0, 0xC0, 0xFF, random.randrange(256))
        )
    return bytes(changed[: random.choice((len(changed), random.randrange(len(changed) + 1)))])


def examine_dns(random: Random) -> str:
    """Read an answer of a DNS server; return what it comes to, or fail."""
    word, number, data, _ = random.choice(RECORDS)
    kind = RecordType(word)
    records = [record(number, damaged(random, data, 0.3)) for _ in range(random.choice((0, 1, 1, 3)))]
    flags = random.choice((0x8180, 0x8180, 0x8180, 0x8183, 0x8380))
    octets = damaged(random, message(asking(number), *records, flags=flags))
    try:
        answer = read_answer(octets, question(0x1234, "example.com", kind, True), kind)
    except (Malformed, Unrelated) as why:
        return shown(str(why), type(why).__name__)
    assert all(one.isprintable() for one in answer.records), octets
    is_among("2001:db8::1", answer.records, kind)
    return "truncated" if answer.truncated else "answers" if answer.records else "none"


def examine_talk(random: Random) -> str:
    """Judge what some other server said; return what it comes to, or fail."""
    readers: tuple[Callable[[], Outcome | str], ...] = (
        lambda: agent.judge(damaged(random, random.choice(LINES))),
        lambda: mysql.greeted(damaged(random, random.choice(PACKETS)) or b"\0"),
        lambda: mysql.refused(damaged(random, random.choice(PACKETS)) or b"\0"),
        lambda: said_by_postgresql(random),
        lambda: str(size_of(damaged(random, random.choice(LENGTHS)), 65536)),
        lambda: echo(random),
    )
    number = random.randrange(len(readers))
    try:
        found = readers[number]()
    except Failed as failed:
        return shown(failed.outcome.words, f"{number}: {failed.outcome.failure}")
    except NotRedis as why:
        return shown(str(why), f"{number}: no redis")
    words = found.words if isinstance(found, Outcome) else found
    return shown(words, f"{number}: words")


def shown(words: str, name: str) -> str:
    """Return a name if its words can be shown, or fail."""
    assert words.isprintable(), words
    return name


def said_by_postgresql(random: Random) -> Outcome:
    """Judge a first message."""
    kind, body = random.choice(MESSAGES)
    return postgresql.judge(kind, damaged(random, body))


def echo(random: Random) -> str:
    """Take an IPv4 packet with what may be an echo reply apart."""
    reply = b"\x45" + bytes(19) + bytes.fromhex("0000 8c68 1234 0001 6162")
    found = ping.echoed(ping.inside(damaged(random, reply)), 0x1234, six=False, checked=True)
    return "" if found is None else found.hex()
