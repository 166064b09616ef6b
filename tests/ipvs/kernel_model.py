"""A working model of the kernel's IPVS tables: it holds what the kernel would, and refuses what it refuses.

`tests.uml.test_ipvs_model` gives the same changes to this and to the real one.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from typing import Final

from havip.ipvs.model import (
    AddDestination,
    AddService,
    Change,
    Destination,
    DropDestination,
    DropService,
    EditDestination,
    EditService,
    Forward,
    Pool,
    Refusal,
    Service,
    ServiceKey,
    Sync,
    SyncRole,
    Table,
    Tunnel,
)

SCHEDULERS: Final = frozenset(
    ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh", "dh", "fo", "ovf", "sed", "nq", "twos")
)
ENGINES: Final = frozenset(("", "sip"))


class KernelModel:
    """One network namespace's IPVS."""

    def __init__(
        self,
        present: Table | None = None,
        schedulers: Iterable[str] = SCHEDULERS,
        engines: Iterable[str] = ENGINES,
    ) -> None:
        self.table: Table = {}
        self.syncs: dict[SyncRole, Sync] = {}
        self._schedulers = frozenset(schedulers)
        self._engines = frozenset(engines)
        for key, pool in (present or {}).items():
            self.table[key] = Pool(pool.service, dict(pool.destinations))

    def carry_out(self, change: Change) -> int:
        """Do it and return 0, or change nothing and return the errno."""
        number = self.refuses(change)
        if number == 0:
            self._do(change)
        return number

    def carry_out_all(self, changes: Iterable[Change]) -> list[Refusal]:
        """Do them in order, and return which were refused."""
        verdicts = ((change, self.carry_out(change)) for change in changes)
        return [Refusal(change, number) for change, number in verdicts if number]

    def start(self, sync: Sync) -> int:
        """Start a sync daemon: one of each role, and none beside servers of another family."""
        if any(
            one.key.address.version != key.family
            for key, pool in self.table.items()
            for one in pool.destinations.values()
        ):
            return errno.EINVAL
        if sync.role in self.syncs:
            return errno.EEXIST
        self.syncs[sync.role] = sync
        return 0

    def stop(self, role: SyncRole) -> int:
        """Stop a sync daemon."""
        return errno.ESRCH if self.syncs.pop(role, None) is None else 0

    def refuses(self, change: Change) -> int:
        """Return the errno with which the kernel refuses a change, or 0."""
        match change:
            case AddService(service=service):
                return errno.EEXIST if service.key in self.table else self._unfit(service)
            case EditService(service=service):
                return self._unfit(service) if service.key in self.table else errno.ESRCH
            case DropService(key=key):
                return 0 if key in self.table else errno.ESRCH
            case DropDestination(service=key, key=name):
                if key not in self.table:
                    return errno.ESRCH
                return 0 if name in self.table[key].destinations else errno.ENOENT
            case AddDestination(service=key, destination=one) | EditDestination(service=key, destination=one):
                if key not in self.table:
                    return errno.ESRCH
                return self._unfit_destination(key, one) or self._misplaced(change, key, one)

    def _unfit(self, service: Service) -> int:
        if service.scheduler not in self._schedulers or service.engine not in self._engines:
            return errno.ENOENT
        if service.key.family == 6 and not 1 <= service.prefix_length <= 128:
            return errno.EINVAL
        return 0

    def _unfit_destination(self, key: ServiceKey, one: Destination) -> int:
        """Between families there are tunnels alone, and none while a sync daemon runs."""
        if one.key.address.version != key.family and (self.syncs or one.forward != Forward.TUNNEL):
            return errno.EINVAL
        if one.weight < 0 or one.lower_threshold > one.upper_threshold:
            return errno.ERANGE
        if one.tunnel == Tunnel.GUE and one.tunnel_port == 0:
            return errno.EINVAL
        return 0

    def _misplaced(self, change: AddDestination | EditDestination, key: ServiceKey, one: Destination) -> int:
        there = one.key in self.table[key].destinations
        if isinstance(change, EditDestination):
            return 0 if there else errno.ENOENT
        if there:
            return errno.EEXIST
        address = one.key.address
        if address.is_multicast or address.is_unspecified or (address.version == 6 and address.is_link_local):
            return errno.EINVAL
        return 0

    def _do(self, change: Change) -> None:
        match change:
            case AddService(service=service):
                self.table[service.key] = Pool(service, {})
            case EditService(service=service):
                self.table[service.key] = Pool(service, self.table[service.key].destinations)
            case DropService(key=key):
                del self.table[key]
            case DropDestination(service=key, key=name):
                del self.table[key].destinations[name]
            case AddDestination(service=key, destination=one) | EditDestination(service=key, destination=one):
                self.table[key].destinations[one.key] = one
