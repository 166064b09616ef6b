"""A real control server in a thread, with handlers that answer, refuse, fail and answer at length."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from havip.control.server import Handler, Server

Json = dict[str, Any]


async def version(request: Json) -> Json:
    return {"version": "1.2.3", "pid": 4711}


async def echo(request: Json) -> Json:
    return {"heard": request}


async def refuse(request: Json) -> Json:
    return {"ok": False, "reason": "bad-configuration", "errors": [{"line": 3}]}


async def fail(request: Json) -> Json:
    raise RuntimeError("a handler with a bug")


async def long_answer(request: Json) -> Json:
    return {"text": "x" * 8_000_000}


HANDLERS: dict[str, Handler] = {
    "version": version,
    "echo": echo,
    "reload": refuse,
    "fail": fail,
    "long": long_answer,
}


@contextlib.contextmanager
def serving(
    path: str, handlers: Mapping[str, Handler] = HANDLERS, idle_timeout: float = 30.0
) -> Iterator[Server]:
    """Run a server in a thread of its own until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = Server(path, handlers, idle_timeout)
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
