"""What `accept: false` drops, and the nftables script that has it dropped.  Pure.

The table is ours alone: it is made, replaced and removed as a whole, in one transaction.  It stands in the
input hook, which sees what is for this host and nothing that passes through it, so it may stand as long as
the virtual router is configured: forwarding by way of the address, ARP and the adverts never meet it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from havip.config.cast import Address
from havip.config.model import OWNER_PRIORITY, USUAL_PRIORITY, Configuration, VirtualRouter

#: RFC 9568 section 6.1, Accept_Mode: neighbour discovery must not be dropped.
CHAIN: Final = """\
  chain input {{
    type filter hook input priority {priority}; policy accept;
    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
    ip daddr @ipv4 counter drop
    ip6 daddr @ipv6 counter drop
    iifname . ip daddr @link_ipv4 counter drop
    iifname . ip6 daddr @link_ipv6 counter drop
  }}
"""
SETS: Final = {
    "ipv4": "ipv4_addr",
    "ipv6": "ipv6_addr",
    "link_ipv4": "ifname . ipv4_addr",
    "link_ipv6": "ifname . ipv6_addr",
}


@dataclass(frozen=True, slots=True)
class DropSet:
    """The addresses at which nothing is accepted: those with a link-local scope by their interface.

    Two are or-ed into what both drop, at the place that the second one wants.
    """

    everywhere: frozenset[Address] = frozenset()
    on_link: frozenset[tuple[str, Address]] = frozenset()
    priority: int = USUAL_PRIORITY

    def __or__(self, other: DropSet) -> DropSet:
        return DropSet(self.everywhere | other.everywhere, self.on_link | other.on_link, other.priority)

    def __le__(self, other: DropSet) -> bool:
        return self.everywhere <= other.everywhere and self.on_link <= other.on_link

    def __bool__(self) -> bool:
        return bool(self.everywhere or self.on_link)


def dropped_for(router: VirtualRouter) -> DropSet:
    """Return what one router wants dropped: nothing for the owner, who accepts by RFC 9568 section 6.1."""
    if router.accept or router.priority == OWNER_PRIORITY:
        return DropSet()
    estate = router.estate
    pairs = [(virtual.device or estate.home, virtual.address) for virtual in estate.addresses]
    return DropSet(
        frozenset(address for _, address in pairs if not address.is_link_local),
        frozenset((name, address) for name, address in pairs if address.is_link_local),
    )


def drop_set(configuration: Configuration) -> DropSet:
    """Return everything that a configuration wants dropped."""
    wanted = [dropped_for(router) for router in configuration.virtual_routers]
    return DropSet(
        frozenset().union(*(one.everywhere for one in wanted)),
        frozenset().union(*(one.on_link for one in wanted)),
        configuration.daemon.nftables_priority,
    )


def script(table: str, wanted: DropSet) -> str:
    """Return what `nft -f -` must read so that exactly ``wanted`` is dropped; nothing: the table is gone."""
    # Adding it first makes the removal succeed whether it was there or not; all of it is one transaction.
    clear = f"add table inet {table}\ndelete table inet {table}\n"
    if not wanted:
        return clear
    elements = {
        "ipv4": plain(wanted.everywhere, 4),
        "ipv6": plain(wanted.everywhere, 6),
        "link_ipv4": linked(wanted.on_link, 4),
        "link_ipv6": linked(wanted.on_link, 6),
    }
    sets = "".join(declared(name, kind, elements[name]) for name, kind in SETS.items())
    return f"{clear}table inet {table} {{\n{sets}{CHAIN.format(priority=wanted.priority)}}}\n"


def declared(name: str, kind: str, elements: list[str]) -> str:
    """Return a set's declaration."""
    listed = f" elements = {{ {', '.join(elements)} }};" if elements else ""
    return f"  set {name} {{ type {kind};{listed} }}\n"


def plain(addresses: Iterable[Address], version: int) -> list[str]:
    """Return the addresses of one family as elements, in an order that does not vary."""
    return [str(address) for address in sorted(a for a in addresses if a.version == version)]


def linked(pairs: Iterable[tuple[str, Address]], version: int) -> list[str]:
    """Return (interface, address) pairs of one family as elements, in an order that does not vary."""
    chosen = sorted((name, int(address), address) for name, address in pairs if address.version == version)
    return [f'"{name}" . {address}' for name, _, address in chosen]
