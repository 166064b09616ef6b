"""Serves metrics where the configuration says so; no scrape of them delays an advert, or a probe for long."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from havip.backoff import pause_after
from havip.config.metrics import Endpoint
from havip.config.model import Configuration
from havip.errors import HavipError
from havip.messages import Message, Transition
from havip.services import Host, Json, Service

if TYPE_CHECKING:  # imported when there is somewhere to listen
    from havip.metrics.server import MetricsServer

log = logging.getLogger("havip.metrics")

FRESH_FOR: Final = 1.0  # seconds: who asks so soon after another one gets the same answer
LONGEST_PAUSE: Final = 10.0  # seconds between two tries to listen

Answer = tuple[str, Sequence[bytes]]


class Metrics(Service):
    """Counts what nobody else counts, and answers scrapes: however many ask at once, one answer is made."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._server: MetricsServer | None = None
        self._wanted: tuple[Endpoint, ...] = ()
        self._troubles: dict[Endpoint, str] = {}
        self._trying: asyncio.Task[None] | None = None
        self._transitions: Counter[tuple[str, str, str]] = Counter()
        self._making: dict[bool, asyncio.Task[Answer]] = {}
        self._made: dict[bool, tuple[float, Answer]] = {}  # when, by the loop's clock

    async def prepare(self, new: Configuration) -> None:
        """Listen where ``new`` says so, and nowhere else; what stays is not touched."""
        self._wanted = new.metrics.listen
        self._made.clear()
        if self._trying is not None:
            self._trying.cancel()
            self._trying = None
        self._troubles = {}
        if self._server is None:
            if not self._wanted:
                return
            from havip.metrics.server import MetricsServer

            self._server = MetricsServer(self._scrape)
        for endpoint in self._server.open - set(self._wanted):
            await self._server.leave(endpoint)
            log.info("metrics are no longer served on %s", endpoint)
        await self._listen()
        if self._troubles:
            self._trying = self._host.spawn(self._try_again())

    def hear(self, message: Message) -> None:
        """Count changes of state."""
        if isinstance(message, Transition):
            self._transitions[message.kind, message.name, message.state] += 1

    async def settle(self, new: Configuration) -> None:
        """Forget the counts of what is gone, and what was told before."""
        self._made.clear()
        there = {("router", router.name) for router in new.virtual_routers}
        there |= {("group", group.name) for group in new.sync_groups}
        for service in new.virtual_services:
            there.add(("service", service.name))
            there |= {("server", f"{service.name}/{server.name}") for server in service.servers}
        for key in [key for key in self._transitions if key[:2] not in there]:
            del self._transitions[key]

    def status(self) -> Json:
        """Return where metrics are served, and why not."""
        listen = [{"on": str(one), "trouble": self._troubles.get(one)} for one in self._wanted]
        counts = {} if self._server is None else dict(self._server.counts)
        return {"metrics": {"listen": listen, "scrapes": counts}}

    async def leave(self) -> None:
        """Listen nowhere."""
        if self._trying is not None:
            self._trying.cancel()
        if self._server is not None:
            await self._server.close()

    def _missing(self) -> Iterable[Endpoint]:
        assert self._server is not None
        return [one for one in self._wanted if one not in self._server.open]

    async def _listen(self) -> None:
        """Listen wherever that is missing, and keep in mind why it cannot be."""
        assert self._server is not None
        for endpoint in self._missing():
            try:
                await self._server.listen(endpoint)
            except (OSError, HavipError) as error:
                code = error.errno if isinstance(error, OSError) else None
                why = os.strerror(code) if code else str(error)
                if self._troubles.get(endpoint) != why:
                    log.error("metrics cannot be served on %s: %s", endpoint, why)
                self._troubles[endpoint] = why
            else:
                self._troubles.pop(endpoint, None)
                log.info("metrics are served on %s", endpoint)

    async def _try_again(self) -> None:
        """Try until it listens everywhere: an address may come later, another program may go."""
        tries = 0
        while self._troubles:
            tries += 1
            await asyncio.sleep(min(LONGEST_PAUSE, pause_after(tries)))
            await self._listen()

    async def _scrape(self, openmetrics: bool) -> Answer:
        """Return the one answer that everybody gets who asks now."""
        now = asyncio.get_running_loop().time()
        made = self._made.get(openmetrics)
        if made is not None and now - made[0] < FRESH_FOR:
            return made[1]
        task = self._making.get(openmetrics)
        if task is None:
            task = self._making[openmetrics] = self._host.spawn(self._make(openmetrics))
        return await asyncio.shield(task)

    async def _make(self, openmetrics: bool) -> Answer:
        from havip.metrics.catalogue import FAMILIES
        from havip.metrics.exposition import OPENMETRICS, TEXT, written
        from havip.metrics.family import Source

        assert self._server is not None
        try:
            status = await self._host.show()
            checks = (await self._host.ask({"verb": "checks", "fresh": False}))["checks"]
            services = (await self._host.ask({"verb": "services", "fresh": False})).get("services", {})
            kind = OPENMETRICS if openmetrics else TEXT
            counts = dict(self._server.counts)
            source = Source(status, checks, dict(self._transitions), counts, services)
            answer = kind, await written(FAMILIES, source, kind)
            self._made[openmetrics] = asyncio.get_running_loop().time(), answer
            asyncio.get_running_loop().call_later(FRESH_FOR, self._made.pop, openmetrics, None)
            return answer
        finally:
            del self._making[openmetrics]
