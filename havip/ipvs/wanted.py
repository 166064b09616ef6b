"""From a virtual service as configured, and what stands in its table, to what the kernel is to hold.  Pure.

Which servers stand there, and with which weights, `havip.ipvs.pool` decides; how the kernel gets there,
`havip.ipvs.plan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from havip.clock import to_whole_seconds
from havip.config.balancing import (
    Block,
    Encapsulation,
    Forwarding,
    KernelTimeouts,
    Method,
    RealServer,
    ServiceGroup,
    SorryServer,
    SyncDaemon,
    TunnelChecksum,
    VirtualService,
)
from havip.ipvs.model import (
    Destination,
    DestinationKey,
    Forward,
    Pool,
    Protocol,
    Service,
    ServiceFlag,
    ServiceKey,
    Sync,
    SyncRole,
    Table,
    Timeouts,
    Tunnel,
    TunnelFlag,
)

MOST_ENDPOINTS: Final = 4096  # of one virtual service

FORWARD: Final = {
    Method.NAT: Forward.MASQUERADE,
    Method.DIRECT: Forward.ROUTE,
    Method.TUNNEL: Forward.TUNNEL,
}
TUNNEL: Final = {
    Encapsulation.IPIP: Tunnel.IPIP,
    Encapsulation.GUE: Tunnel.GUE,
    Encapsulation.GRE: Tunnel.GRE,
}
CHECKSUM: Final = {
    TunnelChecksum.NONE: TunnelFlag(0),
    TunnelChecksum.FULL: TunnelFlag.CHECKSUM,
    TunnelChecksum.REMOTE: TunnelFlag.REMOTE_CHECKSUM,
}
FLAGS: Final = {
    "flag-1": ServiceFlag.SCHEDULER_1,
    "flag-2": ServiceFlag.SCHEDULER_2,
    "flag-3": ServiceFlag.SCHEDULER_3,
    "sh-fallback": ServiceFlag.SCHEDULER_1,
    "sh-port": ServiceFlag.SCHEDULER_2,
    "mh-fallback": ServiceFlag.SCHEDULER_1,
    "mh-port": ServiceFlag.SCHEDULER_2,
}
ALL_BITS: Final = {4: 32, 6: 128}


@dataclass(frozen=True, slots=True)
class Standing:
    """Who stands in the table of one virtual service, with which weight."""

    servers: Mapping[str, int] = field(default_factory=dict)  # by name; absent: it does not stand there
    sorry: int | None = None  # None: it does not stand there


def count(service: VirtualService, group: ServiceGroup | None = None) -> int:
    """Return how many services in the kernel a virtual service is, before those that are the same."""
    if group is None:
        return 1
    if service.nftables_mark is not None:
        return len(group.fwmarks) + len(families(group))
    return len(group.fwmarks) + sum(size(block) for block in group.addresses)


def families(group: ServiceGroup) -> list[int]:
    """Return which families its addresses have: those of one mark are a service each."""
    return sorted({block.first.version for block in group.addresses})


def size(block: Block) -> int:
    """Return how many addresses a block has."""
    return int(block.last) - int(block.first) + 1


def endpoints(service: VirtualService, group: ServiceGroup | None = None) -> tuple[ServiceKey, ...]:
    """Return the services in the kernel that a virtual service is, each once, in the order of the file.

    ``group`` is the one that it names.  Raises ValueError for more than `MOST_ENDPOINTS`.
    """
    number = count(service, group)
    if number > MOST_ENDPOINTS:
        raise ValueError(f"{number} addresses and marks, more than {MOST_ENDPOINTS}")
    return tuple(dict.fromkeys(_endpoints(service, group)))


def _endpoints(service: VirtualService, group: ServiceGroup | None) -> Iterator[ServiceKey]:
    protocol = Protocol[service.transport.name]
    if group is not None:
        if service.nftables_mark is not None:
            for family in families(group):
                yield ServiceKey(family, fwmark=service.nftables_mark)
        for block in group.addresses if service.nftables_mark is None else ():
            port = block.port or service.port or 0
            for number in range(size(block)):
                # The type of the first one: a small IPv6 address is no IPv4 address.
                yield ServiceKey(block.first.version, protocol, block.first + number, port)
        for mark in group.fwmarks:
            yield ServiceKey(mark.family or family_of_mark(service), fwmark=mark.fwmark)
    elif service.fwmark is not None:
        yield ServiceKey(family_of_mark(service), fwmark=service.fwmark)
    elif service.address is not None:
        yield ServiceKey(service.address.version, protocol, service.address, service.port or 0)


def family_of_mark(service: VirtualService) -> int:
    """Return the family of a firewall mark that has none of its own: that of the first server."""
    if service.family is not None:
        return service.family
    servers = all_servers(service)
    return servers[0].address.version if servers else 4


def destination_key(server: RealServer | SorryServer, key: ServiceKey) -> DestinationKey:
    """Return what a server is behind one service; port 0 is the one that the client has asked for."""
    return DestinationKey(server.address, server.port or key.port)


def all_servers(service: VirtualService) -> tuple[RealServer | SorryServer, ...]:
    """Return the servers of a service, the sorry server last."""
    return (*service.servers, *((service.sorry_server,) if service.sorry_server else ()))


class Layout:
    """What of one virtual service does not change until the next reload, made ready once.

    Services that have the same port share one table of destinations.
    """

    def __init__(self, service: VirtualService, group: ServiceGroup | None = None) -> None:
        """Raises ValueError for too many endpoints."""
        self.name = service.name
        self._sorry = service.sorry_server
        self._configured = {server.name: server for server in service.servers}
        self._forwarding_to = service.forwarding_to
        self._made: dict[tuple[str | None, int], Destination] = {}  # by name (None: sorry server) and port
        self.services: dict[ServiceKey, Service] = {
            key: kernel_service(service, key) for key in endpoints(service, group)
        }

    def pools(self, standing: Standing) -> list[Pool]:
        """Return what the kernel is to hold for it.

        Pools may share their destinations: who changes one of them copies it first.
        """
        by_port: dict[int, dict[DestinationKey, Destination]] = {}
        found = []
        for key, service in self.services.items():
            destinations = by_port.get(key.port)
            if destinations is None:
                destinations = by_port[key.port] = self._destinations(standing, key)
            found.append(Pool(service, destinations))
        return found

    def standing_in(self, table: Table) -> Standing | None:
        """Return who stands in a table that the kernel holds, as a former life of ours has left it.

        None: there is no such service.  Of several endpoints the first that has a server counts.
        """
        there = [(key, table[key].destinations) for key in self.services if key in table]
        if not there:
            return None
        servers: dict[str, int] = {}
        sorry: int | None = None
        for key, destinations in there:
            seen = set()
            for name, server in self._configured.items():
                one = destinations.get(destination_key(server, key))
                if one is not None:
                    seen.add(one.key)
                    servers.setdefault(name, one.weight)
            if self._sorry is not None and sorry is None:
                place = destination_key(self._sorry, key)
                last = None if place in seen else destinations.get(place)
                sorry = None if last is None else last.weight
        return Standing(servers, sorry)

    def leaving_in(self, table: Table) -> tuple[RealServer, ...]:
        """Return who stands there with weight 0 and is not configured: a former life of ours drained it."""
        known = {(one.address, one.port) for one in self._configured.values()}
        if self._sorry is not None:
            known.add((self._sorry.address, self._sorry.port))
        found: dict[DestinationKey, RealServer] = {}
        for key in self.services:
            for one in table[key].destinations.values() if key in table else ():
                port = None if one.key.port == key.port else one.key.port
                places = {(one.key.address, port), (one.key.address, one.key.port)}
                if one.weight == 0 and not places & known:
                    found.setdefault(one.key, server_from(one, port))
        return tuple(found.values())

    def destination_keys(self, server: str, sorry: bool = False) -> list[tuple[ServiceKey, DestinationKey]]:
        """Return where one server stands in the kernel, if it stands there."""
        one = self._sorry if sorry else self._configured.get(server)
        return [] if one is None else [(key, destination_key(one, key)) for key in self.services]

    def _destinations(self, standing: Standing, key: ServiceKey) -> dict[DestinationKey, Destination]:
        found: dict[DestinationKey, Destination] = {}
        for name, weight in standing.servers.items():
            one = self._destination(self._configured[name], name, key, weight)
            found[one.key] = one
        if self._sorry is not None and standing.sorry is not None:
            one = self._destination(self._sorry, None, key, standing.sorry)
            same = found.get(one.key)  # the last resort may be one of the servers
            if same is None or same.weight < one.weight:
                found[one.key] = one
        return found

    def _destination(
        self, server: RealServer | SorryServer, name: str | None, key: ServiceKey, weight: int
    ) -> Destination:
        """Return the one that was made the last time, if it has the weight: most have."""
        last = self._made.get((name, key.port))
        if last is None or last.weight != weight:
            last = kernel_destination(self._forwarding_to(server), server, key, weight)
            self._made[name, key.port] = last
        return last


def kernel_service(service: VirtualService, key: ServiceKey) -> Service:
    """Return one service as the kernel is to have it."""
    flags, timeout, engine = ServiceFlag(0), 0, ""
    prefix_length = ALL_BITS[key.family]
    for name in service.scheduler_flags:
        flags |= FLAGS[name]
    if service.one_packet:
        flags |= ServiceFlag.ONE_PACKET
    persistence = service.persistence
    if persistence is not None:
        flags |= ServiceFlag.PERSISTENT
        timeout = max(1, to_whole_seconds(persistence.timeout))
        engine = persistence.engine
        if persistence.prefix_length is not None:
            prefix_length = min(prefix_length, persistence.prefix_length)
    return Service(key, service.scheduler, flags, timeout, prefix_length, engine)


def kernel_destination(
    forwarding: Forwarding, server: RealServer | SorryServer, key: ServiceKey, weight: int
) -> Destination:
    """Return one server behind one service as the kernel is to have it."""
    upper, lower = (
        (server.upper_threshold, server.lower_threshold) if isinstance(server, RealServer) else (0, 0)
    )
    forward = FORWARD[forwarding.method]
    tunnel, port, flags = Tunnel.IPIP, 0, TunnelFlag(0)
    if forward == Forward.TUNNEL:
        tunnel, flags = TUNNEL[forwarding.encapsulation], CHECKSUM[forwarding.checksum]
        port = (forwarding.port or 0) if tunnel == Tunnel.GUE else 0
    return Destination(destination_key(server, key), weight, forward, upper, lower, tunnel, port, flags)


def server_from(one: Destination, port: int | None) -> RealServer:
    """Return a server as it would be configured to be this destination."""
    methods = {kernel: ours for ours, kernel in FORWARD.items()}
    encapsulations = {kernel: ours for ours, kernel in TUNNEL.items()}
    checksums = {kernel: ours for ours, kernel in CHECKSUM.items()}
    forwarding = Forwarding(
        methods.get(one.forward, Method.NAT),  # LOCAL: what the kernel makes of an address of its own
        encapsulations.get(one.tunnel, Encapsulation.IPIP),
        one.tunnel_port or None,
        checksums.get(one.tunnel_flags, TunnelChecksum.NONE),
    )
    return RealServer(
        str(one.key), one.key.address, port, 0, forwarding, None, one.upper_threshold, one.lower_threshold
    )


def wanted_timeouts(timeouts: KernelTimeouts) -> Timeouts:
    """Return the kernel's timeouts as they are to be; 0 stands for as they are."""
    lengths = (timeouts.tcp, timeouts.tcp_fin, timeouts.udp)
    return Timeouts(*(0 if one is None else max(1, to_whole_seconds(one)) for one in lengths))


def wanted_sync(daemon: SyncDaemon | None, sync_id: int, router_state: str) -> list[Sync]:
    """Return which sync daemons are to run, by the state of the virtual router that they follow.

    Without one to follow both run; a router that is not MASTER has a backup listen.
    """
    if daemon is None:
        return []
    roles = (
        [SyncRole.MASTER if router_state == "MASTER" else SyncRole.BACKUP] if daemon.router else [*SyncRole]
    )
    return [
        Sync(role, daemon.interface, sync_id, daemon.max_length or 0, daemon.group, daemon.port, daemon.ttl)
        for role in roles
    ]
