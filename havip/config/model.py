"""The configuration as values: what a file means once every unit is converted and every check has passed.

Frozen, comparable, free of file positions: two equal `VirtualRouter` values are the same router, which is
how a reload knows what it need not touch.  Reading files belongs to `havip.config.yamlfile`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, TypeAlias

from havip.clock import ZERO, Duration, seconds
from havip.config.authentication import Authentication, Hmac
from havip.config.cast import Key, Multicast, Unicast, segment_of
from havip.config.devices import Ipvlan, VirtualMac, device_name
from havip.config.health import Check
from havip.config.metrics import Metrics
from havip.config.notify import Channels, Notify
from havip.config.routing import VirtualRoute, VirtualRule
from havip.config.snmp import Snmp
from havip.config.syncgroups import SyncGroup
from havip.config.tracking import InterfaceDelays, Script, Tracked, TrackedFile, TrackedProcess, Tracking
from havip.instance import CONTROL_SOCKET, STATE_DIRECTORY

if TYPE_CHECKING:
    from havip.config.balancing import LoadBalancer, ServiceGroup, VirtualService

#: the priority of the router whose own interface addresses are the virtual ones (RFC 9568 section 5.2.4)
OWNER_PRIORITY = 255
SILENT = Notify()
#: of our nftables chain among those of the input hook: a little before the usual place of filters, which is 0
USUAL_PRIORITY = -10


class Family(IntEnum):
    """An address family, by the number of its IP version."""

    IPV4 = 4
    IPV6 = 6


class StartAs(StrEnum):
    """How long a router listens when it starts."""

    BACKUP = "backup"  #: for Master_Down_Interval
    MASTER = "master"  #: for one interval and the skew


class ChecksumForm(StrEnum):
    """What the checksum of VRRPv3 over IPv4 covers."""

    PSEUDO_HEADER = "pseudo-header"  #: IPv4 pseudo header and message: RFC 5798 as keepalived and FRR read it
    MESSAGE = "message"  #: the message alone: RFC 9568 section 5.2.8


@dataclass(frozen=True, slots=True, order=True)
class VirtualAddress:
    """One address that the master holds, with the prefix length it gets on the interface."""

    address: IPv4Address | IPv6Address
    prefix_length: int  # bits; with a peer, of the peer's network
    device: str = ""  # the interface that gets it; empty: the one of the router
    label: str = ""  # IPv4
    scope: int | None = None  # as the kernel numbers them; None: global; IPv4
    broadcast: IPv4Address | None = None
    peer: IPv4Address | IPv6Address | None = None
    preferred_lifetime: Duration | None = None  # whole seconds; None: forever, but 0 for an IPv6 /128
    prefix_route: bool = True  # the kernel makes a route to the network
    duplicate_detection: bool = False  # IPv6
    home: bool = False  # IPv6: the home address of a mobile node (RFC 6275)
    manage_temporary: bool = False  # IPv6: make temporary addresses of it (RFC 8981)
    track: bool = True  # put it back when it is removed; stand aside when the kernel refuses it

    def __str__(self) -> str:
        where = f" on {self.device}" if self.device else ""
        return f"{self.address}/{self.prefix_length}{where}"


#: what only one holder may have: (interface, or empty where it makes no difference; address)
Claim: TypeAlias = tuple[str, IPv4Address | IPv6Address]


def claim(interface: str, virtual: VirtualAddress) -> Claim:
    """Return what only one holder may have: a link-local address counts on its own link only."""
    return (interface if virtual.address.is_link_local else "", virtual.address)


@dataclass(frozen=True, slots=True)
class Announcing:
    """How often neighbours are told where the addresses are (gratuitous ARP, unsolicited NA).

    A burst announces every address ``repeat`` times.
    """

    repeat: int = 5
    delay: Duration = field(default=seconds(5))  # from the first burst to the second; 0: no second burst
    refresh: Duration = ZERO  # between periodic bursts while MASTER; 0: none
    refresh_repeat: int = 1
    lower_priority_repeat: int = 5  # bursts after a weaker master was heard
    lower_priority_delay: Duration = field(default=seconds(5))
    interval: Duration = ZERO  # least gap between two announcements on one interface


@dataclass(frozen=True, slots=True)
class Estate:
    """What one virtual router may have put into the kernel."""

    home: str  # the interface of the addresses that name no other
    addresses: tuple[VirtualAddress, ...]
    routes: tuple[VirtualRoute, ...] = ()
    rules: tuple[VirtualRule, ...] = ()

    @property
    def holdings(self) -> tuple[VirtualAddress | VirtualRoute | VirtualRule, ...]:
        """Return all of it, in the order in which it is added."""
        return (*self.addresses, *self.routes, *self.rules)

    @property
    def claims(self) -> frozenset[Claim]:
        """Return what of it only one daemon may have."""
        return frozenset(claim(virtual.device or self.home, virtual) for virtual in self.addresses)


@dataclass(frozen=True, slots=True)
class Static:
    """What is held for as long as the daemon runs, whoever is master."""

    addresses: tuple[VirtualAddress, ...] = ()
    routes: tuple[VirtualRoute, ...] = ()
    rules: tuple[VirtualRule, ...] = ()
    needed_by: tuple[str, ...] = ()  # virtual routers that are in FAULT while something of it is lacking

    @property
    def holdings(self) -> tuple[VirtualAddress | VirtualRoute | VirtualRule, ...]:
        """Return all of it, in the order in which it is added."""
        return self.estate.holdings

    @property
    def devices(self) -> tuple[str, ...]:
        """Return the interfaces on which something of it goes."""
        named = [virtual.device for virtual in self.addresses]
        for route in self.routes:
            named += route.devices
        return tuple(dict.fromkeys(named))

    @property
    def estate(self) -> Estate:
        """Return what of it may be found in the kernel."""
        return Estate("", self.addresses, self.routes, self.rules)


@dataclass(frozen=True, slots=True)
class VirtualRouter:
    """One virtual router as configured.  Its identity on the LAN is `key`; the name is for people."""

    name: str
    interface: str
    vrid: int  # 1..255
    addresses: tuple[VirtualAddress, ...]  # at least one, all of one family, in the order of the file
    version: int = 3  # 2 or 3
    priority: int = 100  # 1..255
    interval: Duration = field(default=seconds(1))  # Advertisement_Interval
    preempt: bool = True
    preempt_delay: Duration = ZERO
    down_adverts: int = 3  # missed adverts before the master is believed dead
    rfc9568: bool = False  # leave the pseudo header out of the VRRPv3 checksum over IPv4
    answer_lower_priority: bool = True  # answer a weaker master's advert at once
    start: StartAs = StartAs.BACKUP
    yield_after_stall: bool = False  # a backup must have taken over while we stood still: let it be
    accept: bool = True  # what is sent to the addresses; the owner always does (RFC 9568 section 6.1)
    strict: bool = False  # have nothing that the RFC does not know
    announce: Announcing = field(default_factory=Announcing)
    track: Tracking = field(default_factory=Tracking)
    hmac: Hmac | None = None  # adverts are signed
    authentication: Authentication | None = None  # the password of VRRPv2
    notify: Notify = field(default_factory=Notify)
    multicast: Multicast = field(default_factory=Multicast)
    unicast: Unicast | None = None  # None: multicast
    excluded_addresses: tuple[VirtualAddress, ...] = ()  # held and announced, but not told in adverts
    routes: tuple[VirtualRoute, ...] = ()
    rules: tuple[VirtualRule, ...] = ()
    virtual_mac: VirtualMac = field(default=VirtualMac(enabled=False))
    ipvlan: Ipvlan = field(default=Ipvlan(enabled=False))

    @property
    def home(self) -> str:
        """Return the interface on which addresses go that name no other."""
        return device_name(self) or self.interface

    @property
    def holdings(self) -> tuple[VirtualAddress | VirtualRoute | VirtualRule, ...]:
        """Return everything that the master holds, in the order in which it is added."""
        return self.estate.holdings

    @property
    def estate(self) -> Estate:
        """Return what the router may put into the kernel, for whoever must find it there."""
        return Estate(self.home, (*self.addresses, *self.excluded_addresses), self.routes, self.rules)

    @property
    def devices(self) -> tuple[str, ...]:
        """Return the interfaces, other than `interface`, on which something goes that the master holds."""
        named = [self.home]
        named += [virtual.device for virtual in (*self.addresses, *self.excluded_addresses)]
        for route in self.routes:
            named += route.devices
        return tuple(dict.fromkeys(name for name in named if name not in ("", self.interface)))

    @property
    def needed_devices(self) -> tuple[str, ...]:
        """Return those of `devices` that it cannot do without: a route that is not tracked needs none."""
        if all(route.track for route in self.routes):
            return self.devices
        return replace(self, routes=tuple(route for route in self.routes if route.track)).devices

    @property
    def family(self) -> Family:
        """Return the family of the addresses, and so of the adverts."""
        return Family(self.addresses[0].address.version)

    @property
    def segment(self) -> str:
        """Return what tells apart virtual routers of one VRID on one interface; empty: the usual group."""
        return segment_of(self.unicast, self.multicast, self.family)

    @property
    def key(self) -> Key:
        """Return (interface, vrid, family, segment): what makes it itself across reloads."""
        return (self.interface, self.vrid, self.family, self.segment)

    @property
    def checksum_form(self) -> ChecksumForm:
        """Return what our checksums cover, and what we demand of others."""
        return ChecksumForm.MESSAGE if self.rfc9568 else ChecksumForm.PSEUDO_HEADER

    @property
    def bare(self) -> VirtualRouter:
        """Return it without what is no concern of the VRRP worker."""
        return self if self.notify == SILENT else replace(self, notify=SILENT)


@dataclass(frozen=True, slots=True)
class Rank:
    """How a process stands beside the others of the host."""

    realtime_priority: int = 0  # SCHED_RR 1..99; 0: ordinary scheduling
    realtime_limit: Duration = ZERO  # that it may compute without a pause while real-time; 0: no limit
    nice: int = 0  # counts while the scheduling is ordinary
    lock_memory: bool = False
    cpu_affinity: tuple[int, ...] = ()  # processors; empty: all


@dataclass(frozen=True, slots=True)
class Dumps:
    """Where signals have the state written in keepalived's form; an empty path: beside the control socket."""

    state: str = ""  # SIGUSR1
    stats: str = ""  # SIGUSR2; SIGRTMAX-1: and count from 0 again
    json: str = ""  # SIGRTMIN+2
    json_version: int = 1  # 2: with the tracked processes
    group: str = ""  # may read the files; empty: nobody else may
    pid_file: str = ""  # empty: none


class Then(StrEnum):
    """What becomes of the results of a checker that stays away."""

    FAILED = "failed"  #: everything that it looks at has failed
    KEPT = "kept"  #: they count on


@dataclass(frozen=True, slots=True)
class Silence:
    """The policy for a checker worker that gives no sign of life."""

    after: Duration = field(default=seconds(10))  # its last results count for so long
    then: Then = Then.FAILED


@dataclass(frozen=True, slots=True)
class Daemon:
    """What concerns the processes and not one router."""

    control_socket: str = CONTROL_SOCKET
    realtime_priority: int = 50  # of the VRRP process, like the rest of `rank`
    lock_memory: bool = True
    script_user: str = ""  # of scripts that name none; empty: the daemon's own
    script_group: str = ""  # empty: that of the user
    instance: str | None = None  # tells several daemons of one host apart
    network_namespace: str | None = None  # the name of one, or the path of its file
    state_directory: str = STATE_DIRECTORY
    cpu_affinity: tuple[int, ...] = ()
    realtime_limit: Duration = ZERO
    nice: int = 0
    checker: Rank = field(default=Rank())  # of the process that runs checks
    checker_silence: Silence = field(default=Silence())
    nftables_priority: int = USUAL_PRIORITY  # of our chain of `accept: false`
    dumps: Dumps = field(default=Dumps())
    startup_delay: Duration = ZERO  # from the daemon's start until virtual routers take part
    delay_after_boot: Duration = ZERO  # from the host's; the later of the two counts

    @property
    def rank(self) -> Rank:
        """Return how the process that speaks VRRP stands beside others."""
        return Rank(
            self.realtime_priority, self.realtime_limit, self.nice, self.lock_memory, self.cpu_affinity
        )


def usual_load_balancer() -> LoadBalancer:
    """Return the settings of IPVS where none are given; the VRRP worker has no use for them."""
    from havip.config.balancing import LoadBalancer

    return LoadBalancer()


@dataclass(frozen=True, slots=True)
class Configuration:
    """A whole, valid configuration."""

    virtual_routers: tuple[VirtualRouter, ...] = ()
    daemon: Daemon = field(default_factory=Daemon)
    sync_groups: tuple[SyncGroup, ...] = ()
    static: Static = field(default_factory=Static)
    scripts: tuple[Script, ...] = ()
    tracked_files: tuple[TrackedFile, ...] = ()
    tracked_processes: tuple[TrackedProcess, ...] = ()
    checks: tuple[Check, ...] = ()
    interfaces: tuple[InterfaceDelays, ...] = ()
    notify: Channels = field(default_factory=Channels)
    snmp: Snmp | None = None  # None: nothing is told over SNMP
    metrics: Metrics = field(default_factory=Metrics)
    load_balancer: LoadBalancer = field(default_factory=usual_load_balancer)
    service_groups: tuple[ServiceGroup, ...] = ()
    virtual_services: tuple[VirtualService, ...] = ()

    @property
    def tracked(self) -> Tracked:
        """Return everything that can be tracked by a name."""
        return Tracked(self.scripts, self.tracked_files, self.tracked_processes, self.checks)
