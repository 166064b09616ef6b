"""What one client of an event stream has not read yet: bounded, so that a slow one loses its stream only."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

Json: TypeAlias = dict[str, Any]

MOST: Final = 1000  # events that wait for one client
LOST: Final[Json] = {"event": "lost"}  #: the last one of a client that did not keep up


class Feed:
    """Events for one client.  ``on_close`` is called once, when it leaves or is given up."""

    def __init__(self, on_close: Callable[[Feed], None]) -> None:
        self._on_close = on_close
        self._events: deque[Json] = deque()
        self._news = asyncio.Event()
        self._lost = False
        self.ended = False  # nothing follows what was taken

    def begin(self, events: Iterable[Json]) -> None:
        """Put what comes before everything else."""
        self._events.extendleft(reversed(list(events)))
        self._news.set()

    def put(self, event: Json) -> None:
        """Add an event; if too many wait already, this one and all that follow are lost."""
        if self._lost:
            return
        if len(self._events) >= MOST:
            self._lost, event = True, LOST
        self._events.append(event)
        self._news.set()

    async def take(self) -> list[Json]:
        """Return all that waits, as soon as there is something."""
        await self._news.wait()
        self._news.clear()
        events = list(self._events)
        self._events.clear()
        self.ended = self._lost
        return events

    def close(self) -> None:
        """Take no more."""
        self._on_close(self)
