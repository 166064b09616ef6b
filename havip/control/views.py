"""What the control socket shows, as JSON and as values.  Pure: no socket, no clock.

`report_as_dict` is the daemon's side, `Status.of` is the client's.  Lengths of time are
seconds as floats, instants are seconds since 1970.  Keys are only ever added: readers ignore those that
they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from havip.clock import to_seconds
from havip.control.checkviews import Checks
from havip.control.serviceviews import Services

if TYPE_CHECKING:  # the client does without what the daemon's messages need
    from havip.messages import RouterReport

Json: TypeAlias = dict[str, Any]


def report_as_dict(report: RouterReport) -> Json:
    """Return a worker's report as the control socket shows it."""
    interface, vrid, family, segment = report.key
    return {
        "name": report.name,
        "interface": interface,
        "vrid": vrid,
        "family": f"IPv{int(family)}",
        "segment": segment,
        "version": report.version,
        "state": report.state,
        "since": report.since,
        "why": report.why,
        "priority": report.priority,
        "effective_priority": report.effective_priority,
        "interval": to_seconds(report.interval),
        "master_interval": to_seconds(report.master_interval),
        "master_down": to_seconds(report.master_down),
        "next_deadline": None if report.next_deadline < 0 else to_seconds(report.next_deadline),
        "master": report.master or None,
        "primary_address": report.primary_address or None,
        "addresses": list(report.addresses),
        "holds": list(report.holds),
        "authentication": report.authentication,
        "peers": list(report.peers),
        "counters": dict(report.counters),
        "tracking": [
            {
                "kind": str(term.kind),
                "name": term.name,
                "weight": term.weight,
                "adds": term.adds,
                "fault": term.fault,
                "why": term.why,
            }
            for term in report.terms
        ],
    }


#: keys of a virtual router that a daemon of an earlier version does not show
LATER = ("maintenance", "priority_override", "device", "tracking", "holds")


@dataclass(frozen=True, slots=True)
class Tracked:
    """What one tracker means for the priority of a virtual router."""

    kind: str  # interface, script, file, process or router
    name: str
    weight: int
    adds: int
    fault: bool  # it keeps the virtual router in FAULT
    why: str

    @classmethod
    def of(cls, data: Json) -> Tracked:
        """Return the tracker that ``data`` shows.  Raises KeyError or TypeError if it shows none."""
        return cls(**{name: data[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Router:
    """One virtual router."""

    name: str
    interface: str
    vrid: int
    family: str  # IPv4 or IPv6
    segment: str  # who shares its VRID on the interface; empty: the usual multicast group
    version: int  # of VRRP
    state: str  # MASTER, BACKUP, FAULT or INIT
    since: float
    why: str
    priority: int  # configured
    effective_priority: int
    interval: float  # ours
    master_interval: float  # as the master last advertised it
    master_down: float  # Master_Down_Interval now in force
    next_deadline: float | None  # from the time of the answer
    master: str | None  # our own address while MASTER; None while unknown
    primary_address: str | None  # the one we send from
    addresses: tuple[str, ...]
    authentication: str  # how adverts are authenticated, in words; empty: not at all
    peers: tuple[str, ...]  # of unicast, each name with the address in force
    counters: Mapping[str, int]
    maintenance: Json | None = None  # by, at, reason; None: it takes part
    priority_override: Json | None = None  # value, by, at, reason
    device: Json | None = None  # name, kind, mac, fault of the interface that it has to itself
    tracking: tuple[Tracked, ...] = ()  # every term of the effective priority
    holds: tuple[str, ...] = ()  # what the master holds beside the addresses: more of them, routes, rules

    @classmethod
    def of(cls, data: Json) -> Router:
        """Return the router that ``data`` shows.  Raises KeyError or TypeError if it shows none."""
        known = {name: data[name] for name in cls.__slots__ if name not in LATER}
        known |= {name: data.get(name) for name in LATER}
        known["tracking"] = tuple(map(Tracked.of, data.get("tracking") or ()))
        known["holds"] = tuple(data.get("holds") or ())
        lists = {name: tuple(data[name]) for name in ("addresses", "peers")}
        return cls(**known | lists | {"counters": dict(data["counters"])})


@dataclass(frozen=True, slots=True)
class SyncGroup:
    """Virtual routers that are MASTER together, or not at all."""

    name: str
    state: str  # MASTER, BACKUP, FAULT or INIT
    since: float
    why: str
    members: tuple[str, ...]
    waits_for: tuple[str, ...]  # who keeps the others, which would, from being MASTER

    @classmethod
    def of(cls, data: Json) -> SyncGroup:
        """Return the group that ``data`` shows.  Raises KeyError or TypeError if it shows none."""
        lists = {name: tuple(data[name]) for name in ("members", "waits_for")}
        return cls(**{name: data[name] for name in cls.__slots__} | lists)


@dataclass(frozen=True, slots=True)
class Worker:
    """One process of the daemon's."""

    name: str
    pid: int | None  # None between two lives
    since: float
    restarts: int
    alive: bool

    @classmethod
    def of(cls, data: Json) -> Worker:
        """Return the worker that ``data`` shows.  Raises KeyError or TypeError if it shows none."""
        return cls(**{name: data[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Status:
    """A whole daemon at one moment."""

    version: str
    pid: int
    since: float
    file: str  # the configuration file
    generation: int  # 1, and one more for every reload
    loaded_at: float
    last_error: tuple[Json, ...]  # what the latest reload was refused for; empty: it was not
    workers: tuple[Worker, ...]
    virtual_routers: tuple[Router, ...]
    totals: Mapping[str, int] = field(default_factory=dict)
    maintenance: Json = field(default_factory=dict)  # everywhere, damage
    instance: str | None = None  # its name among several daemons
    network_namespace: str | None = None  # the one that it entered
    sync_groups: tuple[SyncGroup, ...] = ()
    notifications: Json = field(default_factory=dict)  # by channel, as docs/notifications.md has it
    checks: Checks = field(default_factory=Checks)
    services: Services = field(default_factory=Services)
    metrics: Json | None = None  # where they are served, and what became of scrapes
    snmp: Json | None = None  # the session with the SNMP agent; None: not wanted

    @classmethod
    def of(cls, data: Json) -> Status:
        """Return the status that ``data`` shows.  Raises KeyError or TypeError if it shows none."""
        configuration = data["configuration"]
        return cls(
            version=data["version"],
            pid=data["pid"],
            since=data["since"],
            file=configuration["file"],
            generation=configuration["generation"],
            loaded_at=configuration["loaded_at"],
            last_error=tuple(configuration["last_error"] or ()),
            workers=tuple(map(Worker.of, data["workers"])),
            virtual_routers=tuple(map(Router.of, data["virtual_routers"])),
            totals=dict(data["totals"]),
            maintenance=data.get("maintenance") or {},
            instance=data.get("instance"),
            network_namespace=data.get("network_namespace"),
            sync_groups=tuple(map(SyncGroup.of, data.get("sync_groups", ()))),
            notifications=dict(data.get("notifications", {})),
            checks=Checks.of(data["checks"]) if data.get("checks") else Checks(),
            services=Services.of(data["services"]) if data.get("services") else Services(),
            metrics=data.get("metrics"),
            snmp=data.get("snmp"),
        )
