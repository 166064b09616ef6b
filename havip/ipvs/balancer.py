"""The load balancer of the checker worker: verdicts of checks in, one plan for the kernel out.

What many checks say in one turn of the loop becomes one step of each service and one batch for the kernel.
Owns every virtual service by name, and the task that programs.  It does not know who runs the checks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from havip.balancing import BalancerReport as Report
from havip.balancing import (
    DropService,
    PacketsMarked,
    PutLoadBalancer,
    PutOrder,
    PutService,
    RouterState,
    ServiceReport,
)
from havip.clock import NEVER, Instant, after, milliseconds, monotonic, seconds, to_seconds, wall
from havip.config.balancing import LoadBalancer, OnStop
from havip.ipvs import pool
from havip.ipvs.drift import Drift
from havip.ipvs.held import Held
from havip.ipvs.model import Reading, Sync
from havip.ipvs.places import Places
from havip.ipvs.programmer import Programmer, Unavailable
from havip.ipvs.roll import Roll
from havip.ipvs.wanted import wanted_sync, wanted_timeouts
from havip.messages import Message, TrackResult, Transition
from havip.waiting import happens

log = logging.getLogger("havip.checker")

COUNT_EVERY: Final = milliseconds(500)  # while servers drain: until their last connection is gone
TRY_AGAIN: Final = seconds(5)  # to reach an IPVS that is not there
MASTER: Final = "MASTER"

Open = Callable[[str | None, str | None], Programmer]  # (network namespace, instance); raises Unavailable


class Balancer:
    """Every virtual service, and the one who programs the kernel for them.

    ``hold`` is told which checks need not run, and which must again (`probe_as_master_of`).
    """

    def __init__(
        self,
        post: Callable[[Message], None],
        open_kernel: Open,
        hold: Callable[[Iterable[str], bool], None] = lambda names, held: None,
    ) -> None:
        self._post = post
        self._open = open_kernel
        self._hold = hold
        self._settings = LoadBalancer()
        self._sync_id = 0
        self._instance: str | None = None
        self._coming: dict[str, PutService | None] = {}  # with the next commit
        self._coming_settings: PutLoadBalancer | None = None
        self._roll = Roll()
        self._held = self._roll.services
        self.knows, self.forget = self._roll.knows, self._roll.forget
        self._routers: dict[str, str] = {}
        self._programmer: Programmer | None = None
        self._why = ""  # there is none
        self._dirty: dict[Held, None] = {}  # what is to be compared with the kernel
        self._places = Places()
        self._whole_at: Instant = NEVER  # when the tables are looked at as a whole
        self._count_at: Instant = NEVER
        self._sync_due = False
        self._stir = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._repaired = 0

    # What the supervisor says.

    def put_settings(self, message: PutLoadBalancer) -> None:
        """Go by other settings from the next commit on."""
        self._coming_settings = message

    def put(self, message: PutService) -> None:
        """Have a service from the next commit on."""
        self._coming[message.service.name] = message

    def drop(self, message: DropService) -> None:
        """Have it no more from the next commit on."""
        self._coming[message.name] = None

    def order(self, message: PutOrder) -> None:
        """Heed an operator."""
        order = message.order
        holds, held = self._roll.order(order), self._held.get(order.service)
        if held is not None:
            self._step(held, pool.Ordered({order.server: holds}), monotonic())
            self._stir.set()

    def router(self, message: RouterState) -> None:
        """Learn how a virtual router is that services or the sync daemon go by."""
        before = self._routers.get(message.name)
        self._routers[message.name] = message.state
        if (before == MASTER) is (message.state == MASTER):
            return
        for held in self._held.values():
            if held.settings.service.probe_as_master_of == message.name:
                self._suspend(held)
        daemon = self._settings.sync_daemon
        self._sync_due = self._sync_due or (daemon is not None and daemon.router == message.name)
        self._stir.set()

    def marked(self, message: PacketsMarked) -> None:
        """Learn whether packets are marked for those services that go by it."""
        self._places.unmarked = message.why
        self._dirty |= dict.fromkeys(self._held.values())
        self._stir.set()

    def hear(self, result: TrackResult) -> None:
        """Take what a check says."""
        if self._roll.hear(result):
            self._stir.set()

    def begin(self) -> None:
        """Put in force what was put since the last commit."""
        now = monotonic()
        if self._coming_settings is not None:
            self._take_settings(self._coming_settings)
            self._coming_settings = None
        coming, self._coming = self._coming, {}
        if not coming and self._task is None:
            return
        if self._programmer is None:
            self._reach(now)
        for name, message in coming.items():
            if message is None:
                self._remove(name, now)
            else:
                self._have(message, now)
        self._roll.learn()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())
        self._stir.set()

    def _take_settings(self, message: PutLoadBalancer) -> None:
        before, self._settings = self._settings, message.settings
        self._sync_id, self._instance = message.sync_id, message.instance
        self._sync_due = True
        if before.network_namespace != message.settings.network_namespace and self._programmer is not None:
            self._programmer.leave(kept=True)
            self._programmer = None
        self._whole_at = min(self._whole_at, monotonic())
        if self._task is None and message.settings != LoadBalancer():
            self._task = asyncio.get_running_loop().create_task(self._work())

    def _have(self, message: PutService, now: Instant) -> None:
        service, orders = message.service, self._roll.orders(message.service.name)
        settings = pool.Settings(service, self._settings.notify_initial)
        held = self._held.get(service.name)
        if held is not None:
            self._note(held, held.change(settings, message.group, orders, now), now)
            self._suspend(held)
        else:
            held = self._held[service.name] = Held(settings, message.group)
            present = {} if self._programmer is None else self._programmer.reading.table
            told = held.begin(present, orders, self._rests(held), now)
            self._hold_checks(held, self._rests(held))
            self._note(held, told, now)
        self._roll.look_at(held)

    def _remove(self, name: str, now: Instant) -> None:
        held = self._held.get(name)
        if held is not None:
            self._step(held, pool.Removed(), now)

    # One turn.

    async def _work(self) -> None:
        while True:
            pause = max(0.0, to_seconds(self._next() - monotonic()))
            await happens(self._stir, min(pause, 3600.0))
            self._stir.clear()
            try:
                await self._turn()
            except OSError as error:
                self._lose(f"the kernel's IPVS does not answer: {error.strerror or error}")

    def _next(self) -> Instant:
        """Return when there is something to do next."""
        deadlines = (held.deadline for held in self._held.values())
        return min((self._whole_at, self._count_at, *deadlines))

    async def _turn(self) -> None:
        now = monotonic()
        if self._programmer is None and now >= self._whole_at:
            self._reach(now)
        self._judge(now)
        for held in list(self._held.values()):
            if held.deadline <= now:
                self._step(held, pool.Tick(), now)
        programmer = self._programmer
        if programmer is None:
            self._dirty.clear()
            return
        if now >= self._count_at:
            self._count(programmer, now)
        await self._program(programmer, now)
        draining = any(pool.awaited(held.state) for held in self._held.values())
        self._count_at = after(monotonic(), COUNT_EVERY) if draining else NEVER

    def _judge(self, now: Instant) -> None:
        """Let services know what their checks say by now."""
        for held, judged in self._roll.news():
            self._step(held, judged, now)

    def _count(self, programmer: Programmer, now: Instant) -> None:
        reading = programmer.read()
        for held in list(self._held.values()):
            left = held.left(reading)
            if left is not None:
                self._step(held, left, now)

    async def _program(self, programmer: Programmer, now: Instant) -> None:
        """Have the kernel hold what is wanted, and say where it refuses."""
        daemon = self._settings.sync_daemon
        wanted_syncs: list[Sync] = []
        starting: tuple[Sync, ...] = ()
        whole = now >= self._whole_at
        if whole or self._sync_due:
            state = self._routers.get(daemon.router, "") if daemon is not None else ""
            wanted_syncs = wanted_sync(daemon, self._sync_id, state)
            starting = programmer.stop_syncs(wanted_syncs, self._settings.foreign)
        dirty, self._dirty = list(self._held.values()) if whole else list(self._dirty), {}
        wanted = self._places.wanted(programmer, dirty, now)
        if whole:
            programmer.set_timeouts(wanted_timeouts(self._settings.timeouts))
            table = {key: one for key, one in wanted.items() if one is not None}
            refused = await programmer.reconcile(table, self._settings.foreign, self._drifted)
            self._whole_at = after(monotonic(), self._settings.reconcile)
        else:
            refused = await programmer.edit(wanted)
        if whole or self._sync_due:
            self._sync_due = False
            programmer.start_syncs(wanted_syncs, starting)
        self._places.blame(dirty, refused)
        for held in dirty:
            self._report(held)
        self._roll.remove([held.name for held in self._held.values() if held.finished])

    def _drifted(self, one: Drift) -> None:
        self._repaired += 1
        held = self._places.holder(one.key)
        if held is not None:
            held.repaired += 1

    # The kernel comes and goes.

    def _reach(self, now: Instant) -> None:
        """Open the kernel's IPVS, if it is there, and look at what it holds."""
        try:
            programmer = self._open(self._settings.network_namespace, self._instance)
            programmer.read()
        except (Unavailable, OSError) as error:
            self._lose(str(error))
            return
        if self._why:
            log.info("there is an IPVS to program now")
        self._programmer, self._why = programmer, ""
        self._whole_at, self._sync_due = now, True

    def _lose(self, why: str) -> None:
        """Go on without IPVS: every service is in FAULT, and it is tried again."""
        if self._programmer is not None:
            self._programmer.leave(kept=True)
            self._programmer = None
        if why != self._why:
            log.error("virtual services cannot be programmed: %s", why)
        self._why = why
        self._whole_at = after(monotonic(), TRY_AGAIN)
        for held in self._held.values():
            held.fault = why
            self._report(held)

    # Who is told.

    def _step(self, held: Held, event: pool.Event, now: Instant) -> None:
        self._note(held, held.step(event, now), now)

    def _note(self, held: Held, told: Iterable[pool.Tell], now: Instant) -> None:
        self._dirty[held] = None
        if self._why:
            held.fault = self._why
        news = False
        for one in told:
            news = True
            name = held.name if one.server is None else f"{held.name}/{one.server}"
            kind = "service" if one.server is None else "server"
            self._post(Transition(kind, name, one.state, 0, one.why, wall()))
        if news or self._programmer is None:
            self._report(held)

    def _report(self, held: Held) -> None:
        self._post(held.report(self._reading, monotonic(), wall()))

    @property
    def _reading(self) -> Reading:
        return Reading() if self._programmer is None else self._programmer.reading

    def reports(self) -> Iterator[ServiceReport | Report]:
        """Yield how everything is, counters included, as it is when its turn comes."""
        if self._task is None:
            return
        programmer = self._programmer
        if programmer is not None:
            try:
                programmer.read()
            except OSError as error:
                log.warning("the counters of IPVS cannot be read: %s", error)
        for held in list(self._held.values()):
            yield held.report(self._reading, monotonic(), wall())
        yield Report(why=self._why) if programmer is None else programmer.report(self._repaired)

    # Suspended services.

    def _rests(self, held: Held) -> bool:
        router = held.settings.service.probe_as_master_of
        return bool(router) and self._routers.get(router) != MASTER

    def _suspend(self, held: Held) -> None:
        rests = self._rests(held)
        if rests is not held.state.suspended:
            self._hold_checks(held, rests)
            self._step(held, pool.Suspended(rests), monotonic())

    def _hold_checks(self, held: Held, rests: bool) -> None:
        service = held.settings.service
        names = [name for server in service.servers for name in service.probe_names(server)]
        self._hold(names, rests)

    # The end.

    async def depart(self) -> None:
        """Do with every service as the settings say; returns when that is done."""
        if self._task is None:
            return
        self._task.cancel()
        settings, now = self._settings, monotonic()
        self._judge(now)
        for held in self._held.values():
            self._step(held, pool.Ended(settings.on_stop, settings.drain_timeout), now)
        programmer = self._programmer
        if programmer is None:
            return
        if settings.on_stop is OnStop.LEAVE:
            programmer.leave(kept=True)
            return
        try:
            await self._empty(programmer)
        except OSError as error:
            log.error("virtual services stay in the kernel: %s", error)
            programmer.leave(kept=True)
            return
        programmer.leave(kept=False)

    async def _empty(self, programmer: Programmer) -> None:
        """Take everything of ours out of the kernel, when nobody is waited for any more."""
        programmer.stop_syncs([], self._settings.foreign)
        while True:
            now = monotonic()
            self._count(programmer, now)
            for held in self._held.values():
                self._step(held, pool.Tick(), now)
            await programmer.edit(self._places.wanted(programmer, list(self._held.values()), now))
            if all(held.finished for held in self._held.values()):
                return
            await asyncio.sleep(to_seconds(COUNT_EVERY))

    def stop(self) -> None:
        """Touch nothing more: what is in the kernel stays there."""
        if self._task is not None:
            self._task.cancel()
        if self._programmer is not None:
            self._programmer.leave(kept=True)
            self._programmer = None
