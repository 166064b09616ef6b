"""Describes every check to the supervisor in slices, between which probes have their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

from havip.balancing import BalancerReport, ServiceReport
from havip.healthreport import CheckReport
from havip.messages import Described, Message

Report = CheckReport | ServiceReport | BalancerReport

SLICE: Final = 32  # reports of one turn: well below a millisecond
UNREAD: Final = 0.002  # seconds between two looks at whether the supervisor has read on


class Describing:
    """One description at a time: whoever asks anew has given the earlier one up."""

    def __init__(self, post: Callable[[Message], None], backlog: Callable[[], bool]) -> None:
        self._post = post
        self._backlog = backlog
        self._task: asyncio.Task[None] | None = None

    def begin(self, token: int, reports: Iterable[Report], totals: Callable[[], dict[str, int]]) -> None:
        """Send the reports, each made when its turn comes, and then `Described` with ``token``."""
        self.stop()
        self._task = asyncio.get_running_loop().create_task(self._describe(token, reports, totals))

    def stop(self) -> None:
        """Send no more."""
        if self._task is not None:
            self._task.cancel()

    async def _describe(
        self, token: int, reports: Iterable[Report], totals: Callable[[], dict[str, int]]
    ) -> None:
        coming = iter(reports)
        while some := list(islice(coming, SLICE)):
            for report in some:
                self._post(report)
            await asyncio.sleep(0)
            while self._backlog():  # verdicts must not queue behind reports that nobody reads
                await asyncio.sleep(UNREAD)
        self._post(Described(token, totals()))
