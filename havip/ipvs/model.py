"""What the kernel's IPVS tables hold, in the kernel's own terms (linux/ip_vs.h).  Pure.

`havip.netlink.ipvs` has the bytes, `havip.ipvs.plan` the way from what is there to what is wanted.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import TypeAlias

from havip.balancing import Counts
from havip.config.cast import Address


class Protocol(IntEnum):
    """The protocol of a service, as IP numbers it."""

    NONE = 0  #: of a firewall mark
    TCP = 6
    UDP = 17
    SCTP = 132


class ServiceFlag(IntFlag):
    """IP_VS_SVC_F_*: those that a program sets."""

    PERSISTENT = 0x1
    HASHED = 0x2  #: set by the kernel itself
    ONE_PACKET = 0x4
    SCHEDULER_1 = 0x8  #: sh-fallback, mh-fallback
    SCHEDULER_2 = 0x10  #: sh-port, mh-port
    SCHEDULER_3 = 0x20


class Forward(IntEnum):
    """IP_VS_CONN_F_*: how packets are sent on."""

    MASQUERADE = 0
    LOCAL = 1
    TUNNEL = 2
    ROUTE = 3
    BYPASS = 4


class Tunnel(IntEnum):
    """IP_VS_CONN_F_TUNNEL_TYPE_*."""

    IPIP = 0
    GUE = 1
    GRE = 2


class TunnelFlag(IntFlag):
    """IP_VS_TUNNEL_ENCAP_FLAG_*."""

    CHECKSUM = 0x1
    REMOTE_CHECKSUM = 0x2


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """What makes a service itself: (family, protocol, address, port), or (family, firewall mark)."""

    family: int  # 4 or 6
    protocol: Protocol = Protocol.NONE
    address: Address | None = None  # None: a firewall mark
    port: int = 0
    fwmark: int = 0

    def __str__(self) -> str:
        if self.address is None:
            return f"fwmark {self.fwmark} (IPv{self.family})"
        return f"{self.protocol.name.lower()} {endpoint(self.address, self.port)}"


@dataclass(frozen=True, slots=True)
class DestinationKey:
    """What makes a destination itself within its service."""

    address: Address
    port: int

    def __str__(self) -> str:
        return endpoint(self.address, self.port)


@dataclass(frozen=True, slots=True)
class Destination:
    """A destination as it is set: everything that a program decides."""

    key: DestinationKey
    weight: int = 1
    forward: Forward = Forward.MASQUERADE
    upper_threshold: int = 0
    lower_threshold: int = 0
    tunnel: Tunnel = Tunnel.IPIP
    tunnel_port: int = 0
    tunnel_flags: TunnelFlag = field(default=TunnelFlag(0))


@dataclass(frozen=True, slots=True)
class Service:
    """A service as it is set, without its destinations."""

    key: ServiceKey
    scheduler: str = "wlc"
    flags: ServiceFlag = field(default=ServiceFlag(0))  # without HASHED
    timeout: int = 0  # s, of persistence
    prefix_length: int = 32  # bits of a client's address that count for persistence; 128 for IPv6
    engine: str = ""  # "sip"; empty: none


@dataclass(frozen=True, slots=True)
class Pool:
    """A service with its destinations."""

    service: Service
    destinations: dict[DestinationKey, Destination] = field(default_factory=dict)


#: all that is in the kernel, or is wanted there
Table: TypeAlias = dict[ServiceKey, Pool]


@dataclass(frozen=True, slots=True)
class Traffic:
    """What goes to one destination now."""

    active: int = 0  # connections
    inactive: int = 0
    persistent: int = 0  # templates
    counts: Counts = field(default=Counts())


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The kernel's timeouts, in seconds; 0 leaves one as it is."""

    tcp: int = 0
    tcp_fin: int = 0
    udp: int = 0


class SyncRole(IntEnum):
    """IP_VS_STATE_*: which of the two sync daemons."""

    MASTER = 1
    BACKUP = 2


@dataclass(frozen=True, slots=True)
class Sync:
    """One connection sync daemon of the kernel."""

    role: SyncRole
    interface: str
    sync_id: int
    max_length: int = 0  # 0: as the kernel chooses
    group: Address | None = None  # None: 224.0.0.81
    port: int = 0  # 0: 8848
    ttl: int = 0  # 0: 1


@dataclass(frozen=True, slots=True)
class AddService:
    """Add a service that is not there: EEXIST if it is."""

    service: Service


@dataclass(frozen=True, slots=True)
class EditService:
    """Change a service that is there; its connections stay."""

    service: Service


@dataclass(frozen=True, slots=True)
class DropService:
    """Remove a service, and its destinations with it."""

    key: ServiceKey


@dataclass(frozen=True, slots=True)
class AddDestination:
    """Add a destination that is not there: EEXIST if it is."""

    service: ServiceKey
    destination: Destination


@dataclass(frozen=True, slots=True)
class EditDestination:
    """Change a destination that is there; its connections stay."""

    service: ServiceKey
    destination: Destination


@dataclass(frozen=True, slots=True)
class DropDestination:
    """Remove a destination; the kernel keeps its connections and drops their packets."""

    service: ServiceKey
    key: DestinationKey


#: one message to the kernel
Change: TypeAlias = (
    AddService | EditService | DropService | AddDestination | EditDestination | DropDestination
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that the kernel has refused, and its reason."""

    change: Change
    errno: int


@dataclass(frozen=True, slots=True)
class Reading:
    """All that the kernel's tables hold at one moment, and what goes through them."""

    table: Table = field(default_factory=dict)
    traffic: dict[tuple[ServiceKey, DestinationKey], Traffic] = field(default_factory=dict)
    counts: dict[ServiceKey, Counts] = field(default_factory=dict)


def endpoint(address: Address, port: int) -> str:
    """Return an address with its port, as a URL would have it."""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
