"""Webhooks against real HTTP servers: taken, refused, slow, silent, and no HTTP at all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from havip.clock import milliseconds, seconds
from havip.config.authentication import Secret, SecretSource
from havip.config.notify import Webhook
from havip.config.urls import Url
from havip.services.notify.news import News
from havip.services.notify.webhook import Answer, BadAnswer, Hook, read_answer, retry_after
from tests.services.notify.conftest import PATIENCE

Make = Callable[..., News]
pytestmark = pytest.mark.usefixtures("_quick_retries")


class Server(ThreadingHTTPServer):
    """Answers with ``statuses`` in turn, then with 204, and keeps the requests."""

    def __init__(self, *statuses: int, address: str = "127.0.0.1") -> None:
        self.statuses = list(statuses)
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        super().__init__((address, 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """Takes POST."""

    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def serving(server: Server, certificate: tuple[Path, Path] | None = None) -> Iterator[Server]:
    """Run a server in a thread."""
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(PATIENCE)
        server.server_close()


def post(server: Server, *told: News, scheme: str = "http", host: str = "127.0.0.1", **changes: Any) -> Hook:
    """Tell these news to a server, and return the hook once it has ended."""
    spec = Webhook(f"{scheme}://{host}:{server.server_port}/hook?a=b", **changes)

    async def main() -> Hook:
        hook = Hook(spec, "r1", "life")
        for news in told:
            hook.tell(news)
        await hook.finish(PATIENCE)
        return hook

    return asyncio.run(main())


def test_a_change_is_posted_as_json_with_what_the_operator_adds(
    news: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(Server()) as server:
        token = SecretSource(Secret(b"Bearer letmein"))
        hook = post(server, news("MASTER"), headers=("X-Team: net",), authorization=token)
    ((path, headers, body),) = server.requests
    assert path == "/hook?a=b"
    assert headers["Content-Type"] == "application/json"
    assert headers["Authorization"] == "Bearer letmein"
    assert headers["X-Team"] == "net"
    assert headers["Idempotency-Key"] == body["id"] == "life-1"
    assert (body["name"], body["state"], body["previous_state"], body["host"]) == (
        "gateway", "MASTER", "BACKUP", "r1"
    )  # fmt: skip
    assert hook.status()["done"] == 1
    assert "letmein" not in caplog.text


def test_https_is_verified_by_the_file_of_certificates(certificate: tuple[Path, Path], news: Make) -> None:
    with serving(Server(), certificate) as server:
        hook = post(server, news(), news(), scheme="https", host="localhost", ca_file=str(certificate[0]))
    assert hook.status()["done"] == 2
    assert len(server.requests) == 2


@pytest.mark.parametrize(("host", "trusted"), [("localhost", False), ("127.0.0.2", True)])
def test_a_certificate_that_is_not_trusted_or_of_another_name_is_refused(
    host: str, trusted: bool, certificate: tuple[Path, Path], news: Make
) -> None:
    with serving(Server(address="0.0.0.0"), certificate) as server:
        trust = {"ca_file": str(certificate[0])} if trusted else {}
        hook = post(server, news(), scheme="https", host=host, attempts=1, **trust)
    assert server.requests == []
    assert "CERTIFICATE_VERIFY_FAILED" in hook.status()["last"]["result"]


def test_a_failure_is_tried_again_with_the_same_id(news: Make, caplog: pytest.LogCaptureFixture) -> None:
    with serving(Server(503, 429, 500)) as server:
        hook = post(server, news("MASTER"))
    assert [headers["Idempotency-Key"] for _, headers, _ in server.requests] == ["life-1"] * 4
    assert (hook.status()["done"], hook.status()["failed"]) == (1, 0)
    assert any("answered 503: trying again in 0.01 s" in line for line in caplog.messages)


@pytest.mark.parametrize("status", [301, 400, 401, 404])
def test_what_another_attempt_would_not_change_is_given_up_at_once(status: int, news: Make) -> None:
    with serving(Server(status)) as server:
        hook = post(server, news("MASTER"))
    assert len(server.requests) == 1
    assert (hook.status()["done"], hook.status()["failed"]) == (0, 1)


def test_attempts_end_and_the_next_change_is_told(news: Make, caplog: pytest.LogCaptureFixture) -> None:
    with serving(Server(500, 500, 500)) as server:
        hook = post(server, news("MASTER"), news("BACKUP"), attempts=3)
    assert [body["state"] for _, _, body in server.requests] == ["MASTER"] * 3 + ["BACKUP"]
    assert (hook.status()["done"], hook.status()["failed"]) == (1, 1)
    assert any("answered 500: given up after 3 attempts" in line for line in caplog.messages)


def test_changes_of_one_router_arrive_in_order_and_other_routers_do_not_wait(news: Make) -> None:
    with serving(Server()) as server:
        told = [news(state, name) for state in ("BACKUP", "MASTER", "FAULT") for name in ("a", "b", "c")]
        hook = post(server, *told)
    for name in ("a", "b", "c"):
        states = [body["state"] for _, _, body in server.requests if body["name"] == name]
        assert states == ["BACKUP", "MASTER", "FAULT"]
    assert hook.status()["done"] == 9


def test_only_the_states_that_are_asked_for_are_posted(news: Make) -> None:
    with serving(Server()) as server:
        post(server, news("FAULT"), news("MASTER"), news("MASTER_RX_LOWER_PRI"), states=("MASTER",))
    assert [body["event"] for _, _, body in server.requests] == ["MASTER", "MASTER_RX_LOWER_PRI"]


def against(serve: Any, *told: News, **changes: Any) -> Hook:
    """Tell these news to a server of another kind."""

    async def main() -> Hook:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            hook = Hook(
                Webhook(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", **changes), "r1", "x"
            )
            for news in told:
                hook.tell(news)
            await hook.finish(PATIENCE)
            return hook

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (b"", "no answer"),
        (b"220 mx.test ESMTP\r\n\r\n", "no answer in HTTP, but '220 mx.test ESMTP'"),
        (b"HTTP/1.1 what\r\n\r\n", "no answer in HTTP, but 'HTTP/1.1 what'"),
        (b"\x00" * 100_000, "no answer"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 3, "no answer"),
    ],
)
def test_what_is_no_http_is_a_failure(answer: bytes, result: str, news: Make) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            writer.write(answer)
            await writer.drain()
        writer.close()

    status = against(serve, news(), attempts=1).status()
    assert status["failed"] == 1
    assert status["last"]["result"] == result


def test_a_silent_server_is_left_after_a_bounded_time(news: Make) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(-1)
        writer.close()

    status = against(serve, news(), timeout=milliseconds(50), attempts=2).status()
    assert (status["failed"], status["last"]["result"]) == (1, "no answer in time")


def test_the_end_does_not_wait_for_a_server_for_long(news: Make, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> Hook:
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            hook = Hook(Webhook(f"http://127.0.0.1:{port}/", timeout=seconds(1000)), "r1", "x")
            hook.tell(news("MASTER"))
            hook.tell(news("STOP"))
            await hook.finish(0.05)
            return hook

    assert asyncio.run(main()).status()["dropped"] == 1
    assert any("gateway: STOP: http://" in line and "is not told" in line for line in caplog.messages)


def test_a_name_without_an_address_is_a_failure_like_any_other(news: Make) -> None:
    async def main() -> Hook:
        hook = Hook(Webhook("http://nowhere.invalid/", attempts=1), "r1", "x")
        hook.tell(news())
        await hook.finish(PATIENCE)
        return hook

    status = asyncio.run(main()).status()
    assert status["failed"] == 1
    assert "nowhere.invalid" in status["last"]["result"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("http://host", Url(False, "host", 80, "host", "/")),
        ("https://host/a/b?c=d", Url(True, "host", 443, "host", "/a/b?c=d")),
        ("https://host:8443?x", Url(True, "host", 8443, "host:8443", "/?x")),
        ("http://[2001:db8::1]:80/", Url(False, "2001:db8::1", 80, "[2001:db8::1]:80", "/")),
        ("http://host/a#b", Url(False, "host", 80, "host", "/a")),
    ],
)
def test_a_url_is_taken_apart(text: str, parts: Url) -> None:
    assert Url.of(text) == parts


@pytest.mark.parametrize(
    ("lines", "wait"),
    [
        (["Retry-After: 7"], 7.0),
        (["retry-after:  120 "], 120.0),
        (["Retry-After: Fri, 31 Dec 1999 23:59:59 GMT"], 0.0),
        (["Retry-After: -1", "X: 3"], 0.0),
        ([], 0.0),
    ],
)
def test_retry_after_is_heeded_where_it_counts_seconds(lines: list[str], wait: float) -> None:
    assert retry_after(lines) == wait


def test_interim_answers_are_passed_over() -> None:
    async def main() -> Answer:
        reader = asyncio.StreamReader()
        reader.feed_data(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\nRetry-After: 1\r\n\r\nbody")
        return await read_answer(reader)

    assert asyncio.run(main()) == Answer(202, 1.0)


def test_nothing_at_all_is_a_bad_answer() -> None:
    async def main() -> None:
        reader = asyncio.StreamReader()
        reader.feed_eof()
        with pytest.raises(BadAnswer):
            await read_answer(reader)

    asyncio.run(main())
