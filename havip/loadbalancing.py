"""The checker worker's way to the load balancer, made when it is first spoken of: most hosts have none.

The checks tell it then what they have said until now.  Nothing of IPVS is imported before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from havip.config.health import Check
from havip.healthcheck.checks import Checks
from havip.messages import TrackResult

if TYPE_CHECKING:
    from havip.balancing import BalancerReport, ServiceReport
    from havip.ipvs.balancer import Balancer
    from havip.ipvs.programmer import Programmer
    from havip.messages import Message


class LoadBalancing:
    """The load balancer, or that there is none yet.

    ``leave`` is called once it has done what a daemon's end asks of it, ``fail`` as the balancer does.
    """

    def __init__(
        self,
        post: Callable[[Message], None],
        checks: Checks,
        leave: Callable[[], None],
        fail: Callable[[str], None],
    ) -> None:
        self._post, self._checks, self._leave, self._fail = post, checks, leave, fail
        self._balancer: Balancer | None = None
        self._departing: asyncio.Task[None] | None = None

    @property
    def in_use(self) -> bool:
        """Say whether there is, or was, anything to program."""
        return self._balancer is not None and self._balancer.in_use

    @property
    def departs(self) -> bool:
        """Say whether it was told that the daemon ends."""
        return self._departing is not None

    def obey(self, message: Message) -> None:
        """Do what the supervisor says of virtual services; of other things it says nothing here."""
        from havip.balancing import (
            Depart,
            DropService,
            PacketsMarked,
            PutLoadBalancer,
            PutOrder,
            PutService,
            RouterState,
        )

        balancer = self._made()
        match message:
            case PutLoadBalancer():
                balancer.put_settings(message)
            case PutService():
                balancer.put(message)
            case DropService():
                balancer.drop(message)
            case PutOrder():
                balancer.order(message)
            case RouterState():
                balancer.router(message)
            case PacketsMarked():
                balancer.marked(message)
            case Depart():
                if self._departing is None:
                    self._departing = asyncio.get_running_loop().create_task(self._depart(balancer))
            case _:
                raise AssertionError(f"a checker does not take {message!r}")

    def knows(self, check: Check) -> None:
        """Learn of a check that was put."""
        if self._balancer is not None:
            self._balancer.knows(check.name, adds=check.file is not None)

    def forget(self, name: str) -> None:
        """Forget a check that was dropped."""
        if self._balancer is not None:
            self._balancer.forget(name)

    def hear(self, result: TrackResult) -> None:
        """Take what a check says."""
        if self._balancer is not None:
            self._balancer.hear(result)

    def begin(self) -> None:
        """Put in force what was put since the last commit."""
        if self._balancer is not None:
            self._balancer.begin()

    def reports(self) -> Iterator[ServiceReport | BalancerReport]:
        """Yield what there is to say of every service."""
        if self._balancer is not None:
            yield from self._balancer.reports()

    def stop(self) -> None:
        """Program nothing any more."""
        if self._balancer is not None:
            self._balancer.stop()

    def _made(self) -> Balancer:
        if self._balancer is None:
            from havip.ipvs.balancer import Balancer

            self._balancer = Balancer(self._post, open_ipvs, self._checks.hold, self._fail)
            for check, result in self._checks.told():
                self.knows(check)
                if result is not None:
                    self.hear(result)
        return self._balancer

    async def _depart(self, balancer: Balancer) -> None:
        """Have the load balancer end as it is to, and leave."""
        try:
            await balancer.depart()
        finally:
            self._leave()


def open_ipvs(namespace: str | None, instance: str | None) -> Programmer:
    """Return who programs the kernel's IPVS in a network namespace.  Raises `Unavailable`."""
    from havip.ipvs.kernel import Kernel
    from havip.ipvs.programmer import Programmer
    from havip.ipvs.record import Ownership

    kernel = Kernel(namespace)
    return Programmer(kernel, Ownership(kernel.where, instance))
