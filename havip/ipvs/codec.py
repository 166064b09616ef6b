"""IPVS in generic netlink (linux/ip_vs.h): what is to be done as messages, and what there is out of them.

Pure.  Whatever the bytes are, parsing ends in a value, in None (well formed, and nothing that the model
has) or in `Malformed`.  Numbers are in the byte order of the host, but for ports and IPv4 masks.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct
from typing import Final, assert_never

from havip.ipvs.model import (
    AddDestination,
    AddService,
    Change,
    Destination,
    DestinationKey,
    DropDestination,
    DropService,
    EditDestination,
    EditService,
    Service,
    ServiceKey,
    Sync,
    SyncRole,
    Timeouts,
)
from havip.netlink import generic
from havip.netlink.codec import ACK, AF_INET, AF_INET6, DUMP, attribute

FAMILY_NAME: Final = "IPVS"
_VERSION: Final = 1

NEW_SERVICE, SET_SERVICE, DEL_SERVICE, GET_SERVICE = 1, 2, 3, 4
NEW_DEST, SET_DEST, DEL_DEST, GET_DEST = 5, 6, 7, 8
NEW_DAEMON, DEL_DAEMON, GET_DAEMON = 9, 10, 11
SET_CONFIG, GET_CONFIG, SET_INFO, GET_INFO = 12, 13, 14, 15

SERVICE, DESTINATION, DAEMON, TIMEOUT_TCP, TIMEOUT_TCP_FIN, TIMEOUT_UDP = 1, 2, 3, 4, 5, 6
SERVICE_FAMILY, SERVICE_PROTOCOL, SERVICE_ADDRESS, SERVICE_PORT, SERVICE_FWMARK = 1, 2, 3, 4, 5
SERVICE_SCHEDULER, SERVICE_FLAGS, SERVICE_TIMEOUT, SERVICE_NETMASK = 6, 7, 8, 9
SERVICE_STATS, SERVICE_ENGINE, SERVICE_STATS64 = 10, 11, 12
DEST_ADDRESS, DEST_PORT, DEST_FORWARD, DEST_WEIGHT, DEST_UPPER, DEST_LOWER = 1, 2, 3, 4, 5, 6
DEST_ACTIVE, DEST_INACTIVE, DEST_PERSISTENT, DEST_STATS, DEST_FAMILY, DEST_STATS64 = 7, 8, 9, 10, 11, 12
DEST_TUNNEL, DEST_TUNNEL_PORT, DEST_TUNNEL_FLAGS = 13, 14, 15
DAEMON_STATE, DAEMON_INTERFACE, DAEMON_ID, DAEMON_LENGTH = 1, 2, 3, 4
DAEMON_GROUP, DAEMON_GROUP6, DAEMON_PORT, DAEMON_TTL = 5, 6, 7, 8

ALL_FLAGS: Final = 0xFFFFFFFF  #: the mask of flags: what is not set is cleared
FAMILY: Final = {4: AF_INET, 6: AF_INET6}

_U16: Final = Struct("=H")
_U32: Final = Struct("=I")
_PORT: Final = Struct("!H")  # also that of a tunnel
_MASK: Final = Struct("!I")
_FLAGS: Final = Struct("=II")  # flags, mask
_MARK: Final = Struct("=HHHxx HHI")
_PLACE: Final = Struct("=HHHxx HHHxx HH16s HHHxx")  # family, protocol, address, port
_WHERE: Final = Struct("=HH HH16s HHHxx HHHxx")  # the attribute itself; address, port, family
#: the same, then forwarding, weight, thresholds, and type, port and flags of the tunnel
_DESTINATION: Final = Struct("=HH HH16s HHHxx HHHxx HHI HHI HHI HHI HHBxxx HHHxx HHHxx")
_LITTLE: Final = _U16.pack(1) == b"\1\0"


def changes(family: int, first: int, wanted: Iterable[Change]) -> list[bytes]:
    """Return changes as messages with consecutive sequence numbers from ``first`` on.

    ``family`` is the number of the generic netlink family.  Success is silent: see
    `havip.netlink.codec.marker`.
    """
    made: list[bytes] = []
    last: ServiceKey | None = None
    named = b""
    for sequence, one in enumerate(wanted, first):
        command, key, body = _parts(one)
        if key is not None:
            if key is not last:  # most come service by service
                last, named = key, _named(key)
            body = named + body
        made.append(generic.request(family, command, _VERSION, 0, sequence, body))
    return made


def _parts(change: Change) -> tuple[int, ServiceKey | None, bytes]:
    """Return the command, the service that is only named, and what else there is to say."""
    match change:
        case AddDestination(service=key, destination=one):
            return NEW_DEST, key, _destination(one)
        case EditDestination(service=key, destination=one):
            return SET_DEST, key, _destination(one)
        case DropDestination(service=key, key=name):
            return DEL_DEST, key, _where(name)
        case AddService(service=service):
            return NEW_SERVICE, None, _whole(service)
        case EditService(service=service):
            return SET_SERVICE, None, _whole(service)
        case DropService(key=key):
            return DEL_SERVICE, key, b""
        case _:
            assert_never(change)


def get_services(family: int, sequence: int) -> bytes:
    """Return the question for every service."""
    return _request(family, GET_SERVICE, sequence, b"", DUMP)


def get_destinations(family: int, sequence: int, key: ServiceKey) -> bytes:
    """Return the question for every destination of one service."""
    return _request(family, GET_DEST, sequence, _named(key), DUMP)


def get_info(family: int, sequence: int) -> bytes:
    """Return the question for the version."""
    return _request(family, GET_INFO, sequence, b"", ACK)


def get_timeouts(family: int, sequence: int) -> bytes:
    """Return the question for the timeouts."""
    return _request(family, GET_CONFIG, sequence, b"", ACK)


def set_timeouts(family: int, sequence: int, wanted: Timeouts) -> bytes:
    """Return the request to set timeouts; one that is 0 stays as it is."""
    body = b"".join(
        attribute(kind, _U32.pack(seconds))
        for kind, seconds in (
            (TIMEOUT_TCP, wanted.tcp),
            (TIMEOUT_TCP_FIN, wanted.tcp_fin),
            (TIMEOUT_UDP, wanted.udp),
        )
        if seconds
    )
    return _request(family, SET_CONFIG, sequence, body)


def get_syncs(family: int, sequence: int) -> bytes:
    """Return the question for the sync daemons."""
    return _request(family, GET_DAEMON, sequence, b"", DUMP)


def start_sync(family: int, sequence: int, sync: Sync) -> bytes:
    """Return the request to start a sync daemon."""
    body = attribute(DAEMON_STATE, _U32.pack(sync.role))
    body += attribute(DAEMON_INTERFACE, sync.interface.encode(errors="surrogateescape") + b"\0")
    body += attribute(DAEMON_ID, _U32.pack(sync.sync_id))
    if sync.max_length:
        body += attribute(DAEMON_LENGTH, _U16.pack(sync.max_length))
    if sync.group is not None:
        body += attribute(DAEMON_GROUP if sync.group.version == 4 else DAEMON_GROUP6, sync.group.packed)
    if sync.port:
        body += attribute(DAEMON_PORT, _U16.pack(sync.port))
    if sync.ttl:
        body += attribute(DAEMON_TTL, bytes((sync.ttl,)))
    return _request(family, NEW_DAEMON, sequence, attribute(DAEMON, body))


def stop_sync(family: int, sequence: int, role: SyncRole) -> bytes:
    """Return the request to stop a sync daemon.

    The kernel does not answer at all, not even a request for an ACK, where its thread had not yet run.
    """
    return _request(family, DEL_DAEMON, sequence, attribute(DAEMON, attribute(DAEMON_STATE, _U32.pack(role))))


def _request(family: int, command: int, sequence: int, body: bytes, flags: int = 0) -> bytes:
    return generic.request(family, command, _VERSION, flags, sequence, body)


def _named(key: ServiceKey) -> bytes:
    return attribute(SERVICE, _identity(key))


def _identity(key: ServiceKey) -> bytes:
    family = FAMILY[key.family]
    if key.address is None:
        return _MARK.pack(6, SERVICE_FAMILY, family, 8, SERVICE_FWMARK, key.fwmark)
    return _PLACE.pack(
        *(6, SERVICE_FAMILY, family, 6, SERVICE_PROTOCOL, key.protocol),
        *(20, SERVICE_ADDRESS, key.address.packed, 6, SERVICE_PORT, _port(key.port)),
    )


def _whole(service: Service) -> bytes:
    if service.key.family == 6:
        mask = _U32.pack(service.prefix_length)
    else:
        mask = _MASK.pack(0xFFFFFFFF << 32 - service.prefix_length & 0xFFFFFFFF)
    body = _identity(service.key)
    body += attribute(SERVICE_SCHEDULER, service.scheduler.encode() + b"\0")
    body += attribute(SERVICE_FLAGS, _FLAGS.pack(service.flags, ALL_FLAGS))
    body += attribute(SERVICE_TIMEOUT, _U32.pack(service.timeout))
    body += attribute(SERVICE_NETMASK, mask)
    if service.engine:
        body += attribute(SERVICE_ENGINE, service.engine.encode() + b"\0")
    return attribute(SERVICE, body)


def _where(key: DestinationKey) -> bytes:
    return _WHERE.pack(
        *(_WHERE.size, DESTINATION, 20, DEST_ADDRESS, key.address.packed, 6, DEST_PORT, _port(key.port)),
        *(6, DEST_FAMILY, FAMILY[key.address.version]),
    )


def _destination(one: Destination) -> bytes:
    key = one.key
    return _DESTINATION.pack(
        *(_DESTINATION.size, DESTINATION, 20, DEST_ADDRESS, key.address.packed),
        *(6, DEST_PORT, _port(key.port), 6, DEST_FAMILY, FAMILY[key.address.version]),
        *(8, DEST_FORWARD, one.forward, 8, DEST_WEIGHT, one.weight & 0xFFFFFFFF),
        *(8, DEST_UPPER, one.upper_threshold, 8, DEST_LOWER, one.lower_threshold),
        *(5, DEST_TUNNEL, one.tunnel, 6, DEST_TUNNEL_PORT, _port(one.tunnel_port)),
        *(6, DEST_TUNNEL_FLAGS, one.tunnel_flags),
    )


def _port(port: int) -> int:
    """Return the number that stands in the memory of this host as the network has the port."""
    return (port & 0xFF) << 8 | port >> 8 if _LITTLE else port
