"""The operator's hand on real servers: the verb `server`, and what it leaves behind.

Owns the record of what was ordered, which survives reload, restart and reboot: an order is on the disk
before it is carried out.  A record that cannot be read stops nothing: what the checks say counts then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from havip import statefile
from havip.balancing import DRAINED, UP, Order, PutOrder, ServerReport
from havip.config.model import Configuration
from havip.plain import Unfit
from havip.services import Handler, Host, Json, serverorders
from havip.services.operator import keep_aside, word_in
from havip.services.orders import Declined
from havip.services.requests import answering, seconds_in, whole_in
from havip.services.serverorders import HEAVIEST, Place, Told
from havip.statefile import Unreadable
from havip.waiting import happens

if TYPE_CHECKING:
    from havip.services.servicebook import ServiceBook

log = logging.getLogger("havip.operator")

FILE: Final = "servers.json"
MOST_TARGETS: Final = 1000
LONGEST_TARGET: Final = 512  # characters
LONGEST_WAIT: Final = 3600.0  # seconds
MOST_NAMED: Final = 20  # servers in one line


class Servers:
    """What was said of servers.  ``post`` tells the checker worker; without one it drops the message."""

    def __init__(self, host: Host, post: Callable[[PutOrder], None]) -> None:
        self._host = host
        self._post = post
        self._file: Path | None = None  # known once a configuration is
        self._told = Told({})
        self._damage: str | None = None  # why the record could not be read
        self._one_at_a_time = asyncio.Lock()
        self.book: ServiceBook | None = None  # who knows how the servers are

    async def prepare(self, new: Configuration) -> None:
        """Read the record when the daemon starts."""
        if self._file is not None:
            return
        self._file = Path(new.daemon.state_directory) / FILE
        try:
            found = await asyncio.to_thread(statefile.read, self._file)
            self._told = Told({}) if found is None else serverorders.from_dict(found)
        except Unreadable as error:
            self._damage = str(error)
        except Unfit as error:
            self._damage = f"{self._file} is damaged: {error}"
        if self._damage is not None:
            log.error("%s: no server is drained, and every weight is the configured one", self._damage)
        for name in self._told.absent(new.virtual_services):
            log.warning("an order is kept for %s, which is no server of this file", name)

    def briefing(self) -> Iterator[PutOrder]:
        """Yield all that a life of the checker worker must be told, also of servers that may come later."""
        yield from (PutOrder(said.order) for said in self._told.orders.values())

    def verbs(self) -> Mapping[str, Handler]:
        """Return the verb that leaves an order behind."""
        return {"server": answering(self._server)}

    def shown(self) -> Json:
        """Return the orders that hold, and what is wrong with the record."""
        return {"orders": serverorders.shown(self._told), "damage": self._damage}

    def words_of(self, service: str, server: str) -> str:
        """Return what was said of one server, by whom and why; empty: nothing."""
        said = self._told.orders.get((service, server))
        return "" if said is None else said.in_words

    async def _server(self, request: Json) -> Json:
        action, changes = what_in(request)
        targets, wait = targets_in(request), seconds_in(request, "wait", LONGEST_WAIT)
        word = word_in(request)
        async with self._one_at_a_time:
            services = self._host.configuration.virtual_services
            gone = [] if action == "drain" else serverorders.forgotten(targets, self._told, services)
            left = [target for target in targets if target not in {"/".join(place) for place in gone}]
            places = [*serverorders.chosen(left, services), *gone]
            before = self._told
            await self._store(before.having(places, word, **changes))
            for place in places:
                if before.orders.get(place) != self._told.orders.get(place):
                    self._post(PutOrder(self._order(place)))
        log.warning("%s of %s, by %s", action, in_words(places), word)
        if wait is not None and action == "drain":
            await self._drained(places, wait)
        return {"servers": [self._shown(place) for place in places], "warnings": self._warnings(places)}

    def _order(self, place: Place) -> Order:
        said = self._told.orders.get(place)
        return Order(*place) if said is None else said.order

    async def _store(self, wanted: Told) -> None:
        """Have the orders on the disk, and only then in force.  Raises `Unwritable`."""
        assert self._file is not None
        if wanted == self._told and self._damage is None:
            return
        if self._damage is not None:
            await asyncio.to_thread(keep_aside, self._file)
        await asyncio.to_thread(statefile.write, self._file, serverorders.as_dict(wanted))
        self._told, self._damage = wanted, None

    async def _drained(self, places: Sequence[Place], wait: float) -> None:
        """Return as soon as the servers have no connection left.  Raises `Declined`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while self.book is not None:
            news = self.book.news
            left = [place for place in places if self._takes_part(place)]
            if not left:
                return
            if not await happens(news, until - loop.time()):
                raise Declined("not-drained", f"after {wait:g} s {self._busy(left)}; the order holds on")

    def _takes_part(self, place: Place) -> bool:
        """Say whether a server may have connections yet."""
        report = None if self.book is None else self.book.server(*place)
        return report is not None and not is_idle(report)

    def _busy(self, places: Sequence[Place]) -> str:
        """Return which servers have connections, and how many."""
        words = []
        for place in places[:10]:
            report = None if self.book is None else self.book.server(*place)
            number = 0 if report is None else report.active + report.inactive
            words.append(f"{'/'.join(place)} has {number} connections")
        more = [f"{len(places) - 10} more are not drained"] if len(places) > 10 else []
        return ", ".join([*words, *more])

    def _shown(self, place: Place) -> Json:
        report = None if self.book is None else self.book.server(*place)
        order = self._order(place)
        return {
            "service": place[0],
            "server": place[1],
            "drain": order.drain,
            "order": order.weight,
            "state": None if report is None else report.state,
            "weight": None if report is None else report.weight,
            "active": 0 if report is None else report.active,
        }

    def _warnings(self, places: Sequence[Place]) -> list[str]:
        """Return what somebody who has drained servers may not have meant."""
        reports = {} if self.book is None else self.book.reports
        return [
            f"{name} has no server left that takes new connections"
            for name in dict.fromkeys(service for service, _ in places)
            if name in reports and not any(self._takes_new(name, one) for one in reports[name].servers)
        ]

    def _takes_new(self, service: str, server: ServerReport) -> bool:
        order = self._order((service, server.name))
        weight = server.configured if order.weight is None else order.weight
        return server.state == UP and not server.sorry and not order.drain and weight > 0


def in_words(places: Sequence[Place]) -> str:
    """Return servers for a line of the log."""
    more = len(places) - MOST_NAMED
    named = ", ".join("/".join(place) for place in places[:MOST_NAMED])
    return f"{named} and {more} more" if more > 0 else named


def is_idle(report: ServerReport) -> bool:
    """Say whether a server that is to be drained is."""
    return report.state == DRAINED or (report.state != UP and not report.present)


def what_in(request: Json) -> tuple[str, dict[str, object]]:
    """Return what is to be done, and what it changes of an order.  Raises `Declined`."""
    match request.get("do"):
        case "drain":
            return "drain", {"drain": True}
        case "ready":
            return "ready", {"drain": False}
        case "weight" if request.get("weight") == "auto":
            return "weight as configured", {"weight": None}
        case "weight":
            weight = whole_in(request, "weight", 0, HEAVIEST)
            return f"weight {weight}", {"weight": weight}
        case _:
            raise Declined("bad-request", '"do" must be "drain", "ready" or "weight"')


def targets_in(request: Json) -> list[str]:
    """Return what names the servers.  Raises `Declined`."""
    targets = request.get("servers")
    if not isinstance(targets, list) or not 0 < len(targets) <= MOST_TARGETS:
        raise Declined("bad-request", f'"servers" must be a list of 1 to {MOST_TARGETS} texts')
    if not all(
        isinstance(one, str) and one.isprintable() and 0 < len(one) <= LONGEST_TARGET for one in targets
    ):
        raise Declined(
            "bad-request", f'"servers" must hold texts of 1 to {LONGEST_TARGET} printable characters'
        )
    return targets
