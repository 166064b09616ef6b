"""VRRP-MIB (RFC 2787): virtual routers of VRRP version 2.  Pure.

A row's index is its interface's number and its VRID.  A virtual router whose interface is not there has no
number to be filed under, and no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from havip.snmp.mib import SCALAR, Columns, Objects, Table
from havip.snmp.values import (
    Oid,
    Value,
    counter32,
    in_seconds,
    integer,
    ip_address,
    octet_string,
    oid,
    ticks,
    truth,
)
from havip.snmp.view import Instance, View

ROOT: Final = oid("1.3.6.1.2.1.68")
OPERATIONS: Final = (*ROOT, 1)
OPER_ENTRY, ADDRESS_ENTRY = (*OPERATIONS, 3, 1), (*OPERATIONS, 4, 1)
STATISTICS: Final = (*ROOT, 2)
STATISTICS_ENTRY: Final = (*STATISTICS, 4, 1)

STATES: Final = {"BACKUP": 2, "MASTER": 3}
INITIALIZE, UP, ACTIVE, IP = 1, 1, 1, 1
NO_AUTHENTICATION, PASSWORD = 1, 2
VERSION_2: Final = 2


def ipv4(address: IPv4Address | IPv6Address) -> Value:
    """Return the address of a router of version 2, which is of IPv4."""
    assert isinstance(address, IPv4Address)
    return ip_address(address)


def running_since(one: Instance) -> Value:
    """Return sysUpTime when the virtual router began to take part; 0 while it does not."""
    since = one.past.running_since
    return ticks(0 if since is None else one.times.stamp(since))


SCALARS: Columns[View] = {
    1: lambda view: integer(VERSION_2),
    2: lambda view: truth(view.configuration.snmp is not None and view.configuration.snmp.traps),
}

OPER_COLUMNS: Columns[Instance] = {
    2: lambda one: octet_string(one.mac),
    3: lambda one: integer(STATES.get(one.state, INITIALIZE)),
    4: lambda one: integer(UP),
    5: lambda one: integer(one.router.priority),
    6: lambda one: integer(len(one.router.addresses)),
    7: lambda one: ipv4(one.master),
    8: lambda one: ipv4(one.primary),
    9: lambda one: integer(NO_AUTHENTICATION if one.router.authentication is None else PASSWORD),
    10: lambda one: octet_string(b""),  # what the RFC demands: the password is shown to nobody
    11: lambda one: integer(in_seconds(one.router.interval)),
    12: lambda one: truth(one.router.preempt),
    13: running_since,
    14: lambda one: integer(IP),
    15: lambda one: integer(ACTIVE),
}

ADDRESS_COLUMNS: Columns[None] = {2: lambda _: integer(ACTIVE)}

TOTALS: Columns[View] = {
    1: lambda view: counter32(view.total("refused-checksum", "refused-checksum-form")),
    2: lambda view: counter32(view.total("refused-version")),
    3: lambda view: counter32(view.total("refused-unknown-vrid")),
}

STATISTICS_COLUMNS: Columns[Instance] = {
    1: lambda one: counter32(one.count("became-master")),
    2: lambda one: counter32(one.count("adverts-received")),
    3: lambda one: counter32(one.count("refused-interval")),
    4: lambda one: counter32(one.count("refused-password")),
    5: lambda one: counter32(one.count("refused-ttl", "refused-peer-ttl")),
    6: lambda one: counter32(one.count("resignations-received")),
    7: lambda one: counter32(one.count("resignations-sent")),
    8: lambda one: counter32(one.count("refused-type")),
    9: lambda one: counter32(0),  # such packets are believed, as RFC 9568 has it
    10: lambda one: counter32(0),  # an unknown type of authentication is another one than ours
    11: lambda one: counter32(one.count("refused-auth-type")),
    12: lambda one: counter32(one.count("refused-length", "refused-no-addresses")),
}


def index_of(one: Instance) -> Oid:
    """Return what a virtual router is filed under."""
    return one.interface.number, one.router.vrid


def rows(view: View) -> list[tuple[Oid, Instance]]:
    """Return the virtual routers of version 2; of two with one index, the first of the file."""
    found: dict[Oid, Instance] = {}
    for one in view.instances:
        if one.router.version == VERSION_2 and one.interface.number:
            found.setdefault(index_of(one), one)
    return list(found.items())


def addresses(filed: Iterable[tuple[Oid, Instance]]) -> Iterator[tuple[Oid, None]]:
    """Yield the index of every address."""
    for index, one in filed:
        for virtual in one.router.addresses:
            yield (*index, *virtual.address.packed), None


def objects(view: View) -> Iterable[Objects]:
    """Return everything that is served."""
    filed = rows(view)
    yield Table(OPERATIONS, SCALARS, [(SCALAR, view)])
    yield Table(OPER_ENTRY, OPER_COLUMNS, filed)
    yield Table(ADDRESS_ENTRY, ADDRESS_COLUMNS, addresses(filed))
    yield Table(STATISTICS, TOTALS, [(SCALAR, view)])
    yield Table(STATISTICS_ENTRY, STATISTICS_COLUMNS, filed)
