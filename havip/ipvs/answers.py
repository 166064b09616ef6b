"""What the kernel's IPVS tells, as values: services, destinations, sync daemons, timeouts.  Pure.

Whatever the bytes are, parsing ends in a value, in None (well formed, and nothing that the model has) or in
`Malformed`.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from struct import Struct
from typing import Final

from havip.balancing import Counts
from havip.config.cast import Address
from havip.ipvs import codec
from havip.ipvs.model import (
    Destination,
    DestinationKey,
    Forward,
    Protocol,
    Service,
    ServiceFlag,
    ServiceKey,
    Sync,
    SyncRole,
    Timeouts,
    Traffic,
    Tunnel,
    TunnelFlag,
)
from havip.netlink.codec import AF_INET, AF_INET6, Malformed, attributes, unpack
from havip.netlink.generic import ATTRIBUTES_AT

_U16: Final = Struct("=H")
_U32: Final = Struct("=I")
_S32: Final = Struct("=i")
_U64: Final = Struct("=Q")
_PORT: Final = Struct("!H")
_VERSIONS: Final = {AF_INET: 4, AF_INET6: 6}
_METHOD: Final = 0x7  # of IP_VS_CONN_F_*: how packets are sent on
_KIND: Final = 0x3FFF  # of an attribute, without NLA_F_*

Attributes = dict[int, bytes]


def of(body: bytes, kind: int) -> Attributes | None:
    """Return the attributes within the attribute ``kind`` of a message.  Raises `Malformed`."""
    for found, value in attributes(body, ATTRIBUTES_AT):
        if found & _KIND == kind:
            return within(value)
    return None


def within(value: bytes) -> Attributes:
    """Return attributes by their kind.  Raises `Malformed`."""
    return {kind & _KIND: one for kind, one in attributes(value, 0)}


def number(found: Attributes, kind: int, layout: Struct = _U32) -> int:
    """Return a number; 0 where there is none.  Raises `Malformed`."""
    value = found.get(kind)
    return 0 if value is None else unpack(layout, value)[0]


def text(found: Attributes, kind: int) -> str:
    """Return a text; empty where there is none."""
    return found.get(kind, b"").partition(b"\0")[0].decode(errors="replace")


def address(value: bytes, version: int) -> Address:
    """Return an address.  Raises `Malformed`."""
    size = 4 if version == 4 else 16
    if len(value) < size:
        raise Malformed(f"{len(value)} bytes where an address should be")
    return IPv4Address(value[:4]) if version == 4 else IPv6Address(value[:16])


def service(body: bytes) -> tuple[Service, Counts] | None:
    """Return a service with its counters.  Raises `Malformed`."""
    found = of(body, codec.SERVICE)
    if found is None:
        return None
    version = _VERSIONS.get(number(found, codec.SERVICE_FAMILY, _U16))
    if version is None:
        return None
    key = service_key(found, version)
    if key is None:
        return None
    mask = number(found, codec.SERVICE_NETMASK)
    flags = ServiceFlag(number(found, codec.SERVICE_FLAGS) & 0x3F) & ~ServiceFlag.HASHED
    return Service(
        key,
        text(found, codec.SERVICE_SCHEDULER),
        flags,
        number(found, codec.SERVICE_TIMEOUT),
        mask if version == 6 else mask.bit_count(),
        text(found, codec.SERVICE_ENGINE),
    ), counts(found, codec.SERVICE_STATS64, codec.SERVICE_STATS)


def service_key(found: Attributes, version: int) -> ServiceKey | None:
    """Return what makes a service itself; None: a protocol that we do not know."""
    fwmark = number(found, codec.SERVICE_FWMARK)
    if fwmark:
        return ServiceKey(version, fwmark=fwmark)
    try:
        protocol = Protocol(number(found, codec.SERVICE_PROTOCOL, _U16))
    except ValueError:
        return None
    place = address(found.get(codec.SERVICE_ADDRESS, b""), version)
    return ServiceKey(version, protocol, place, number(found, codec.SERVICE_PORT, _PORT))


def destination(body: bytes, family: int) -> tuple[Destination, Traffic] | None:
    """Return a destination of a service of that family (4 or 6), and what goes to it.

    Raises `Malformed`.
    """
    found = of(body, codec.DESTINATION)
    if found is None:
        return None
    version = _VERSIONS.get(number(found, codec.DEST_FAMILY, _U16), family)
    tunnel = number(found, codec.DEST_TUNNEL, _U8)
    method = number(found, codec.DEST_FORWARD) & _METHOD
    if method > Forward.BYPASS or tunnel > Tunnel.GRE:
        return None
    key = DestinationKey(
        address(found.get(codec.DEST_ADDRESS, b""), version), number(found, codec.DEST_PORT, _PORT)
    )
    one = Destination(
        key,
        number(found, codec.DEST_WEIGHT, _S32),
        Forward(method),
        number(found, codec.DEST_UPPER),
        number(found, codec.DEST_LOWER),
        Tunnel(tunnel),
        number(found, codec.DEST_TUNNEL_PORT, _PORT),
        TunnelFlag(number(found, codec.DEST_TUNNEL_FLAGS, _U16) & 0x3),
    )
    return one, Traffic(
        number(found, codec.DEST_ACTIVE),
        number(found, codec.DEST_INACTIVE),
        number(found, codec.DEST_PERSISTENT),
        counts(found, codec.DEST_STATS64, codec.DEST_STATS),
    )


_U8: Final = Struct("=B")


def counts(found: Attributes, wide: int, narrow: int) -> Counts:
    """Return counters: those of 64 bits where the kernel has them (Linux 4.1).  Raises `Malformed`."""
    value = found.get(wide)
    if value is not None:
        told = within(value)
        return Counts(*(number(told, kind, _U64) for kind in range(1, 11)))
    told = within(found.get(narrow, b""))
    layouts = [_U32, _U32, _U32, _U64, _U64, _U32, _U32, _U32, _U32, _U32]
    return Counts(*(number(told, kind, layout) for kind, layout in enumerate(layouts, 1)))


def sync(body: bytes) -> Sync | None:
    """Return a sync daemon.  Raises `Malformed`."""
    found = of(body, codec.DAEMON)
    if found is None:
        return None
    try:
        role = SyncRole(number(found, codec.DAEMON_STATE))
    except ValueError:
        return None
    group: Address | None = None
    if codec.DAEMON_GROUP in found:
        group = address(found[codec.DAEMON_GROUP], 4)
    elif codec.DAEMON_GROUP6 in found:
        group = address(found[codec.DAEMON_GROUP6], 6)
    return Sync(
        role,
        text(found, codec.DAEMON_INTERFACE),
        number(found, codec.DAEMON_ID),
        number(found, codec.DAEMON_LENGTH, _U16),
        group,
        number(found, codec.DAEMON_PORT, _U16),
        number(found, codec.DAEMON_TTL, _U8),
    )


def timeouts(body: bytes) -> Timeouts:
    """Return the timeouts in force.  Raises `Malformed`."""
    found = within(body[ATTRIBUTES_AT:])
    return Timeouts(
        number(found, codec.TIMEOUT_TCP),
        number(found, codec.TIMEOUT_TCP_FIN),
        number(found, codec.TIMEOUT_UDP),
    )


def version(body: bytes) -> str:
    """Return IPVS's version, as ``1.2.1``.  Raises `Malformed`."""
    whole = number(within(body[ATTRIBUTES_AT:]), INFO_VERSION)
    return f"{whole >> 16 & 0xFF}.{whole >> 8 & 0xFF}.{whole & 0xFF}"


INFO_VERSION: Final = 1
