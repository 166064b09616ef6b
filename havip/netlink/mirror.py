"""What the kernel has told us so far: interfaces and addresses, kept up to date event by event.

Pure: it is told and asked, and never asks the kernel.  It judges nothing: which address is whose belongs
to `havip.vrrp.kernel`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from havip.netlink.codec import AF_INET, AF_INET6, SECONDARY, Address, Key, Link


class Mirror:
    """Interfaces by index and name, and the addresses of each.

    IPv4 addresses are kept in the kernel's own order, in which a promoted secondary address goes behind
    the primary ones.  The order of IPv6 addresses means nothing: the kernel announces them late.
    """

    def __init__(self) -> None:
        self._links: dict[int, Link] = {}
        self._by_name: dict[str, int] = {}
        self._former: dict[int, str] = {}  # the last name that an interface had before its present one
        self._addresses: dict[int, dict[Key, Address]] = {}
        self._forwarding: set[int] = set()

    def link(self, name: str) -> Link | None:
        """Return the interface of that name."""
        return self._links.get(self._by_name.get(name, 0))

    def name(self, ifindex: int) -> str | None:
        """Return the name of an interface."""
        link = self._links.get(ifindex)
        return link.name if link else None

    def renamed_to(self, name: str) -> str | None:
        """Return the present name of the interface that was called ``name`` until it was renamed."""
        for ifindex, former in self._former.items():
            if former == name:
                return self.name(ifindex)
        return None

    def addresses(self, ifindex: int, family: int) -> Iterator[Address]:
        """Yield the addresses of one family (AF_INET, AF_INET6) on an interface."""
        size = {AF_INET: 4, AF_INET6: 16}[family]
        held = self._addresses.get(ifindex, {})
        return (address for address in held.values() if len(address.address) == size)

    def address(self, key: Key) -> Address | None:
        """Return the address of that key."""
        return self._addresses.get(key[0], {}).get(key)

    def forwards(self, ifindex: int) -> bool:
        """Return whether an interface forwards IPv6."""
        return ifindex in self._forwarding

    def put_forwarding(self, ifindex: int, forwards: bool) -> set[str]:
        """Take note of whether an interface forwards IPv6; return the names for which that is news."""
        if (ifindex in self._forwarding) is forwards:
            return set()
        self._forwarding ^= {ifindex}
        return self._names((ifindex,))

    def put_link(self, link: Link) -> set[str]:
        """Take note of an interface; return the names that mean something else than before."""
        known = self._links.get(link.ifindex)
        if known == link:
            return set()
        touched = {link.name}
        if known and known.name != link.name:
            touched.add(known.name)
            self._forget_name(known)
            self._former[link.ifindex] = known.name
        self._links[link.ifindex] = link
        self._by_name[link.name] = link.ifindex
        return touched

    def drop_link(self, ifindex: int) -> set[str]:
        """Forget an interface and its addresses; return the names that mean something else than before."""
        self._addresses.pop(ifindex, None)
        self._forwarding.discard(ifindex)
        self._former.pop(ifindex, None)
        link = self._links.pop(ifindex, None)
        if link is None:
            return set()
        self._forget_name(link)
        return {link.name}

    def put_address(self, address: Address) -> bool:
        """Take note of an address; return whether that is news."""
        held = self._addresses.setdefault(address.ifindex, {})
        key = address.key
        known = held.get(key)
        if known == address:
            return False
        if known and known.flags & SECONDARY and not address.flags & SECONDARY:
            del held[key]
        held[key] = address
        return True

    def drop_address(self, key: Key) -> bool:
        """Forget an address; return whether it was known."""
        return self._addresses.get(key[0], {}).pop(key, None) is not None

    def replace(
        self, links: Iterable[Link], addresses: Iterable[Address], forwarding: Iterable[int] = ()
    ) -> set[str]:
        """Take a dump, in its order, for the truth; return the names that mean something else than before."""
        before, was = self._by_index(), self._links
        self._links = {link.ifindex: link for link in links}
        self._by_name = {link.name: link.ifindex for link in self._links.values()}
        self._former = {
            ifindex: was[ifindex].name if was[ifindex].name != link.name else self._former.get(ifindex, "")
            for ifindex, link in self._links.items()
            if ifindex in was
        }
        self._addresses = {}
        for address in addresses:
            self._addresses.setdefault(address.ifindex, {})[address.key] = address
        after = self._by_index()
        forwarded, self._forwarding = self._forwarding, set(forwarding)
        touched = self._names(forwarded ^ self._forwarding)
        for ifindex in before.keys() | after.keys():
            if before.get(ifindex) != after.get(ifindex):
                touched |= {known[ifindex].name for known in (was, self._links) if ifindex in known}
        return touched

    def _by_index(self) -> dict[int, tuple[Link | None, dict[Key, Address]]]:
        indices = self._links.keys() | self._addresses.keys()
        return {ifindex: (self._links.get(ifindex), self._addresses.get(ifindex, {})) for ifindex in indices}

    def _names(self, indices: Iterable[int]) -> set[str]:
        return {self._links[ifindex].name for ifindex in indices if ifindex in self._links}

    def _forget_name(self, link: Link) -> None:
        if self._by_name.get(link.name) == link.ifindex:  # else another interface has taken it over
            del self._by_name[link.name]
