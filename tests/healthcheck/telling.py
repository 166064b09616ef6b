"""What tests of checks share: results as they come, each of which can be awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from havip.messages import TrackResult

PATIENCE = 15.0  # seconds until something that has not happened is taken for a failure


class Told:
    """Results in the order in which they came."""

    def __init__(self) -> None:
        self.results: list[TrackResult] = []
        self._news = asyncio.Event()

    def __call__(self, result: TrackResult) -> None:
        self.results.append(result)
        self._news.set()

    async def until(self, holds: Callable[[TrackResult], bool], count: int = 1) -> TrackResult:
        """Return the ``count``th result for which ``holds`` is true, as soon as it is there."""
        async with asyncio.timeout(PATIENCE):
            while True:
                found = [result for result in self.results if holds(result)]
                if len(found) >= count:
                    return found[count - 1]
                self._news.clear()
                await self._news.wait()


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a scene to its end."""
    asyncio.run(scene())


def program(path: Path, text: str, mode: int = 0o755) -> str:
    """Write a script for /bin/sh and return its path."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)
