"""Virtual services and their servers as the control socket shows them, as JSON and as values.  Pure.

`service_as_dict` and `balancer_as_dict` are the daemon's side, `Services.of` is the client's.  Instants are
seconds since 1970, rates are a second's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:  # the client does without what the daemon's messages need
    from havip.balancing import BalancerReport, Counts, ServerReport, ServiceReport

Json: TypeAlias = dict[str, Any]

UP, DOWN, FAULT = "UP", "DOWN", "FAULT"
#: every state of a server, in the order in which they are counted
SERVER_STATES: Final = (UP, DOWN, FAULT, "UNKNOWN", "DRAINING", "DRAINED")

TOTALS: Final = ("connections", "packets_in", "packets_out", "bytes_in", "bytes_out")
COUNTS: Final = (*TOTALS, *(f"{name}_rate" for name in TOTALS))
OF_SERVICE: Final = (
    "name", "scheduler", "state", "since", "why", "alive", "quorum", "sorry", "suspended", "repaired"
)  # fmt: skip
OF_SERVER: Final = (
    "name", "address", "port", "state", "since", "why", "weight", "configured", "present", "method", "sorry",
    "order", "active", "inactive", "persistent",
)  # fmt: skip


def counts_as_dict(counts: Counts) -> dict[str, int]:
    """Return IPVS's counters and rates."""
    return {name: getattr(counts, name) for name in COUNTS}


def server_as_dict(report: ServerReport) -> Json:
    """Return one server as the control socket shows it."""
    return {
        **{name: getattr(report, name) for name in OF_SERVER},
        "counts": counts_as_dict(report.counts),
        "checks": list(report.checks),
        "failed": list(report.failed),
    }


def service_as_dict(report: ServiceReport) -> Json:
    """Return one virtual service with its servers as the control socket shows it."""
    return {
        **{name: getattr(report, name) for name in OF_SERVICE},
        "endpoints": list(report.endpoints),
        "counts": counts_as_dict(report.counts),
        "servers": [server_as_dict(server) for server in report.servers],
    }


def balancer_as_dict(report: BalancerReport | None) -> Json | None:
    """Return what concerns IPVS as a whole; None: nothing is known of it yet."""
    if report is None:
        return None
    tcp, tcp_fin, udp = report.timeouts
    return {
        "why": report.why or None,
        "version": report.version,
        "foreign": list(report.foreign),
        "sync": list(report.sync),
        "timeouts": {"tcp": tcp, "tcp_fin": tcp_fin, "udp": udp},
        "messages": report.messages,
        "refused": report.refused,
        "repaired": report.repaired,
    }


@dataclass(frozen=True, slots=True)
class Server:
    """One real server of one virtual service."""

    name: str
    address: str
    port: int  # 0: that which the client has asked for
    state: str  # UP, DOWN, FAULT, UNKNOWN, DRAINING or DRAINED
    since: float
    why: str
    weight: int  # in force
    configured: int
    present: bool  # it stands in the kernel's table
    method: str  # nat, direct or tunnel
    sorry: bool = False  # it is the server of last resort
    order: str = ""  # of an operator, in words
    active: int = 0  # connections
    inactive: int = 0
    persistent: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    checks: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()  # of its checks

    @classmethod
    def of(cls, data: Json) -> Server:
        """Return the server that ``data`` shows.  Raises KeyError or TypeError if it shows none."""
        known: Json = {name: data[name] for name in OF_SERVER}
        known |= {name: tuple(data.get(name) or ()) for name in ("checks", "failed")}
        return cls(**known, counts=dict(data.get("counts") or {}))


@dataclass(frozen=True, slots=True)
class Service:
    """One virtual service."""

    name: str
    endpoints: tuple[str, ...]  # what clients reach, in words
    scheduler: str
    state: str  # UP, DOWN or FAULT
    since: float
    why: str
    alive: int  # weight of the servers that are alive
    quorum: int
    sorry: bool  # the server of last resort is in use
    suspended: bool  # its servers are not probed here: another router is MASTER
    repaired: int  # times that something another program had changed was put back
    counts: Mapping[str, int] = field(default_factory=dict)
    servers: tuple[Server, ...] = ()

    @classmethod
    def of(cls, data: Json) -> Service:
        """Return the service that ``data`` shows.  Raises KeyError or TypeError if it shows none."""
        return cls(
            **{name: data[name] for name in OF_SERVICE},
            endpoints=tuple(data["endpoints"]),
            counts=dict(data.get("counts") or {}),
            servers=tuple(map(Server.of, data["servers"])),
        )


@dataclass(frozen=True, slots=True)
class Services:
    """Every virtual service in numbers, and those that are shown."""

    total: int = 0
    up: int = 0
    down: int = 0
    fault: int = 0
    sorry: int = 0  # whose server of last resort is in use
    servers: Mapping[str, int] = field(default_factory=dict)  # by state
    stale: str | None = None  # why what is shown may be old; None: it is not
    ipvs: Json | None = None  # why, version, foreign, sync, timeouts, messages, refused, repaired
    orders: tuple[Json, ...] = ()  # of operators: service, server, drain, weight, by, at, reason
    damage: str | None = None  # why the record of orders could not be read
    shown: tuple[Service, ...] = ()

    @classmethod
    def of(cls, data: Json) -> Services:
        """Return the services that ``data`` shows.  Raises KeyError or TypeError if it shows none."""
        return cls(
            **{name: data[name] for name in ("total", "up", "down", "fault", "sorry")},
            servers=dict(data.get("servers") or {}),
            stale=data.get("stale"),
            ipvs=data.get("ipvs"),
            orders=tuple(data.get("orders") or ()),
            damage=data.get("damage"),
            shown=tuple(map(Service.of, data["shown"])),
        )
