"""What tests of probes share: one run against a server that the test wrote, and its result."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from havip.clock import monotonic, seconds
from havip.config.health import Check
from havip.healthcheck.runner import Result, Runner, way_of

LOCAL = "127.0.0.1"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def check(**more: Any) -> Check:
    """Return a check of something on this host; a run may take as long as a busy machine needs."""
    return Check("web", **{"host": LOCAL, "timeout": seconds(10)} | more)


async def result_of(one: Check, notes: list[str] | None = None) -> Result:
    """Run a check once."""
    runner = Runner()
    ended: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    try:
        runner.start(way_of(one), monotonic(), ended.set_result, None if notes is None else notes.append)
        return await ended
    finally:
        runner.close()


@contextlib.asynccontextmanager
async def serving(talk: Talk, host: str = LOCAL) -> AsyncIterator[int]:
    """Serve TCP connections with ``talk``; yield the port."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await talk(reader, writer)
        writer.transport.abort() if writer.is_closing() else writer.close()

    server = await asyncio.start_server(handle, host)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
