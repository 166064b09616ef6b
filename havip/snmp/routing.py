"""KEEPALIVED-MIB on routes and rules, static ones and those of a master.  Pure.

A cell is left out where the configuration leaves the choice to the kernel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from havip.clock import Duration, milliseconds
from havip.config.routing import (
    Lockable,
    NextHop,
    Preference,
    Prefix,
    RouteType,
    RuleAction,
    VirtualRoute,
    VirtualRule,
)
from havip.snmp.mib import Columns, Objects, Table
from havip.snmp.values import Oid, Value, gauge, inet, integer, text, truth
from havip.snmp.view import View

ROUTES, NEXT_HOPS, RULES = 7, 11, 8
STATIC: Final = 0
OURS: Final = 112  # the protocol that marks what we put into the kernel
#: InetScopeType by the kernel's numbers of scopes
SCOPES: Final = {0: 14, 200: 5, 253: 2, 254: 1}
GLOBAL_SCOPE: Final = 14
TYPES: Final = {
    RouteType.UNICAST: 1,
    RouteType.BLACKHOLE: 3,
    RouteType.UNREACHABLE: 7,
    RouteType.PROHIBIT: 8,
    RouteType.THROW: 9,
}
SEVERAL_WAYS: Final = 2
PREFERENCES: Final = {Preference.LOW: 1, Preference.MEDIUM: 2, Preference.HIGH: 3}
LOOK_UP, GO_ON = 1, 2
ACTIONS: Final = {
    RuleAction.NOP: 3,
    RuleAction.BLACKHOLE: 6,
    RuleAction.UNREACHABLE: 7,
    RuleAction.PROHIBIT: 8,
}
MILLISECOND: Final = milliseconds(1)


@dataclass(frozen=True, slots=True)
class Route:
    """A route, the number of its interface, and whether it is in the kernel."""

    config: VirtualRoute
    index: int
    there: bool

    def locks(self, what: Lockable) -> bool:
        """Say whether the kernel may not change it."""
        return what in self.config.lock


@dataclass(frozen=True, slots=True)
class Hop:
    """One of several ways, and the number of its interface."""

    config: NextHop
    index: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, and whether it is in the kernel."""

    config: VirtualRule
    there: bool


def some(number: int | None) -> Value | None:
    """Return an Unsigned32; None: it is not given."""
    return None if number is None else gauge(number)


def yes_or_no(given: bool | None) -> Value | None:
    """Return a TruthValue; None: it is not given."""
    return None if given is None else truth(given)


def words(given: str) -> Value | None:
    """Return a text; None: it is empty."""
    return text(given) if given else None


def in_milliseconds(length: Duration | None) -> Value | None:
    """Return a length of time; None: it is not given."""
    return None if length is None else gauge(length // MILLISECOND)


def lock(route: Route, what: Lockable, given: object) -> Value | None:
    """Return whether what is given may not be changed by the kernel."""
    return None if given is None else truth(route.locks(what))


def type_of(route: Route) -> Value | None:
    """Return what becomes of a packet; None: the MIB has no word for it."""
    if route.config.next_hops:
        return integer(SEVERAL_WAYS)
    number = TYPES.get(route.config.type)
    return None if number is None else integer(number)


def family(prefix: Prefix) -> Value:
    """Return an InetAddressType."""
    return integer(1 if prefix.version == 4 else 2)


ROUTE_COLUMNS: Columns[Route] = {
    2: lambda one: family(one.config.to),
    3: lambda one: inet(one.config.to.address),
    4: lambda one: gauge(one.config.to.length),
    5: lambda one: None if one.config.via is None else inet(one.config.via),
    7: lambda one: None if one.config.source is None else inet(one.config.source),
    8: lambda one: gauge(one.config.metric),
    9: lambda one: integer(SCOPES.get(one.config.scope or 0, GLOBAL_SCOPE)),
    10: type_of,
    11: lambda one: integer(one.index) if one.index else None,
    12: lambda one: words(one.config.device),
    13: lambda one: gauge(one.config.table),
    14: lambda one: truth(one.there),
    17: lambda one: gauge(one.config.tos) if one.config.tos else None,
    18: lambda one: integer(OURS),
    19: lambda one: yes_or_no(one.config.ecn),
    20: lambda one: yes_or_no(one.config.quickack),
    22: lambda one: some(one.config.mtu),
    23: lambda one: lock(one, Lockable.MTU, one.config.mtu),
    24: lambda one: some(one.config.hop_limit),
    25: lambda one: some(one.config.advmss),
    26: lambda one: lock(one, Lockable.ADVMSS, one.config.advmss),
    27: lambda one: in_milliseconds(one.config.rtt),
    28: lambda one: lock(one, Lockable.RTT, one.config.rtt),
    29: lambda one: in_milliseconds(one.config.rttvar),
    30: lambda one: lock(one, Lockable.RTTVAR, one.config.rttvar),
    31: lambda one: some(one.config.reordering),
    32: lambda one: lock(one, Lockable.REORDERING, one.config.reordering),
    33: lambda one: some(one.config.window),
    34: lambda one: some(one.config.cwnd),
    35: lambda one: lock(one, Lockable.CWND, one.config.cwnd),
    36: lambda one: some(one.config.ssthresh),
    37: lambda one: lock(one, Lockable.SSTHRESH, one.config.ssthresh),
    38: lambda one: in_milliseconds(one.config.rto_min),
    39: lambda one: lock(one, Lockable.RTO_MIN, one.config.rto_min),
    40: lambda one: some(one.config.initcwnd),
    41: lambda one: some(one.config.initrwnd),
    42: lambda one: words(one.config.congestion_control),
    43: lambda one: None if one.config.preference is None else integer(PREFERENCES[one.config.preference]),
    44: lambda one: None if one.config.realms is None else gauge(one.config.realms[1]),
    45: lambda one: None if one.config.realms is None else gauge(one.config.realms[0]),
    55: lambda one: yes_or_no(one.config.fastopen_no_cookie),
}

HOP_COLUMNS: Columns[Hop] = {
    2: lambda one: None if one.config.via is None else integer(1 if one.config.via.version == 4 else 2),
    3: lambda one: None if one.config.via is None else inet(one.config.via),
    4: lambda one: integer(one.index) if one.index else None,
    5: lambda one: words(one.config.device),
    6: lambda one: gauge(one.config.weight),
    7: lambda one: truth(one.config.onlink),
}


def action_of(rule: VirtualRule) -> Value:
    """Return what a rule does."""
    if rule.goto is not None:
        return integer(GO_ON)
    return integer(LOOK_UP if rule.action is None else ACTIONS[rule.action])


def part(pair: tuple[int, int] | None, which: int) -> Value | None:
    """Return one of two numbers; None: neither is given."""
    return None if pair is None else gauge(pair[which])


RULE_COLUMNS: Columns[Rule] = {
    6: lambda one: some(one.config.table),
    7: lambda one: truth(one.there),
    8: lambda one: truth(one.config.invert),
    9: lambda one: None if one.config.to is None else family(one.config.to),
    10: lambda one: None if one.config.to is None else inet(one.config.to.address),
    11: lambda one: None if one.config.to is None else gauge(one.config.to.length),
    12: lambda one: None if one.config.source is None else family(one.config.source),
    13: lambda one: None if one.config.source is None else inet(one.config.source.address),
    14: lambda one: None if one.config.source is None else gauge(one.config.source.length),
    15: lambda one: gauge(one.config.tos) if one.config.tos else None,
    16: lambda one: part(one.config.fwmark, 0),
    17: lambda one: part(one.config.fwmark, 1),
    18: lambda one: part(one.config.realms, 1),
    19: lambda one: part(one.config.realms, 0),
    20: lambda one: words(one.config.input_device),
    21: lambda one: words(one.config.output_device),
    22: lambda one: some(one.config.goto),
    23: lambda one: action_of(one.config),
    24: lambda one: some(one.config.table),
    25: lambda one: gauge(one.config.priority),
    26: lambda one: some(one.config.suppress_prefix_length),
    27: lambda one: None if one.config.suppress_group is None else text(str(one.config.suppress_group)),
    30: lambda one: part(one.config.uid_range, 0),
    31: lambda one: part(one.config.uid_range, 1),
    32: lambda one: truth(one.config.l3mdev),
    33: lambda one: integer(OURS),
    34: lambda one: some(one.config.ip_protocol),
    35: lambda one: part(one.config.source_ports, 0),
    36: lambda one: part(one.config.source_ports, 1),
    37: lambda one: part(one.config.destination_ports, 0),
    38: lambda one: part(one.config.destination_ports, 1),
}


def routes(view: View) -> Iterator[tuple[Oid, Route]]:
    """Yield every route, static ones first."""
    static = view.configuration.static.routes
    owners = [(STATIC, static, True)]
    owners += [(one.number, one.router.routes, one.state == "MASTER") for one in view.instances]
    for owner, configured, there in owners:
        for number, route in enumerate(configured, 1):
            yield (owner, number), Route(route, view.interface(route.device).number, there)


def rules(view: View) -> Iterator[tuple[Oid, Rule]]:
    """Yield every rule, static ones first."""
    owners = [(STATIC, view.configuration.static.rules, True)]
    owners += [(one.number, one.router.rules, one.state == "MASTER") for one in view.instances]
    for owner, configured, there in owners:
        for number, rule in enumerate(configured, 1):
            yield (owner, number), Rule(rule, there)


def hops(view: View) -> Iterator[tuple[Oid, Hop]]:
    """Yield every way of the routes that have several."""
    for index, route in routes(view):
        for number, hop in enumerate(route.config.next_hops, 1):
            yield (*index, number), Hop(hop, view.interface(hop.device).number)


def routing(vrrp: Oid, view: View) -> Iterable[Objects]:
    """Return the tables below ``vrrp``."""
    yield Table((*vrrp, ROUTES, 1), ROUTE_COLUMNS, routes(view))
    yield Table((*vrrp, NEXT_HOPS, 1), HOP_COLUMNS, hops(view))
    yield Table((*vrrp, RULES, 1), RULE_COLUMNS, rules(view))
