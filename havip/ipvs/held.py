"""One virtual service that the balancer holds: its state, its places in the kernel, and what is told of it.

Pure but for its own memory: it is told the time, and hands on what is to be done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from havip.balancing import DOWN, FAULT, UP, Counts, Order, ServerReport, ServiceReport
from havip.clock import NEVER, Instant, to_seconds
from havip.config.balancing import ServiceGroup, SorryServer, VirtualService
from havip.ipvs import pool
from havip.ipvs.model import DestinationKey, Pool, Reading, ServiceKey, Table, Traffic
from havip.ipvs.servers import Server
from havip.ipvs.states import Phase
from havip.ipvs.wanted import Layout

SORRY: Final = "sorry"  # what the sorry server is called in reports
NOTHING: Final = Traffic()


class Held:
    """A virtual service of the configuration, or one that a reload has taken away and that still drains.

    ``fault`` says why the kernel does not have it as wanted; ``denied`` which of its endpoints belong to
    somebody else, and why.  Both are the programmer's to set.
    """

    def __init__(self, settings: pool.Settings, group: ServiceGroup | None) -> None:
        self.settings = settings
        self.group = group
        self.fault = ""
        self.shown = ""  # the state that was told last
        self.denied: dict[ServiceKey, str] = {}
        self.repaired = 0
        self.deadline = NEVER  # of the next `Tick`
        self.state = pool.State()
        self._laid = settings.service
        self.layout = Layout(settings.service, group)
        self.uses = uses(settings.service)

    @property
    def name(self) -> str:
        """Return what the service is called."""
        return self.settings.service.name

    def begin(
        self, present: Table, orders: Mapping[str, Order], suspended: bool, now: Instant
    ) -> list[pool.Tell]:
        """Begin with what a former life has left in the kernel."""
        before = self.layout.standing_in(present)
        leaving = self.layout.leaving_in(present) if self.settings.service.drain else ()
        self.state, told = pool.begin(self.settings, now, before, orders, suspended, leaving)
        return self._settled(told, now)

    def change(
        self, settings: pool.Settings, group: ServiceGroup | None, orders: Mapping[str, Order], now: Instant
    ) -> list[pool.Tell]:
        """Go on with other settings."""
        old, self.settings, self.group = self.settings, settings, group
        self._laid = settings.service
        self.layout = Layout(settings.service, group)
        self.uses = uses(settings.service)
        return self.step(pool.Configured(old, orders), now)

    def step(self, event: pool.Event, now: Instant) -> list[pool.Tell]:
        """Take an event; return what is to be told of it."""
        self.state, told = pool.step(self.settings, self.state, event, now)
        return self._settled(told, now)

    def _settled(self, told: list[pool.Tell], now: Instant) -> list[pool.Tell]:
        laid = pool.laid_out(self.settings, self.state)
        if laid is not self._laid and laid != self._laid:
            self._laid, self.layout = laid, Layout(laid, self.group)
        self.deadline = pool.next_deadline(self.settings, self.state, now)
        return told

    def pools(self, now: Instant) -> list[Pool]:
        """Return what the kernel is to hold for it: nothing once it has ended, nothing of others'."""
        if pool.finished(self.state) and not self.stays:
            return []
        pools = self.layout.pools(pool.standing(self.settings, self.state, now))
        return [one for one in pools if one.service.key not in self.denied] if self.denied else pools

    @property
    def finished(self) -> bool:
        """Say whether nothing more comes of it."""
        return pool.finished(self.state)

    @property
    def runs(self) -> bool:
        """Say whether it is configured, and the daemon goes on."""
        return self.state.phase is Phase.RUNNING

    @property
    def stays(self) -> bool:
        """Say whether it has ended, and what stands in the kernel stays there."""
        return self.state.phase is Phase.LEFT

    def left(self, reading: Reading) -> pool.Counted | None:
        """Return how many connections servers have that drain; None: there are no such servers."""
        awaited = pool.awaited(self.state)
        if not awaited:
            return None
        left = {name: connections(self._places(name), reading) for name in awaited}
        return pool.Counted({name: number for name, number in left.items() if name}, left.get("", 0))

    def _places(self, name: str) -> list[tuple[ServiceKey, DestinationKey]]:
        return self.layout.destination_keys(name, sorry=not name)

    def report(self, reading: Reading, now: Instant, wall: float) -> ServiceReport:
        """Return it as it is now; ``wall`` is what a clock on the wall shows."""
        service, state = self.settings.service, self.state
        why = self.fault
        return ServiceReport(
            name=self.name,
            endpoints=tuple(map(str, self.layout.services)),
            scheduler=service.scheduler,
            state=FAULT if why else UP if state.up else DOWN,
            since=wall - to_seconds(now - state.since),
            why=why or state.why,
            alive=state.alive,
            quorum=service.quorum,
            sorry=bool(state.sorry),
            suspended=state.suspended,
            repaired=self.repaired,
            counts=added(reading.counts.get(key, NOTHING.counts) for key in self.layout.services),
            servers=tuple(self._servers(reading, now, wall)),
        )

    def _servers(self, reading: Reading, now: Instant, wall: float) -> Iterator[ServerReport]:
        standing = pool.standing(self.settings, self.state, now)
        for name, server in self.state.servers.items():
            weight = standing.servers.get(name)
            yield self._server(name, server, weight, reading, wall - to_seconds(now - server.since))
        sorry = self.settings.service.sorry_server
        if sorry is not None:
            yield self._sorry(sorry, standing.sorry, reading, wall - to_seconds(now - self.state.since))

    def _server(
        self, name: str, server: Server, weight: int | None, reading: Reading, since: float
    ) -> ServerReport:
        service, config, traffic = self._laid, server.config, summed(self._places(name), reading)
        return ServerReport(
            name=name,
            address=str(config.address),
            port=service.port_of(config),
            state=server.state,
            since=since,
            why=server.why,
            weight=weight or 0,
            configured=config.weight,
            present=self._is_there(name, weight, reading),
            method=str(service.forwarding_to(config).method),
            order=in_words(server.order),
            active=traffic.active,
            inactive=traffic.inactive,
            persistent=traffic.persistent,
            counts=traffic.counts,
            checks=service.checks_of(config),
            failed=server.counted.failed,
        )

    def _is_there(self, name: str, weight: int | None, reading: Reading) -> bool:
        """Say whether a server stands in the kernel: as wanted, or in FAULT as it was last read."""
        if self.fault:
            return any(place in reading.traffic for place in self._places(name))
        return weight is not None

    def _sorry(self, sorry: SorryServer, weight: int | None, reading: Reading, since: float) -> ServerReport:
        service, traffic = self.settings.service, summed(self._places(""), reading)
        return ServerReport(
            name=SORRY,
            address=str(sorry.address),
            port=service.port_of(sorry),
            state=UP if weight else DOWN,
            since=since,
            why="stands in for all servers" if weight else "is not needed",
            weight=weight or 0,
            configured=1,
            present=self._is_there("", weight, reading),
            method=str(service.forwarding_to(sorry).method),
            sorry=True,
            active=traffic.active,
            inactive=traffic.inactive,
            persistent=traffic.persistent,
            counts=traffic.counts,
        )


def uses(service: VirtualService) -> dict[str, tuple[str, ...]]:
    """Return the names of the checks that each server goes by."""
    return {server.name: service.checks_of(server) for server in service.servers}


def in_words(order: Order | None) -> str:
    """Return an operator's order in words; empty: there is none."""
    if order is None:
        return ""
    words = ["drain"] if order.drain else []
    return ", ".join(words if order.weight is None else [*words, f"weight {order.weight}"])


def connections(places: Iterable[tuple[ServiceKey, DestinationKey]], reading: Reading) -> int:
    """Return how many connections and templates there are to one server."""
    found = summed(places, reading)
    return found.active + found.inactive + found.persistent


def summed(places: Iterable[tuple[ServiceKey, DestinationKey]], reading: Reading) -> Traffic:
    """Return what goes to one server behind all endpoints of its service."""
    found = [one for place in places if (one := reading.traffic.get(place)) is not None]
    if len(found) == 1:
        return found[0]
    return Traffic(
        sum(one.active for one in found),
        sum(one.inactive for one in found),
        sum(one.persistent for one in found),
        added(one.counts for one in found),
    )


def added(counts: Iterable[Counts]) -> Counts:
    """Return counters added up."""
    every = list(counts)
    if len(every) == 1:
        return every[0]
    return Counts(*(sum(getattr(one, name) for one in every) for name in Counts.__slots__))
