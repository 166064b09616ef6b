"""Holds all virtual routers back for a while after a start, if the configuration says so."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Final

from havip.clock import Instant, after, monotonic, to_seconds, uptime, wall
from havip.config.model import Configuration
from havip.holdoff import hold
from havip.messages import HoldBack, Message
from havip.services import Host, Service

log = logging.getLogger("havip.supervisor")

OVER: Final = HoldBack(0, "")


class Hold(Service):
    """Decides once, at the daemon's start: a reload changes nothing, nor does a worker's next life."""

    def __init__(self, host: Host) -> None:
        self._message: HoldBack | None = None

    async def prepare(self, new: Configuration) -> None:
        """Count from now, the first time."""
        if self._message is not None:
            return
        length, why = hold(new.daemon, uptime())
        if not length:
            self._message = OVER
            return
        until = Instant(after(monotonic(), length))
        clock = time.strftime("%H:%M:%S", time.localtime(wall() + to_seconds(length)))
        self._message = HoldBack(until, f"held back until {clock}: {why}")
        log.info("all virtual routers are %s", self._message.why)

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Say until when, also to a worker that is started meanwhile."""
        if self._message is not None and self._message is not OVER:
            yield self._message
