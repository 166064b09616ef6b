"""The load balancer of the checker worker: verdicts of checks in, one plan for the kernel out.

What many checks say in one turn of the loop becomes one step of each service and one batch for the kernel.
Owns every virtual service by name, and the task that programs.  It does not know who runs the checks.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Final

from havip.backoff import pause_after
from havip.balancing import (
    BalancerReport,
    DropService,
    PacketsMarked,
    PutLoadBalancer,
    PutOrder,
    PutService,
    RouterState,
    ServiceReport,
)
from havip.clock import NEVER, Duration, Instant, after, milliseconds, monotonic, seconds, to_seconds
from havip.config.balancing import LoadBalancer, OnStop
from havip.ipvs import pool
from havip.ipvs.drift import Drift
from havip.ipvs.held import Held
from havip.ipvs.herald import Herald, reports
from havip.ipvs.model import Reading, Sync
from havip.ipvs.places import Places
from havip.ipvs.programmer import Programmer, Unavailable
from havip.ipvs.roll import Roll
from havip.ipvs.routers import Routers
from havip.ipvs.wanted import wanted_sync, wanted_timeouts
from havip.messages import Message, TrackResult
from havip.waiting import happens

log = logging.getLogger("havip.checker")

COUNT_EVERY: Final = milliseconds(500)  # while servers drain: until their last connection is gone
TRY_AGAIN: Final = seconds(5)  # to reach an IPVS that is not there

Open = Callable[[str | None, str | None], Programmer]  # (network namespace, instance); raises Unavailable


class Balancer:
    """Every virtual service, and the one who programs the kernel for them.

    ``hold`` is told which checks need not run, and which must again (`probe_as_master_of`); ``fail`` is
    called, with words, when nothing is programmed any more for an error of ours.
    """

    def __init__(
        self,
        post: Callable[[Message], None],
        open_kernel: Open,
        hold: Callable[[Iterable[str], bool], None] = lambda names, held: None,
        fail: Callable[[str], None] = log.error,
    ) -> None:
        self._post = post
        self._herald = Herald(post)
        self._open = open_kernel
        self._routers = Routers(hold)
        self._fail = fail
        self._settings = LoadBalancer()
        self._sync_id = 0
        self._instance: str | None = None
        self._coming: dict[str, PutService | None] = {}  # with the next commit
        self._coming_settings: PutLoadBalancer | None = None
        self._roll = Roll()
        self._held, self.knows, self.forget = self._roll.services, self._roll.knows, self._roll.forget
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
        self._mended: dict[Held, None] = {}  # of which something was put back
        self._failures = 0  # looks at the whole, in a row, after which the kernel has refused something

    @property
    def in_use(self) -> bool:
        """Say whether there is, or was, anything to program."""
        return self._task is not None

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
        if not self._routers.hear(message.name, message.state):
            return
        for held in self._held.values():
            if held.settings.service.probe_as_master_of == message.name:
                self._suspend(held)
                self._routers.hold(held.settings.service)
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
            if message is not None:
                self._have(message, now)
            if (message is None or message.leaves) and name in self._held:
                self._step(self._held[name], pool.Removed(), now)
        self._roll.learn()
        self._work_on()

    def _take_settings(self, message: PutLoadBalancer) -> None:
        self._settings = message.settings
        self._sync_id, self._instance = message.sync_id, message.instance
        self._sync_due = True
        self._whole_at = min(self._whole_at, monotonic())
        initial = message.settings.notify_initial
        for held in self._held.values():
            held.settings = replace(held.settings, notify_initial=initial)
        if message.settings != LoadBalancer():
            self._work_on()

    def _work_on(self) -> None:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())
            self._task.add_done_callback(self._ended)
        self._stir.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._fail(f"the load balancer has failed: {task.exception()!r}")

    def _have(self, message: PutService, now: Instant) -> None:
        service, orders = message.service, self._roll.orders(message.service.name)
        settings = pool.Settings(service, self._settings.notify_initial)
        held = self._held.get(service.name)
        if held is not None:
            self._note(held, held.change(settings, message.group, orders, now))
            self._suspend(held)
        else:
            held = self._held[service.name] = Held(settings, message.group)
            present = {} if self._programmer is None else self._programmer.present
            self._note(held, held.begin(present, orders, self._routers.rests(service), now))
        self._routers.hold(service)
        self._roll.look_at(held)

    def _suspend(self, held: Held) -> None:
        """Have a service go on without probes while its router is not MASTER."""
        rests = self._routers.rests(held.settings.service)
        if rests is not held.state.suspended:
            self._step(held, pool.Suspended(rests), monotonic())

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
            dirty, self._dirty = self._dirty, {}
            for held in dirty:
                self._herald.blame(held, self._why)
                self._herald.report(held, Reading())
            self._forget(dirty)
            self._herald.tell()
            return
        await self._program(programmer, now)
        if monotonic() >= self._count_at:
            self._count(programmer)
        draining = any(pool.awaited(held.state) for held in self._held.values())
        self._count_at = after(monotonic(), COUNT_EVERY) if draining else NEVER

    def _judge(self, now: Instant) -> None:
        """Let services know what their checks say by now."""
        for held, judged in self._roll.news():
            self._step(held, judged, now)

    def _count(self, programmer: Programmer) -> None:
        """Count the connections of servers that drain: by now the kernel gives them no new ones."""
        for held in list(self._held.values()):
            if pool.awaited(held.state):
                left = held.left(programmer.look_at(held.layout.services))
                if left is not None:
                    self._step(held, left, monotonic())
                    self._stir.set()

    async def _program(self, programmer: Programmer, now: Instant) -> None:
        """Have the kernel hold what is wanted, and say where it refuses."""
        whole = now >= self._whole_at
        changed, self._dirty = self._dirty, {}
        dirty = list(self._held.values()) if whole else list(changed)
        syncs_due, self._sync_due = whole or self._sync_due, False
        syncs = self._syncs()
        starting = programmer.stop_syncs(syncs, self._settings.foreign) if syncs_due else ()
        wanted = self._places.wanted(programmer, dirty, now)
        if whole:
            programmer.set_timeouts(wanted_timeouts(self._settings.timeouts))
            table = {key: one for key, one in wanted.items() if one is not None}
            refused = await programmer.reconcile(table, self._settings.foreign, self._drifted)
            self._failures = self._failures + 1 if refused else 0
            self._whole_at = after(monotonic(), self._pause())
        else:
            refused = await programmer.edit(wanted)
        if syncs_due:
            programmer.start_syncs(syncs, starting)
        if refused and not whole and not self._failures:  # perhaps since others have changed the tables
            self._whole_at, self._dirty = now, changed | self._dirty
            self._stir.set()
            return
        news = [held for held in dirty if self._herald.blame(held, self._places.why(held, refused))]
        mended, self._mended = self._mended, {}
        for held in dict.fromkeys((*changed, *news, *mended)):
            self._herald.report(held, programmer.reading)
        self._forget(dirty)
        self._herald.tell()

    def _pause(self) -> Duration:
        """Return how long the tables are not looked at as a whole."""
        usual = self._settings.reconcile
        return min(usual, seconds(pause_after(self._failures))) if self._failures else usual

    def _syncs(self) -> list[Sync]:
        """Return which sync daemons are to run."""
        daemon = self._settings.sync_daemon
        state = self._routers.state(daemon.router) if daemon is not None else ""
        return wanted_sync(daemon, self._sync_id, state)

    def _forget(self, done: Iterable[Held]) -> None:
        """Have those no more of which nothing more comes, and nothing is left in the kernel."""
        self._roll.remove([held for held in done if held.finished and held not in self._dirty])

    def _drifted(self, one: Drift) -> None:
        self._repaired += 1
        held = self._places.holder(one.key)
        if held is not None:
            held.repaired += 1
            self._mended[held] = None

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
        self._programmer, self._why, self._failures = programmer, "", 0
        self._whole_at, self._sync_due = now, True
        self._places.forget()
        self._post(programmer.report(self._repaired))

    def _lose(self, why: str) -> None:
        """Go on without IPVS: every service is in FAULT, and it is tried again."""
        if self._programmer is not None:
            self._programmer.leave(kept=True)
            self._programmer = None
        if why != self._why:
            log.error("virtual services cannot be programmed: %s", why)
            self._post(BalancerReport(why=why))
        self._why = why
        self._whole_at = after(monotonic(), TRY_AGAIN)
        self._dirty |= dict.fromkeys(self._held.values())
        self._stir.set()

    # Who is told.

    def _step(self, held: Held, event: pool.Event, now: Instant) -> None:
        self._note(held, held.step(event, now))

    def _note(self, held: Held, told: Iterable[pool.Tell]) -> None:
        self._dirty[held] = None
        self._herald.note(held, told)

    def reports(self) -> Iterator[ServiceReport | BalancerReport]:
        """Yield how everything is, counters included, as it is when its turn comes."""
        if self._task is None:
            return
        yield from reports(list(self._held.values()), self._programmer)
        whole = self._programmer
        yield BalancerReport(why=self._why) if whole is None else whole.report(self._repaired)

    # The end.

    async def depart(self) -> None:
        """Do with every service as the settings say; returns when that is done."""
        if self._task is None:
            return
        self._task.cancel()
        await asyncio.wait([self._task])
        settings, now = self._settings, monotonic()
        self._judge(now)
        for held in self._held.values():
            self._step(held, pool.Ended(settings.on_stop, settings.drain_timeout), now)
        self._herald.tell()
        programmer = self._programmer
        if programmer is None or settings.on_stop is OnStop.LEAVE:
            return
        try:
            await self._empty(programmer)
        except OSError as error:
            log.error("virtual services stay in the kernel: %s", error.strerror or error)
            return
        self._programmer = None
        programmer.leave(kept=False)

    async def _empty(self, programmer: Programmer) -> None:
        """Take everything of ours out of the kernel, when nobody is waited for any more."""
        programmer.stop_syncs([], self._settings.foreign)
        while True:
            now = monotonic()
            for held in self._held.values():
                self._step(held, pool.Tick(), now)
            await programmer.edit(self._places.wanted(programmer, list(self._held.values()), now))
            if all(held.finished for held in self._held.values()):
                return
            self._count(programmer)
            if not all(held.finished for held in self._held.values()):
                await asyncio.sleep(to_seconds(COUNT_EVERY))

    def stop(self) -> None:
        """Touch nothing more: what is in the kernel stays there."""
        if self._task is not None:
            self._task.cancel()
        if self._programmer is not None:
            self._programmer.leave(kept=True)
            self._programmer = None
