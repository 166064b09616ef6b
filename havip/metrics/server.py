"""Answers scrapes over HTTP: one request a connection, of bounded size, from a bounded number of clients.

Nothing that a client sends, or fails to read, may end or delay the daemon.  It can ask for one thing only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

from havip.config.metrics import Endpoint
from havip.control.server import GROUP, group_id, make_directory, remove_stale, umask

log = logging.getLogger("havip.metrics")

LONGEST_REQUEST: Final = 8 * 1024  # bytes of its head
MOST_CLIENTS: Final = 16  # on all endpoints together
ASK_WITHIN: Final = 5.0  # seconds for the whole head of a request
READ_WITHIN: Final = 30.0  # seconds for the whole answer, once it is ready
BACKLOG: Final = 16
PATH: Final = b"/metrics"
HINT: Final = b"Metrics are served at /metrics.\n"
PLAIN: Final = "text/plain; charset=utf-8"

#: returns the content type and the text, in pieces; ``openmetrics``: the client would like that form
Scrape = Callable[[bool], Awaitable[tuple[str, Sequence[bytes]]]]


class Bad(Exception):
    """A request that is not answered with metrics."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class MetricsServer:
    """Every endpoint.  ``counts`` says what became of requests: served, refused, cut-off."""

    def __init__(self, scrape: Scrape) -> None:
        self._scrape = scrape
        self._clients: set[asyncio.Task[None]] = set()
        self._servers: dict[Endpoint, asyncio.Server] = {}
        self.counts: Counter[str] = Counter({"served": 0, "refused": 0, "cut-off": 0})

    @property
    def open(self) -> frozenset[Endpoint]:
        """Return where it listens."""
        return frozenset(self._servers)

    async def listen(self, endpoint: Endpoint) -> None:
        """Listen there.  Raises OSError, or `havip.errors.HavipError` for a path that is taken."""
        listening = bound(endpoint)
        try:
            listening.listen(BACKLOG)
            self._servers[endpoint] = await asyncio.start_server(
                self._serve, sock=listening, limit=LONGEST_REQUEST
            )
        except BaseException:
            listening.close()
            raise

    async def leave(self, endpoint: Endpoint) -> None:
        """Listen there no more; who is being answered is."""
        self._servers.pop(endpoint).close()
        if endpoint.path:
            with contextlib.suppress(OSError):
                os.unlink(endpoint.path)

    async def close(self) -> None:
        """Listen nowhere, and drop the clients."""
        for endpoint in list(self._servers):
            await self.leave(endpoint)
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._clients) >= MOST_CLIENTS:
            self.counts["refused"] += 1
            writer.transport.abort()
            return
        self._clients.add(task)
        try:
            await self._answer(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.counts["cut-off"] += 1
            writer.transport.abort()  # it went away, or does not ask, or does not read
        finally:
            self._clients.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ASK_WITHIN):
                head = await reader.readuntil(b"\r\n\r\n")
            wants_body, openmetrics = understood(head)
        except asyncio.LimitOverrunError:
            return await self._refuse(writer, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        except Bad as bad:
            return await self._refuse(writer, bad.status)
        try:
            kind, pieces = await self._scrape(openmetrics)
        except Exception:
            log.exception("metrics cannot be told")
            return await self._refuse(writer, HTTPStatus.INTERNAL_SERVER_ERROR)
        async with asyncio.timeout(READ_WITHIN):
            writer.write(heading(HTTPStatus.OK, kind, sum(map(len, pieces))))
            for piece in pieces if wants_body else ():
                writer.write(piece)
                await writer.drain()
            await finished(writer)
        self.counts["served"] += 1
        return None

    async def _refuse(self, writer: asyncio.StreamWriter, status: HTTPStatus) -> None:
        self.counts["refused"] += 1
        text = HINT if status is HTTPStatus.NOT_FOUND else f"{status.phrase}\n".encode()
        async with asyncio.timeout(ASK_WITHIN):
            writer.write(heading(status, PLAIN, len(text)) + text)
            await finished(writer)


async def finished(writer: asyncio.StreamWriter) -> None:
    """Wait until all has been handed to the kernel."""
    writer.transport.set_write_buffer_limits(0)
    await writer.drain()


def understood(head: bytes) -> tuple[bool, bool]:
    """Return whether a request wants the body, and whether as OpenMetrics.  Raises `Bad`."""
    first, *lines = head.split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        raise Bad(HTTPStatus.BAD_REQUEST)
    method, target, _ = words
    if method not in (b"GET", b"HEAD"):
        raise Bad(HTTPStatus.METHOD_NOT_ALLOWED)
    if target.partition(b"?")[0] != PATH:
        raise Bad(HTTPStatus.NOT_FOUND)
    accepted = [line for line in lines if line[:7].lower() == b"accept:"]
    return method == b"GET", any(b"application/openmetrics-text" in line.lower() for line in accepted)


def heading(status: HTTPStatus, kind: str, length: int) -> bytes:
    """Return what stands before the body."""
    lines = (
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {length}",
        "Connection: close",
        *(["Allow: GET, HEAD"] if status is HTTPStatus.METHOD_NOT_ALLOWED else []),
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def bound(endpoint: Endpoint) -> socket.socket:
    """Return a socket of that name; one of the file system is for root and the group (mode 0660)."""
    if endpoint.address is None:
        return bound_to_path(endpoint.path)
    family = socket.AF_INET6 if endpoint.address.version == 6 else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((str(endpoint.address), endpoint.port))
    except BaseException:
        sock.close()
        raise
    return sock


def bound_to_path(path: str) -> socket.socket:
    """Return a socket with a name in the file system."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        make_directory(Path(path).parent)
        remove_stale(path)
        with umask(0o117):  # born with mode 0660: nobody else can connect, not even for a moment
            sock.bind(path)
        group = group_id(GROUP)
        if group is not None:
            os.chown(path, -1, group, follow_symlinks=False)
    except BaseException:
        sock.close()
        raise
    return sock
