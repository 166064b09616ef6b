"""Which routers this worker runs, and on which ports: applies configuration and interface changes.

An unchanged router is never touched here: no advert of it is lost and no deadline of it moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from havip.clock import ZERO, Duration, Instant
from havip.config.model import Estate, VirtualRouter
from havip.config.tracking import InterfaceDelays
from havip.errors import KernelRefused
from havip.messages import Key, Resolved
from havip.vrrp.actions import AddAddresses
from havip.vrrp.blackbox import BlackBox
from havip.vrrp.engine import Engine
from havip.vrrp.events import AddressesLost, Cleared, Event, Impeded, SettingsChanged, Start, StepDown, Stop
from havip.vrrp.interface import InterfaceView, despite_link
from havip.vrrp.kernel import Changes, Kernel
from havip.vrrp.links import Links
from havip.vrrp.machine import Initialize
from havip.vrrp.outlet import Outlets
from havip.vrrp.peers import Names
from havip.vrrp.port import Port
from havip.vrrp.ports import Make, Ports
from havip.vrrp.router import DEVICES, Router
from havip.vrrp.signing import Signing
from havip.vrrp.team import Teams, objection_to_stepping_down
from havip.vrrp.trackers import Trackers
from havip.vrrp.tracking import Standing
from havip.vrrp.wire import wire_of

TRACKING, OWN_LINK = "tracking", "own-link"  # names of impediments
AFRESH: Final = Start()


class Roster:
    """All routers by key, upon their ports."""

    def __init__(
        self,
        kernel: Kernel,
        blackbox: BlackBox,
        engine: Engine,
        on_port: Callable[[Port], None],
        make_port: Make = Port,
    ) -> None:
        self.routers: dict[Key, Router] = {}
        self.ports = Ports(kernel, on_port, make_port)
        self._names = Names()
        self._kernel = kernel
        self._blackbox = blackbox
        self._engine = engine
        self.teams = Teams(engine)
        self._signing = Signing()
        self.links = Links(kernel)
        self.trackers = Trackers(self.links.fault, self._state_of)
        engine.executor.watchers.append(self.trackers.moved)
        self._outlets = Outlets(kernel, self.impede)
        self._fresh: dict[Key, Router] = {}  # not started: the next commit does it
        self.hold_until = Instant(0)  # no router is started before: a start-up delay
        self.hold_why = ""
        self.deferring: set[Key] = set()  # who stepped down in the last life of this worker
        self._started, self._number = False, 0
        self.leftovers: tuple[Estate, ...] | None = None  # what the first commit may sweep; None: all of ours

    def shortest_interval(self) -> Duration:
        """Return the least advertisement interval that is configured; 0 without a router."""
        return min((router.config.interval for router in self.routers.values()), default=ZERO)

    def put(self, config: VirtualRouter, now: Instant) -> Router:
        """Have this router: a new one, which `commit` starts, or the one of the same key changed in place."""
        return self._put(self._names.fill(config), now)

    def keep_sequences(self, path: str, now: Instant) -> None:
        """Keep the sequences of signed adverts in this file: routers that waited for one can sign."""
        for router in self._signing.open(path, self.routers.values()):
            self._change(router, router.config, now)

    def resolve(self, found: Resolved, now: Instant) -> list[Router]:
        """Let routers speak to the addresses of a peer's name from now on; return those that changed."""
        changed = self._names.learn(found.name, found.family, found.addresses)
        return [self._put(config, now) for config in changed]

    def _put(self, config: VirtualRouter, now: Instant) -> Router:
        router = self.routers.get(config.key)
        if router is not None:
            self._change(router, config, now)
            return router
        port = self.ports.on(wire_of(config))
        self._number += 1
        slot = self._blackbox.slot(config.key)
        router = Router(config, port, self._kernel, slot, self._number, self._signing)
        self.routers[config.key] = router
        port.add(router)
        self._fresh[config.key] = router
        self._outlets.add(router, now)
        self.trackers.watch(router, now)
        self._stand(router, self.trackers.assess(router), now)
        self.trackers.moved(router)
        self.links.fault(config.interface, now)  # if there are delays, they run from this look on
        if not config.track.own_interface:
            self.refresh(port, now)
        return router

    def drop(self, key: Key, now: Instant) -> Router | None:
        """Resign from a router and forget it."""
        router = self.routers.pop(key, None)
        if router is None:
            return None
        self._fresh.pop(key, None)
        self.teams.leave(router, now, for_good=True)  # first, so that it takes nobody with it
        self._engine.step(router, Stop(), now)
        self._engine.executor.flush_addresses()
        self._engine.forget(router)
        self.trackers.unwatch(router)
        self.trackers.gone(router)
        self._blackbox.release(key)
        self._names.forget(key)
        self._outlets.remove(router)
        self.ports.leave(router)
        if router.port.routers and not router.config.track.own_interface:
            self.refresh(router.port, now)
        return router

    def commit(self, now: Instant) -> list[str]:
        """Start the routers that are new; return what became of leftovers, in words.

        While they are held back they stay in INIT.  The first time leftovers are swept.  A router whose peers
        still believe in our last advert resumes as MASTER and keeps its addresses.
        """
        self.attend(now)  # results that came with the routers count before these start
        if now < self.hold_until:
            for router in self._fresh.values():
                router.why = self.hold_why
            return self._sweep(())
        bound = set() if self._started else {one for one in self._fresh.values() if self._is_bound(one, now)}
        resuming = self._foresee(bound, now)
        fresh, self._fresh = self._fresh, {}
        if self._started:
            for router in fresh.values():
                self._start(router, now)
            return []
        self._started = True
        notes = self._sweep(resuming)
        for router in fresh.values():
            # The peers of one that cannot go on because of its sync group need not wait for its silence.
            defer = router.config.key in self.deferring
            self._start(router, now, Start(router in resuming, router in bound, defer))
        return notes

    def impede(self, router: Router, cause: str, reason: str | None, now: Instant) -> None:
        """Keep a router from taking part, for ``reason`` in words, or lift that impediment (None).

        ``cause`` names the impediment: each one has at most one reason at a time.
        """
        before = router.fault
        note(router, cause, reason)
        if router.fault != before and self._started and router.config.key not in self._fresh:
            self._judge(router, now)
            self._engine.executor.flush_addresses()

    def step_down(self, router: Router, why: str, now: Instant) -> str | None:
        """Have a MASTER, and all of its sync group, let another router take over; None, or why not."""
        refusal = objection_to_stepping_down(router)
        if refusal is None:
            self._engine.step(router, StepDown(why), now)
            self._engine.executor.flush_addresses()
        return refusal

    def override(self, router: Router, priority: int | None, now: Instant) -> None:
        """Elect with this priority instead of the configured one and all weights; None: no more."""
        router.override = priority
        self._stand(router, self.trackers.assess(router), now)

    def stop(self, now: Instant) -> None:
        """Resign from every router."""
        self.teams.dissolve()
        for router in self.routers.values():
            self._engine.step(router, Stop(), now)
        self._engine.executor.flush_addresses()

    def apply(self, changes: Changes, now: Instant) -> None:
        """Let the routers know what happened to their interfaces and addresses."""
        self.trackers.saw_links(changes.interfaces, now)
        for port in list(self.ports.by_wire.values()):
            if port.interface in changes.interfaces:
                self.refresh(port, now)
        if changes.interfaces:
            for router in self.routers.values():
                if router.devices and not changes.interfaces.isdisjoint(router.devices):
                    self._mind_devices(router, now)
        self._outlets.saw(changes.interfaces, now)
        if changes.lost:
            lost = set(changes.lost)
            for router in self.routers.values():
                gone = [one for key, one in router.batch.tracked if key in lost] if router.is_master else []
                if gone:
                    router.lost += 1
                    more = f" and {len(gone) - 1} more" if gone[1:] else ""
                    self._engine.remark(router, "lost", f"put back {gone[0]}{more}, gone meanwhile", now)
                    self._engine.step(router, AddressesLost(), now)

    def refresh(self, port: Port, now: Instant) -> None:
        """Look at a port's interface again and tell its routers what changed."""
        before, view = port.view, self._view(port, now)
        if view == before and (view.fault is not None or port.receiver is not None):
            port.rejoin()  # what looks the same may have gone and come back between two looks
            return
        if view.fault is not None:
            self._tell(port, Impeded(view.fault), now)  # before the sockets close: resign if we still can
        port.use(view)
        if port.view == before:
            return  # there is still no socket to be had
        faults = [(router, router.fault) for router in port.routers.values()]
        self._outlets.follow(port, now)
        for router, _ in faults:
            router.prepare(self._kernel)
        self.ports.changed(port)
        if port.view.fault is not None:
            if view.fault is None:
                self._tell(port, Impeded(port.view.fault), now)
        elif before.fault is not None:
            for router in port.routers.values():
                if router.config.key not in self._fresh:
                    self._judge(router, now)
        else:
            another = (before.ifindex, before.mac, before.forwards) != (view.ifindex, view.mac, view.forwards)
            self._tell(port, SettingsChanged(addresses=another), now)
            for router, fault in faults:
                if router.fault != fault:  # a peer has what is our own address now, or has so no more
                    self._judge(router, now)

    def delay(self, interfaces: Iterable[InterfaceDelays], now: Instant) -> None:
        """Go by these delays of interfaces, and look again at those that may count as something else now."""
        looked_at = self.links.delay(interfaces)
        if looked_at:
            self.apply(Changes(looked_at, ()), now)

    def attend(self, now: Instant) -> None:
        """Do what a delay, or a result of a tracker, makes due."""
        if self.links.next_deadline <= now:
            self.apply(Changes(self.links.due(now), ()), now)
        for router, standing in self.trackers.take_due():
            self._stand(router, standing, now)

    def _stand(self, router: Router, standing: Standing, now: Instant) -> None:
        another = router.stand(standing)
        self.impede(router, TRACKING, standing.fault, now)
        if router.config.key in self._fresh:
            return
        if another:
            self._engine.step(router, SettingsChanged(), now)
        self._engine.executor.stood(router, another)

    def _state_of(self, name: str) -> str | None:
        return next((one.state_name for one in self.routers.values() if one.config.name == name), None)

    def _view(self, port: Port, now: Instant) -> InterfaceView:
        """Look at a port's interface, and keep from taking part who needs its link if others do not."""
        view = self.links.shown(port.look(self._kernel), port.interface, now)
        split = view.link is not None and any(
            not router.config.track.own_interface for router in port.routers.values()
        )
        for router in port.routers.values():
            if split and router.config.track.own_interface:
                self.impede(router, OWN_LINK, view.link, now)
            elif OWN_LINK in router.impediments:
                self.impede(router, OWN_LINK, None, now)
        return despite_link(view) if split else view

    def look_again(self, now: Instant) -> None:
        """Look at every interface that could not be used."""
        for port in self.ports.by_wire.values():
            if port.receiver is None:
                self.refresh(port, now)
        self._outlets.retry(now)

    def _mind_devices(self, router: Router, now: Instant) -> None:
        """Go by what became of the interfaces without adverts that hold something of a router's."""
        before, fault = router.batch, router.device_fault(self._kernel)
        if fault is not None:
            self.impede(router, DEVICES, fault, now)  # before anything else is prepared: remove what was
        fault = router.fault
        router.prepare(self._kernel)
        if router.fault != fault and router.config.key not in self._fresh:
            self._judge(router, now)
        elif router.batch is not before and router.is_master:
            self._engine.step(router, SettingsChanged(addresses=True), now)

    def _tell(self, port: Port, event: Event, now: Instant) -> None:
        for router in port.routers.values():
            self._engine.step(router, event, now)
        self._engine.executor.flush_addresses()

    def _rewire(self, router: Router, now: Instant) -> None:
        """Bring a router to the port of its wire, if that has changed: it stays the same router."""
        port = self.ports.on(wire_of(router.config))
        if port is router.port:
            return
        if port.view.fault is not None and router.port.view.fault is None:
            self._engine.step(router, Impeded(port.view.fault), now)  # resign while we still can
            self._engine.executor.flush_addresses()
        self.ports.leave(router)
        router.port = port
        port.add(router)
        self._outlets.rewire(router)

    def _start(self, router: Router, now: Instant, start: Start = AFRESH) -> None:
        fault = router.fault
        self._engine.step(router, start if fault is None else Impeded(fault), now)

    def _judge(self, router: Router, now: Instant) -> None:
        """Tell a router whether it may take part."""
        fault = router.fault
        self._engine.step(router, Cleared() if fault is None else Impeded(fault), now)

    def _sweep(self, resuming: Iterable[Router]) -> list[str]:
        """Remove what an earlier run left behind, but what ``resuming`` routers hold; say what, in words."""
        keep = {key for router in resuming for key in router.batch.keys}
        try:
            swept = self._kernel.sweep(keep, self.leftovers)
        except KernelRefused as error:
            return [str(error)]
        return [f"removed {address}, left behind by an earlier run" for address in swept]

    def _change(self, router: Router, config: VirtualRouter, now: Instant) -> None:
        executor = self._engine.executor
        executor.flush_addresses()  # whatever still waits was meant for the old addresses
        before, fault, needed_link = router.batch, router.fault, router.config.track.own_interface
        self.trackers.unwatch(router)
        self.trackers.gone(router)  # its name may be another one now
        router.configure(config)
        self._rewire(router, now)
        self.trackers.watch(router, now)
        executor.tell_watchers(router)
        router.standing = standing = self.trackers.assess(router)
        note(router, TRACKING, standing.fault)
        router.prepare(self._kernel)
        router.port.forget_verdicts()
        if router.is_master and not set(before.keys) <= set(router.batch.keys):
            self._kernel.remove([before], keep=frozenset(router.batch.keys))
        calls = before.addresses != router.batch.addresses
        if router.is_master and not calls and before.holdings != router.batch.holdings:
            executor.carry_out(router, [AddAddresses()], now)
        self._engine.step(router, SettingsChanged(addresses=calls), now)
        if router.config.key in self._fresh:
            return
        if router.fault != fault:
            self._judge(router, now)
        elif type(router.state) is Initialize and fault is None:
            self._start(router, now)  # the kernel refused what it had before: perhaps not what it has now
        if config.track.own_interface is not needed_link:
            self.refresh(router.port, now)

    def _is_bound(self, router: Router, now: Instant) -> bool:
        """Say whether our last worker's adverts still bind the peers of this router."""
        until = self._blackbox.believed_until(router.config.key)
        return until is not None and now < until

    def _foresee(self, bound: set[Router], now: Instant) -> set[Router]:
        """Return which of the routers that are about to start go on as MASTER, among those that may.

        Who tracks one of them is judged by what that one is about to be: in INIT it is for the last time.
        """
        resuming = bound
        for _ in range(len(self._fresh) + 1):  # no chain of routers is longer
            for router in self._fresh.values():
                likely = "MASTER" if router in resuming else "BACKUP" if router.fault is None else "FAULT"
                self.trackers.foresee(router, likely)
            told = self.trackers.busy
            self.attend(now)
            able = {router for router in resuming if router.fault is None}
            able = {one for one in able if one.team is None or able.issuperset(one.team.routers)}
            if not told and able == resuming:
                break
            resuming = able
        return resuming


def note(router: Router, cause: str, reason: str | None) -> None:
    """Take note of an impediment, or of its end."""
    if reason is None:
        router.impediments.pop(cause, None)
    else:
        router.impediments[cause] = reason
