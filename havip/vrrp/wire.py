"""The way that adverts take.  Virtual routers of one wire share their sockets.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from havip.config.cast import GROUP
from havip.config.model import Family, VirtualRouter
from havip.vrrp.packet import TTL


@dataclass(frozen=True, slots=True)
class Wire:
    """Where adverts come in, where they go out, and under which addresses.

    Addresses are packed in network order.  ``group`` is empty for unicast, ``source`` for the primary
    address of the interface.  ``ttl`` is the TTL or hop limit of what we send.
    """

    interface: str
    family: Family
    group: bytes
    source: bytes = b""
    ttl: int = TTL


def wire_of(config: VirtualRouter) -> Wire:
    """Return the wire of a configured router."""
    if config.unicast is not None:
        source = config.unicast.source
        packed = source.packed if source else b""
        return Wire(config.interface, config.family, b"", packed, config.unicast.ttl)
    source, group = config.multicast.source, config.multicast.group or GROUP[config.family]
    return Wire(config.interface, config.family, group.packed, source.packed if source else b"")
