"""A balancer with a model of the kernel: it is told what the supervisor says, and the test sees what it does.

The kernel's end is a working double of `havip.ipvs.kernel.Kernel`, over the model that `tests/uml` compares
with the real one.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import weakref
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from havip.balancing import (
    BalancerReport,
    Counts,
    DropService,
    Order,
    PutLoadBalancer,
    PutOrder,
    PutService,
    RouterState,
    ServiceReport,
)
from havip.claims import lock_of_life
from havip.clock import seconds
from havip.config.balancing import LoadBalancer, ServiceGroup, VirtualService
from havip.config.tracking import TrackerKind
from havip.ipvs.balancer import Balancer
from havip.ipvs.model import (
    Change,
    Destination,
    DestinationKey,
    Pool,
    Protocol,
    Reading,
    Refusal,
    Service,
    ServiceKey,
    Sync,
    SyncRole,
    Timeouts,
    Traffic,
)
from havip.ipvs.programmer import Programmer, Unavailable
from havip.ipvs.record import Ownership
from havip.messages import Message, TrackResult, Transition
from tests.ipvs.kernel_model import KernelModel

PATIENCE = 30.0
WEB = ServiceKey(4, Protocol.TCP, ip_address("192.0.2.1"), 80)
SELDOM = LoadBalancer(reconcile=seconds(3600))

T = TypeVar("T")


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a test's coroutine, with patience."""

    async def bounded() -> T:
        async with asyncio.timeout(PATIENCE):
            return await work()

    return asyncio.run(bounded())


class Double:
    """One network namespace's IPVS, as the checker reaches it, and who looks on."""

    version = "1.2.1"
    where = "net9"

    def __init__(self, schedulers: Sequence[str] = ("wlc", "rr")) -> None:
        self.model = KernelModel(schedulers=schedulers)
        self.batches: list[list[Change]] = []  # as they came
        self.connections: dict[str, int] = {}  # by the address of the server
        self.in_force = Timeouts(900, 120, 300)
        self.broken = 0  # an errno with which everything fails
        self.closed = 0
        self.looks = 0  # at the whole

    @property
    def sent(self) -> list[Change]:
        """Return every change that was asked for."""
        return [change for batch in self.batches for change in batch]

    def read(self) -> Reading:
        found = Reading()
        for key, (service, counts) in self.services().items():
            destinations = self.destinations(key)
            found.table[key] = Pool(service, {one.key: one for one, _ in destinations})
            found.counts[key] = counts
            found.traffic.update(((key, one.key), traffic) for one, traffic in destinations)
        return found

    def services(self) -> dict[ServiceKey, tuple[Service, Counts]]:
        self._work()
        self.looks += 1
        return {key: (pool.service, Counts(connections=7)) for key, pool in self.model.table.items()}

    def destinations(self, key: ServiceKey) -> list[tuple[Destination, Traffic]]:
        self._work()
        pool = self.model.table.get(key)
        there = {} if pool is None else pool.destinations
        return [
            (one, Traffic(active=self.connections.get(str(one.key.address), 0))) for one in there.values()
        ]

    def apply(self, changes: Sequence[Change]) -> list[Refusal]:
        self._work()
        self.batches.append(list(changes))
        return self.model.carry_out_all(changes)

    def syncs(self) -> list[Sync]:
        self._work()
        return [*self.model.syncs.values()]

    def start(self, sync: Sync) -> int:
        return self.model.start(sync)

    def stop(self, role: SyncRole) -> int:
        return self.model.stop(role)

    def timeouts(self) -> Timeouts:
        self._work()
        return self.in_force

    def set_timeouts(self, wanted: Timeouts) -> None:
        now = self.in_force
        self.in_force = Timeouts(wanted.tcp or now.tcp, wanted.tcp_fin or now.tcp_fin, wanted.udp or now.udp)

    def close(self) -> None:
        self.closed += 1

    def _work(self) -> None:
        if self.broken:
            raise OSError(self.broken, os.strerror(self.broken))

    def weights(self, key: ServiceKey = WEB) -> dict[str, int] | None:
        """Return the weights in force by the last part of a server's address; None: no such service."""
        pool = self.model.table.get(key)
        if pool is None:
            return None
        return {str(one.key.address).rsplit(".", 1)[-1]: one.weight for one in pool.destinations.values()}


class Director:
    """A balancer, its kernel, and the supervisor's side of both."""

    def __init__(self, folder: Path, kernel: Double | None = None, instance: str | None = None) -> None:
        self.kernel = kernel or Double()
        self.folder = folder
        self.missing = ""  # why there is no IPVS
        self.posted: list[Message] = []
        self.resting: dict[str, bool] = {}  # checks that were told to rest, or to run
        self.failed: list[str] = []
        self._moved = asyncio.Event()
        lock = folder / lock_of_life(instance).name
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        weakref.finalize(self, os.close, descriptor)
        with suppress(OSError):  # a former life in this process has it
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.lock = lock
        self.balancer = Balancer(self._post, self._open, self._hold, self.failed.append)

    def _open(self, namespace: str | None, instance: str | None) -> Programmer:
        if self.missing:
            raise Unavailable(self.missing)
        return Programmer(self.kernel, Ownership("net9", instance, self.folder / "ipvs", self.lock))

    def _post(self, message: Message) -> None:
        self.posted.append(message)
        self._moved.set()

    def _hold(self, names: Iterable[str], held: bool) -> None:
        self.resting |= dict.fromkeys(names, held)

    # What the supervisor and the checks say.

    def commit(
        self,
        *services: VirtualService,
        settings: LoadBalancer | None = SELDOM,
        groups: Sequence[ServiceGroup] = (),
        drop: Sequence[str] = (),
    ) -> None:
        if settings is not None:
            self.balancer.put_settings(PutLoadBalancer(settings, 51))
        by_name = {group.name: group for group in groups}
        for service in services:
            self.balancer.put(PutService(service, by_name.get(service.group)))
        for name in drop:
            self.balancer.drop(DropService(name))
        self.balancer.begin()

    def leave(self, service: VirtualService) -> None:
        """Have a service with the next commit that a reload took away in an earlier life."""
        self.balancer.put(PutService(service).taken_away())

    def check(self, good: bool | None, *servers: str, service: str = "web", probe: str = "tcp") -> None:
        """Let the probes of these servers say something."""
        for server in servers:
            why = "connected" if good else "refused"
            self.balancer.hear(TrackResult(TrackerKind.CHECK, f"{service}/{server}/{probe}", good, why=why))

    def order(self, server: str, drain: bool = False, weight: int | None = None) -> None:
        self.balancer.order(PutOrder(Order("web", server, drain, weight)))

    def router(self, state: str) -> None:
        self.balancer.router(RouterState("gateway", state))

    # What comes of it.

    async def until(self, holds: Callable[[], object]) -> None:
        """Let the balancer work until something is so."""
        while not holds():
            await asyncio.sleep(0.001)

    async def has(self, weights: dict[str, int] | None, key: ServiceKey = WEB) -> None:
        """Wait until the kernel holds these servers."""
        await self.until(lambda: self.kernel.weights(key) == weights)

    async def settled(self) -> None:
        """Let the balancer do all that it has to do now."""
        for _ in range(50):
            await asyncio.sleep(0)

    def told(self, kind: str = "service") -> list[tuple[str, str]]:
        """Return the changes that were told of, in order."""
        return [
            (message.name, message.state)
            for message in self.posted
            if isinstance(message, Transition) and message.kind == kind
        ]

    def shown(self, name: str = "web") -> ServiceReport:
        """Return how a service was last reported."""
        return [one for one in self.posted if isinstance(one, ServiceReport) and one.name == name][-1]

    @property
    def whole(self) -> BalancerReport:
        """Return how IPVS as a whole was last reported."""
        return [one for one in self.posted if isinstance(one, BalancerReport)][-1]

    def describe(self) -> list[Message]:
        """Return what a description of everything says."""
        return list(self.balancer.reports())

    async def dies(self) -> None:
        """Be killed: nothing is said to the kernel."""
        self.balancer.stop()
        await asyncio.sleep(0)


def destination(number: int, port: int = 80) -> DestinationKey:
    """Return the key of a server."""
    return DestinationKey(ip_address(f"10.0.0.{number}"), port)
