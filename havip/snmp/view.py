"""The daemon at one moment, as the MIBs show it.  Pure.

A view is put together from the configuration and from what the VRRP worker last reported; whatever has to be
looked up for a cell is looked up here once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final, NamedTuple

from havip.config.devices import mac_of
from havip.config.model import Configuration, VirtualAddress, VirtualRouter
from havip.config.syncgroups import SyncGroup
from havip.config.tracking import Tracker, TrackerKey
from havip.control.serviceviews import Service
from havip.messages import GroupReport, Key, RouterReport, Term
from havip.snmp.history import History, Past

HUNDREDTHS: Final = 100


class Interface(NamedTuple):
    """An interface as the kernel numbers it."""

    number: int
    mac: bytes = b""


NOWHERE: Final = Interface(0)


@dataclass(frozen=True, slots=True)
class Times:
    """How times of ours become those of the agent, which counts hundredths of a second from its start."""

    now: float = 0.0  # seconds since 1970
    uptime: int = 0  # sysUpTime now

    def age(self, since: float) -> int:
        """Return how long something is ago, in hundredths of a second."""
        return max(0, int((self.now - since) * HUNDREDTHS))

    def stamp(self, since: float) -> int:
        """Return sysUpTime when it happened; 0: before the agent started."""
        return max(0, self.uptime - self.age(since))


@dataclass(frozen=True, slots=True)
class Instance:
    """One virtual router."""

    number: int  # its place in the file, from 1
    router: VirtualRouter
    report: RouterReport | None  # None: the worker has not told yet
    interface: Interface
    past: Past
    times: Times
    group: str = ""
    mailed: bool = False  # a server for mail is configured

    @property
    def state(self) -> str:
        """Return MASTER, BACKUP, FAULT or INIT."""
        return "INIT" if self.report is None else self.report.state

    def count(self, *names: str) -> int:
        """Return the sum of some counters."""
        counters: Mapping[str, int] = {} if self.report is None else self.report.counters
        return sum(counters.get(name, 0) for name in names)

    @property
    def master(self) -> IPv4Address | IPv6Address:
        """Return the address of the master; all zeros while it is unknown."""
        return self._address("" if self.report is None else self.report.master)

    @property
    def primary(self) -> IPv4Address | IPv6Address:
        """Return the address that adverts are sent from; all zeros while there is none."""
        return self._address("" if self.report is None else self.report.primary_address)

    @property
    def mac(self) -> bytes:
        """Return the MAC address that neighbours know the virtual addresses by."""
        virtual = mac_of(self.router)
        return bytes.fromhex(virtual.replace(":", "")) if virtual else self.interface.mac

    def _address(self, written: str) -> IPv4Address | IPv6Address:
        if written:
            return ip_address(written.partition("%")[0])
        return IPv4Address(0) if self.router.family == 4 else IPv6Address(0)


@dataclass(frozen=True, slots=True)
class Group:
    """One sync group."""

    number: int
    config: SyncGroup
    state: str
    mailed: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """All of it."""

    configuration: Configuration = field(default_factory=Configuration)
    instances: tuple[Instance, ...] = ()
    groups: tuple[Group, ...] = ()
    totals: Mapping[str, int] = field(default_factory=dict)  # of packets that belong to no virtual router
    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    name: str = ""  # what this machine is called
    times: Times = field(default_factory=Times)
    counting_since: float | None = None
    services: Mapping[str, Service] = field(default_factory=dict)  # virtual ones, by name
    ipvs: Mapping[str, Any] = field(default_factory=dict)  # what concerns it as a whole

    def interface(self, name: str) -> Interface:
        """Return an interface by its name; one that is not there has the number 0."""
        return self.interfaces.get(name, NOWHERE)

    def total(self, *names: str) -> int:
        """Return the sum of some counters over the whole worker."""
        ours = sum(instance.count(*names) for instance in self.instances)
        return ours + sum(self.totals.get(name, 0) for name in names)

    @property
    def terms(self) -> dict[TrackerKey, tuple[Tracker, Term]]:
        """Return, of everything that is tracked, what a virtual router makes of it."""
        return dict(self._terms())

    def _terms(self) -> Iterator[tuple[TrackerKey, tuple[Tracker, Term]]]:
        for instance in self.instances:
            trackers = {tracker.key: tracker for tracker in instance.router.track.trackers()}
            for term in () if instance.report is None else instance.report.terms:
                key = (term.kind, term.name)
                if key in trackers:
                    yield key, (trackers[key], term)


def view(
    configuration: Configuration,
    reports: Mapping[Key, RouterReport],
    groups: Mapping[str, GroupReport],
    history: History,
    interfaces: Mapping[str, Interface],
    *,
    totals: Mapping[str, int],
    name: str,
    times: Times,
) -> View:
    """Return the daemon as it is now."""
    group_of = {member: group.name for group in configuration.sync_groups for member in group.members}
    mail = configuration.notify.mail is not None
    return View(
        configuration,
        tuple(
            Instance(
                number,
                router,
                reports.get(router.key),
                interfaces.get(router.interface, NOWHERE),
                history.of(router.key),
                times,
                group_of.get(router.name, ""),
                mail and router.notify.mail,
            )
            for number, router in enumerate(configuration.virtual_routers, 1)
        ),
        tuple(
            Group(
                number,
                group,
                groups[group.name].state if group.name in groups else "INIT",
                mail and group.notify.mail,
            )
            for number, group in enumerate(configuration.sync_groups, 1)
        ),
        totals,
        interfaces,
        name,
        times,
        history.counting_since,
    )


def addresses_of(router: VirtualRouter) -> Iterator[tuple[VirtualAddress, bool]]:
    """Yield every address that its master holds, and whether adverts tell it."""
    for virtual in router.addresses:
        yield virtual, True
    for virtual in router.excluded_addresses:
        yield virtual, False
