"""The event loop as checks use it: the time, and being called again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from havip.clock import Instant, monotonic, to_seconds


class Alarm(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """Have it not happen."""


class Turns:
    """The time, and the loop's next turns."""

    now = staticmethod(monotonic)

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def at(self, when: Instant, do: Callable[[], None]) -> Alarm:
        """Call ``do`` at an instant, or a little later."""
        return self._loop.call_later(max(0.0, to_seconds(when - monotonic())), do)

    def soon(self, do: Callable[[], None]) -> Alarm:
        """Call ``do`` in the next turn, after whatever else waits."""
        return self._loop.call_soon(do)
