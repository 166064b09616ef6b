"""gRPC: a server is good if it says SERVING when `grpc.health.v1.Health/Check` asks it.

HTTP/2 (RFC 9113) as far as one call needs it; HPACK is read by the library `hpack`.
"""

from __future__ import annotations

from struct import Struct
from typing import Final, NoReturn
from urllib.parse import unquote

import hpack

from havip import __version__
from havip.config.probes import Grpc
from havip.healthcheck.attempt import Attempt
from havip.healthcheck.http1 import shown
from havip.healthcheck.outcome import Failed, Failure, Outcome
from havip.healthcheck.probes.http import bare, written
from havip.healthcheck.stream import Stream, open_stream

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM = ACK = 0x01
END_HEADERS, PADDED, PRIORITY = 0x04, 0x08, 0x20
NO_PUSH: Final = Struct(">HI").pack(2, 0)
LONGEST_FRAME: Final = 16384  # bytes (RFC 9113 section 4.2); we never raise it
LONGEST_HEADERS: Final = 32768  # bytes of all of a call, and of one block when decoded: they cost time
LONGEST_MESSAGE: Final = 4096  # bytes; a verdict takes two
MOST_FRAMES: Final = 200
PATH: Final = "/grpc.health.v1.Health/Check"
SERVING: Final = 1
VERDICTS: Final = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}
#: gRPC's codes that say something of their own here
CODES: Final = {"5": "the server does not know the service", "12": "the server has no health protocol"}
PREFIX: Final = Struct(">BI")  # of a message: whether it is compressed, and its length
NO_HTTP2: Final = "this is not a server of HTTP/2"


async def probe(attempt: Attempt) -> Outcome:
    """Call once, and judge the verdict."""
    grpc = attempt.check.grpc
    assert grpc is not None
    with await open_stream(attempt, grpc.tls, bare(grpc.host), ("h2",)) as stream:
        if grpc.tls is not None and stream.alpn not in ("h2", None):
            raise Failed(Failure.TLS, f"the server chose {stream.alpn} instead of h2")
        attempt.stage = "calling"
        authority = grpc.host or written(attempt.check.host, attempt.port, 0)
        if attempt.note is not None:
            attempt.note(f"called {PATH} of {authority} for {service_of(grpc)}")
        await stream.send(call(grpc, authority))
        attempt.stage = "waiting for the answer"
        answer = Call()
        await listen(stream, answer)
        judge(grpc, answer, attempt)
        return Outcome(words="SERVING", warning=stream.warning)


def service_of(grpc: Grpc) -> str:
    """Return whose health is asked for, in words."""
    return f'the service "{grpc.service}"' if grpc.service else "the server as a whole"


def frame(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    """Return a frame (RFC 9113 section 4.1)."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + number.to_bytes(4) + payload


def literal(name: str, value: str) -> bytes:
    """Return a field that is never indexed (RFC 7541 section 6.2.3), so that no table need be kept."""
    return b"\x10" + text(name) + text(value)


def text(words: str) -> bytes:
    """Return a string without Huffman coding (RFC 7541 section 5.2), of up to 16,510 bytes."""
    octets = words.encode()
    if len(octets) < 127:
        return bytes((len(octets),)) + octets
    rest = len(octets) - 127
    return bytes((127, rest & 127 | 128, rest >> 7)) + octets


def call(grpc: Grpc, authority: str) -> bytes:
    """Return all that we say: preface, settings, and the one call on stream 1."""
    service = grpc.service.encode()
    size = len(service)
    field = b"" if not service else b"\x0a" + (bytes((size,)) if size < 128 else bytes((size & 127 | 128, 1)))
    message = field + service  # HealthCheckRequest: field 1, a string
    scheme = "http" if grpc.tls is None else "https"
    pairs = (
        (":method", "POST"), (":scheme", scheme), (":path", PATH), (":authority", authority),
        ("te", "trailers"),
        ("content-type", "application/grpc"), ("user-agent", f"havip/{__version__}"),
    )  # fmt: skip
    fields = b"".join(literal(name, value) for name, value in pairs)
    return (
        PREFACE
        + frame(SETTINGS, 0, 0, NO_PUSH)
        + frame(HEADERS, END_HEADERS, 1, fields)
        + frame(DATA, END_STREAM, 1, PREFIX.pack(0, len(message)) + message)
    )


class Call:
    """What has been heard of the answer."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}  # of headers and trailers
        self.message = b""
        self.ended = False
        self._decoder = hpack.Decoder(max_header_list_size=LONGEST_HEADERS)
        self._block = b""  # of headers that go on
        self._spent = 0  # bytes of headers so far
        self._open = False  # nothing but CONTINUATION may follow

    def take(self, kind: int, flags: int, number: int, payload: bytes) -> bytes:
        """Take a frame; return what is to be said to it.  Raises `Failed`."""
        if self._open != (kind == CONTINUATION):
            raise Failed(Failure.MALFORMED, "a frame amid headers, or headers that go on without a beginning")
        if kind == SETTINGS and not flags & ACK:
            return frame(SETTINGS, ACK, 0, b"")
        if kind == PING and not flags & ACK:
            return frame(PING, ACK, 0, payload[:8])
        if kind == GOAWAY and int.from_bytes(payload[:4]) & 0x7FFFFFFF < 1:
            raise Failed(Failure.CLOSED, f"the server goes away: {shown(payload[8:])}")
        if number != 1:
            return b""
        if kind == RST_STREAM:
            raise Failed(Failure.RESET, f"the call was reset with HTTP/2's code {int.from_bytes(payload)}")
        if kind in (HEADERS, CONTINUATION):
            self._headers(kind, flags, payload)
        if kind == DATA:
            self.message += unpadded(flags, payload)
            if len(self.message) > LONGEST_MESSAGE:
                raise Failed(Failure.TOO_LONG, f"an answer of more than {LONGEST_MESSAGE} bytes")
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended = True
        return b""

    def _headers(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == HEADERS:
            payload = unpadded(flags, payload)[5 if flags & PRIORITY else 0 :]
        self._block += payload
        self._spent += len(payload)
        if self._spent > LONGEST_HEADERS:
            raise Failed(Failure.TOO_LONG, f"headers of more than {LONGEST_HEADERS} bytes")
        self._open = not flags & END_HEADERS
        if self._open:
            return
        try:
            fields = self._decoder.decode(self._block, raw=True)
        except hpack.OversizedHeaderListError:
            raise Failed(Failure.TOO_LONG, f"headers of more than {LONGEST_HEADERS} bytes") from None
        except (hpack.HPACKError, ValueError, IndexError) as error:
            raise Failed(Failure.MALFORMED, f"headers that cannot be read: {error}") from None
        self._block = b""
        for name, value, *_ in fields:
            self.fields[bytes(name).decode("latin-1")] = bytes(value).decode("latin-1")


def unpadded(flags: int, payload: bytes) -> bytes:
    """Return a payload without its padding (RFC 9113 section 6.1).  Raises `Failed`."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise Failed(Failure.MALFORMED, "a frame with more padding than bytes")
    return payload[1 : len(payload) - payload[0]]


async def listen(stream: Stream, answer: Call) -> None:
    """Read frames until the call has ended.  Raises `Failed`."""
    for number in range(MOST_FRAMES):
        head = await stream.exactly(9)
        size, kind = int.from_bytes(head[:3]), head[3]
        if number == 0 and (kind != SETTINGS or size > 600):  # RFC 9113 section 3.4
            raise Failed(Failure.MALFORMED, f"{NO_HTTP2}: it says {shown(head)}")
        if size > LONGEST_FRAME:
            raise Failed(Failure.TOO_LONG, f"a frame of more than {LONGEST_FRAME} bytes")
        payload = await stream.exactly(size)
        words = answer.take(kind, head[4], int.from_bytes(head[5:]) & 0x7FFFFFFF, payload)
        if answer.ended:
            return
        if words:
            await stream.send(words)
    raise Failed(Failure.TOO_LONG, f"more than {MOST_FRAMES} frames without an end of the call")


def judge(grpc: Grpc, answer: Call, attempt: Attempt) -> None:
    """Raise `Failed` for whatever is not SERVING."""
    fields = answer.fields
    status = fields.get(":status", "none")
    if status != "200":
        raise Failed(Failure.STATUS, f"HTTP {shown(status.encode())}, expected 200")
    code = fields.get("grpc-status")
    if code is None:
        raise Failed(Failure.MALFORMED, "an answer without the status of gRPC")
    if code != "0":
        why = CODES.get(code, "")
        told = unquote(fields.get("grpc-message", ""))
        words = (
            f"gRPC {shown(code.encode())}"
            + (f", {why}" if why else "")
            + (f": {shown(told.encode())}" if told else "")
        )
        raise Failed(Failure.STATUS, words)
    verdict = verdict_of(answer.message)
    words = VERDICTS.get(verdict, str(verdict))
    if attempt.note is not None:
        attempt.note(f"answered: {words}")
    if verdict != SERVING:
        raise Failed(Failure.CONTENT, f"{service_of(grpc)} is {words}, expected SERVING")


def malformed() -> NoReturn:
    """Raise `Failed` for a message that is none of the protocol's."""
    raise Failed(Failure.MALFORMED, "an answer that is no verdict of the health protocol")


def verdict_of(message: bytes) -> int:
    """Return the field `status` of a HealthCheckResponse; 0 if it is left out.  Raises `Failed`."""
    if len(message) < PREFIX.size:
        malformed()
    compressed, size = PREFIX.unpack_from(message)
    body = message[PREFIX.size :]
    if compressed or size != len(body):
        malformed()
    at, verdict = 0, 0
    while at < len(body):
        key, at = number_at(body, at)
        if key & 7 == 0:
            value, at = number_at(body, at)
            if key >> 3 == 1:
                verdict = value
        elif key & 7 == 2:  # a field that we do not know
            skipped, at = number_at(body, at)
            at += skipped
        else:
            malformed()
    if at != len(body):
        malformed()
    return verdict


def number_at(body: bytes, at: int) -> tuple[int, int]:
    """Return a varint of Protocol Buffers, and where it ends.  Raises `Failed`."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(body):
            malformed()
        value |= (body[at] & 127) << shift
        at += 1
        if body[at - 1] < 128:
            return value, at
    malformed()
