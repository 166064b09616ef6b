"""Has the kernel's IPVS hold what is wanted: in slices, with what it refuses tried again, and put back.

Owns the kernel's socket, what we know that the tables hold, and the record of what is ours.  It never decides
what is wanted.  Each call into the kernel is short: between two of them probes have their turn.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from havip.balancing import BalancerReport, Counts
from havip.config.balancing import Foreign
from havip.ipvs import reasons
from havip.ipvs.drift import Drift, drift
from havip.ipvs.model import (
    Change,
    Destination,
    DestinationKey,
    Pool,
    Reading,
    Refusal,
    Service,
    ServiceKey,
    Sync,
    SyncRole,
    Table,
    Timeouts,
    Traffic,
)
from havip.ipvs.plan import plan, plan_service, plan_sync, plan_timeouts, service_of, settle
from havip.ipvs.record import Ownership

log = logging.getLogger("havip.checker")

SLICE: Final = 128  # changes of one turn of the loop: a few milliseconds
SHOWN: Final = 100  # of what is foreign
MOST_LINES: Final = 20  # about what others have changed, of one look


class Unavailable(Exception):
    """There is no IPVS to program; the text says why, and what may help."""


class Edge(Protocol):
    """The kernel's IPVS in one network namespace (`havip.ipvs.kernel`).  Methods raise OSError."""

    @property
    def version(self) -> str:
        """Return that of IPVS."""

    @property
    def where(self) -> str:
        """Return the name of the network namespace."""

    def read(self) -> Reading:
        """Return all that the tables hold."""

    def services(self) -> dict[ServiceKey, tuple[Service, Counts]]:
        """Return every service, without its destinations."""

    def destinations(self, key: ServiceKey) -> list[tuple[Destination, Traffic]]:
        """Return the destinations of a service; none if it is not there."""

    def apply(self, changes: Sequence[Change]) -> list[Refusal]:
        """Carry out changes in order; return those that the kernel has refused."""

    def syncs(self) -> list[Sync]:
        """Return the sync daemons that run."""

    def start(self, sync: Sync) -> int:
        """Start one; return 0 or an errno."""

    def stop(self, role: SyncRole) -> int:
        """Stop one; return 0 or an errno."""

    def timeouts(self) -> Timeouts:
        """Return the timeouts in force."""

    def set_timeouts(self, wanted: Timeouts) -> None:
        """Set those that are not 0."""

    def close(self) -> None:
        """Close the socket."""


class Programmer:
    """One kernel's IPVS, and what we have put there."""

    def __init__(self, kernel: Edge, ownership: Ownership) -> None:
        self._kernel = kernel
        self._ownership = ownership
        self._believed: Table = {}  # of what is wanted: as the kernel has it, for all we know
        self.reading = Reading()  # the latest
        self.messages = 0
        self.refused = 0
        self.sync_fault = ""
        self.foreign: tuple[ServiceKey, ...] = ()

    @property
    def present(self) -> Table:
        """Return what the kernel holds, for all we know."""
        return self.reading.table | self._believed

    def read(self) -> Reading:
        """Look at everything."""
        self.reading = self._kernel.read()
        return self.reading

    async def look(self) -> Reading:
        """Look at everything, in slices."""
        found = Reading()
        seen = 0
        for key, (service, counts) in self._kernel.services().items():
            destinations = self._destinations(key, found)
            found.table[key] = Pool(service, destinations)
            found.counts[key] = counts
            seen += 1 + len(destinations)
            if seen >= SLICE:
                seen = 0
                await asyncio.sleep(0)
        self.reading = found
        return found

    def look_at_counters(self) -> None:
        """Look at the counters of all services."""
        self.reading.counts.update((key, one[1]) for key, one in self._kernel.services().items())

    def look_at(self, keys: Iterable[ServiceKey]) -> Reading:
        """Look at what goes to the servers of these services."""
        for key in keys:
            self._destinations(key, self.reading)
        return self.reading

    def _destinations(self, key: ServiceKey, into: Reading) -> dict[DestinationKey, Destination]:
        found = self._kernel.destinations(key)
        into.traffic.update(((key, one.key), traffic) for one, traffic in found)
        return {one.key: one for one, _ in found}

    def take(self, keys: Collection[ServiceKey]) -> dict[ServiceKey, str]:
        """Call services ours before any of them is programmed; return those that are another's, and why."""
        return self._ownership.take(keys)

    async def edit(self, wanted: Mapping[ServiceKey, Pool | None]) -> dict[ServiceKey, str]:
        """Have these services be as wanted, None for gone; return what was refused, by service, in words.

        The usual path: only these services are compared, with what we know that the kernel holds.
        """
        changes: list[Change] = []
        for key, pool in wanted.items():
            changes += plan_service(pool, self._believed.get(key))
        return await self._carry_out(changes)

    async def reconcile(
        self, wanted: Table, foreign: Foreign, on_drift: Callable[[Drift], None]
    ) -> dict[ServiceKey, str]:
        """Look at the whole, put back what others have changed, and remove what is ours no more."""
        present = (await self.look()).table
        lines = 0
        for one in drift(self._believed, present):
            on_drift(one)
            lines += 1
            if lines <= MOST_LINES:
                log.warning("IPVS was changed by another program: %s; putting it back", one)
        if lines > MOST_LINES:
            log.warning("and %d more", lines - MOST_LINES)
        ours = self._ownership.services
        others = self._ownership.others()
        self._believed = {
            key: Pool(pool.service, dict(pool.destinations))
            for key, pool in present.items()
            if key in wanted or key in ours or (foreign is Foreign.REMOVE and key not in others)
        }
        refused = await self._carry_out(plan(wanted, self._believed, ours, foreign, others))
        self.foreign = tuple(key for key in present if key not in self._believed and key not in ours)
        self._ownership.settle(wanted.keys() | (ours & self._believed.keys()))
        return refused

    async def _carry_out(self, changes: Sequence[Change]) -> dict[ServiceKey, str]:
        refused: list[Refusal] = []
        for begin in range(0, len(changes), SLICE):
            if begin:
                await asyncio.sleep(0)
            some = changes[begin : begin + SLICE]
            refusals = self._kernel.apply(some)
            settle(self._believed, some, refusals)
            refused += refusals
            self.messages += len(some)
        self.refused += len(refused)
        why: dict[ServiceKey, str] = {}
        for one in reasons.causes(refused):
            why.setdefault(service_of(one.change), reasons.reason(one))
        return why

    def stop_syncs(self, wanted: Sequence[Sync], foreign: Foreign) -> tuple[Sync, ...]:
        """Stop the sync daemons that are not wanted; return those to start once the tables are right."""
        foreign = Foreign.LEAVE if self._ownership.others_have_sync() else foreign
        steps = plan_sync(wanted, self._kernel.syncs(), self._ownership.syncs, foreign)
        for role in steps.stop:
            number = self._kernel.stop(role)
            if number:
                log.warning("the %s sync daemon of IPVS does not stop: %s", role.name.lower(), words(number))
        return steps.start

    def start_syncs(self, wanted: Sequence[Sync], start: Sequence[Sync]) -> None:
        """Start sync daemons; ``sync_fault`` says afterwards why one does not run."""
        why = self._ownership.take_sync(wanted) or ""
        for sync in () if why else start:
            number = self._kernel.start(sync)
            if number:
                place = f"the {sync.role.name.lower()} sync daemon of IPVS on {sync.interface}"
                why = f"{place} does not start: {words(number)}"
        if why and why != self.sync_fault:
            log.error("%s", why)
        self.sync_fault = why

    def set_timeouts(self, wanted: Timeouts) -> None:
        """Have the kernel keep idle connections for so long; 0: as it does."""
        needed = plan_timeouts(wanted, self._kernel.timeouts()) if wanted != Timeouts() else None
        if needed is not None:
            self._kernel.set_timeouts(needed)

    def report(self, repaired: int) -> BalancerReport:
        """Return how IPVS is as a whole."""
        try:
            syncs, timeouts = self._kernel.syncs(), self._kernel.timeouts()
        except OSError as error:
            return BalancerReport(why=f"the kernel's IPVS does not answer: {error}")
        running = [f"{one.role.name.lower()} on {one.interface}, id {one.sync_id}" for one in syncs]
        if self.sync_fault:
            running.append(self.sync_fault)
        return BalancerReport(
            version=self._kernel.version,
            foreign=tuple(map(str, self.foreign[:SHOWN])),
            sync=tuple(running),
            timeouts=(timeouts.tcp, timeouts.tcp_fin, timeouts.udp),
            messages=self.messages,
            refused=self.refused,
            repaired=repaired,
        )

    def leave(self, *, kept: bool) -> None:
        """Close; ``kept``: what is in the kernel stays, and is ours when we come back."""
        if not kept:
            self._ownership.leave()
        self._kernel.close()


def words(number: int) -> str:
    """Return an errno in words."""
    if number == errno.ENODEV:
        return "there is no such interface, or it is down"
    return os.strerror(number)
