"""Checks of the health of gRPC: a server made with the library h2, and what else may come."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from havip.config.probes import Grpc
from havip.config.tls import Tls
from havip.healthcheck.outcome import Failure
from havip.healthcheck.runner import Result
from tests.healthcheck.authority import certificates
from tests.healthcheck.probing import LOCAL, check, result_of, serving
from tests.healthcheck.telling import play

HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
TRAILERS = [("grpc-status", "0"), ("grpc-message", "")]
SERVING = b"\x00\x00\x00\x00\x02\x08\x01"


class Server:
    """Answers every call with the same, and remembers what it was asked."""

    def __init__(self, message: bytes = SERVING, headers: Any = HEADERS, trailers: Any = TRAILERS) -> None:
        self.message, self.headers, self.trailers = message, headers, trailers
        self.asked: list[dict[str, str]] = []
        self.messages: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        http2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        http2.initiate_connection()
        http2.ping(b"12345678")
        writer.write(http2.data_to_send())
        while data := await reader.read(65536):
            for event in http2.receive_data(data):
                if isinstance(event, RequestReceived):
                    self.asked.append({str(name): str(value) for name, value in event.headers})
                elif isinstance(event, DataReceived):
                    self.messages.append(event.data)
                elif isinstance(event, StreamEnded):
                    http2.send_headers(event.stream_id, self.headers, end_stream=self.trailers is None)
                    if self.trailers is not None:
                        http2.send_data(event.stream_id, self.message)
                        http2.send_headers(event.stream_id, self.trailers, end_stream=True)
            writer.write(http2.data_to_send())
            await writer.drain()


def result(server: Any, grpc: Grpc | None = None, notes: list[str] | None = None) -> Result:
    """Return the result of one check."""
    found: list[Result] = []

    async def scene() -> None:
        async with serving(server) as port:
            found.append(await result_of(check(grpc=grpc or Grpc(), port=port), notes))

    play(scene)
    return found[0]


def test_a_service_that_serves_is_good() -> None:
    server, notes = Server(), []
    assert str(result(server, Grpc("shop.Cart", "shop.example.com"), notes)).startswith("SERVING, from ")
    assert notes[1:] == [
        'called /grpc.health.v1.Health/Check of shop.example.com for the service "shop.Cart"',
        "answered: SERVING",
    ]
    (asked,) = server.asked
    assert {
        name: asked[name] for name in (":method", ":scheme", ":path", ":authority", "te", "content-type")
    } == {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/grpc.health.v1.Health/Check",
        ":authority": "shop.example.com",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    assert server.messages == [b"\x00\x00\x00\x00\x0b\x0a\x09shop.Cart"]


def test_the_server_as_a_whole_is_asked_for_with_an_empty_message() -> None:
    server = Server()
    assert result(server).outcome.passed
    assert server.messages == [b"\x00\x00\x00\x00\x00"]
    assert server.asked[0][":authority"].startswith("127.0.0.1:")


def test_a_name_of_any_length_arrives_whole() -> None:
    server, name = Server(), "x" * 255
    assert result(server, Grpc(name, "h" * 200)).outcome.passed
    assert server.messages[0].endswith(b"\x0a\xff\x01" + name.encode())
    assert server.asked[0][":authority"] == "h" * 200


def test_headers_in_several_frames_and_messages_with_more_in_them_are_read() -> None:
    many = [*HEADERS, *((f"x-{number}", "y" * 100) for number in range(200))]
    more = b"\x00\x00\x00\x00\x08\x08\x01\x10\x05\x1a\x02hi"
    assert result(Server(more, headers=many)).outcome.passed


def test_grpc_over_tls_speaks_h2() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates() / "server.pem", certificates() / "server.key")
    context.set_alpn_protocols(["h2"])
    server, found, notes = Server(), [], []
    tls = Tls(ca_file=str(certificates() / "ca.pem"))

    async def scene() -> None:
        listening = await asyncio.start_server(server, LOCAL, ssl=context)
        port = listening.sockets[0].getsockname()[1]
        found.append(await result_of(check(grpc=Grpc(tls=tls), port=port), notes))
        listening.close()

    play(scene)
    assert found[0].outcome.passed
    assert ", h2; the certificate of server" in notes[1]
    assert server.asked[0][":scheme"] == "https"


def verdict(number: int) -> bytes:
    """Return the message of a verdict."""
    return b"\x00\x00\x00\x00\x02\x08" + bytes((number,))


def failed(code: str, message: str = "") -> dict[str, Any]:
    """Return an answer that is trailers alone."""
    return {"headers": [*HEADERS, ("grpc-status", code), ("grpc-message", message)], "trailers": None}


JUDGED = [
    (Server(verdict(2)), Failure.CONTENT, "the server as a whole is NOT_SERVING, expected SERVING"),
    (Server(verdict(0)), Failure.CONTENT, "the server as a whole is UNKNOWN, expected SERVING"),
    (Server(b"\x00\x00\x00\x00\x00"), Failure.CONTENT, "the server as a whole is UNKNOWN, expected SERVING"),
    (Server(verdict(9)), Failure.CONTENT, "the server as a whole is 9, expected SERVING"),
    (Server(**failed("5", "unknown%20service")), Failure.STATUS,
     'gRPC "5", the server does not know the service: "unknown service"'),
    (Server(**failed("12")), Failure.STATUS, 'gRPC "12", the server has no health protocol'),
    (Server(**failed("0")), Failure.MALFORMED, "an answer that is no verdict of the health protocol"),
    (Server(headers=[(":status", "503")], trailers=None), Failure.STATUS, 'HTTP "503", expected 200'),
    (Server(trailers=[("x", "y")]), Failure.MALFORMED, "an answer without the status of gRPC"),
    (Server(b"\x01\x00\x00\x00\x02\x08\x01"), Failure.MALFORMED,
     "an answer that is no verdict of the health protocol"),
    (Server(b"\x00\x00\x00\x00\x02\x08\x81"), Failure.MALFORMED,
     "an answer that is no verdict of the health protocol"),
    (Server(b"\x00\x00\x00\x00\x05\x0a\x20hel"), Failure.MALFORMED,
     "an answer that is no verdict of the health protocol"),
    (Server(b"x" * 5000), Failure.TOO_LONG, "an answer of more than 4096 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("server", "failure", "words"), JUDGED)
def test_whatever_is_not_serving_is_a_failure(server: Server, failure: Failure, words: str) -> None:
    outcome = result(server).outcome
    assert (outcome.failure, outcome.words) == (failure, words)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return a frame of HTTP/2."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


SETTINGS = frame(4, 0, 0)
HOSTILE = [
    (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", Failure.MALFORMED,
     'this is not a server of HTTP/2: it says "HTTP/1.1 "'),
    (b"", b"", Failure.CLOSED, "the connection was closed (waiting for the answer)"),
    (SETTINGS, b"", Failure.CLOSED, "the connection was closed (waiting for the answer)"),
    (SETTINGS, SETTINGS, Failure.TOO_LONG, "more than 200 frames without an end of the call"),
    (SETTINGS + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01", b"", Failure.TOO_LONG,
     "a frame of more than 16384 bytes"),
    (SETTINGS + frame(1, 0, 1, b"x" * 10), frame(9, 0, 1, b"x" * 16000), Failure.TOO_LONG,
     "headers of more than 32768 bytes"),
    # many blocks, each of 800 fields to be learnt: 2 s of processor time a call
    (SETTINGS, frame(1, 4, 1, b"\x40\x01a\x01b" * 800), Failure.TOO_LONG, "headers of more than 32768 bytes"),
    (SETTINGS + frame(9, 4, 1), b"", Failure.MALFORMED,
     "a frame amid headers, or headers that go on without a beginning"),
    (SETTINGS + frame(1, 4, 1, b"\xff\xff\xff\xff\xff\xff\xff"), b"", Failure.MALFORMED,
     "headers that cannot be read: "),
    (SETTINGS + frame(0, 8, 1, b"\x09x"), b"", Failure.MALFORMED, "a frame with more padding than bytes"),
    (SETTINGS + frame(3, 0, 1, b"\x00\x00\x00\x07"), b"", Failure.RESET,
     "the call was reset with HTTP/2's code 7"),
    (SETTINGS + frame(7, 0, 0, b"\x00" * 8 + b"calm"), b"", Failure.CLOSED,
     'the server goes away: "calm"'),
]  # fmt: skip


@pytest.mark.parametrize(("octets", "again", "failure", "words"), HOSTILE)
def test_what_is_not_an_answer_has_a_name(octets: bytes, again: bytes, failure: Failure, words: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(24)
        await reader.read(65536)
        writer.write(octets)
        while again:
            writer.write(again)
            await writer.drain()
        if octets and words.startswith(("this is", "a ", "headers")):
            await reader.read()

    outcome = result(talk).outcome
    assert outcome.failure is failure
    assert outcome.words.startswith(words)
