"""Which routers this worker runs, and on which ports: applies configuration and interface changes.

An unchanged router is never touched here: no advert of it is lost and no deadline of it moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from havip.clock import ZERO, Duration, Instant
from havip.config.model import Family, VirtualAddress, VirtualRouter
from havip.errors import KernelRefused
from havip.messages import Key
from havip.vrrp.blackbox import BlackBox
from havip.vrrp.engine import Engine
from havip.vrrp.events import AddressesLost, Event, LinkDown, LinkUp, SettingsChanged, Start, Stop
from havip.vrrp.kernel import Changes, Kernel
from havip.vrrp.machine import Initialize
from havip.vrrp.port import Port
from havip.vrrp.router import Router
from havip.vrrp.sockets import FrameSender

PortKey = tuple[str, Family]


class Roster:
    """All routers by key and all ports by (interface, family)."""

    def __init__(
        self,
        kernel: Kernel,
        blackbox: BlackBox,
        engine: Engine,
        on_port: Callable[[Port], None],
        make_port: Callable[[str, Family, Kernel, list[FrameSender]], Port] = Port,
    ) -> None:
        self.routers: dict[Key, Router] = {}
        self.ports: dict[PortKey, Port] = {}
        self._kernel = kernel
        self._blackbox = blackbox
        self._engine = engine
        self._on_port = on_port  # told when a port's receiver was opened or closed
        self._make_port = make_port
        self._spares: list[FrameSender] = []
        self._started = False
        self._number = 0

    def shortest_interval(self) -> Duration:
        """Return the least advertisement interval that is configured; 0 without a router."""
        return min((router.config.interval for router in self.routers.values()), default=ZERO)

    def put(self, config: VirtualRouter, now: Instant) -> Router:
        """Have this router: a new one, or the one of the same key changed in place."""
        router = self.routers.get(config.key)
        if router is not None:
            self._change(router, config, now)
            return router
        port = self._port(config.interface, config.family)
        self._number += 1
        slot = self._blackbox.slot(config.key)
        router = Router(config, port, self._kernel, slot, self._number)
        self.routers[config.key] = router
        port.add(router)
        if self._started:
            self._start(router, now)
        return router

    def drop(self, key: Key, now: Instant) -> Router | None:
        """Resign from a router and forget it."""
        router = self.routers.pop(key, None)
        if router is None:
            return None
        self._engine.step(router, Stop(), now)
        self._engine.executor.flush_addresses()
        self._engine.forget(router)
        self._blackbox.release(key)
        port = router.port
        port.remove(router)
        if not port.routers:
            port.close()
            self._on_port(port)
            del self.ports[port.interface, port.family]
        return router

    def start(self, now: Instant) -> list[str]:
        """Start every router for the first time; return what became of leftovers, in words.

        A router whose peers still believe in our last advert resumes as MASTER and keeps its addresses.
        """
        resuming = {key for key, router in self.routers.items() if self._still_believed(router, now)}
        keep = {
            (router.port.view.ifindex, address)
            for key, router in self.routers.items()
            if key in resuming
            for address in router.config.addresses
        }
        try:
            swept = self._kernel.sweep(keep)
            notes = [f"removed {address}, left behind by an earlier run" for address in swept]
        except KernelRefused as error:
            notes = [str(error)]
        self._started = True
        for key, router in self.routers.items():
            self._start(router, now, resume=key in resuming)
        return notes

    def stop(self, now: Instant) -> None:
        """Resign from every router."""
        for router in self.routers.values():
            self._engine.step(router, Stop(), now)
        self._engine.executor.flush_addresses()

    def apply(self, changes: Changes, now: Instant) -> None:
        """Let the routers know what happened to their interfaces and addresses."""
        for port in list(self.ports.values()):
            if port.interface in changes.interfaces:
                self.refresh(port, now)
        if changes.lost:
            lost = set(changes.lost)
            for router in self.routers.values():
                if router.is_master and any(lost_one in lost for lost_one in held_by(router)):
                    router.lost += 1
                    self._engine.step(router, AddressesLost(), now)

    def refresh(self, port: Port, now: Instant) -> None:
        """Look at a port's interface again and tell its routers what changed."""
        before, view = port.view, self._kernel.view(port.interface, port.family)
        if view == before and (view.fault is not None or port.receiver is not None):
            port.rejoin()  # what looks the same may have gone and come back between two looks
            return
        if view.fault is not None:
            self._tell(port, LinkDown(view.fault), now)  # before the sockets close: resign if we still can
        port.use(view)
        if port.view == before:
            return  # there is still no socket to be had
        for router in port.routers.values():
            router.prepare(self._kernel)
        self._on_port(port)
        if port.view.fault is not None:
            if view.fault is None:
                self._tell(port, LinkDown(port.view.fault), now)
        elif before.fault is not None:
            if self._started:
                self._tell(port, LinkUp(), now)
        else:
            another = (before.ifindex, before.mac, before.forwards) != (view.ifindex, view.mac, view.forwards)
            self._tell(port, SettingsChanged(addresses=another), now)

    def _tell(self, port: Port, event: Event, now: Instant) -> None:
        for router in port.routers.values():
            self._engine.step(router, event, now)
        self._engine.executor.flush_addresses()

    def _port(self, interface: str, family: Family) -> Port:
        port = self.ports.get((interface, family))
        if port is None:
            port = self.ports[interface, family] = self._make_port(
                interface, family, self._kernel, self._spares
            )
            self._on_port(port)
        return port

    def _start(self, router: Router, now: Instant, resume: bool = False) -> None:
        fault = router.port.view.fault
        self._engine.step(router, Start(resume) if fault is None else LinkDown(fault), now)

    def _change(self, router: Router, config: VirtualRouter, now: Instant) -> None:
        executor = self._engine.executor
        executor.flush_addresses()  # whatever still waits was meant for the old addresses
        gone = [address for address in router.config.addresses if address not in config.addresses]
        come = [address for address in config.addresses if address not in router.config.addresses]
        if gone and router.is_master:
            self._kernel.remove([self._kernel.prepare(router.port.view.ifindex, gone)])
        router.configure(config)
        router.prepare(self._kernel)
        router.port.forget_verdicts()
        self._engine.step(router, SettingsChanged(addresses=bool(gone or come)), now)
        if self._started and type(router.state) is Initialize and router.port.view.fault is None:
            self._start(router, now)  # the kernel refused what it had before: perhaps not what it has now

    def _still_believed(self, router: Router, now: Instant) -> bool:
        """Say whether our last worker's adverts still bind the peers of this router."""
        until = self._blackbox.believed_until(router.config.key)
        return until is not None and now < until and router.port.view.fault is None


def held_by(router: Router) -> Iterator[tuple[int, VirtualAddress]]:
    """Return each (ifindex, address) that a router holds as MASTER."""
    ifindex = router.port.view.ifindex
    return ((ifindex, address) for address in router.config.addresses)
