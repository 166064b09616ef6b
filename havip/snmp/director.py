"""KEEPALIVED-MIB on the load balancer as a whole: groups of addresses, connection sync, timeouts.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias

from havip.config.balancing import Block, Mark, ServiceGroup
from havip.snmp.mib import SCALAR, Columns, Objects, Table
from havip.snmp.values import Oid, Value, gauge, in_seconds, inet, integer, text, truth
from havip.snmp.view import View

GROUPS, MEMBERS, SYNC, TIMEOUTS = 1, 2, 6, 7
MARK, SINGLE, RANGE = 1, 2, 3

Member: TypeAlias = Block | Mark


def version_of(family: int) -> Value:
    """Return an InetAddressType."""
    return integer(1 if family == 4 else 2)


GROUP_COLUMNS: Columns[ServiceGroup] = {2: lambda group: text(group.name)}


def is_range(member: Member) -> bool:
    """Say whether a member is more than one address."""
    return isinstance(member, Block) and member.first != member.last


def of_block(member: Member, ranged: bool, last: bool = False) -> Value | None:
    """Return an address of a member, which is a range or not."""
    if isinstance(member, Mark) or is_range(member) != ranged:
        return None
    return inet(member.last if last else member.first)


MEMBER_COLUMNS: Columns[Member] = {
    2: lambda one: integer(MARK if isinstance(one, Mark) else RANGE if is_range(one) else SINGLE),
    3: lambda one: gauge(one.fwmark) if isinstance(one, Mark) else None,
    4: lambda one: None if isinstance(one, Mark) else version_of(one.first.version),
    5: lambda one: of_block(one, ranged=False),
    6: lambda one: of_block(one, ranged=True),
    7: lambda one: of_block(one, ranged=True, last=True),
    8: lambda one: None if isinstance(one, Mark) else gauge(one.port or 0),
}


def members(groups: Iterable[ServiceGroup]) -> Iterator[tuple[Oid, Member]]:
    """Yield every member of a group, marks before addresses."""
    for number, group in enumerate(groups, 1):
        of_group: tuple[Member, ...] = (*group.fwmarks, *group.addresses)
        for place, member in enumerate(of_group, 1):
            yield (number, place), member


SYNC_COLUMNS: Columns[View] = {
    1: lambda view: truth(view.configuration.load_balancer.sync_daemon is not None),
    2: lambda view: _sync(view, "interface"),
    3: lambda view: _sync(view, "router"),
    4: lambda view: _sync(view, "sync_id"),
    5: lambda view: _sync(view, "max_length"),
    6: lambda view: _sync(view, "port"),
    7: lambda view: _sync(view, "ttl"),
    8: lambda view: _sync(view, "family"),
    9: lambda view: _sync(view, "group"),
}


def _sync(view: View, what: str) -> Value | None:
    """Return one property of the sync daemon; None: there is none, or it is left to the kernel."""
    sync = view.configuration.load_balancer.sync_daemon
    if sync is None:
        return None
    if what == "family":
        return version_of(sync.group.version)
    value = getattr(sync, what)
    if isinstance(value, IPv4Address | IPv6Address):
        return inet(value)
    if isinstance(value, str):
        return text(value) if value else None
    return None if value is None else integer(value)


def timeout(view: View, name: str) -> Value | None:
    """Return one of the kernel's timeouts: as it is, or else as it is configured."""
    known = (view.ipvs.get("timeouts") or {}).get(name)
    configured = getattr(view.configuration.load_balancer.timeouts, name)
    if known:
        return integer(known)
    return None if configured is None else integer(in_seconds(configured))


TIMEOUT_COLUMNS: Columns[View] = {
    1: lambda view: timeout(view, "tcp"),
    2: lambda view: timeout(view, "tcp_fin"),
    3: lambda view: timeout(view, "udp"),
}


def groups(check: Oid, view: View) -> Iterable[Objects]:
    """Return everything that is not of one virtual server."""
    of_file = view.configuration.service_groups
    yield Table((*check, GROUPS, 1), GROUP_COLUMNS, (((n,), group) for n, group in enumerate(of_file, 1)))
    yield Table((*check, MEMBERS, 1), MEMBER_COLUMNS, members(of_file))
    if view.configuration.virtual_services:
        yield Table((*check, SYNC), SYNC_COLUMNS, [(SCALAR, view)])
        yield Table((*check, TIMEOUTS), TIMEOUT_COLUMNS, [(SCALAR, view)])
