"""Puts into the log what becomes of health checks: each verdict that turned, with its reason.

However many turn at once, the log gets so many lines, and one that counts the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from havip.clock import seconds, spell
from havip.config.model import Configuration
from havip.config.tracking import TrackerKind
from havip.control.checkviews import state_of
from havip.messages import Message, TrackResult
from havip.services import Host, Service
from havip.services.sparing import PERIOD, Sparing

log = logging.getLogger("havip.checks")


class CheckLog(Service):
    """Logs verdicts as they turn.  That a new check is good is no news."""

    def __init__(self, host: Host) -> None:
        self._good: dict[str, bool] = {}
        self._since: dict[str, float] = {}  # of those that have failed, by the loop's clock
        self._sparing: Sparing[bool] = Sparing(host.spawn, self._count, period=PERIOD)

    def hear(self, message: Message) -> None:
        """Log what is news."""
        if not isinstance(message, TrackResult) or message.kind is not TrackerKind.CHECK:
            return
        name, good = message.name, message.good
        before = self._good.get(name)
        if good is before:
            return
        self._good[name] = good
        since = self._since.pop(name, None)
        if not good:
            self._since[name] = asyncio.get_running_loop().time()
        if before is None and good:
            return
        if self._sparing.may_tell(good):
            self._tell(name, good, message.why, since)

    async def settle(self, new: Configuration) -> None:
        """Forget what is no longer there."""
        there = {check.name for check in new.checks}
        for name in self._good.keys() - there:
            del self._good[name]
            self._since.pop(name, None)

    def _count(self, untold: Counter[bool]) -> None:
        """Tell how many verdicts have turned that no line was written about."""
        failed, mended = untold[False], untold[True]
        log.warning(
            "checks: %d more verdicts have turned in %gs: %d FAILED, %d good; "
            "`havip checks --failed` shows what is wrong now",
            *(failed + mended, PERIOD, failed, mended),
        )

    def _tell(self, name: str, good: bool, why: str, since: float | None) -> None:
        fields = {"HAVIP_CHECK": name, "HAVIP_STATE": state_of(good)}
        if good:
            lasted = 0.0 if since is None else asyncio.get_running_loop().time() - since
            length = spell(seconds(round(lasted, 1)))
            log.info("check %s: good again, after %s", name, length, extra={"fields": fields})
        else:
            log.warning("check %s: FAILED: %s", name, why, extra={"fields": fields})
