"""What a master holds besides its addresses, as values: routes and rules, in the words of `ip route`.  Pure.

Numbers that the kernel knows by name (tables, scopes, protocols) are numbers here.  None, 0 and the empty
text mean: not given, so the kernel decides.  The bytes belong to `havip.netlink.routes`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

from havip.clock import Duration

MAIN_TABLE: Final = 254

IpAddress: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True, order=True)
class Prefix:
    """A network: an address whose host bits are zero, and how many bits count."""

    address: IPv4Address | IPv6Address
    length: int  # bits

    def __str__(self) -> str:
        return f"{self.address}/{self.length}"

    @property
    def version(self) -> int:
        """Return 4 or 6."""
        return self.address.version


class RouteType(StrEnum):
    """What becomes of a packet that a route matches."""

    UNICAST = "unicast"
    LOCAL = "local"
    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    THROW = "throw"


class Preference(StrEnum):
    """How a route is preferred among equals (RFC 4191)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Lockable(StrEnum):
    """What the kernel may be kept from changing by what it learns of a path."""

    MTU = "mtu"
    ADVMSS = "advmss"
    WINDOW = "window"
    INITCWND = "initcwnd"
    INITRWND = "initrwnd"
    CWND = "cwnd"
    SSTHRESH = "ssthresh"
    REORDERING = "reordering"
    HOP_LIMIT = "hop_limit"
    RTT = "rtt"
    RTTVAR = "rttvar"
    RTO_MIN = "rto_min"


class RuleAction(StrEnum):
    """What a rule does with a packet, where it does not look into a table or go on elsewhere."""

    BLACKHOLE = "blackhole"
    UNREACHABLE = "unreachable"
    PROHIBIT = "prohibit"
    NOP = "nop"


@dataclass(frozen=True, slots=True)
class NextHop:
    """One of several ways to a destination."""

    via: IPv4Address | IPv6Address | None = None
    device: str = ""
    weight: int = 1  # 1..256: its share of the traffic
    onlink: bool = False

    def __str__(self) -> str:
        parts = [f"via {self.via}"] if self.via is not None else []
        parts += [f"dev {self.device}"] if self.device else []
        return " ".join([*parts, f"weight {self.weight}"])


@dataclass(frozen=True, slots=True)
class VirtualRoute:
    """One route that the master holds."""

    to: Prefix
    type: RouteType = RouteType.UNICAST
    via: IPv4Address | IPv6Address | None = None
    device: str = ""
    source: IPv4Address | IPv6Address | None = None  # what we send from along it
    table: int = MAIN_TABLE
    metric: int = 0  # 0: the kernel's default, which is 0 for IPv4 and 1024 for IPv6
    scope: int | None = None  # IPv4
    tos: int = 0  # IPv4
    onlink: bool = False
    realms: tuple[int, int] | None = None  # (source, destination); IPv4
    preference: Preference | None = None  # IPv6
    next_hops: tuple[NextHop, ...] = ()  # instead of `via` and `device`
    # What the kernel is told about the path; None: nothing.
    mtu: int | None = None  # bytes
    advmss: int | None = None  # bytes
    window: int | None = None  # bytes
    initcwnd: int | None = None  # segments
    initrwnd: int | None = None  # segments
    cwnd: int | None = None  # segments
    ssthresh: int | None = None  # segments
    reordering: int | None = None  # segments
    hop_limit: int | None = None
    rtt: Duration | None = None  # whole milliseconds
    rttvar: Duration | None = None  # whole milliseconds
    rto_min: Duration | None = None  # whole milliseconds
    quickack: bool | None = None
    ecn: bool | None = None
    fastopen_no_cookie: bool | None = None
    congestion_control: str = ""
    lock: tuple[Lockable, ...] = ()  # which of them the kernel may not change by what it learns
    track: bool = True  # put it back when it is removed; stand aside when the kernel refuses it

    @property
    def place(self) -> tuple[Prefix, int, int, int]:
        """Return what only one route may have."""
        return self.to, self.table, self.tos, self.metric or (1024 if self.to.version == 6 else 0)

    def __str__(self) -> str:
        parts = [str(self.to)] if self.type is RouteType.UNICAST else [self.type.value, str(self.to)]
        parts += [f"via {self.via}"] if self.via is not None else []
        parts += [f"dev {self.device}"] if self.device else []
        parts += [f"nexthop {hop}" for hop in self.next_hops]
        parts += [f"table {self.table}"] if self.table != MAIN_TABLE else []
        parts += [f"metric {self.metric}"] if self.metric else []
        return "route " + " ".join(parts)

    @property
    def devices(self) -> tuple[str, ...]:
        """Return the interfaces that it names."""
        named = (self.device, *(hop.device for hop in self.next_hops))
        return tuple(dict.fromkeys(name for name in named if name))


@dataclass(frozen=True, slots=True)
class VirtualRule:
    """One routing policy rule that the master holds."""

    priority: int  # rules are looked at in ascending order
    family: int = 4  # or 6
    source: Prefix | None = None
    to: Prefix | None = None
    table: int | None = None  # where to look; None: `action`, `goto` or `l3mdev` instead
    action: RuleAction | None = None
    goto: int | None = None  # the priority of the rule to go on with
    input_device: str = ""
    output_device: str = ""
    tos: int = 0
    fwmark: tuple[int, int] | None = None  # (mark, mask)
    l3mdev: bool = False  # the table of the interface's VRF
    uid_range: tuple[int, int] | None = None
    ip_protocol: int | None = None
    source_ports: tuple[int, int] | None = None
    destination_ports: tuple[int, int] | None = None
    suppress_prefix_length: int | None = None
    suppress_group: int | None = None
    realms: tuple[int, int] | None = None  # IPv4
    invert: bool = False
    track: bool = True

    @property
    def place(self) -> VirtualRule:
        """Return what only one rule may have: all of it, however it is minded."""
        return replace(self, track=True)

    def __str__(self) -> str:
        parts = ["not"] if self.invert else []
        parts += [f"from {self.source or 'all'}"]
        parts += [f"to {self.to}"] if self.to is not None else []
        for word, value in (("iif", self.input_device), ("oif", self.output_device)):
            parts += [f"{word} {value}"] if value else []
        parts += [f"fwmark {self.fwmark[0]:#x}/{self.fwmark[1]:#x}"] if self.fwmark is not None else []
        if self.goto is not None:
            parts += [f"goto {self.goto}"]
        elif self.action is not None:
            parts += [self.action.value]
        else:
            parts += ["l3mdev" if self.l3mdev else f"lookup {self.table}"]
        return f"rule {self.priority}: " + " ".join(parts)
