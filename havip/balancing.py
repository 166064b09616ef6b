"""What supervisor and checker worker say to each other of the load balancer: messages of its own.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TypeAlias

from havip.config.balancing import LoadBalancer, ServiceGroup, VirtualService

#: states of a service
UP, DOWN = "UP", "DOWN"
#: of both: the kernel refuses it, or has no IPVS
FAULT = "FAULT"
#: of a server, beside UP and DOWN: nothing is known of it yet; it waits for its last connection; it is set
#: aside by an operator and has none left
UNKNOWN, DRAINING, DRAINED = "UNKNOWN", "DRAINING", "DRAINED"


@dataclass(frozen=True, slots=True)
class Counts:
    """IPVS's counters of a service or destination, and its rates a second."""

    connections: int = 0
    packets_in: int = 0
    packets_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    connections_rate: int = 0
    packets_in_rate: int = 0
    packets_out_rate: int = 0
    bytes_in_rate: int = 0
    bytes_out_rate: int = 0


@dataclass(frozen=True, slots=True)
class Order:
    """What an operator has said of one server.  It holds until it is taken back, across every reload."""

    service: str
    server: str
    drain: bool = False  # no new connection, whatever its checks say
    weight: int | None = None  # instead of the configured one

    @property
    def key(self) -> tuple[str, str]:
        """Return what a newer one replaces."""
        return self.service, self.server


@dataclass(frozen=True, slots=True)
class PutLoadBalancer:
    """Go by these settings of IPVS as a whole from the next `Commit` on, and nothing that was put before."""

    settings: LoadBalancer
    sync_id: int = 0  # that the sync daemon has
    instance: str | None = None  # of the daemon


@dataclass(frozen=True, slots=True)
class PutService:
    """Have this virtual service from the next `Commit` on: make it, or change the one of the same name."""

    service: VirtualService
    group: ServiceGroup | None = None  # that the service names
    leaves: bool = False  # a reload has taken it away: see `taken_away`

    def taken_away(self) -> PutService:
        """Return what a new life of the worker is told: to drain what it finds in the kernel, and no more."""
        return replace(self, service=replace(self.service, servers=(), sorry_server=None), leaves=True)


@dataclass(frozen=True, slots=True)
class DropService:
    """Have this virtual service no more from the next `Commit` on."""

    name: str


@dataclass(frozen=True, slots=True)
class Depart:
    """The daemon ends: do with every service as the settings say, and exit."""


@dataclass(frozen=True, slots=True)
class PutOrder:
    """Heed what an operator says of a server, at once; one that says nothing takes back an earlier one."""

    order: Order


@dataclass(frozen=True, slots=True)
class RouterState:
    """A virtual router that services or the sync daemon go by is in this state."""

    name: str
    state: str  # MASTER, BACKUP, FAULT or INIT


@dataclass(frozen=True, slots=True)
class PacketsMarked:
    """Whether nftables marks the packets of the services that have an `nftables_mark`."""

    why: str = ""  # it cannot, in words: they are in FAULT; empty: it does


@dataclass(frozen=True, slots=True)
class ServerReport:
    """One server of one service as it is now."""

    name: str  # "sorry" with ``sorry``
    address: str
    port: int
    state: str
    since: float  # seconds since 1970
    why: str
    weight: int  # in force; that in the kernel, or which it would have there
    configured: int  # weight
    present: bool  # it stands in the kernel's table
    method: str  # nat, direct or tunnel
    sorry: bool = False
    order: str = ""  # of an operator, in words
    active: int = 0  # connections, in all of the service's endpoints together, like the counters
    inactive: int = 0
    persistent: int = 0
    counts: Counts = field(default=Counts())
    checks: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()  # those of its checks that have failed


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """One virtual service as it is now.  A newer report replaces an older one of the same name."""

    name: str
    endpoints: tuple[str, ...]  # in words: "tcp 192.0.2.1:80"
    scheduler: str
    state: str
    since: float  # seconds since 1970
    why: str
    alive: int  # weight of the servers that are alive
    quorum: int
    sorry: bool  # the sorry server is in use
    suspended: bool  # its servers are not probed: another router is MASTER
    repaired: int  # times that something another program had changed was put back
    counts: Counts = field(default=Counts())
    servers: tuple[ServerReport, ...] = ()


@dataclass(frozen=True, slots=True)
class BalancerReport:
    """What concerns IPVS as a whole."""

    why: str = ""  # there is no IPVS to program, in words; empty: there is
    version: str = ""  # of IPVS
    foreign: tuple[str, ...] = ()  # services in the kernel that are not ours, in words; the first hundred
    sync: tuple[str, ...] = ()  # sync daemons that run, in words
    timeouts: tuple[int, int, int] = (0, 0, 0)  # tcp, tcp-fin, udp; s
    messages: int = 0  # sent to the kernel
    refused: int = 0  # of those
    repaired: int = 0


Message: TypeAlias = (
    PutLoadBalancer
    | PutService
    | DropService
    | PutOrder
    | Depart
    | RouterState
    | PacketsMarked
    | ServiceReport
    | BalancerReport
)

BY_NAME: dict[str, type[Message]] = {kind.__name__: kind for kind in Message.__args__}
