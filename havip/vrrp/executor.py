"""Carries out what the machine asks for, in order: adverts at once, everything else in batches.

Adverts leave inside `carry_out`.  Address changes wait for `flush`, which gives the kernel one batch for
many routers and only then lets the announcements of those addresses go.  Both are done in slices, so that
a takeover of a thousand addresses never stands in the way of an advert.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol, assert_never

from havip.clock import Instant, after
from havip.config.model import VirtualAddress
from havip.vrrp.actions import (
    Action,
    AddAddresses,
    AnnounceAddresses,
    Followed,
    HeardWeaker,
    RemoveAddresses,
    SendAdvert,
    Tell,
)
from havip.vrrp.announcer import Announcer
from havip.vrrp.blackbox import NOT_MASTER, BlackBox
from havip.vrrp.holdings import Holding
from havip.vrrp.kernel import Kernel, Refused
from havip.vrrp.router import Router
from havip.vrrp.states import Master

if TYPE_CHECKING:
    from havip.vrrp.team import Team

SLICE: Final = 64  # holdings that change in one batch, or those of one router if it has more


class Listener(Protocol):
    """Who is told what happened to a router while actions were carried out."""

    def changed(self, router: Router, why: str) -> None:
        """Its state is another one."""

    def heard_weaker(self, router: Router) -> None:
        """As MASTER it heard a weaker master."""

    def followed(self, router: Router) -> None:
        """Having stepped down it heard another master."""

    def group_changed(self, team: Team) -> None:
        """The state of a sync group is another one."""

    def refused(self, router: Router, reason: str) -> None:
        """The kernel will not give us something that it must hold."""

    def missed(self, router: Router, reason: str) -> None:
        """The kernel will not give us something that it can do without."""

    def unsent(self, router: Router, error: str) -> None:
        """An advert could not leave."""

    def stood(self, router: Router, another_priority: bool) -> None:
        """Its trackers say something else."""


class Executor:
    """The worker's hands."""

    def __init__(self, kernel: Kernel, blackbox: BlackBox, listener: Listener) -> None:
        self.announcer = Announcer()
        self._kernel = kernel
        self._blackbox = blackbox
        self._listener = listener
        self.watchers: list[Callable[[Router], None]] = []  # told of every router that is another one
        self._removing: dict[Router, None] = {}
        self._adding: dict[Router, None] = {}
        self._asked: list[tuple[Router, int, int]] = []  # announcements that wait for their addresses

    def carry_out(self, router: Router, actions: list[Action], now: Instant) -> None:
        """Do, or put into the next batch, each action in its order."""
        for action in actions:
            match action:
                case SendAdvert(priority=priority):
                    self._send(router, priority, now)
                case AddAddresses():
                    self._removing.pop(router, None)
                    self._adding[router] = None
                case RemoveAddresses():
                    router.epoch += 1
                    self._blackbox.record(router.slot, NOT_MASTER)
                    self._adding.pop(router, None)  # never add what is to go
                    self._removing[router] = None
                case AnnounceAddresses(repeat=repeat):
                    self._asked.append((router, router.epoch, repeat))
                case Tell(why=why):
                    self._listener.changed(router, why)
                    self.tell_watchers(router)
                case HeardWeaker():
                    self._listener.heard_weaker(router)
                case Followed():
                    self._listener.followed(router)
                case _:
                    assert_never(action)

    def tell_watchers(self, router: Router) -> None:
        """Tell those who watch that a router's state, or what it is configured as, is another one."""
        for watcher in self.watchers:
            watcher(router)

    def stood(self, router: Router, another_priority: bool) -> None:
        """Tell that a router's trackers say something else."""
        self._listener.stood(router, another_priority)

    def tell_of_group(self, team: Team) -> None:
        """Tell that the state of a sync group is another one."""
        self._listener.group_changed(team)

    def rehearse(self, router: Router) -> None:
        """Ask the kernel to add the router's addresses to no interface, which it refuses."""
        self._kernel.add([router.rehearsal])

    @property
    def busy(self) -> bool:
        """Say whether `flush` has something left that can be done at once."""
        return bool(self._removing or self._adding or self._asked or self.announcer.busy)

    def flush(self, now: Instant) -> None:
        """Do one slice of what waits: addresses first, then the announcements of those we hold."""
        if self._removing or self._adding:
            self._change_addresses()
        if self._asked:
            still_waiting = []
            for asked in self._asked:
                if asked[0] in self._adding:
                    still_waiting.append(asked)
                elif asked[0].holds_all:
                    self.announcer.ask(*asked)
            self._asked = still_waiting
        self.announcer.run(now, more_to_come=bool(self._adding))

    def flush_addresses(self) -> None:
        """Do all the address changes that wait."""
        while self._removing or self._adding:
            self._change_addresses()

    def _send(self, router: Router, priority: int, now: Instant) -> None:
        sender = router.outlet.sender
        if sender is None:
            return  # no interface to send on: the router is on its way to FAULT
        parcels, failed = router.adverts[priority], None
        for packet, to in parcels:
            error = sender.send(packet, to)
            if error is not None:
                failed = [*(failed or ()), f"{error} to {to[0]}"]
        if failed is not None:
            router.send_errors += len(failed)
            self._listener.unsent(router, ", ".join(failed))
            if len(failed) == len(parcels):
                return
        router.adverts_sent += 1
        if priority and type(router.state) is Master:
            self._blackbox.record(router.slot, after(now, router.believed_for))
        else:
            router.resignations_sent += 1

    def _change_addresses(self) -> None:
        # Removals first: an address may move from one router to another.
        if self._removing:
            self._kernel.remove([router.batch for router in take(self._removing)])
        if self._adding and not self._removing:
            coming = take(self._adding)
            by_batch = {id(router.batch): router for router in coming}
            refusals: dict[Router, list[Refused]] = {}
            for refused in self._kernel.add([router.batch for router in coming]):
                refusals.setdefault(by_batch[id(refused.batch)], []).append(refused)
            for router in coming:
                router.holds_all = True
            for router, refused_ones in refusals.items():
                self._bear(router, refused_ones)

    def _bear(self, router: Router, refusals: list[Refused]) -> None:
        """Tell what the kernel refused; announce nothing if an address is among it."""
        must_have = [refused for refused in refusals if is_needed(refused.holding)]
        for refused in refusals:
            if not is_needed(refused.holding):
                self._listener.missed(router, f"cannot add {refused.holding}: {refused.error}")
        if any(isinstance(refused.holding, VirtualAddress) for refused in must_have):
            router.holds_all = False
            router.epoch += 1  # void the announcements
        if must_have:
            first, *more = must_have
            count = f", and {len(more)} more" if more else ""
            self._listener.refused(router, f"cannot add {first.holding}: {first.error}{count}")


def is_needed(holding: Holding) -> bool:
    """Say whether a master must have this: an address always, anything else if it is tracked."""
    return isinstance(holding, VirtualAddress) or holding.track


def take(waiting: dict[Router, None]) -> list[Router]:
    """Take the first slice out of ``waiting``."""
    taken: list[Router] = []
    holdings = 0
    for router in waiting:
        holdings += len(router.batch.holdings)
        if taken and holdings > SLICE:
            break
        taken.append(router)
    for router in taken:
        del waiting[router]
    return taken
