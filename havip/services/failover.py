"""The verb `failover`: hand one virtual router over to the best of the others, and see that it was taken."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from havip.config.model import Configuration
from havip.control.server import asked_by
from havip.messages import HandOver, Key, Message, RouterGone, RouterReport
from havip.services import Handler, Host, Json, Service
from havip.services.orders import Declined, unknown
from havip.services.requests import answering, name_in, seconds_in
from havip.waiting import happens

log = logging.getLogger("havip.operator")

LONGEST_WAIT: Final = 300.0  # seconds
STEPPED_DOWN_WITHIN: Final = 2.0  # seconds for the worker to do as it is told


class Failover(Service):
    """Asks the VRRP worker to step down; who takes over is the election's business."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._deferring: set[Key] = set()  # who stepped down, and follows whoever took over
        self._news = asyncio.Event()  # set, and replaced, at every report

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Tell a worker's next life who stepped down in the last one; one that runs does not heed it."""
        keys = [router.key for router in new.virtual_routers]
        return [HandOver(key, again=True) for key in keys if key in self._deferring]

    def hear(self, message: Message) -> None:
        """Note who follows whom, and wake who waits."""
        if isinstance(message, RouterReport):
            if message.defers:
                self._deferring.add(message.key)
            elif message.state != "INIT":  # which is a beginning, not an end
                self._deferring.discard(message.key)
            self._news.set()
            self._news = asyncio.Event()
        elif isinstance(message, RouterGone):
            self._deferring.discard(message.key)

    def verbs(self) -> Mapping[str, Handler]:
        """Return the one verb."""
        return {"failover": answering(self._failover)}

    async def _failover(self, request: Json) -> Json:
        name = name_in(request, required=True)
        wait = seconds_in(request, "wait", LONGEST_WAIT)
        routers = self._host.configuration.virtual_routers
        key = next((router.key for router in routers if router.name == name), None)
        if key is None:
            raise unknown(name, routers)
        await self._host.refresh()
        before = self._report(key, name)
        if before.state != "MASTER":
            elsewhere = f"; the master is {before.master}" if before.master else ""
            raise Declined("not-master", f"{name} is {before.state} here, not MASTER{elsewhere}")
        log.warning("failover of %s, by %s", name, asked_by())
        self._host.post(HandOver(key))
        after = await self._watch(key, name, lambda report: report.state != "MASTER", STEPPED_DOWN_WITHIN)
        if after.state == "MASTER":
            raise Declined("not-in-force", f"{name} is still MASTER here: the VRRP worker has not answered")
        if wait is not None:
            after = await self._watch(key, name, taken_over, wait)
            if not taken_over(after):
                raise Declined("nobody-took-over", f"no other router took {name} over within {wait:g} s")
        return {"state": after.state, "master": after.master or None}

    async def _watch(
        self, key: Key, name: str, holds: Callable[[RouterReport], bool], within: float
    ) -> RouterReport:
        """Return the first report for which ``holds`` is true, or the last one within the time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        while True:
            news = self._news
            report = self._report(key, name)
            if holds(report) or not await happens(news, until - loop.time()):
                return report

    def _report(self, key: Key, name: str) -> RouterReport:
        report = self._host.reports.get(key)
        if report is None:
            raise Declined("no-such-router", f"{name} is not running yet")
        return report


def taken_over(report: RouterReport) -> bool:
    """Say whether another router has been heard as master."""
    return report.state == "BACKUP" and bool(report.master)
