"""KEEPALIVED-MIB on the load balancer: virtual and real servers.  Pure.

A virtual server's index is its place in the configuration, and so is that of everything else; the server of
last resort is the first of its virtual server.  Counters are `havip.snmp.traffic`'s.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network
from typing import Final

from havip.config.balancing import (
    Encapsulation,
    Forwarding,
    Method,
    Programs,
    RealServer,
    ServiceGroup,
    SorryServer,
    Transport,
    TunnelChecksum,
    VirtualService,
    WhenFailed,
)
from havip.config.cast import Address
from havip.config.health import Check
from havip.config.model import Configuration
from havip.control.serviceviews import UP, Server, Service
from havip.ipvs.wanted import family_of_mark
from havip.snmp.director import groups, version_of
from havip.snmp.mib import Columns, Objects, Table
from havip.snmp.traffic import of_server, of_service
from havip.snmp.values import Oid, Value, gauge, in_seconds, inet, integer, text, truth
from havip.snmp.view import View

SERVICES, SERVERS = 3, 4
OF_MARK, OF_ADDRESS, OF_GROUP = 1, 2, 3
REGULAR, SORRY = 1, 2
MET, NOT_MET = 1, 2
MICROSECOND: Final = 1000  # ns
TRANSPORTS: Final = {Transport.TCP: 1, Transport.UDP: 2, Transport.SCTP: 3}
NO_TRANSPORT: Final = 4
SCHEDULERS: Final = {
    name: number
    for number, name in enumerate(
        ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos"), 1
    )
}
OTHER_SCHEDULER: Final = 99
METHODS: Final = {Method.NAT: 1, Method.DIRECT: 2, Method.TUNNEL: 3}
ENCAPSULATIONS: Final = {Encapsulation.IPIP: 1, Encapsulation.GUE: 2, Encapsulation.GRE: 3}
CHECKSUMS: Final = {TunnelChecksum.NONE: 1, TunnelChecksum.FULL: 2, TunnelChecksum.REMOTE: 3}
ACTIONS: Final = {WhenFailed.REMOVE: 1, WhenFailed.INHIBIT: 2}

FLAGS: Final = {
    1: frozenset(("flag-1", "sh-fallback", "mh-fallback")),
    2: frozenset(("flag-2", "sh-port", "mh-port")),
    3: frozenset(("flag-3",)),
}


@dataclass(frozen=True, slots=True)
class Balanced:
    """One virtual service."""

    number: int  # its place in the file, from 1
    service: VirtualService
    shown: Service | None  # as it was last reported; None: it was not
    group: ServiceGroup | None = None
    mailed: bool = False  # a server for mail is configured

    @property
    def up(self) -> bool:
        """Say whether it has its quorum."""
        return self.shown is not None and self.shown.state == UP

    @property
    def servers_up(self) -> int:
        """Return how many of its servers are up."""
        servers: Sequence[Server] = () if self.shown is None else self.shown.servers
        return sum(server.state == UP and not server.sorry for server in servers)

    @property
    def kind(self) -> int:
        """Return by what clients reach it."""
        service = self.service
        return OF_MARK if service.fwmark is not None else OF_GROUP if service.group else OF_ADDRESS

    @property
    def family(self) -> int:
        """Return the family of what clients reach; of a group that of its first member."""
        if self.service.address is not None:
            return self.service.address.version
        if self.group is not None and self.group.addresses:
            return self.group.addresses[0].first.version
        return family_of_mark(self.service)


@dataclass(frozen=True, slots=True)
class Placed:
    """One server of a virtual service, or its server of last resort."""

    of: Balanced
    config: RealServer | SorryServer
    shown: Server | None

    @property
    def regular(self) -> RealServer | None:
        """Return it if it is not the one of last resort."""
        return self.config if isinstance(self.config, RealServer) else None


def programs(words: Sequence[str]) -> Value | None:
    """Return a program with its arguments; None: there is none."""
    return text(shlex.join(words)) if words else None


def netmask(one: Balanced) -> Value | None:
    """Return which bits of a client's IPv4 address count for persistence."""
    if one.family != 4:
        return None
    persistence = one.service.persistence
    length = None if persistence is None else persistence.prefix_length
    return inet(IPv4Address(int(ip_network(f"0.0.0.0/{32 if length is None else length}").netmask)))


def prefix_length(one: Balanced) -> Value | None:
    """Return how many bits of a client's IPv6 address count for persistence."""
    if one.family != 6:
        return None
    persistence = one.service.persistence
    length = None if persistence is None else persistence.prefix_length
    return gauge(128 if length is None else length)


def flag(one: Balanced, number: int) -> Value:
    """Return whether one of the scheduler's flags is set, by whatever name."""
    return truth(not FLAGS[number].isdisjoint(one.service.scheduler_flags))


def first(checks: Sequence[Check]) -> Check | None:
    """Return the probe whose pace is shown."""
    return checks[0] if checks else None


def pace(check: Check | None, which: str, unit: str) -> Value | None:
    """Return a length of time of a probe in seconds or microseconds; None: there is no probe."""
    if check is None:
        return None
    length = check.interval
    if which == "retry":
        length = check.retry_interval or check.interval
    elif which == "timeout":
        length = check.timeout
    elif which == "warm-up":
        length = check.warm_up
    return gauge(in_seconds(length) if unit == "s" else length // MICROSECOND)


def retries(check: Check | None) -> Value | None:
    """Return how many runs beside the first must fail."""
    return None if check is None else gauge(check.fall - 1)


def tunnel(forwarding: Forwarding, number: int) -> Value | None:
    """Return one of type, port and checksum of a tunnel; None: it is none, or has no such thing."""
    if forwarding.method is not Method.TUNNEL:
        return None
    match number:
        case 1:
            return integer(ENCAPSULATIONS[forwarding.encapsulation])
        case 2:
            return gauge(forwarding.port) if forwarding.port is not None else None
        case _:
            plain = forwarding.encapsulation is Encapsulation.IPIP
            return None if plain else integer(CHECKSUMS[forwarding.checksum])


def only(holds: bool, value: Value) -> Value | None:
    """Return a value where it means something."""
    return value if holds else None


SERVICE_COLUMNS: Columns[Balanced] = {
    2: lambda one: integer(one.kind),
    3: lambda one: only(one.kind == OF_GROUP, text(one.service.group)),
    4: lambda one: only(one.kind == OF_MARK, gauge(one.service.fwmark or 0)),
    5: lambda one: version_of(one.family),
    6: lambda one: None if one.service.address is None else inet(one.service.address),
    7: lambda one: only(one.kind == OF_ADDRESS, gauge(one.service.port or 0)),
    8: lambda one: only(one.kind != OF_MARK, integer(TRANSPORTS[one.service.transport])),
    9: lambda one: integer(SCHEDULERS.get(one.service.scheduler, OTHER_SCHEDULER)),
    10: lambda one: integer(METHODS[one.service.forwarding.method]),
    11: lambda one: truth(one.up),
    12: lambda one: only(bool(one.service.host), text(one.service.host)),
    13: lambda one: truth(one.service.persistence is not None),
    14: lambda one: (
        None if one.service.persistence is None else gauge(in_seconds(one.service.persistence.timeout))
    ),
    15: netmask,
    16: lambda one: pace(first(one.service.probes), "interval", "s"),
    17: lambda one: truth(bool(one.service.probe_as_master_of)),
    18: lambda one: truth(one.service.start_failed),
    19: lambda one: truth(one.service.announce_stop),
    20: lambda one: gauge(len(one.service.servers)),
    21: lambda one: gauge(one.servers_up),
    22: lambda one: gauge(one.service.quorum),
    23: lambda one: integer(MET if one.up else NOT_MET),
    24: lambda one: programs(one.service.notify.up),
    25: lambda one: programs(one.service.notify.down),
    26: lambda one: gauge(one.service.hysteresis),
    37: lambda one: truth(one.service.one_packet),
    51: prefix_length,
    52: lambda one: truth(False),  # the kernel's own affair
    53: lambda one: flag(one, 1),
    54: lambda one: flag(one, 2),
    55: lambda one: flag(one, 3),
    56: lambda one: integer(ACTIONS[one.service.when_failed]),
    57: lambda one: retries(first(one.service.probes)),
    58: lambda one: pace(first(one.service.probes), "retry", "s"),
    59: lambda one: pace(first(one.service.probes), "warm-up", "s"),
    60: lambda one: integer(1),
    61: lambda one: truth(one.mailed and one.service.notify.mail),
    62: lambda one: flag(one, 1),
    63: lambda one: flag(one, 2),
    64: lambda one: pace(first(one.service.probes), "interval", "us"),
    65: lambda one: pace(first(one.service.probes), "retry", "us"),
    66: lambda one: pace(first(one.service.probes), "warm-up", "us"),
    67: lambda one: pace(first(one.service.probes), "timeout", "us"),
    68: lambda one: tunnel(one.service.forwarding, 1),
    69: lambda one: tunnel(one.service.forwarding, 2),
    70: lambda one: tunnel(one.service.forwarding, 3),
    71: lambda one: text(one.service.name),
    **of_service(lambda one: None if one.shown is None else one.shown.counts),
}


def weight(one: Placed) -> Value | None:
    """Return the weight in force, or that which a server would have if it were up."""
    if one.regular is None:
        return None
    up = one.shown is not None and one.shown.state == UP
    return integer(one.shown.weight if up and one.shown is not None else one.regular.weight)


def bound(one: Placed, upper: bool) -> Value | None:
    """Return a bound on the number of connections; None: there is none."""
    if one.regular is None:
        return None
    number = one.regular.upper_threshold if upper else one.regular.lower_threshold
    return gauge(number) if number else None


def notify(one: Placed) -> Programs:
    """Return the programs that are run for a server."""
    return Programs() if one.regular is None else one.regular.notify or Programs()


def probe(one: Placed) -> Check | None:
    """Return the probe of a server whose pace is shown."""
    return None if one.regular is None else first(one.of.service.probes_of(one.regular))


def address_of(one: Placed) -> Address:
    """Return where a server is."""
    return one.config.address


SERVER_COLUMNS: Columns[Placed] = {
    2: lambda one: integer(SORRY if one.regular is None else REGULAR),
    3: lambda one: version_of(address_of(one).version),
    4: lambda one: inet(address_of(one)),
    5: lambda one: gauge(one.of.service.port_of(one.config)),
    6: lambda one: only(one.regular is not None, truth(one.shown is not None and one.shown.state == UP)),
    7: weight,
    8: lambda one: bound(one, True),
    9: lambda one: bound(one, False),
    10: lambda one: (
        None
        if one.regular is None
        else integer(ACTIONS[one.regular.when_failed or one.of.service.when_failed])
    ),
    11: lambda one: programs(notify(one).up),
    12: lambda one: programs(notify(one).down),
    13: lambda one: only(one.regular is not None, gauge(0 if one.shown is None else len(one.shown.failed))),
    40: lambda one: integer(METHODS[one.of.service.forwarding_to(one.config).method]),
    42: lambda one: truth(one.regular is not None and one.of.service.start_failed),
    43: lambda one: retries(probe(one)),
    44: lambda one: pace(probe(one), "retry", "s"),
    45: lambda one: pace(probe(one), "warm-up", "s"),
    46: lambda one: pace(probe(one), "interval", "s"),
    47: lambda one: truth(one.regular is not None and one.of.mailed and notify(one).mail),
    48: lambda one: pace(probe(one), "retry", "us"),
    49: lambda one: pace(probe(one), "warm-up", "us"),
    50: lambda one: pace(probe(one), "interval", "us"),
    51: lambda one: pace(probe(one), "timeout", "us"),
    52: lambda one: tunnel(one.of.service.forwarding_to(one.config), 1),
    53: lambda one: tunnel(one.of.service.forwarding_to(one.config), 2),
    54: lambda one: tunnel(one.of.service.forwarding_to(one.config), 3),
    55: lambda one: text("sorry" if one.regular is None else one.regular.name),
    **of_server(lambda one: one.shown),
}


def balanced(view: View) -> list[Balanced]:
    """Return every virtual service."""
    configuration = view.configuration
    return [
        one_of(configuration, view.services, number)
        for number in range(1, len(configuration.virtual_services) + 1)
    ]


def one_of(configuration: Configuration, shown: Mapping[str, Service], number: int) -> Balanced:
    """Return one virtual service by its place in the file."""
    service = configuration.virtual_services[number - 1]
    group = None
    if service.group:
        group = next((one for one in configuration.service_groups if one.name == service.group), None)
    mail = configuration.notify.mail is not None
    return Balanced(number, service, shown.get(service.name), group, mail)


def servers(services: Iterable[Balanced]) -> Iterator[tuple[Oid, Placed]]:
    """Yield every server, that of last resort before the others."""
    for one in services:
        shown = {
            server.name: server for server in (one.shown.servers if one.shown else ()) if not server.sorry
        }
        last = next((server for server in (one.shown.servers if one.shown else ()) if server.sorry), None)
        number = 1
        if one.service.sorry_server is not None:
            yield (one.number, number), Placed(one, one.service.sorry_server, last)
            number += 1
        for place, server in enumerate(one.service.servers, number):
            yield (one.number, place), Placed(one, server, shown.get(server.name))


def balancing(check: Oid, view: View) -> Iterable[Objects]:
    """Return everything below ``check``."""
    services = balanced(view)
    yield from groups(check, view)
    yield Table((*check, SERVICES, 1), SERVICE_COLUMNS, (((one.number,), one) for one in services))
    yield Table((*check, SERVERS, 1), SERVER_COLUMNS, servers(services))
