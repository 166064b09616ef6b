"""The load balancer as configured: virtual services, the servers behind them, the kernel's settings.  Pure.

IPVS's nouns: a virtual service is what clients reach, a real server is what answers, the director is this
host.  keepalived's words are given where they differ.  What the kernel holds is in `havip.ipvs.model`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from havip.clock import ZERO, Duration, seconds
from havip.config.cast import Address
from havip.config.health import Check
from havip.config.http import Http


class Transport(StrEnum):
    """The protocol of a virtual service."""

    TCP = "tcp"
    UDP = "udp"
    SCTP = "sctp"


class Method(StrEnum):
    """How packets get to a real server."""

    NAT = "nat"  #: with its address in place of the virtual one; its answers come back through the director
    DIRECT = "direct"  #: as they are, to its MAC address; it answers the client itself
    TUNNEL = "tunnel"  #: within packets of another header; it answers the client itself


class Encapsulation(StrEnum):
    """The outer header of `Method.TUNNEL`."""

    IPIP = "ipip"
    GUE = "gue"
    GRE = "gre"


class TunnelChecksum(StrEnum):
    """What the outer header of GUE and GRE has for a checksum."""

    NONE = "none"
    FULL = "full"
    REMOTE = "remote"  #: offloaded to the receiver (remcsum); GUE alone


class WhenFailed(StrEnum):
    """What becomes of a server that has failed."""

    REMOVE = "remove"  #: it is taken out of the kernel's table
    INHIBIT = "inhibit"  #: it stays with weight 0: what is under way may go on, nothing new comes


class OnStop(StrEnum):
    """What becomes of the services in the kernel when the daemon ends."""

    REMOVE = "remove"
    LEAVE = "leave"  #: as they are; the next start takes them over
    DRAIN = "drain"  #: weight 0 until no connection is left or `drain_timeout` is over; then removed


class Foreign(StrEnum):
    """What becomes of services in the kernel that no configuration of ours has named."""

    LEAVE = "leave"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Forwarding:
    """How packets get to a server, with all that goes with it."""

    method: Method
    encapsulation: Encapsulation = Encapsulation.IPIP  # of TUNNEL, like the rest
    port: int | None = None  # of GUE, which needs one
    checksum: TunnelChecksum = TunnelChecksum.NONE


@dataclass(frozen=True, slots=True)
class Persistence:
    """Clients stay with their server for a while after their last connection."""

    timeout: Duration = field(default=seconds(360))
    prefix_length: int | None = None  # clients that share so many bits are one; None: all bits
    engine: str = ""  # "sip": by the Call-ID; empty: by the address


@dataclass(frozen=True, slots=True)
class Programs:
    """Programs that are run at a change, each as its words."""

    up: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    timeout: Duration = field(default=seconds(30))
    user: str | None = None  # None: `daemon.script_user`
    group: str | None = None
    mail: bool = True  # where a mail server is configured
    webhooks: bool = True


@dataclass(frozen=True, slots=True)
class RealServer:
    """One real server of one virtual service.  None stands for what the service has."""

    name: str
    address: Address
    port: int | None = None
    weight: int = 1  # 0: only connections that are under way
    forwarding: Forwarding | None = None
    when_failed: WhenFailed | None = None
    upper_threshold: int = 0  # connections above which nothing new comes; 0: no bound
    lower_threshold: int = 0  # connections below which it comes again; 0: three quarters of the upper one
    slow_start: Duration | None = None
    probes: tuple[Check, ...] = ()  # of its own, beside those of the service that have other names
    checks: tuple[str, ...] = ()  # names of checks that must all be good
    notify: Programs | None = None


@dataclass(frozen=True, slots=True)
class SorryServer:
    """The server of last resort: no check asks for it."""

    address: Address
    port: int | None = None
    forwarding: Forwarding | None = None
    inhibit: bool = False  # it is always in the table, with weight 0 while it is not needed


@dataclass(frozen=True, slots=True)
class Block:
    """Addresses of a service group, each of them a service of its own."""

    first: Address
    last: Address  # the first one where there is one only
    port: int | None = None  # None: that of the service

    def __str__(self) -> str:
        span = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{span} port {self.port}" if self.port else span


@dataclass(frozen=True, slots=True)
class Mark:
    """A firewall mark of a service group, which is a service of its own."""

    fwmark: int
    family: int | None = None  # None: that of the servers

    def __str__(self) -> str:
        return f"fwmark {self.fwmark}" + (f" of IPv{self.family}" if self.family else "")


@dataclass(frozen=True, slots=True)
class ServiceGroup:
    """Addresses and marks that share one pool of servers."""

    name: str
    addresses: tuple[Block, ...] = ()
    fwmarks: tuple[Mark, ...] = ()


@dataclass(frozen=True, slots=True)
class VirtualService:
    """One virtual service.  Of ``address``, ``fwmark`` and ``group`` exactly one is given."""

    name: str
    servers: tuple[RealServer, ...] = ()
    address: Address | None = None
    port: int | None = None  # None: every port, which needs persistence; and with a fwmark
    fwmark: int | None = None
    family: int | None = None  # 4 or 6, of a fwmark; None: that of the servers
    group: str = ""
    nftables_mark: int | None = None  # the group's addresses are one service, with this mark set by nftables
    transport: Transport = Transport.TCP  # means nothing to a fwmark
    scheduler: str = "wlc"
    scheduler_flags: tuple[str, ...] = ()  # flag-1 flag-2 flag-3 sh-fallback sh-port mh-fallback mh-port
    one_packet: bool = False  # UDP: every datagram is scheduled by itself
    persistence: Persistence | None = None
    forwarding: Forwarding = field(default=Forwarding(Method.NAT))
    probes: tuple[Check, ...] = ()  # of every server: the host is its address, the port its port
    quorum: int = 1  # least weight of the servers that are alive
    hysteresis: int = 0  # above the quorum to come up, below it to go down
    sorry_server: SorryServer | None = None
    when_failed: WhenFailed = WhenFailed.REMOVE
    drain_timeout: Duration = field(default=seconds(300))  # the longest that a leaving server is waited for
    drain: bool = False  # servers that a reload removes are drained first
    slow_start: Duration = ZERO  # in which the weight of a server that comes back grows to its own
    start_failed: bool = False  # alpha: not up, and nothing told, before its servers were seen to be good
    announce_stop: bool = False  # omega: the down programs are run when the daemon ends
    probe_as_master_of: str = ""  # ha_suspend: probed only while this virtual router is MASTER
    host: str = ""  # the virtual host that HTTP probes ask for, unless they say otherwise
    notify: Programs = field(default_factory=Programs)

    def forwarding_to(self, server: RealServer | SorryServer) -> Forwarding:
        """Return how packets get to one of the servers."""
        return server.forwarding or self.forwarding

    def port_of(self, server: RealServer | SorryServer) -> int:
        """Return the port of one of the servers; 0: that which the client has asked for."""
        return server.port or self.port or 0

    def checks_of(self, server: RealServer) -> tuple[str, ...]:
        """Return the names of all checks that must be good for a server to be alive."""
        return (*self.probe_names(server), *server.checks)

    def probe_names(self, server: RealServer) -> tuple[str, ...]:
        """Return the names of the checks that are made for one server."""
        return tuple(f"{self.name}/{server.name}/{probe.name}" for probe in self.probes_upon(server))

    def probes_upon(self, server: RealServer) -> tuple[Check, ...]:
        """Return the probes of one server as configured: its own stand in place of those of their name."""
        if not server.probes:
            return self.probes
        own = {probe.name for probe in server.probes}
        return (*(probe for probe in self.probes if probe.name not in own), *server.probes)

    def probes_of(self, server: RealServer) -> tuple[Check, ...]:
        """Return the checks that are made for one server: SERVICE/SERVER/PROBE, aimed at it."""
        return tuple(aimed(probe, self, server) for probe in self.probes_upon(server))


def aimed(probe: Check, service: VirtualService, server: RealServer) -> Check:
    """Return a probe as it is made for one server.

    What goes to a host goes to the address and the port of the server, unless it names others.  A script
    learns them from its arguments, if they ask for them.
    """
    name = f"{service.name}/{server.name}/{probe.name}"
    if probe.file is not None:
        return replace(probe, name=name)
    port = server.port or service.port
    if probe.script is not None:
        words = {
            "{address}": str(server.address), "{port}": str(port or 0),
            "{service}": service.name, "{server}": server.name,
        }  # fmt: skip
        command = tuple(words.get(word, word) for word in probe.script.command)
        return replace(probe, name=name, script=replace(probe.script, command=command))
    return replace(
        probe,
        name=name,
        host=probe.host or str(server.address),
        port=None if probe.ping is not None else probe.port or port,
        http=hosted(probe.http, service.host),
    )


def hosted(http: Http | None, host: str) -> Http | None:
    """Return a probe over HTTP with the virtual host that its requests ask for unless they name one."""
    if http is None or not host:
        return http
    urls = tuple(url if url.host else replace(url, host=host) for url in http.urls)
    return replace(http, host=http.host or host, urls=urls)


def checks_made(services: Iterable[VirtualService]) -> Iterator[Check]:
    """Yield the checks that are made for the servers of virtual services."""
    for service in services:
        for server in service.servers:
            yield from service.probes_of(server)


@dataclass(frozen=True, slots=True)
class KernelTimeouts:
    """How long the kernel keeps idle connections; None: as it is."""

    tcp: Duration | None = None
    tcp_fin: Duration | None = None
    udp: Duration | None = None


@dataclass(frozen=True, slots=True)
class SyncDaemon:
    """Tells another director of the connections there are, so that they survive a failover."""

    interface: str
    router: str = ""  # master while this virtual router is MASTER, else backup; empty: both at once
    sync_id: int | None = None  # 0..255; None: the VRID of the router, else 0
    group: Address = field(default=IPv4Address("224.0.0.81"))
    port: int = 8848
    ttl: int = 1
    max_length: int | None = None  # bytes of a message; None: what fits the interface


@dataclass(frozen=True, slots=True)
class LoadBalancer:
    """What concerns IPVS as a whole."""

    timeouts: KernelTimeouts = field(default=KernelTimeouts())
    sync_daemon: SyncDaemon | None = None
    on_stop: OnStop = OnStop.REMOVE
    drain_timeout: Duration = field(default=seconds(60))  # of `OnStop.DRAIN`
    foreign: Foreign = Foreign.LEAVE
    reconcile: Duration = field(default=seconds(10))  # between two looks at what others have changed
    network_namespace: str | None = None  # of IPVS alone; None: that of the daemon
    nftables_priority: int = -150  # of the chains that mark packets: nft's "mangle"
    notify_initial: bool = False  # rs_init_notifies: tell of servers that are good from the start


UNSPECIFIED: dict[int, Address] = {4: IPv4Address(0), 6: IPv6Address(0)}
