"""Feeds the machines: what was heard, what is due, what else happened, each by the one path through `step`.

Knows routers, ports and deadlines, but no process, channel or configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Final

from havip.clock import NEVER, Instant, milliseconds
from havip.errors import Refusal
from havip.vrrp import machine, syncgroup
from havip.vrrp.events import Event, Tick
from havip.vrrp.executor import Executor
from havip.vrrp.machine import Backup, Initialize, State
from havip.vrrp.port import Port, Remark
from havip.vrrp.router import Router
from havip.vrrp.settings import Settings
from havip.vrrp.wire import Wire

if TYPE_CHECKING:
    from havip.vrrp.ears import Ear
    from havip.vrrp.team import Team

PACKETS: Final = 64  # taken from one socket before the deadlines are looked at
NEAR: Final = milliseconds(5)  # from here on a deadline must be exact
TICK: Final = Tick()


class Engine:
    """Every router's deadlines in one queue, and the only calls of `machine.step`."""

    def __init__(self, executor: Executor, on_remark: Callable[[Wire, Remark, Instant], None]) -> None:
        self.executor = executor
        self._on_remark = on_remark  # told what an operator should know about a packet
        self._undrained_since: Instant | None = None
        self._foreseen: tuple[Router, Settings, State, machine.Step] | None = None
        # Ordered by deadline.  A router that is heard in time only moves its deadline on, so its entry stays
        # and is looked at when it comes up: receiving an advert costs the queue nothing.
        self._queue: list[tuple[Instant, int, Router]] = []

    def step(self, router: Router, event: Event, now: Instant) -> None:
        """Let one thing happen to one router, and to those that move together with it."""
        team = router.team
        if team is not None:
            self.move(team, team.step(router, event, now), now)
            return
        router.state, actions = machine.step(router.settings, router.state, event, now)
        if actions:
            self.executor.carry_out(router, actions, now)
        deadline = machine.next_deadline(router.state)
        if deadline < router.scheduled:
            router.scheduled = deadline
            heappush(self._queue, (deadline, router.number, router))

    def move(self, team: Team, outcome: syncgroup.Outcome, now: Instant) -> None:
        """Have the members of a sync group do what was decided for them."""
        before = team.standing
        team.standing, moves = outcome
        for place, state, actions in moves:
            router = team.routers[place]
            router.state = state
            if actions:
                self.executor.carry_out(router, actions, now)
            deadline = machine.next_deadline(state)
            if deadline < router.scheduled:
                router.scheduled = deadline
                heappush(self._queue, (deadline, router.number, router))
        if team.standing.state != before.state:
            self.executor.tell_of_group(team)

    def next_deadline(self, now: Instant) -> Instant:
        """Return when `fire` has something to do: exactly if that is near, else at the earliest."""
        queue = self._queue
        while queue:
            entry, number, router = queue[0]
            if entry - now > NEAR:
                return entry
            deadline = machine.next_deadline(router.state)
            if entry != router.scheduled or deadline == NEVER:
                heappop(queue)
                if entry == router.scheduled:
                    router.scheduled = NEVER
            elif deadline > entry:  # heard since
                router.scheduled = deadline
                heapreplace(queue, (deadline, number, router))
            else:
                return entry
        return NEVER

    def takeover_at(self) -> Instant:
        """Return when the first in the queue takes over as backup; NEVER if it is none, or has been heard."""
        if not self._queue:
            return NEVER
        router = self._queue[0][2]
        return router.state.master_down_at if type(router.state) is Backup else NEVER

    def rehearse(self) -> None:
        """Take the step of the coming takeover in advance, and warm the caches on its way to the kernel.

        `machine.step` is pure: if the router is still as it was when the time comes, this was its step.
        """
        router = self._queue[0][2]
        settings, state = router.settings, router.state
        at = machine.next_deadline(state)
        if router.rehearsed_for != at:
            router.rehearsed_for = at
            self._foreseen = router, settings, state, machine.step(settings, state, TICK, at)
            self.executor.rehearse(router)

    def _tick(self, router: Router, now: Instant) -> machine.Step:
        """Return what a deadline that has come does to a router."""
        settings, state = router.settings, router.state
        if self._foreseen is not None:
            whose, its_settings, its_state, step = self._foreseen
            if whose is router:
                self._foreseen = None
                if its_settings is settings and its_state is state:
                    return step
        return machine.step(settings, state, TICK, now)

    def remark(self, router: Router, kind: str, text: str, now: Instant) -> None:
        """Tell what an operator should know about a router, which is not a packet."""
        self._on_remark(router.port.on, (router, kind, text), now)

    def hear(self, port: Port | Ear, now: Instant) -> bool:
        """Take a batch of packets from a port or from its ear; say whether the socket is empty now."""
        if port.receiver is None:
            return True
        batch = port.receiver.receive(PACKETS)
        if batch:  # that of the last one: the others were here before, so nobody is judged too early by it
            now = port.receiver.arrived(now)
        for heard in batch:
            router, meaning = port.judge(heard)
            if isinstance(meaning, Refusal):
                (port if router is None else router).refused[meaning] += 1
                continue
            assert router is not None  # an advert that counts has a router
            state = router.state
            if type(state) is Initialize:
                router.refused[Refusal.NOT_RUNNING] += 1
                continue
            router.adverts_received += 1
            if meaning.priority == 0:
                router.resignations_received += 1
            self.step(router, meaning, now)
        if port.remarks:
            for remark in port.remarks:
                self._on_remark(port.on, remark, now)
            port.remarks.clear()
        return len(batch) < PACKETS

    def fire(self, now: Instant, drained: bool) -> None:
        """Do what is due.

        While packets wait (not ``drained``) nobody is judged silent: only our own adverts go out, since
        no packet may delay them.  A flood cannot hold a takeover up for more than one interval.
        """
        queue = self._queue
        if drained:
            self._undrained_since = None
        elif self._undrained_since is None:
            self._undrained_since = now
        unheard: list[Router] = []
        while queue and queue[0][0] <= now:
            entry, number, router = queue[0]
            if entry != router.scheduled:
                heappop(queue)  # superseded by an earlier entry, or dropped
                continue
            state = router.state
            deadline = machine.next_deadline(state)
            if deadline <= now:
                if type(state) is Backup and self._may_be_heard_yet(router, now):
                    heappop(queue)
                    unheard.append(router)
                    continue
                if router.team is not None:
                    self.step(router, TICK, now)
                else:
                    router.state, actions = self._tick(router, now)
                    if actions:
                        self.executor.carry_out(router, actions, now)
                deadline = machine.next_deadline(router.state)
            router.scheduled = deadline
            if queue and queue[0][2] is router and queue[0][0] == entry:
                if deadline == NEVER:
                    heappop(queue)
                else:
                    heapreplace(queue, (deadline, number, router))
            elif deadline != NEVER:
                heappush(queue, (deadline, number, router))
        for router in unheard:
            heappush(queue, (router.scheduled, router.number, router))

    def _may_be_heard_yet(self, router: Router, now: Instant) -> bool:
        """Say whether an advert for a silent-looking router may still wait in a socket."""
        since = self._undrained_since
        return since is not None and now - since < router.settings.interval

    def forget(self, router: Router) -> None:
        """Take a router out of the queue."""
        router.scheduled = NEVER
        self._queue = [entry for entry in self._queue if entry[2] is not router]
        heapify(self._queue)
