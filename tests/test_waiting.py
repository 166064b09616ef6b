"""Waiting for events within bounds, and for work in a thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from havip.waiting import happens, in_own_thread


def test_an_event_that_does_not_come_is_waited_for_within_bounds_only() -> None:
    async def scene() -> None:
        event = asyncio.Event()
        assert not await happens(event, 0.001)
        event.set()
        assert await happens(event, 60.0)
        assert await happens(event, None)

    asyncio.run(scene())


def test_whoever_is_cancelled_as_the_event_comes_ends_all_the_same() -> None:
    async def scene() -> None:
        event = asyncio.Event()
        waiting = asyncio.create_task(happens(event, 60.0))
        for _ in range(3):
            await asyncio.sleep(0)  # by then it waits
        event.set()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(scene())


def test_work_in_a_thread_returns_or_raises_what_it_does() -> None:
    def fail() -> None:
        raise OSError("no")

    async def scene() -> None:
        assert await in_own_thread(threading.current_thread, "aside") is not threading.main_thread()
        with pytest.raises(OSError, match="no"):
            await in_own_thread(fail, "aside")

    asyncio.run(scene())


def test_work_that_hangs_does_not_hold_up_the_end_of_the_loop() -> None:
    go_on = threading.Event()

    async def scene() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(in_own_thread(go_on.wait, "hangs"), 0.001)

    asyncio.run(scene())  # returns although the thread still waits
    go_on.set()
