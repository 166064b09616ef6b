"""Netlink messages about routes: from values, and back to what identifies them.

Pure.  A request is built in full, and the key of what it makes is read from the request by the same
parser that reads the kernel's own messages, so that the two cannot disagree.

The layouts are those of linux/rtnetlink.h.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from struct import Struct
from typing import Final, NamedTuple

from havip.config.routing import (
    MAIN_TABLE,
    NextHop,
    Preference,
    Prefix,
    RouteType,
    VirtualRoute,
)
from havip.netlink.codec import (
    AF_INET,
    AF_INET6,
    CREATE,
    DUMP,
    EXCLUSIVE,
    REPLACE,
    REQUEST,
    SCOPE_GLOBAL,
    SCOPE_LINK,
    Malformed,
    attribute,
    attributes,
    request,
    unpack,
)

NEW_ROUTE: Final = 24
DELETE_ROUTE: Final = 25
GET_ROUTE: Final = 26

SCOPE_HOST: Final = 254
SCOPE_NOWHERE: Final = 255
DEFAULT_METRIC: Final = {AF_INET: 0, AF_INET6: 1024}
ADDRESS_SIZE: Final = {AF_INET: 4, AF_INET6: 16}

_ROUTE: Final = Struct("=BBBBBBBBI")  # family, dst and src length, tos, table, protocol, scope, type, flags
_HOP: Final = Struct("=HBBi")  # length, flags, weight - 1, ifindex
_BYTE: Final = Struct("=B")
_SHORT: Final = Struct("=H")
_NUMBER: Final = Struct("=I")

_RTA_DST, _RTA_SRC, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_PREFSRC = 1, 2, 4, 5, 6, 7
_RTA_METRICS, _RTA_MULTIPATH, _RTA_FLOW, _RTA_TABLE, _RTA_VIA = 8, 9, 11, 15, 18
_RTA_PREF = 20
_RTAX_LOCK, _RTAX_FEATURES, _RTAX_CC_ALGO = 1, 12, 16
_ECN: Final = 1
_ONLINK: Final = 4
_CLONED: Final = 0x200  # an entry of a cache and not a route
_NOT_SMALL: Final = 252  # in the header, for a table whose number needs the attribute

_TYPES: Final = {
    RouteType.UNICAST: 1,
    RouteType.LOCAL: 2,
    RouteType.BLACKHOLE: 6,
    RouteType.UNREACHABLE: 7,
    RouteType.PROHIBIT: 8,
    RouteType.THROW: 9,
}
_PREFERENCES: Final = {Preference.LOW: 3, Preference.MEDIUM: 0, Preference.HIGH: 1}  # RFC 4191 section 2.1
#: RTAX_ numbers of the metrics that are plain numbers, and of what `lock` may name
METRICS: Final = {
    "mtu": 2,
    "window": 3,
    "rtt": 4,
    "rttvar": 5,
    "ssthresh": 6,
    "cwnd": 7,
    "advmss": 8,
    "reordering": 9,
    "hop_limit": 10,
    "initcwnd": 11,
    "rto_min": 13,
    "initrwnd": 14,
    "quickack": 15,
    "fastopen_no_cookie": 17,
}
#: what the kernel counts in fractions of a millisecond
_PER_MILLISECOND: Final = {"rtt": 8, "rttvar": 4, "rto_min": 1}
_MILLISECOND: Final = 1_000_000  # ns


class RouteKey(NamedTuple):
    """What makes a route one and the same.  A table has one of each, or refuses the second."""

    family: int
    table: int
    destination: bytes
    length: int  # bits
    tos: int
    metric: int

    def __str__(self) -> str:
        table = f" table {self.table}" if self.table != MAIN_TABLE else ""
        metric = f" metric {self.metric}" if self.metric else ""
        return f"{ip_address(self.destination)}/{self.length}{table}{metric}"


class Route(NamedTuple):
    """A route as the kernel tells of it."""

    key: RouteKey
    protocol: int  # who put it there


def add_route(
    sequence: int, route: VirtualRoute, index: Callable[[str], int], protocol: int, replace: bool = False
) -> bytes:
    """Return the request to add a route that must not be there yet; with ``replace``, to change it.

    ``index`` gives the number of an interface.  Success is silent.
    """
    flags = REQUEST | CREATE | (REPLACE if replace else EXCLUSIVE)
    return request(NEW_ROUTE, flags, sequence, route_body(route, index, protocol))


def delete_route(sequence: int, key: RouteKey, protocol: int) -> bytes:
    """Return the request to delete the route of that key which ``protocol`` has put there."""
    body = _ROUTE.pack(
        key.family, key.length, 0, key.tos, small(key.table), protocol, SCOPE_NOWHERE, 0, 0
    ) + attribute(_RTA_TABLE, _NUMBER.pack(key.table))
    if key.length:
        body += attribute(_RTA_DST, key.destination)
    if key.metric:
        body += attribute(_RTA_PRIORITY, _NUMBER.pack(key.metric))
    return request(DELETE_ROUTE, REQUEST, sequence, body)


def dump_routes(sequence: int, family: int, protocol: int) -> bytes:
    """Return the request for the routes that ``protocol`` has put there.

    A kernel that does not check dumps strictly (before Linux 4.20, or not asked to) lists all routes.
    """
    body = _ROUTE.pack(family, 0, 0, 0, 0, protocol, 0, 0, 0)
    return request(GET_ROUTE, REQUEST | DUMP, sequence, body)


def may_concern(flags: int, body: bytes, protocol: int) -> bool:
    """Say whether a message about a route may be about one of ``protocol``, or about what took its place.

    A look at two numbers: a router of the internet changes thousands of routes a second.
    """
    return len(body) < _ROUTE.size or body[5] == protocol or bool(flags & REPLACE)


def parse_route(body: bytes) -> Route | None:
    """Return the route of a message.  Raises `Malformed`.

    None: another family than IPv4 and IPv6, or an entry of a cache.
    """
    family, length, _, tos, table, protocol, _, _, flags = unpack(_ROUTE, body)
    size = ADDRESS_SIZE.get(family)
    if size is None or flags & _CLONED:
        return None
    destination, metric = bytes(size), 0
    for kind, value in attributes(body, _ROUTE.size):
        if kind == _RTA_DST:
            destination = value
        elif kind == _RTA_TABLE:
            (table,) = unpack(_NUMBER, value)
        elif kind == _RTA_PRIORITY:
            (metric,) = unpack(_NUMBER, value)
    if len(destination) != size or length > size * 8:
        raise Malformed(f"a route to {len(destination)} bytes, {length} bits")
    return Route(RouteKey(family, table, destination, length, tos, metric), protocol)


def route_body(route: VirtualRoute, index: Callable[[str], int], protocol: int) -> bytes:
    """Return the body of a message about a route."""
    family = family_of(route.to)
    header = _ROUTE.pack(
        family,
        route.to.length,
        0,
        route.tos,
        small(route.table),
        protocol,
        scope_of(route, family),
        _TYPES[route.type],
        _ONLINK if route.onlink else 0,
    )
    parts = [header, attribute(_RTA_TABLE, _NUMBER.pack(route.table))]
    if route.to.length:
        parts.append(attribute(_RTA_DST, route.to.address.packed))
    metric = route.metric or DEFAULT_METRIC[family]
    if metric:
        parts.append(attribute(_RTA_PRIORITY, _NUMBER.pack(metric)))
    if route.via is not None:
        parts.append(gateway(route.via, family))
    if route.device:
        parts.append(attribute(_RTA_OIF, _NUMBER.pack(index(route.device))))
    if route.source is not None:
        parts.append(attribute(_RTA_PREFSRC, route.source.packed))
    if route.next_hops:
        hops = b"".join(hop_of(hop, family, index) for hop in route.next_hops)
        parts.append(attribute(_RTA_MULTIPATH, hops))
    if route.realms is not None:
        parts.append(attribute(_RTA_FLOW, _NUMBER.pack(route.realms[0] << 16 | route.realms[1])))
    if route.preference is not None:
        parts.append(attribute(_RTA_PREF, _BYTE.pack(_PREFERENCES[route.preference])))
    metrics = metrics_of(route)
    if metrics:
        parts.append(attribute(_RTA_METRICS, metrics))
    return b"".join(parts)


def scope_of(route: VirtualRoute, family: int) -> int:
    """Return how far a route reaches: without a gateway no farther than the link, unless told otherwise."""
    if family == AF_INET6:
        return SCOPE_GLOBAL
    if route.scope is not None:
        return route.scope
    if route.type is RouteType.LOCAL:
        return SCOPE_HOST
    direct = route.type is RouteType.UNICAST and route.via is None and not route.next_hops
    return SCOPE_LINK if direct else SCOPE_GLOBAL


def gateway(via: IPv4Address | IPv6Address, family: int) -> bytes:
    """Return the attribute that names a gateway, which may be of the other family."""
    theirs = AF_INET if via.version == 4 else AF_INET6
    if theirs == family:
        return attribute(_RTA_GATEWAY, via.packed)
    return attribute(_RTA_VIA, _SHORT.pack(theirs) + via.packed)


def hop_of(hop: NextHop, family: int, index: Callable[[str], int]) -> bytes:
    """Return one entry of a route with several ways."""
    inner = gateway(hop.via, family) if hop.via is not None else b""
    ifindex = index(hop.device) if hop.device else 0
    flags = _ONLINK if hop.onlink else 0
    return _HOP.pack(_HOP.size + len(inner), flags, hop.weight - 1, ifindex) + inner


def metrics_of(route: VirtualRoute) -> bytes:
    """Return the attributes within RTA_METRICS."""
    body = b""
    if route.lock:
        locked = sum(1 << METRICS[name] for name in route.lock)
        body += attribute(_RTAX_LOCK, _NUMBER.pack(locked))
    for name, number in METRICS.items():
        value = getattr(route, name)
        if value is None:
            continue
        if name in _PER_MILLISECOND:
            value = value // _MILLISECOND * _PER_MILLISECOND[name]
        body += attribute(number, _NUMBER.pack(value))
    if route.ecn is not None:
        body += attribute(_RTAX_FEATURES, _NUMBER.pack(_ECN if route.ecn else 0))
    if route.congestion_control:
        body += attribute(_RTAX_CC_ALGO, route.congestion_control.encode() + b"\0")
    return body


def family_of(prefix: Prefix) -> int:
    """Return AF_INET or AF_INET6."""
    return AF_INET if prefix.version == 4 else AF_INET6


def small(table: int) -> int:
    """Return what the header says of a table: its number if that fits."""
    return table if table < 256 else _NOT_SMALL
