"""Carries out what a `Backlog` holds: one task an item, each subject in order.  Knows no channel."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from havip.services.notify.backlog import Backlog, Subject
from havip.waiting import happens

log = logging.getLogger("havip.notify")
T = TypeVar("T")


@dataclass(slots=True)
class Tally:
    """What became of the items of one channel."""

    done: int = 0
    failed: int = 0
    dropped: int = 0  # never told, since something newer came or time was up
    last: dict[str, Any] | None = None  # the latest result

    def as_dict(self, queued: int, running: int) -> dict[str, Any]:
        """Return the tally for `status`."""
        return {
            "queued": queued,
            "running": running,
            "done": self.done,
            "failed": self.failed,
            "dropped": self.dropped,
            "last": self.last,
        }


class Lanes(Generic[T]):
    """``work`` tells one item and says whether that succeeded; what was dropped goes to ``on_drop``."""

    def __init__(
        self, backlog: Backlog[T], work: Callable[[T], Awaitable[bool]], on_drop: Callable[[T], None]
    ) -> None:
        self._backlog = backlog
        self._work = work
        self._on_drop = on_drop
        self._tasks: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self.tally = Tally()

    def put(self, subject: Subject, item: T) -> None:
        """Tell an item when its turn comes."""
        self._idle.clear()
        dropped = self._backlog.put(subject, item)
        if dropped is not None:
            self._drop(dropped)
        self._go_on()

    async def finish(self, within: float) -> None:
        """Wait until everything is told; what is not within so many seconds is dropped."""
        if not await happens(self._idle, within):
            for item in self._backlog.clear():
                self._drop(item)
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def status(self) -> dict[str, Any]:
        """Return what `status` shows."""
        return self.tally.as_dict(self._backlog.queued, self._backlog.running)

    def _drop(self, item: T) -> None:
        self.tally.dropped += 1
        self._on_drop(item)

    def _go_on(self) -> None:
        while (taken := self._backlog.take()) is not None:
            task = asyncio.get_running_loop().create_task(self._tell(*taken))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _tell(self, subject: Subject, item: T) -> None:
        told = False
        try:
            told = await self._work(item)
        except Exception:
            log.exception("a notification failed in an unforeseen way")
        finally:
            self.tally.done += told
            self.tally.failed += not told
            self._backlog.done(subject)
            self._go_on()
            if not self._backlog.queued and not self._backlog.running:
                self._idle.set()
