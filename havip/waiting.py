"""Waiting in an asyncio loop: for an event within bounds, and for work in a thread that may block.

The VRRP worker has no such loop and knows neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

T = TypeVar("T")


async def happens(event: asyncio.Event, within: float | None) -> bool:
    """Say whether an event comes within so many seconds; None: wait for it."""
    try:
        # Not wait_for: until Python 3.12 it swallows a cancellation that comes together with the event.
        async with asyncio.timeout(within):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def in_own_thread(work: Callable[[], T], name: str) -> T:
    """Return what ``work`` returns, or raise what it raises, from a thread that nobody waits for at the end.

    The threads that asyncio keeps are waited for when the loop ends: a name server that does not answer would
    hold up the daemon's end.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def deliver(settle: Callable[[], None]) -> None:
        if not answer.done():  # nobody has given up meanwhile
            settle()

    def run() -> None:
        try:
            settle = partial(answer.set_result, work())
        except Exception as error:
            settle = partial(answer.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(deliver, settle)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await answer
