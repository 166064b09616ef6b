"""What servers might say to probes: answers in HTTP/1 and frames of HTTP/2, damaged in every way."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from havip.healthcheck.http1 import Answer, Malformed, TooLong
from havip.healthcheck.outcome import Failed
from havip.healthcheck.probes.grpc import Call, verdict_of

HEADS = (
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 503 Busy\r\n", b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 204\n", b"",
)  # fmt: skip
FIELDS = (
    b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n", b"A: b\r\n c\r\n",
    b"Connection: close\r\n", b"X: \xff\x00\r\n", b"Content-Length: 5, 5\r\n",
)  # fmt: skip
BODIES = (b"hello", b"5\r\nhello\r\n0\r\n\r\n", b"5;x=y\r\nhello\r\n0\r\nT: u\r\n\r\n", b"ffffffff\r\n", b"")
KEPT = 16
FRAMES = (
    (4, 0, 0, b""), (4, 1, 0, b""), (6, 0, 0, b"12345678"), (7, 0, 0, b"\x00" * 8),
    (1, 4, 1, b"\x88\x5f\x03a/b"),
    (1, 0, 1, b"\x88"), (9, 4, 1, b"\x40\x01a\x01b"), (0, 0, 1, b"\x00\x00\x00\x00\x02\x08\x01"),
    (0, 9, 1, b"\x01x\x00"), (1, 5, 1, b"\x40\x0bgrpc-status\x010"), (3, 0, 1, b"\x00\x00\x00\x08"),
)  # fmt: skip


def random_answers(random: Random, count: int) -> Iterator[bytes]:
    """Yield answers, most of them damaged."""
    for _ in range(count):
        fields = b"".join(random.choices(FIELDS, k=random.randrange(4)))
        octets = bytearray(random.choice(HEADS) * random.choice((1, 1, 1, 20)) + fields + b"\r\n")
        octets += random.choice(BODIES) * random.choice((1, 1, 3))
        for _ in range(random.choice((0, 0, 1, 3))):
            if octets:
                octets[random.randrange(len(octets))] = random.choice(b"\r\n :;0aF\xff\x00")
        yield bytes(octets[: random.choice((len(octets), random.randrange(len(octets) + 1)))])


def outcome(pieces: Iterator[bytes]) -> tuple[object, ...]:
    """Return what an answer comes to that is read in pieces."""
    answer, left = Answer(KEPT), b""
    try:
        for piece in pieces:
            left += answer.feed(piece)
        answer.end()
    except (Malformed, TooLong) as why:
        return type(why).__name__, str(why).isprintable()
    assert len(answer.kept) <= KEPT
    read = bytes(answer.kept), answer.size, left
    return "whole" if answer.complete else "cut off", answer.status, tuple(answer.headers.items()), read


def examine(random: Random, octets: bytes) -> str:
    """Read an answer at once and in pieces: both come to the same.  Return the name of what that is."""
    cuts = sorted(random.choices(range(len(octets) + 1), k=random.randrange(6)))
    ends = [0, *cuts, len(octets)]
    whole = outcome(iter((octets,)))
    pieces = outcome(octets[ends[at] : ends[at + 1]] for at in range(len(ends) - 1))
    assert whole == pieces, octets
    assert whole[1] is not False, "words that cannot be printed"
    return str(whole[0])


def examine_call(random: Random) -> str:
    """Let a call hear frames, some of them damaged.  Return the name of what that comes to."""
    call = Call()
    try:
        for kind, flags, stream, payload in random.choices(FRAMES, k=random.randrange(1, 8)):
            octets = bytearray(payload)
            if octets and random.random() < 0.4:
                octets[random.randrange(len(octets))] = random.randrange(256)
            flags ^= random.choice((0, 0, 0, 1, 4, 8, 0x20))
            call.take(kind, flags, stream, bytes(octets))
        verdict_of(call.message)
    except Failed as failed:
        return f"{failed.outcome.failure}{'' if failed.outcome.words.isprintable() else ', unprintable'}"
    return "verdict"
