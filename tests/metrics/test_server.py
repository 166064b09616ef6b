"""Scrapes over HTTP, from clients that behave and from clients that do not."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Callable, Coroutine, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.config.metrics import Endpoint
from havip.metrics import server as module
from havip.metrics.server import MOST_CLIENTS, Bad, MetricsServer, understood

PIECES = [b"# HELP\n", b"havip_x 1\n"]
GET = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"


#: a loopback address that no test beside us uses, so that a free port stays free
OURS = f"127.{1 + os.getpid() // 65536 % 250}.{os.getpid() // 256 % 256}.{os.getpid() % 256}"


def free_port() -> int:
    """Return a port of `OURS` on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((OURS, 0))
        return int(probe.getsockname()[1])


class Served:
    """A server of metrics, and what a client gets from it."""

    def __init__(self) -> None:
        self.asked: list[bool] = []
        self.pieces: Sequence[bytes] = PIECES
        self.hold = asyncio.Event()
        self.hold.set()
        self.server = MetricsServer(self.scrape)
        self.port = free_port()

    async def scrape(self, openmetrics: bool) -> tuple[str, Sequence[bytes]]:
        self.asked.append(openmetrics)
        await self.hold.wait()
        if not self.pieces:
            raise RuntimeError("nothing to tell")
        return "text/plain; version=0.0.4", self.pieces

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(OURS, self.port)

    async def says(self, request: bytes) -> bytes:
        """Return all that comes back until the connection ends, in order or not."""
        reader, writer = await self.connect()
        writer.write(request)
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


def play(scene: Callable[[Served], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        served = Served()
        await served.server.listen(Endpoint(ip_address(OURS), served.port))
        async with asyncio.timeout(30):
            try:
                await scene(served)
            finally:
                await served.server.close()

    asyncio.run(run())


def test_a_scrape_gets_everything_and_the_connection_ends() -> None:
    async def scene(served: Served) -> None:
        assert await served.says(GET) == (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: 17\r\n"
            b"Connection: close\r\n\r\n# HELP\nhavip_x 1\n"
        )
        assert served.server.counts == {"served": 1, "refused": 0, "cut-off": 0}
        assert served.asked == [False]

    play(scene)


def test_the_form_is_the_one_that_the_client_accepts() -> None:
    async def scene(served: Served) -> None:
        await served.says(
            b"GET /metrics?x HTTP/1.1\r\nACCEPT: application/openmetrics-text;version=1.0.0,*/*\r\n\r\n"
        )
        assert served.asked == [True]

    play(scene)


def test_head_gets_the_heading_alone() -> None:
    async def scene(served: Served) -> None:
        answer = await served.says(b"HEAD /metrics HTTP/1.0\r\n\r\n")
        assert answer.endswith(b"Content-Length: 17\r\nConnection: close\r\n\r\n")

    play(scene)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (b"GET /metrics/../etc/passwd HTTP/1.1\r\n\r\n", b"404 Not Found"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", b"405 Method Not Allowed"),
        (b"\x16\x03\x01\x00\xff\x00\r\n\r\n", b"400 Bad Request"),
        (b"GET /metrics\r\n\r\n", b"400 Bad Request"),
        (b"GET /metrics HTTP/2.0\r\n\r\n", b"400 Bad Request"),
        (b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 20_000, b"431 Request Header Fields Too Large"),
    ],
)
def test_what_asks_for_nothing_we_have_is_refused(request_: bytes, status: bytes) -> None:
    async def scene(served: Served) -> None:
        assert (await served.says(request_)).startswith(b"HTTP/1.1 " + status + b"\r\n")
        assert served.server.counts["refused"] == 1
        assert served.asked == []
        assert (await served.says(GET)).startswith(b"HTTP/1.1 200")

    play(scene)


@given(st.binary(max_size=200))
def test_whatever_comes_is_understood_or_refused(head: bytes) -> None:
    with contextlib.suppress(Bad):
        understood(head + b"\r\n\r\n")


def test_a_client_that_does_not_ask_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_WITHIN", 0.05)

    async def scene(served: Served) -> None:
        reader, writer = await served.connect()
        writer.write(b"GET /metrics HT")
        assert await reader.read() == b""
        writer.close()
        assert served.server.counts["cut-off"] == 1

    play(scene)


def test_a_client_that_does_not_read_is_cut_off_and_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "READ_WITHIN", 0.2)

    async def scene(served: Served) -> None:
        served.pieces = [b"x" * 65536] * 400
        with socket.create_connection((OURS, served.port)) as deaf:
            deaf.sendall(GET)
            while not served.asked:
                await asyncio.sleep(0)
            monkeypatch.undo()
            served.pieces = PIECES
            assert (await served.says(GET)).startswith(b"HTTP/1.1 200")
            while not served.server.counts["cut-off"]:
                await asyncio.sleep(0.01)

    play(scene)


def test_more_clients_than_there_is_room_for_are_turned_away() -> None:
    async def scene(served: Served) -> None:
        served.hold.clear()
        asking = [asyncio.ensure_future(served.says(GET)) for _ in range(MOST_CLIENTS)]
        while len(served.asked) < MOST_CLIENTS:
            await asyncio.sleep(0)
        assert await served.says(GET) == b""
        served.hold.set()
        assert all(answer.startswith(b"HTTP/1.1 200") for answer in await asyncio.gather(*asking))
        assert (await served.says(GET)).startswith(b"HTTP/1.1 200")

    play(scene)


def test_a_fault_of_ours_is_an_answer_and_no_end() -> None:
    async def scene(served: Served) -> None:
        served.pieces = []
        assert (await served.says(GET)).startswith(b"HTTP/1.1 500 ")
        served.pieces = PIECES
        assert (await served.says(GET)).startswith(b"HTTP/1.1 200")

    play(scene)


def test_a_unix_socket_is_for_root_and_the_group_and_goes_with_us(tmp_path: Path) -> None:
    path = tmp_path / "new" / "m.sock"

    async def scene(served: Served) -> None:
        endpoint = Endpoint(path=str(path))
        await served.server.listen(endpoint)
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(GET)
        assert (await reader.read()).endswith(b"havip_x 1\n")
        writer.close()
        await served.server.leave(endpoint)
        assert not path.exists()

    play(scene)


def test_the_place_of_a_file_or_of_another_daemon_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("precious")

    async def scene(served: Served) -> None:
        with pytest.raises(Exception, match="in the way"):
            await served.server.listen(Endpoint(path=str(path)))
        assert path.read_text() == "precious"
        with pytest.raises(OSError, match="in use"):
            await served.server.listen(Endpoint(ip_address(OURS), served.port))

    play(scene)
