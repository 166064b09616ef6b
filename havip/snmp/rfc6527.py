"""VRRPV3-MIB (RFC 6527): all virtual routers, of IPv4 and of IPv6.  Pure.

A row's index is its interface's number, its VRID and its IP version.  Those of version 2 are in it as well,
as keepalived has them: a station need not ask two tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from havip.errors import Refusal
from havip.snmp.mib import SCALAR, Columns, Objects, Table
from havip.snmp.values import (
    Oid,
    Value,
    counter32,
    counter64,
    gauge,
    in_centiseconds,
    inet,
    integer,
    octet_string,
    oid,
    ticks,
    truth,
)
from havip.snmp.view import Instance, View

ROOT: Final = oid("1.3.6.1.2.1.207")
OPERATIONS: Final = (*ROOT, 1, 1)
OPER_ENTRY, ADDRESS_ENTRY = (*OPERATIONS, 1, 1), (*OPERATIONS, 2, 1)
STATISTICS: Final = (*ROOT, 1, 2)
STATISTICS_ENTRY: Final = (*STATISTICS, 5, 1)

STATES: Final = {"BACKUP": 2, "MASTER": 3}
INITIALIZE, ACTIVE = 1, 1
FAMILIES: Final = {4: 1, 6: 2}
NOT_MASTER, PRIORITY, NO_RESPONSE = 0, 1, 3
RESIGNED: Final = "the master resigned"  # the words of `havip.vrrp.machine`
OWNER: Final = 255
REFRESHED_EVERY: Final = 1000  # milliseconds
#: why a packet was refused, in the words of the MIB
ERRORS: Final = {
    Refusal.TTL: 1,
    Refusal.PEER_TTL: 1,
    Refusal.VERSION: 2,
    Refusal.CHECKSUM: 3,
    Refusal.CHECKSUM_FORM: 3,
    Refusal.UNKNOWN_VRID: 4,
}


def reason_of(one: Instance) -> int:
    """Return why the virtual router became MASTER the last time."""
    if not one.past.new_master:
        return NOT_MASTER
    told = one.past.new_master == RESIGNED or one.router.priority == OWNER
    return PRIORITY if told else NO_RESPONSE


def running_for(one: Instance) -> Value:
    """Return how long the virtual router has taken part; 0 while it does not."""
    since = one.past.running_since
    return ticks(0 if since is None else one.times.age(since))


def counting_since(one: Instance) -> Value:
    """Return sysUpTime when the counters began anew."""
    since = one.past.counting_since
    return ticks(0 if since is None else one.times.stamp(since))


def counts_since(view: View) -> Value:
    """Return the same of the counters of all."""
    return ticks(0 if view.counting_since is None else view.times.stamp(view.counting_since))


OPER_COLUMNS: Columns[Instance] = {
    3: lambda one: inet(one.master),
    4: lambda one: inet(one.primary),
    5: lambda one: octet_string(one.mac),
    6: lambda one: integer(STATES.get(one.state, INITIALIZE)),
    7: lambda one: gauge(one.router.priority),
    8: lambda one: integer(len(one.router.addresses)),
    9: lambda one: integer(in_centiseconds(one.router.interval)),
    10: lambda one: truth(one.router.preempt),
    11: lambda one: truth(one.router.accept),
    12: running_for,
    13: lambda one: integer(ACTIVE),
}

ADDRESS_COLUMNS: Columns[None] = {2: lambda _: integer(ACTIVE)}

TOTALS: Columns[View] = {
    1: lambda view: counter64(view.total("refused-checksum", "refused-checksum-form")),
    2: lambda view: counter64(view.total("refused-version")),
    3: lambda view: counter64(view.total("refused-unknown-vrid")),
    4: counts_since,
}

STATISTICS_COLUMNS: Columns[Instance] = {
    1: lambda one: counter32(one.count("became-master")),
    2: lambda one: integer(reason_of(one)),
    3: lambda one: counter64(one.count("adverts-received")),
    4: lambda one: counter64(one.count("refused-interval")),
    5: lambda one: counter64(one.count("refused-ttl", "refused-peer-ttl")),
    6: lambda one: integer(0 if one.past.last_error is None else ERRORS[one.past.last_error]),
    7: lambda one: counter64(one.count("resignations-received")),
    8: lambda one: counter64(one.count("resignations-sent")),
    9: lambda one: counter64(one.count("refused-type")),
    10: lambda one: counter64(0),  # such packets are believed, as RFC 9568 has it
    11: lambda one: counter64(one.count("refused-length", "refused-no-addresses")),
    12: counting_since,
    13: lambda one: gauge(REFRESHED_EVERY),
}


def index_of(one: Instance) -> Oid:
    """Return what a virtual router is filed under."""
    return one.interface.number, one.router.vrid, FAMILIES[one.router.family]


def rows(view: View) -> list[tuple[Oid, Instance]]:
    """Return all virtual routers whose interface is there; of two with one index, the first of the file."""
    found: dict[Oid, Instance] = {}
    for one in view.instances:
        if one.interface.number:
            found.setdefault(index_of(one), one)
    return list(found.items())


def addresses(filed: Iterable[tuple[Oid, Instance]]) -> Iterator[tuple[Oid, None]]:
    """Yield the index of every address, its length before it (RFC 2578 section 7.7)."""
    for index, one in filed:
        for virtual in one.router.addresses:
            packed = virtual.address.packed
            yield (*index, len(packed), *packed), None


def objects(view: View) -> Iterable[Objects]:
    """Return everything that is served."""
    filed = rows(view)
    yield Table(OPER_ENTRY, OPER_COLUMNS, filed)
    yield Table(ADDRESS_ENTRY, ADDRESS_COLUMNS, addresses(filed))
    yield Table(STATISTICS, TOTALS, [(SCALAR, view)])
    yield Table(STATISTICS_ENTRY, STATISTICS_COLUMNS, filed)
