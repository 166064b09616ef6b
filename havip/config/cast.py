"""To whom adverts are sent and whom they are taken from: a multicast group or single peers.  Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

from havip.clock import Duration, seconds

Address: TypeAlias = IPv4Address | IPv6Address

#: the group of VRRP, by IP version (RFC 9568 sections 5.1.1.2 and 5.1.2.2)
GROUP: Final[dict[int, Address]] = {4: IPv4Address("224.0.0.18"), 6: IPv6Address("ff02::12")}

#: (interface, vrid, family, segment): what makes a virtual router itself, whatever it is called
Key: TypeAlias = tuple[str, int, int, str]

LONGEST_LIFE: Final = 255  # the highest TTL and hop limit


@dataclass(frozen=True, slots=True)
class Peer:
    """One other router, by its address or by its name; never both in a file.

    The VRRP worker puts each address that is known for a name beside it.  An advert from a peer counts
    only if it arrives with a TTL or hop limit within the bounds.
    """

    address: Address | None = None
    name: str | None = None
    min_ttl: int = 0
    max_ttl: int = LONGEST_LIFE

    @property
    def bounded(self) -> bool:
        """Say whether some TTL or hop limit is refused."""
        return (self.min_ttl, self.max_ttl) != (0, LONGEST_LIFE)

    def __str__(self) -> str:
        words = str(self.name or self.address)
        return f"{words} with TTL {self.min_ttl} to {self.max_ttl}" if self.bounded else words

    @property
    def in_force(self) -> str:
        """Return who it is, and which address stands for a name, in words."""
        return f"{self.name} ({self.address or 'no address known'})" if self.name else str(self.address)


@dataclass(frozen=True, slots=True)
class Unicast:
    """Adverts go to each peer and are taken from no one else."""

    peers: tuple[Peer, ...] = ()  # at least one, once the file is read
    source: Address | None = None  # what we send from and listen on; None: the interface's primary address
    ttl: int = LONGEST_LIFE  # TTL or hop limit of what we send
    check_source: bool = True  # take adverts from peers only
    resolve_every: Duration = field(default=seconds(60))  # between two look-ups of the peers' names

    @property
    def names(self) -> frozenset[str]:
        """Return the names among the peers."""
        return frozenset(peer.name for peer in self.peers if peer.name)


@dataclass(frozen=True, slots=True)
class Multicast:
    """Adverts go to a group that all routers of the LAN have joined."""

    source: Address | None = None  # what we send from; None: the interface's primary address
    group: Address | None = None  # None: the group of VRRP


def segment_of(unicast: Unicast | None, multicast: Multicast, version: int) -> str:
    """Return what tells apart virtual routers that share a VRID on one interface in one IP version.

    Empty: the usual group.  The peers are no part of it: one more of them is the same virtual router.
    """
    if unicast is not None:
        return f"unicast {unicast.source}" if unicast.source else "unicast"
    return "" if multicast.group in (None, GROUP[version]) else str(multicast.group)
