"""What happens, as notifications of the three MIBs.  Pure.

A notification is a list of variables whose first says which one it is.  Those of KEEPALIVED-MIB name columns
without a row, as keepalived's do: whoever waits for them knows them so.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, ip_address
from typing import Final, TypeAlias

from havip.config.balancing import RealServer
from havip.config.model import StartAs
from havip.config.snmp import Snmp
from havip.errors import Refusal
from havip.messages import Transition
from havip.snmp import balancing, director, keepalived, rfc2787, rfc6527
from havip.snmp.agentx import Binding
from havip.snmp.balancing import Balanced
from havip.snmp.values import Kind, Oid, Value, gauge, inet, integer, oid, text
from havip.snmp.values import ip_address as ipv4
from havip.snmp.view import Instance

Trap: TypeAlias = tuple[Binding, ...]

TRAP_OID: Final = oid("1.3.6.1.6.3.1.1.4.1.0")
ROUTER_ID: Final = (*keepalived.GLOBAL, 2, 0)
GROUP_CHANGED, INSTANCE_CHANGED = ((*keepalived.VRRP, 10, 0, number) for number in (1, 2))
SERVER_CHANGED, QUORUM_CHANGED = ((*keepalived.CHECK, 5, 0, number) for number in (1, 2))
SERVICES, SERVERS = ((*keepalived.CHECK, number, 1) for number in (balancing.SERVICES, balancing.SERVERS))
NEW_MASTER_2, AUTHENTICATION_FAILED = ((*rfc2787.ROOT, 0, number) for number in (1, 2))
PACKET_SOURCE, ERROR_TYPE = ((*rfc2787.OPERATIONS, number, 0) for number in (5, 6))
NEW_MASTER_3, PROTOCOL_ERROR = ((*rfc6527.ROOT, 0, number) for number in (1, 2))
#: how authentication fails, in the words of RFC 2787
FAILURES: Final = {Refusal.AUTH_TYPE: 2, Refusal.PASSWORD: 3}


def trap(which: Oid, *bindings: Binding) -> Trap:
    """Return a notification."""
    return (Binding(TRAP_OID, Value(Kind.OBJECT_IDENTIFIER, which)), *bindings)


def number_of(state: str, gone: bool) -> int:
    """Return a state as KEEPALIVED-MIB numbers it; ``gone``: a reload has taken away what had it."""
    if state == "INIT":
        return keepalived.DELETED if gone else keepalived.STOPPED
    return keepalived.STATES[state]


def of_group(change: Transition, name: str, gone: bool) -> Trap:
    """Return what tells a sync group's change of state; ``name``: what this machine is called."""
    return trap(
        GROUP_CHANGED,
        Binding((*keepalived.GROUPS, 2), text(change.name)),
        Binding((*keepalived.GROUPS, 3), integer(number_of(change.state, gone))),
        Binding(ROUTER_ID, text(name)),
    )


def of_router(change: Transition, start: StartAs, name: str, gone: bool) -> Trap:
    """Return what tells a virtual router's change of state."""
    initial = keepalived.STATES["MASTER" if start is StartAs.MASTER else "BACKUP"]
    return trap(
        INSTANCE_CHANGED,
        Binding((*keepalived.INSTANCES, 2), text(change.name)),
        Binding((*keepalived.INSTANCES, 4), integer(number_of(change.state, gone))),
        Binding((*keepalived.INSTANCES, 5), integer(initial)),
        Binding(ROUTER_ID, text(name)),
    )


def identity(one: Balanced) -> Iterator[Binding]:
    """Yield what says which virtual server it is, and the protocol: none of a firewall mark."""
    for column in (2, 3, 4, 5, 6, 7):
        alone = column == 5 and one.kind != balancing.OF_ADDRESS  # a family without an address
        value = None if alone else balancing.SERVICE_COLUMNS[column](one)
        if value is not None:
            yield Binding((*SERVICES, column), value)
    protocol = balancing.SERVICE_COLUMNS[8](one) or integer(balancing.NO_TRANSPORT)
    yield Binding((*SERVICES, 8), protocol)


def alive(one: Balanced, up: int) -> Iterator[Binding]:
    """Yield how many of its servers are up, and how many there are."""
    yield Binding((*SERVICES, 21), gauge(up))
    yield Binding((*SERVICES, 20), gauge(len(one.service.servers)))


def of_server(one: Balanced, server: RealServer, good: bool, up: int, name: str) -> Trap:
    """Return what tells that a real server went up or down; ``up``: how many of them are up now."""
    return trap(
        SERVER_CHANGED,
        Binding((*SERVERS, 3), director.version_of(server.address.version)),
        Binding((*SERVERS, 4), inet(server.address)),
        Binding((*SERVERS, 5), gauge(one.service.port_of(server))),
        Binding((*SERVERS, 6), integer(1 if good else 2)),
        *identity(one),
        *alive(one, up),
        Binding(ROUTER_ID, text(name)),
    )


def of_quorum(one: Balanced, good: bool, up: int, name: str) -> Trap:
    """Return what tells that a virtual server has, or has not any more, its quorum."""
    return trap(
        QUORUM_CHANGED,
        *identity(one),
        Binding((*SERVICES, 23), integer(balancing.MET if good else balancing.NOT_MET)),
        Binding((*SERVICES, 22), gauge(one.service.quorum)),
        *alive(one, up),
        Binding(ROUTER_ID, text(name)),
    )


def new_master(one: Instance, settings: Snmp) -> Iterator[Trap]:
    """Yield what tells that we have become MASTER: its address is ours, whatever was reported last."""
    if not one.interface.number:
        return
    if settings.rfc2787 and one.router.version == rfc2787.VERSION_2:
        name = (*rfc2787.OPER_ENTRY, 7, *rfc2787.index_of(one))
        yield trap(NEW_MASTER_2, Binding(name, rfc2787.ipv4(one.primary)))
    if settings.rfc6527:
        index = rfc6527.index_of(one)
        yield trap(
            NEW_MASTER_3,
            Binding((*rfc6527.OPER_ENTRY, 3, *index), inet(one.primary)),
            Binding((*rfc6527.STATISTICS_ENTRY, 2, *index), integer(rfc6527.reason_of(one))),
        )


def of_refusal(one: Instance, source: str, why: Refusal, settings: Snmp) -> Iterator[Trap]:
    """Yield what tells that a packet from ``source`` was refused; most reasons have no notification."""
    address = ip_address(source)
    if settings.rfc2787 and why in FAILURES and isinstance(address, IPv4Address):
        failed = Binding(ERROR_TYPE, integer(FAILURES[why]))
        yield trap(AUTHENTICATION_FAILED, Binding(PACKET_SOURCE, ipv4(address)), failed)
    if settings.rfc6527 and why in rfc6527.ERRORS and one.interface.number:
        name = (*rfc6527.STATISTICS_ENTRY, 6, *rfc6527.index_of(one))
        yield trap(PROTOCOL_ERROR, Binding(name, integer(rfc6527.ERRORS[why])))
