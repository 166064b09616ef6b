"""The supervisor's half of the load balancer: what the checker worker is told of it, and what it says.

A part of `havip.services.trackers`, which keeps that worker running.  The worker is told what has changed
since it was told last, and everything at the beginning of a life; the kernel's tables are its matter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from havip.balancing import (
    BalancerReport,
    Depart,
    DropService,
    PacketsMarked,
    PutLoadBalancer,
    PutService,
    RouterState,
    ServiceReport,
)
from havip.clock import to_seconds
from havip.config.balancing import LoadBalancer, OnStop
from havip.config.health import Check
from havip.config.model import Configuration
from havip.config.tracking import Definition, TrackerKey, TrackerKind
from havip.messages import Message, RouterReport
from havip.services import Handler, Host, Json
from havip.services.servers import Servers
from havip.services.servicebook import Refresh, ServiceBook
from havip.workers import LEAVE_WITHIN, Worker

MARGIN: Final = 5.0  # seconds that the end may take beside what it waits for
UNKNOWN: Final = "INIT"  # the state of a virtual router that has not been reported


class Balancing:
    """Virtual services, the kernel's settings, orders, and the virtual routers that any of it goes by."""

    def __init__(self, host: Host, refresh: Refresh) -> None:
        self._host = host
        self._servers = Servers(host, self._post)
        self.book = ServiceBook(refresh, self._servers.shown)
        self._servers.book = self.book
        self.worker: Worker | None = None
        self.in_use = False  # the worker has had services: it is needed until the daemon's end
        self._settings = PutLoadBalancer(LoadBalancer())
        self._services: dict[str, PutService] = {}
        self._leaving: dict[str, PutService] = {}  # that drain, unless their time was up long ago
        self._by: frozenset[str] = frozenset()  # names of virtual routers
        self._states: dict[str, str] = {}  # of these
        self._marked = PacketsMarked()
        self._told: dict[str, Message] = {}  # what the worker has, by what a newer one replaces

    @property
    def enters(self) -> bool:
        """Say whether IPVS is in a network namespace of its own, which takes a capability."""
        return self._settings.settings.network_namespace is not None

    async def prepare(self, new: Configuration) -> None:
        """Go by ``new`` from the next `changes` on."""
        settings = new.load_balancer
        if self.in_use:  # what is in the kernel of one namespace is not carried to another
            settings = replace(settings, network_namespace=self._settings.settings.network_namespace)
        self.in_use = self.in_use or wants(new)
        if self.in_use:
            await self._servers.prepare(new)
        self._settings = PutLoadBalancer(settings, sync_id(new), new.daemon.instance)
        groups = {group.name: group for group in new.service_groups}
        self._services = {
            service.name: PutService(service, groups.get(service.group)) for service in new.virtual_services
        }
        self._leaving = {name: one for name, one in self._leaving.items() if name not in self._services}
        self._by = routers_of(new)
        known = {report.name: report.state for report in self._host.reports.values()}
        self._states = {name: known.get(name, self._states.get(name, UNKNOWN)) for name in sorted(self._by)}
        self.book.put(new)

    def begin(self) -> None:
        """Tell the next life of the worker everything."""
        self._told = {}

    def changes(self) -> Iterator[Message]:
        """Yield what the worker has not been told, for the next `Commit`."""
        if not self.in_use:
            return
        if not self._told:
            yield from self._servers.briefing()
        wanted = dict(self._wanted())
        for key, message in wanted.items():
            if self._told.get(key) != message:
                self._told[key] = message
                yield message
        for key in [key for key in self._told if key.startswith(SERVICE) and key not in wanted]:
            yield self._dropped(key.removeprefix(SERVICE), self._told.pop(key))

    def _dropped(self, name: str, had: Message) -> DropService:
        """Have a service no more.  One that drains is told to the worker's next life until its time is up."""
        if isinstance(had, PutService) and had.service.drain:
            self._leaving[name] = leaves = had.taken_away()
            self._told[f"{SERVICE}{name}"] = leaves
            patience = to_seconds(had.service.drain_timeout)
            asyncio.get_running_loop().call_later(patience, self._gone, name, leaves)
        return DropService(name)

    def _gone(self, name: str, leaves: PutService) -> None:
        if self._leaving.get(name) is leaves:
            del self._leaving[name]
            self._told.pop(f"{SERVICE}{name}", None)

    def _wanted(self) -> Iterator[tuple[str, Message]]:
        """Yield everything, each under what tells it from the others."""
        yield "settings", self._settings
        yield "marked", self._marked
        for name, state in self._states.items():
            yield f"{ROUTER}{name}", RouterState(name, state)
        for name, service in (self._leaving | self._services).items():
            yield f"{SERVICE}{name}", service

    def hear(self, message: Message) -> None:
        """Note what the services or the sync daemon go by, and tell it at once."""
        match message:
            case RouterReport(name=name, state=state) if name in self._by:
                self._router(name, state)
            case PacketsMarked():
                self._marked = message
                self._tell("marked", message)
            case _:
                pass

    def reported(self, message: ServiceReport | BalancerReport) -> None:
        """Take what the worker reports."""
        self.book.hear(message)

    def verbs(self) -> dict[str, Handler]:
        """Answer for the virtual services, and take orders for their servers."""
        return {"services": self.book.answer, **self._servers.verbs()}

    def status(self) -> Json:
        """Return the services, or of very many those in trouble."""
        return {"services": self.book.briefly()}

    async def leave(self, worker: Worker) -> bool:
        """End the worker; it does with the kernel's tables what is configured, before it goes.

        Say whether it has: one that hangs, or is dead just now, cannot.
        """
        self.worker = None
        if not self.in_use:
            await worker.leave()
            return True
        settings = self._settings.settings
        patience = LEAVE_WITHIN + MARGIN
        if settings.on_stop is OnStop.DRAIN:
            patience += to_seconds(settings.drain_timeout)
        self._host.linger(patience)
        return await worker.leave(Depart(), patience) or settings.on_stop is OnStop.LEAVE

    def _router(self, name: str, state: str) -> None:
        if self._states.get(name) != state:
            self._states[name] = state
            self._tell(f"{ROUTER}{name}", RouterState(name, state))

    def _tell(self, key: str, message: Message) -> None:
        """Tell the worker at once, if it has been told what came before."""
        if self._told:
            self._told[key] = message
            self._post(message)

    def _post(self, message: Message) -> None:
        if self.worker is not None and self.in_use:
            self.worker.post(message)


ROUTER: Final = "router "
SERVICE: Final = "service "


def wants(configuration: Configuration) -> bool:
    """Say whether there is anything for IPVS."""
    return bool(configuration.virtual_services) or configuration.load_balancer != LoadBalancer()


def routers_of(configuration: Configuration) -> frozenset[str]:
    """Return the names of the virtual routers that services or the sync daemon go by."""
    names = {service.probe_as_master_of for service in configuration.virtual_services}
    sync = configuration.load_balancer.sync_daemon
    return frozenset(names | {"" if sync is None else sync.router}) - {""}


def sync_id(configuration: Configuration) -> int:
    """Return the id of the sync daemon: its own, that of its virtual router, or 0."""
    sync = configuration.load_balancer.sync_daemon
    if sync is None or sync.sync_id is not None:
        return 0 if sync is None or sync.sync_id is None else sync.sync_id
    return next((one.vrid for one in configuration.virtual_routers if one.name == sync.router), 0)


def moved(new: Configuration, before: Mapping[TrackerKey, Definition]) -> Iterator[TrackerKey]:
    """Yield the checks of servers that a reload sends elsewhere: what they have said counts nothing there."""
    for service in new.virtual_services:
        for server in service.servers:
            for check in service.probes_of(server):
                key = TrackerKind.CHECK, check.name
                was = before.get(key)
                if isinstance(was, Check) and target_of(was) != target_of(check):
                    yield key


def target_of(check: Check) -> tuple[object, ...]:
    """Return what a check goes to; a script learns it from its words."""
    return check.host, check.port, check.script
