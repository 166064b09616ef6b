"""Everything of a worker but the process, on working models of its edges."""

from __future__ import annotations

from typing import Any, cast

from havip.clock import Instant
from havip.vrrp.blackbox import BlackBox
from havip.vrrp.engine import Engine
from havip.vrrp.events import AddressesRefused
from havip.vrrp.executor import Executor
from havip.vrrp.port import Remark
from havip.vrrp.roster import Roster
from havip.vrrp.router import Router
from havip.vrrp.team import Team
from havip.vrrp.wire import Wire
from tests.vrrp.model import ModelKernel, ModelPort, at, router


class Stack:
    """Everything of a worker but the process: one instance is one life."""

    def __init__(self, descriptor: int, kernel: ModelKernel | None = None) -> None:
        self.kernel = kernel or ModelKernel()
        self.blackbox = BlackBox(descriptor)
        real = cast(Any, self.kernel)
        self.executor = Executor(real, self.blackbox, self)
        self.engine = Engine(self.executor, self.remarked)
        self.changes: list[tuple[str, str]] = []
        self.priorities: list[tuple[str, int]] = []
        self.troubles: list[str] = []
        self.weaker: list[str] = []  # who heard a weaker master
        self.successors: list[str] = []  # whose successor was heard
        self.misses: list[tuple[str, str]] = []  # what the kernel refused and a router can do without
        self.remarks: list[str] = []
        self.now = at(0)
        self.roster = Roster(real, self.blackbox, self.engine, lambda port: None, ModelPort)

    def changed(self, router: Router, why: str) -> None:
        router.why = why
        self.changes.append((router.config.name, router.state_name))

    def group_changed(self, team: Team) -> None:
        self.changes.append((team.name, team.standing.state))

    def heard_weaker(self, router: Router) -> None:
        self.weaker.append(router.config.name)

    def followed(self, router: Router) -> None:
        self.successors.append(router.config.name)

    def missed(self, router: Router, reason: str) -> None:
        self.misses.append((router.config.name, reason))

    def refused(self, router: Router, reason: str) -> None:
        self.troubles.append(reason)
        self.engine.step(router, AddressesRefused(reason), self.now)

    def remarked(self, on: Wire, remark: Remark, now: Instant) -> None:
        self.remarks.append(remark[1])

    def unsent(self, router: Router, error: str) -> None:
        self.troubles.append(error)

    def stood(self, router: Router, another_priority: bool) -> None:
        if another_priority:
            self.priorities.append((router.config.name, router.settings.priority))

    def port(self, vrid: int = 51, interface: str = "eth0") -> ModelPort:
        return cast(ModelPort, self.router(vrid, interface).port)

    def router(self, vrid: int = 51, interface: str = "eth0") -> Router:
        return self.roster.routers[interface, vrid, 4, ""]

    def run(self, until: float, drained: bool = True) -> None:
        """Let the deadlines up to an instant come, each at its time."""
        end = at(until)
        while (due := self.next_deadline()) <= end:
            self.now = max(self.now, due)
            self.engine.fire(self.now, drained)
            self.flush()
        self.now = end

    def next_deadline(self) -> Instant:
        return min(self.engine.next_deadline(self.now), self.executor.announcer.next_deadline())

    def flush(self) -> None:
        self.executor.flush(self.now)
        while self.executor.busy:
            self.executor.flush(self.now)


def started(stack: Stack, *configs: Any) -> Stack:
    for config in configs or (router(),):
        stack.roster.put(config, stack.now)
    stack.roster.commit(stack.now)
    stack.flush()
    return stack
