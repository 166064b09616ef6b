"""Keeps a log readable: so many lines in a period, and one more that counts those that were not written."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

MOST_LINES: Final = 100  # in a period
PERIOD: Final = 10.0  # seconds

T = TypeVar("T")


class Sparing(Generic[T]):
    """``spawn`` runs a coroutine; ``tell`` writes the line that counts, by what each untold one was."""

    def __init__(
        self, spawn: Callable[[Any], object], tell: Callable[[Counter[T]], None], period: float = PERIOD
    ) -> None:
        self._spawn = spawn
        self._tell = tell
        self._period = period
        self._lines = 0  # in this period
        self._untold: Counter[T] = Counter()
        self._counting = False

    def may_tell(self, what: T) -> bool:
        """Say whether there is room for a line; what there is no room for is counted."""
        if not self._counting:
            self._counting = True
            self._spawn(self._count())
        if self._lines < MOST_LINES:
            self._lines += 1
            return True
        self._untold[what] += 1
        return False

    async def _count(self) -> None:
        """Wait for the end of a period, and have told what was not."""
        await asyncio.sleep(self._period)
        self._counting, self._lines = False, 0
        untold, self._untold = self._untold, Counter()
        if untold:
            self._tell(untold)
