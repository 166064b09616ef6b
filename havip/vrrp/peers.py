"""The peers of unicast routers: which addresses they have, and which adverts are theirs.  Pure.

Names are looked up elsewhere, as long as it takes; `Names` keeps what was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TypeAlias

from havip.config.cast import Address, Peer
from havip.config.model import VirtualRouter
from havip.errors import Refusal
from havip.messages import Key

Bounds: TypeAlias = tuple[int, int]  # least and most TTL or hop limit
Peers: TypeAlias = dict[bytes, Bounds]  # by packed address


class Names:
    """What the supervisor has told about names, and who wants to know."""

    def __init__(self) -> None:
        self._addresses: dict[tuple[str, int], tuple[Address, ...]] = {}  # by name and IP version
        self._wanted: dict[Key, VirtualRouter] = {}  # those with names, as the file has them

    def fill(self, config: VirtualRouter) -> VirtualRouter:
        """Return the router with every known address of its peers' names, and remember that it asks."""
        if config.unicast is None or not config.unicast.names:
            self._wanted.pop(config.key, None)
            return config
        self._wanted[config.key] = config
        peers = tuple(self._known(config.unicast.peers, config.family))
        return replace(config, unicast=replace(config.unicast, peers=peers))

    def learn(self, name: str, version: int, addresses: tuple[Address, ...]) -> list[VirtualRouter]:
        """Note the addresses of a name; return the routers that this changes, filled anew."""
        if self._addresses.get((name, version)) == addresses:
            return []
        self._addresses[name, version] = addresses
        return [
            self.fill(config)
            for config in list(self._wanted.values())
            if config.family == version and config.unicast is not None and name in config.unicast.names
        ]

    def forget(self, key: Key) -> None:
        """Fill a dropped router no more."""
        self._wanted.pop(key, None)

    def _known(self, peers: tuple[Peer, ...], version: int) -> Iterator[Peer]:
        for peer in peers:
            addresses = self._addresses.get((peer.name, version), ()) if peer.name else ()
            if addresses:
                yield from (replace(peer, address=address) for address in addresses)
            else:
                yield peer


def peers_of(config: VirtualRouter, own: bytes) -> Peers:
    """Return to whom a unicast router with the address ``own`` speaks; a multicast one has no peers.

    A name may stand for ourselves: one list of names serves every router.
    """
    if config.unicast is None:
        return {}
    return {
        peer.address.packed: (peer.min_ttl, peer.max_ttl)
        for peer in config.unicast.peers
        if peer.address is not None and peer.address.packed != own
    }


def trouble(config: VirtualRouter, own: bytes) -> str | None:
    """Return in words why a unicast router with the address ``own`` cannot take part; None: it can."""
    if config.unicast is None or not own:
        return None
    for peer in config.unicast.peers:
        if peer.address is not None and not peer.name and peer.address.packed == own:
            return f"its unicast peer {peer.address} is its own address"
    if peers_of(config, own):
        return None
    names = ", ".join(sorted(config.unicast.names))
    return f"no address of its unicast peers is known: {names}"


def refuse(peers: Mapping[bytes, Bounds], source: bytes, hop_limit: int) -> Refusal | None:
    """Judge where a unicast advert comes from; None: it is a peer's."""
    bounds = peers.get(source)
    if bounds is None:
        return Refusal.FOREIGN_SOURCE
    least, most = bounds
    return None if least <= hop_limit <= most else Refusal.PEER_TTL
