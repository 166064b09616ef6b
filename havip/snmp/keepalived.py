"""KEEPALIVED-MIB: sync groups, virtual routers and what they hold.  Pure.

Below enterprises.debian.project.keepalived.  Routes and rules are `havip.snmp.routing`'s, the load balancer
is `havip.snmp.balancing`'s.  A virtual router's index is its place in the configuration, and so is that of
everything else.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from havip import __version__
from havip.config.cast import GROUP
from havip.config.model import StartAs, VirtualAddress
from havip.config.notify import Notify
from havip.snmp.balancing import balancing
from havip.snmp.mail import mailing
from havip.snmp.mib import SCALAR, Columns, Objects, Table
from havip.snmp.routing import routing
from havip.snmp.tracked import tracked
from havip.snmp.values import (
    Oid,
    Value,
    gauge,
    in_centiseconds,
    in_seconds,
    inet,
    integer,
    oid,
    text,
    truth,
)
from havip.snmp.view import Group, Instance, Interface, View, addresses_of

ROOT: Final = oid("1.3.6.1.4.1.9586.100.5")
GLOBAL: Final = (*ROOT, 1)
VRRP: Final = (*ROOT, 2)
CHECK: Final = (*ROOT, 3)
GROUPS, MEMBERS, INSTANCES, ADDRESSES = ((*VRRP, number, 1) for number in (1, 2, 3, 6))
STATIC: Final = 0  # the instance of what is held whoever is master

STATES: Final = {"INIT": 0, "BACKUP": 1, "MASTER": 2, "FAULT": 3}
STOPPED, DELETED = 5, 6
NETLINK: Final = 1  # how links are watched
NO_AUTHENTICATION, PASSWORD = 0, 1
#: InetScopeType by the kernel's numbers of scopes
SCOPES: Final = {0: 14, 200: 5, 253: 2, 254: 1}
GLOBAL_SCOPE, LINK_LOCAL = 14, 2


def optional(words: str) -> Value | None:
    """Return a text; None instead of an empty one."""
    return text(words) if words else None


def command(words: tuple[str, ...]) -> Value | None:
    """Return a program with its arguments; None: there is none."""
    return optional(shlex.join(words))


def runs_programs(notify: Notify) -> bool:
    """Say whether a change of state runs any program."""
    return any((notify.master, notify.backup, notify.fault, notify.stop, notify.any))


GLOBALS: Columns[View] = {
    1: lambda view: text(f"havip {__version__}"),
    2: lambda view: text(view.name),
}
#: mail stands between these and the others
OTHERS: Columns[View] = {
    4: lambda view: truth(view.configuration.snmp is not None and view.configuration.snmp.traps),
    5: lambda view: integer(NETLINK),
    8: lambda view: text(view.configuration.daemon.network_namespace or ""),
    9: lambda view: truth(False),  # D-Bus
    10: lambda view: truth(True),  # an interface may come later
}

GROUP_COLUMNS: Columns[Group] = {
    2: lambda one: text(one.config.name),
    3: lambda one: integer(STATES[one.state]),
    4: lambda one: truth(one.mailed),
    5: lambda one: truth(runs_programs(one.config.notify)),
    6: lambda one: command(one.config.notify.master),
    7: lambda one: command(one.config.notify.backup),
    8: lambda one: command(one.config.notify.fault),
    9: lambda one: command(one.config.notify.any),
    10: lambda one: truth(True),  # weights count for all members
    11: lambda one: command(one.config.notify.stop),
}

MEMBER_COLUMNS: Columns[str] = {2: text}


def interval_of(one: Instance) -> int:
    """Return the interval in the unit of the version: seconds or hundredths of one."""
    interval = one.router.interval
    return in_seconds(interval) if one.router.version == 2 else in_centiseconds(interval)


def group_address(one: Instance) -> Value | None:
    """Return the multicast group that adverts go to; None: they go to single peers."""
    router = one.router
    return None if router.unicast is not None else inet(router.multicast.group or GROUP[router.family])


def version_of(family: int) -> Value:
    """Return an InetAddressType."""
    return integer(1 if family == 4 else 2)


INSTANCE_COLUMNS: Columns[Instance] = {
    2: lambda one: text(one.router.name),
    3: lambda one: gauge(one.router.vrid),
    4: lambda one: integer(STATES[one.state]),
    5: lambda one: integer(STATES["MASTER" if one.router.start is StartAs.MASTER else "BACKUP"]),
    6: lambda one: integer(STATES[one.state]),  # what we want to be is what we are
    7: lambda one: integer(one.router.priority),
    8: lambda one: integer(one.router.priority if one.report is None else one.report.effective_priority),
    9: lambda one: truth(one.state == "MASTER"),
    10: lambda one: text(one.router.interface),
    11: lambda one: truth(one.router.track.own_interface),
    12: lambda one: gauge(interval_of(one)),
    13: lambda one: truth(one.router.preempt),
    14: lambda one: gauge(in_seconds(one.router.preempt_delay)),
    15: lambda one: integer(NO_AUTHENTICATION if one.router.authentication is None else PASSWORD),
    16: lambda one: truth(False),  # synchronises the load balancer's connections
    18: lambda one: optional(one.group),
    19: lambda one: gauge(in_seconds(one.router.announce.delay)),
    20: lambda one: truth(one.mailed),
    21: lambda one: truth(runs_programs(one.router.notify)),
    22: lambda one: command(one.router.notify.master),
    23: lambda one: command(one.router.notify.backup),
    24: lambda one: command(one.router.notify.fault),
    25: lambda one: command(one.router.notify.stop),
    26: lambda one: command(one.router.notify.any),
    27: lambda one: truth(one.router.accept),
    28: lambda one: truth(False),  # changes promote_secondaries
    29: lambda one: truth(False),  # polls its interface
    30: lambda one: integer(one.router.version),
    31: lambda one: command(one.router.notify.master_rx_lower_priority),
    32: lambda one: command(one.router.notify.deleted),
    33: lambda one: truth(bool(one.router.notify.deleted)),
    34: lambda one: None if one.router.unicast is not None else version_of(one.router.family),
    35: group_address,
}


@dataclass(frozen=True, slots=True)
class Held:
    """An address on its interface."""

    virtual: VirtualAddress
    name: str  # of the interface
    interface: Interface
    there: bool
    advertised: bool


def broadcast_of(held: Held) -> Value | None:
    """Return the broadcast address of IPv4; all zeros: none is set."""
    return None if held.virtual.address.version == 6 else inet(held.virtual.broadcast or IPv4Address(0))


def scope_of(virtual: VirtualAddress) -> int:
    """Return an InetScopeType."""
    if virtual.scope is None:
        return LINK_LOCAL if virtual.address.version == 6 and virtual.address.is_link_local else GLOBAL_SCOPE
    return SCOPES.get(virtual.scope, GLOBAL_SCOPE)


ADDRESS_COLUMNS: Columns[Held] = {
    2: lambda held: version_of(held.virtual.address.version),
    3: lambda held: inet(held.virtual.address),
    4: broadcast_of,
    5: lambda held: gauge(held.virtual.prefix_length),
    6: lambda held: integer(scope_of(held.virtual)),
    7: lambda held: integer(held.interface.number),
    8: lambda held: text(held.name),
    9: lambda held: optional(held.virtual.label),
    10: lambda held: truth(held.there),
    11: lambda held: truth(held.advertised),
    12: lambda held: None if held.virtual.peer is None else inet(held.virtual.peer),
}


def addresses(view: View) -> Iterator[tuple[Oid, Held]]:
    """Yield every address, static ones first."""
    for number, virtual in enumerate(view.configuration.static.addresses, 1):
        yield (STATIC, number), Held(virtual, virtual.device, view.interface(virtual.device), True, False)
    for one in view.instances:
        for number, (virtual, advertised) in enumerate(addresses_of(one.router), 1):
            name = virtual.device or one.router.home
            held = Held(virtual, name, view.interface(name), one.state == "MASTER", advertised)
            yield (one.number, number), held


def members(view: View) -> Iterator[tuple[Oid, str]]:
    """Yield the name of every member of a sync group."""
    for group in view.groups:
        for number, name in enumerate(group.config.members, 1):
            yield (group.number, number), name


def objects(view: View) -> Iterable[Objects]:
    """Return everything that is served."""
    yield Table(GLOBAL, GLOBALS, [(SCALAR, view)])
    yield from mailing((*GLOBAL, 3), view)
    yield Table(GLOBAL, OTHERS, [(SCALAR, view)])
    yield Table(GROUPS, GROUP_COLUMNS, (((one.number,), one) for one in view.groups))
    yield Table(MEMBERS, MEMBER_COLUMNS, members(view))
    yield Table(INSTANCES, INSTANCE_COLUMNS, (((one.number,), one) for one in view.instances))
    yield Table(ADDRESSES, ADDRESS_COLUMNS, addresses(view))
    yield from tracked(VRRP, view)
    yield from routing(VRRP, view)
    yield from balancing(CHECK, view)
