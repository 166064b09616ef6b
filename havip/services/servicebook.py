"""What is known of every virtual service: what the checker worker last reported, in the order of the file.

A report comes when a state changes, and for everything when the worker is asked to describe itself: counters
grow without being told.  One that does not answer is not waited for.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Final

from havip.balancing import DOWN, FAULT, UNKNOWN, UP, BalancerReport, ServerReport, ServiceReport
from havip.clock import wall
from havip.config.balancing import VirtualService
from havip.config.model import Configuration
from havip.config.problems import nearest_of
from havip.control.serviceviews import balancer_as_dict, service_as_dict
from havip.ipvs.wanted import endpoints
from havip.services import Json

SHOWN: Final = 100  # servers; where there are more, `status` shows those that are not UP, and of them so many
SLICE: Final = 64  # servers that are put together in one turn of the loop
NOT_YET: Final = "the checker worker has not told yet"
PATTERN: Final = frozenset("*?[")

Refresh = Callable[[], Awaitable[str | None]]


class ServiceBook:
    """Every virtual service by name.

    ``refresh`` has the checker worker report afresh, and returns why what there is may be old, if it is.
    ``orders`` is what operators have said, for whoever looks.
    """

    def __init__(self, refresh: Refresh, orders: Callable[[], Json] = dict) -> None:
        self._refresh = refresh
        self._orders = orders
        self._reports: dict[str, ServiceReport] = {}
        self._balancer: BalancerReport | None = None
        self._stale: str | None = None
        self._news = asyncio.Event()  # set, and replaced, at every report

    def put(self, configuration: Configuration) -> None:
        """Know of these services and of no other; what was reported of one that stays is kept."""
        groups = {group.name: group for group in configuration.service_groups}
        reports: dict[str, ServiceReport] = {}
        for service in configuration.virtual_services:
            shown = tuple(map(str, endpoints(service, groups.get(service.group))))
            reports[service.name] = self._reports.get(service.name) or awaited(service, shown)
        self._reports = reports

    def hear(self, message: ServiceReport | BalancerReport) -> None:
        """Take what the checker worker reports."""
        if isinstance(message, BalancerReport):
            self._balancer = message
        elif message.name in self._reports:
            self._reports[message.name] = message
        self._news.set()
        self._news = asyncio.Event()

    @property
    def news(self) -> asyncio.Event:
        """Return what is set at the next report."""
        return self._news

    @property
    def reports(self) -> Mapping[str, ServiceReport]:
        """Return every service as it was last reported, by name."""
        return self._reports

    def server(self, service: str, name: str) -> ServerReport | None:
        """Return one server as it was last reported."""
        report = self._reports.get(service)
        return None if report is None else next((one for one in report.servers if one.name == name), None)

    async def refresh(self) -> None:
        """Have everything reported afresh, or say that it is not."""
        if self._reports or self._balancer is not None:
            self._stale = await self._refresh()

    def summary(self) -> Json:
        """Return all services in numbers, and what concerns IPVS as a whole."""
        reports = self._reports.values()
        states = Counter(report.state for report in reports)
        servers = Counter(server.state for report in reports for server in report.servers if not server.sorry)
        return {
            "total": len(self._reports),
            "up": states[UP],
            "down": states[DOWN],
            "fault": len(self._reports) - states[UP] - states[DOWN],
            "sorry": sum(report.sorry for report in reports),
            "servers": dict(servers),
            "stale": self._stale,
            "ipvs": balancer_as_dict(self._balancer),
            **self._orders(),
        }

    def in_words(self) -> str:
        """Return the states of all services for one line; empty: there is none."""
        if not self._reports:
            return ""
        states = Counter(report.state for report in self._reports.values())
        counts = ", ".join(f"{states[state]} {state}" for state in (UP, DOWN, FAULT) if states[state])
        return f"{len(self._reports)} virtual services: {counts}"

    def briefly(self) -> Json:
        """Return what `status` shows: everything, or of very many servers those in trouble."""
        return self.summary() | {"shown": [service_as_dict(report) for report in self._brief()]}

    def _brief(self) -> Iterator[ServiceReport]:
        room = SHOWN
        if sum(len(report.servers) for report in self._reports.values()) <= room:
            yield from self._reports.values()
            return
        for report in map(troubled, self._reports.values()):
            if room > 0 and not is_well(report):
                yield replace(report, servers=report.servers[:room])
                room -= max(1, len(report.servers))

    async def answer(self, request: Json) -> Json:
        """Answer the verb `services`: all of them, those of some names or patterns, those in trouble."""
        wanted, failed = request.get("names", []), request.get("failed", False)
        if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
            return {"ok": False, "reason": "bad-request", "message": '"names" must be a list of texts'}
        if not isinstance(failed, bool):
            return {"ok": False, "reason": "bad-request", "message": '"failed" must be true or false'}
        if request.get("fresh", True):
            await self.refresh()
        names: dict[str, None] = {}
        for pattern in wanted:
            found = [name for name in self._reports if named(name, pattern)]
            if not found:
                return {
                    "ok": False,
                    "reason": "no-such-service",
                    "message": no_service(pattern, self._reports),
                }
            names |= dict.fromkeys(found)
        reports = [self._reports[name] for name in (names if wanted else self._reports)]
        if failed:
            reports = [report for report in map(troubled, reports) if not is_well(report)]
        return {"services": self.summary() | {"shown": await in_slices(reports)}}


async def in_slices(reports: Iterable[ServiceReport]) -> list[Json]:
    """Return reports as the control socket shows them, with turns for others between them."""
    shown: list[Json] = []
    room = SLICE
    for report in reports:
        shown.append(service_as_dict(report))
        room -= 1 + len(report.servers)
        if room <= 0:
            room = SLICE
            await asyncio.sleep(0)
    return shown


def named(name: str, pattern: str) -> bool:
    """Say whether a name is one that a pattern of a shell stands for."""
    return name == pattern or (bool(PATTERN.intersection(pattern)) and fnmatchcase(name, pattern))


def is_well(report: ServiceReport) -> bool:
    """Say whether a service, as `troubled` shows it, has nothing that somebody should see."""
    return report.state == UP and not report.sorry and not report.servers


def troubled(report: ServiceReport) -> ServiceReport:
    """Return a service with those of its servers only that are not UP, or that an operator spoke of."""
    bad = tuple(one for one in report.servers if one.state != UP or (one.order and not one.sorry))
    return replace(report, servers=tuple(one for one in bad if report.sorry or not one.sorry))


def no_service(name: str, there_are: Iterable[str]) -> str:
    """Say that there is no service of that name, and which one may be meant."""
    nearest = nearest_of(name, there_are)
    return f"no virtual service named {name[:80]!r}" + (f"; do you mean {nearest}?" if nearest else "")


def awaited(service: VirtualService, shown: tuple[str, ...]) -> ServiceReport:
    """Return what is shown of a service before the first report."""
    now = wall()
    servers = [
        ServerReport(
            server.name,
            str(server.address),
            service.port_of(server),
            UNKNOWN,
            now,
            NOT_YET,
            weight=0,
            configured=server.weight,
            present=False,
            method=str(service.forwarding_to(server).method),
            checks=service.checks_of(server),
        )
        for server in service.servers
    ]
    return ServiceReport(
        service.name,
        shown,
        service.scheduler,
        DOWN,
        now,
        NOT_YET,
        alive=0,
        quorum=service.quorum,
        sorry=False,
        suspended=False,
        repaired=0,
        servers=tuple(servers),
    )
