"""Checks over HTTP: what is asked, which answers pass, and what is said of those that do not."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from havip.clock import milliseconds
from havip.config.authentication import Secret, SecretSource
from havip.config.http import Http, HttpVersion, Method, Request, Statuses
from havip.config.tls import Tls
from havip.healthcheck.outcome import Failure
from havip.healthcheck.probes.http import prepared
from havip.healthcheck.runner import Result
from havip.healthcheck.stream import ABORT
from tests.healthcheck.probing import LOCAL, check, result_of, serving
from tests.healthcheck.telling import play

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Weight: 7\r\n\r\nhello"


class Server:
    """Answers each request with the next of its answers, and remembers what it was asked."""

    def __init__(self, *answers: bytes, close: bool = True) -> None:
        self.answers = list(answers)
        self.close = close  # after the last one
        self.asked: list[bytes] = []
        self.connections = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        while self.answers:
            head = await reader.readuntil(b"\r\n\r\n")
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length: "):
                    head += await reader.readexactly(int(line[16:]))
            self.asked.append(head)
            answer = self.answers.pop(0)
            writer.write(answer)
            await writer.drain()
            if b"onnection: close" in answer:
                return
        if not self.close:
            await reader.read()


def result(server: Any, http: Http, notes: list[str] | None = None, **more: Any) -> Result:
    """Run one check against a server."""
    found: list[Result] = []

    async def scene() -> None:
        async with serving(server) as port:
            found.append(await result_of(check(http=http, port=port, **more), notes))

    play(scene)
    return found[0]


def test_a_request_is_as_configured() -> None:
    server = Server(HELLO)
    http = Http(
        path="/health?x=1",
        host="www.example.com",
        method=Method.POST,
        body="{}",
        headers=("X-Probe: havip", "User-Agent: mine"),
        username="probe",
        password=SecretSource(Secret(b"open sesame")),
    )
    assert result(server, http).outcome.passed
    (asked,) = server.asked
    assert asked.decode().split("\r\n") == [
        "POST /health?x=1 HTTP/1.1",
        "Host: www.example.com",
        "Accept: */*",
        "Authorization: Basic cHJvYmU6b3BlbiBzZXNhbWU=",
        "Content-Length: 2",
        "Connection: close",
        "X-Probe: havip",
        "User-Agent: mine",
        "",
        "{}",
    ]


def test_the_host_is_that_of_the_check_with_its_port_and_brackets_where_they_belong() -> None:
    server, ports = Server(HELLO), []

    async def scene() -> None:
        async with serving(server, "::1") as port:
            ports.append(port)
            assert (await result_of(check(http=Http(), host="::1", port=port))).outcome.passed

    play(scene)
    assert server.asked[0].split(b"\r\n")[1] == f"Host: [::1]:{ports[0]}".encode()
    for host, port, tls, expected in (
        ("w.example.com", 80, None, b"Host: w.example.com"),
        ("w.example.com", 443, None, b"Host: w.example.com:443"),
        ("w.example.com", 443, Tls(), b"Host: w.example.com"),
        ("192.0.2.1", 8443, Tls(), b"Host: 192.0.2.1:8443"),
    ):
        (asked,) = prepared(Http(tls=tls), host, port)
        assert asked.octets.split(b"\r\n")[1] == expected


def test_each_step_is_noted() -> None:
    notes: list[str] = []
    found = result(Server(HELLO), Http(contains="ell", regex="^h"), notes)
    assert notes[0].startswith(f"connected to {LOCAL}:")
    assert notes[1:] == [
        "asked: GET / HTTP/1.1",
        "answered: HTTP/1.1 200 OK",
        "5 bytes of body",
        'the body contains "ell"',
        "the body matches ^h",
    ]
    assert str(found).startswith(f"HTTP 200, from {LOCAL}:")


def test_http_1_0_is_spoken_when_asked_for() -> None:
    server = Server(b"HTTP/1.0 200 OK\r\n\r\nuntil the end")
    assert result(server, Http(version=HttpVersion.V1_0, contains="the end")).outcome.passed
    assert server.asked[0].startswith(b"GET / HTTP/1.0\r\nHost: 127.0.0.1:")


JUDGED: list[tuple[Http, bytes, Failure | None, str]] = [
    (Http(), b"HTTP/1.1 503 Busy\r\n\r\n", Failure.STATUS, "HTTP 503, expected 200-299"),
    (Http(), b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", Failure.STATUS,
     'HTTP 302 to "/x", expected 200-299'),
    (Http(status=(Statuses(200, 299), Statuses(404, 404))), b"HTTP/1.1 500 Oh\r\n\r\n", Failure.STATUS,
     "HTTP 500, expected 200-299, 404"),
    (Http(status=(Statuses(404, 404),)), b"HTTP/1.1 404 No\r\n\r\n", None, "HTTP 404"),
    (Http(contains="bye"), HELLO, Failure.CONTENT, 'the body does not contain "bye"'),
    (Http(regex="l{2}o$"), HELLO, None, "HTTP 200"),
    (Http(regex="L{2}"), HELLO, Failure.CONTENT, "nothing in the body matches L{2}"),
    (Http(regex="(?i)L{2}"), HELLO, None, "HTTP 200"),
    (Http(regex="l", regex_min_offset=2, regex_max_offset=2), HELLO, None, "HTTP 200"),
    (Http(regex="l", regex_min_offset=4), HELLO, Failure.CONTENT, "nothing in the body matches l"),
    (Http(regex="o", regex_max_offset=3), HELLO, Failure.CONTENT, "nothing in the body matches o"),
    (Http(forbidden="bye"), HELLO, None, "HTTP 200"),
    (Http(forbidden="h.l"), HELLO, Failure.CONTENT, "the body matches h.l"),
    (Http(digest="5d41402abc4b2a76b9719d911017c592"), HELLO, None, "HTTP 200"),
    (Http(digest="2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"), HELLO, None,
     "HTTP 200"),
    (Http(digest="0" * 32), HELLO, Failure.CONTENT,
     "the body's MD5 digest is 5d41402abc4b2a76b9719d911017c592"),
    (Http(method=Method.HEAD), b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", None, "HTTP 200"),
    (Http(contains="é", regex="^.é"), b"HTTP/1.1 200 OK\r\n\r\n\xff\xc3\xa9", None, "HTTP 200"),
    (Http(max_body=4, contains="0123"), b"HTTP/1.1 200 OK\r\n\r\n012345", None, "HTTP 200"),
    (Http(max_body=4, contains="5"), b"HTTP/1.1 200 OK\r\n\r\n012345", Failure.CONTENT,
     'the body does not contain "5" in its first 4 bytes'),
    (Http(max_body=4, digest="0" * 32), b"HTTP/1.1 200 OK\r\n\r\n012345", Failure.TOO_LONG,
     "a body of more than 4 bytes, and its digest is wanted"),
    (Http(weight_header="X-Weights"), HELLO, None, "HTTP 200"),
    (Http(weight_header="X-Weight"), HELLO.replace(b": 7", b": -7"), Failure.CONTENT,
     'X-Weight is "-7", expected 0 to 65535'),
]  # fmt: skip


@pytest.mark.parametrize(("http", "answer", "failure", "words"), JUDGED)
def test_an_answer_is_judged(http: Http, answer: bytes, failure: Failure | None, words: str) -> None:
    outcome = result(Server(answer), http).outcome
    assert (outcome.failure, outcome.words) == (failure, words)


def test_a_server_may_ask_for_a_weight() -> None:
    assert result(Server(HELLO), Http(weight_header="x-weight")).outcome.weight == 7


def test_several_urls_share_a_connection_where_the_server_lets_them() -> None:
    server = Server(HELLO, HELLO, HELLO)
    urls = (Request("/a"), Request("/b", host="b.example.com"), Request("/c"))
    assert result(server, Http(urls=urls, host="all.example.com")).outcome.passed
    assert server.connections == 1
    heads = [asked.split(b"\r\n") for asked in server.asked]
    assert [head[0] for head in heads] == [b"GET /a HTTP/1.1", b"GET /b HTTP/1.1", b"GET /c HTTP/1.1"]
    assert [head[1][6:] for head in heads] == [b"all.example.com", b"b.example.com", b"all.example.com"]
    assert [b"Connection: close" in head for head in heads] == [False, False, True]


def test_several_urls_have_a_connection_each_where_the_server_ends_it() -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    server = Server(last, last)
    assert result(server, Http(urls=(Request("/a"), Request("/b")))).outcome.passed
    assert server.connections == 2


def test_a_connection_that_is_ended_between_two_requests_is_opened_again() -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HELLO)

    assert result(talk, Http(urls=(Request("/a"), Request("/b")))).outcome.passed
    assert connections == 2


def test_of_several_urls_it_is_said_which_one_failed() -> None:
    server = Server(HELLO, HELLO)
    urls = (Request("/a"), Request("/b", contains="x"), Request("/c"))
    outcome = result(server, Http(urls=urls)).outcome
    assert outcome.words == 'GET /b: the body does not contain "x"'
    assert len(server.asked) == 2


def hostile(*pieces: bytes, again: bytes = b"", reset: bool = False) -> Any:
    """Return a server that answers with pieces, then with ``again`` for as long as somebody listens."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in pieces:
            writer.write(piece)
        while again:
            writer.write(again)
            await writer.drain()
        await writer.drain()
        if reset:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)

    return talk


HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HOSTILE = [
    (hostile(HEAD + b"\r\n", again=b"x" * 5000), Http(contains="y"), Failure.CONTENT,
     'the body does not contain "y" in its first 65536 bytes'),
    (hostile(HEAD + b"\r\n", again=b"x" * 5000), Http(digest="0" * 64), Failure.TOO_LONG,
     "a body of more than 65536 bytes, and its digest is wanted"),
    (hostile(CHUNKED, again=b"1\r\nx\r\n" * 500), Http(regex="y"), Failure.TOO_LONG,
     "1041 chunks for the first 1040 bytes of a body"),
    (hostile(CHUNKED, again=(b"64\r\n" + b"x" * 100 + b"\r\n") * 50), Http(regex="y"), Failure.CONTENT,
     "nothing in the body matches y"),
    (hostile(HEAD, again=b"X-Header: " + b"x" * 500 + b"\r\n"), Http(), Failure.TOO_LONG,
     "a head of more than 32768 bytes"),
    (hostile(again=b"HTTP/1.1 102 Processing\r\n\r\n"), Http(), Failure.TOO_LONG,
     "more than 16 interim answers"),
    (hostile(CHUNKED + b"7fffffffffffffff1\r\n"), Http(), Failure.MALFORMED,
     'no size of a chunk, but "7fffffffffffffff1"'),
    (hostile(HEAD + b"Content-Length: -5\r\n\r\n"), Http(), Failure.MALFORMED,
     'no length of a body, but "-5"'),
    (hostile(HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), Http(), Failure.MALFORMED,
     'several lengths of one body: "5, 6"'),
    (hostile(b"<html>hello</html>"), Http(), Failure.MALFORMED,
     'no answer in HTTP/1, but "<html>hello</html>"'),
    (hostile(b"\xff\xfe\x00\x1b[2J"), Http(), Failure.MALFORMED,
     'no answer in HTTP/1, but "\ufffd\ufffd\ufffd\ufffd[2J"'),
    (hostile(), Http(), Failure.CLOSED, "the connection was closed (waiting for the answer)"),
    (hostile(HEAD), Http(), Failure.CLOSED, "the connection was closed (waiting for the answer)"),
    (hostile(HEAD + b"Content-Length: 50\r\n\r\nx"), Http(), Failure.CLOSED,
     "the connection was closed (reading the body)"),
    (hostile(CHUNKED + b"5\r\nx"), Http(), Failure.CLOSED, "the connection was closed (reading the body)"),
    (hostile(reset=True), Http(), Failure.RESET, "connection reset by peer (waiting for the answer)"),
    (hostile(HEAD, reset=True), Http(), Failure.RESET, "connection reset by peer (waiting for the answer)"),
    (hostile(HEAD + b"\r\nx", reset=True), Http(), Failure.RESET,
     "connection reset by peer (reading the body)"),
    (hostile(HEAD + b"X: \xff\xfe\r\nContent-Length: 2\r\n\r\n\xff\xfe"), Http(contains="x"), Failure.CONTENT,
     'the body does not contain "x"'),
    (hostile(HEAD + b"\r\n" + b"a" * 50 + b"b"), Http(regex="^(a+)+$"), Failure.TOO_LONG,
     "searching the body took more than 20 ms of processor time"),
]  # fmt: skip


@pytest.mark.parametrize(("server", "http", "failure", "words"), HOSTILE)
def test_a_hostile_server_is_left_with_a_name_for_what_it_did(
    server: Any, http: Http, failure: Failure, words: str
) -> None:
    outcome = result(server, http).outcome
    assert (outcome.failure, outcome.words) == (failure, words)


@pytest.mark.parametrize(
    ("begin", "stage"),
    [
        (b"", "waiting for the answer"),
        (HEAD + b"X: ", "waiting for the answer"),
        (HEAD + b"\r\n", "reading the body"),
    ],
)
def test_a_server_that_drips_is_left_at_the_timeout(begin: bytes, stage: str) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while begin:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)  # the drip
        await reader.read()

    outcome = result(talk, Http(), timeout=milliseconds(500)).outcome
    assert (outcome.failure, outcome.words) == (Failure.TIMED_OUT, f"{stage} took longer than 500ms")
