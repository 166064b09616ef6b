"""What is asked of the kernel to hold what a master holds: the requests, built once.

Pure: it sends nothing.  A holding is a virtual address, a route or a rule.  They are added in this order,
since a route may lead through the network of an address, and removed in the reverse one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final, TypeAlias

from havip.config.model import VirtualAddress
from havip.config.routing import VirtualRoute, VirtualRule
from havip.netlink import codec, routes, rules
from havip.netlink.codec import Address
from havip.netlink.routes import RouteKey
from havip.netlink.rules import RuleKey

#: IFA_PROTO of every address of ours, and the protocol of every route and rule: the number of VRRP
MARK: Final = 112
NO_INTERFACE: Final = 0x7FFFFFFF  #: an index that the kernel gives to no interface in practice: it refuses
LONGEST_LIFETIME: Final = codec.FOREVER  # seconds
_SECOND: Final = 1_000_000_000  # ns

Holding: TypeAlias = VirtualAddress | VirtualRoute | VirtualRule
#: What makes a holding one and the same for the kernel.
Key: TypeAlias = codec.Key | RouteKey | RuleKey
Index: TypeAlias = Callable[[str], int]  # an interface's number by its name; NO_INTERFACE: there is none


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The requests that add and remove what one router holds, built once.

    Request number i of each kind is about ``holdings[i]``; its sequence number is the first one plus i,
    so that a refusal names its holding.
    """

    holdings: tuple[Holding, ...]
    keys: tuple[Key, ...] = field(repr=False)
    additions: tuple[bytes, ...] = field(repr=False)
    removals: tuple[bytes, ...] = field(repr=False)
    first_addition: int
    first_removal: int

    @property
    def tracked(self) -> Iterator[tuple[Key, Holding]]:
        """Yield what is put back when others remove it, by key."""
        held = zip(self.keys, self.holdings, strict=True)
        return ((key, holding) for key, holding in held if holding.track)

    @property
    def addresses(self) -> dict[Key, Holding]:
        """Return the addresses among it, by key."""
        held = zip(self.keys, self.holdings, strict=True)
        return {key: holding for key, holding in held if isinstance(holding, VirtualAddress)}


def batch_of(ifindex: int, holdings: Sequence[Holding], index: Index, first_sequence: int) -> Batch:
    """Return the batch for ``holdings``.  It uses up two sequence numbers for each.

    ``ifindex`` is the interface of the addresses that name none.
    """
    first_removal = first_sequence + len(holdings)
    keys: list[Key] = []
    additions: list[bytes] = []
    removals: list[bytes] = []
    for number, holding in enumerate(holdings):
        key, addition, removal = requests(
            holding, ifindex, index, first_sequence + number, first_removal + number
        )
        keys.append(key)
        additions.append(addition)
        removals.append(removal)
    return Batch(
        tuple(holdings), tuple(keys), tuple(additions), tuple(removals), first_sequence, first_removal
    )


def requests(
    holding: Holding, ifindex: int, index: Index, adding: int, removing: int
) -> tuple[Key, bytes, bytes]:
    """Return what identifies a holding, and the requests to add it and to remove it."""
    if isinstance(holding, VirtualAddress):
        where = place_of(holding, ifindex, index)
        return (
            address_key(holding, where),
            addition(adding, where, holding),
            removal(removing, where, holding),
        )
    if isinstance(holding, VirtualRoute):
        body = routes.route_body(holding, index, MARK)
        route = routes.parse_route(body)
        assert route is not None
        request = routes.add_route(adding, holding, index, MARK)
        return route.key, request, routes.delete_route(removing, route.key, MARK)
    body = rules.rule_body(holding, MARK)
    rule = rules.parse_rule(body)
    assert rule is not None
    return rule.key, rules.add_rule(adding, holding, MARK), rules.delete_rule(removing, body)


def place_of(address: VirtualAddress, ifindex: int, index: Index) -> int:
    """Return the interface on which an address goes: its own device, or else that of its router."""
    return index(address.device) if address.device else ifindex


def address_key(virtual: VirtualAddress, ifindex: int) -> codec.Key:
    """Return what identifies an address."""
    packed = virtual.address.packed
    return (ifindex, packed, packed if virtual.peer is None else virtual.peer.packed, virtual.prefix_length)


def addition(sequence: int, ifindex: int, virtual: VirtualAddress, replace: bool = False) -> bytes:
    """Return the request to add a virtual address; with ``replace``, to change the one that is there.

    IPv6: unless it is asked for, without duplicate address detection, which would delay the takeover by a
    second and fail while the old master is still there.  A /128 is deprecated from the start, so that
    nothing of our own is sent from it; in a wider prefix it is an ordinary address.
    """
    address = virtual.address.packed
    ipv6 = len(address) == 16
    flags = 0 if virtual.duplicate_detection or not ipv6 else codec.NO_DAD
    for wanted, flag in (
        (not virtual.prefix_route, codec.NO_PREFIX_ROUTE),
        (virtual.home, codec.HOME),
        (virtual.manage_temporary, codec.MANAGE_TEMPORARY),
    ):
        flags |= flag if wanted else 0
    preferred = 0 if ipv6 and virtual.prefix_length == 128 else codec.FOREVER
    if virtual.preferred_lifetime is not None:
        preferred = min(virtual.preferred_lifetime // _SECOND, LONGEST_LIFETIME)
    return codec.add_address(
        sequence,
        ifindex,
        address,
        virtual.prefix_length,
        protocol=MARK,
        flags=flags,
        preferred=preferred,
        peer=b"" if virtual.peer is None else virtual.peer.packed,
        scope=codec.SCOPE_GLOBAL if virtual.scope is None else virtual.scope,
        label=virtual.label,
        broadcast=b"" if virtual.broadcast is None else virtual.broadcast.packed,
        replace=replace,
    )


def removal(sequence: int, ifindex: int, virtual: VirtualAddress) -> bytes:
    """Return the request to delete a virtual address."""
    peer = b"" if virtual.peer is None else virtual.peer.packed
    return codec.delete_address(sequence, ifindex, virtual.address.packed, virtual.prefix_length, peer)


def renewal(sequence: int, key: Key, old: Holding, new: Holding, index: Index) -> list[bytes]:
    """Return the requests that make ``new`` of ``old``, which has the same key: in place if the kernel can.

    The last one is numbered ``sequence`` plus 1.  What cannot be changed in place is removed and added in
    one go: nothing comes between.
    """
    if isinstance(new, VirtualRoute):
        return [routes.add_route(sequence + 1, new, index, MARK, replace=True)]
    if isinstance(new, VirtualRule) or isinstance(old, VirtualRule | VirtualRoute):
        return []  # all of a rule is its key: the two differ in nothing that the kernel knows
    ifindex = key[0]
    assert isinstance(ifindex, int)
    fixed = [(one.label, one.scope, one.broadcast, one.home, one.duplicate_detection) for one in (old, new)]
    if fixed[0] == fixed[1]:
        return [addition(sequence + 1, ifindex, new, replace=True)]
    return [removal(sequence, ifindex, old), addition(sequence + 1, ifindex, new)]


def deletion(sequence: int, address: Address) -> bytes:
    """Return the request to delete an address that was found."""
    return codec.delete_address(
        sequence, address.ifindex, address.address, address.prefix_length, address.peer
    )


def deleting(address: Address) -> Callable[[int], bytes]:
    """Return what makes the request to delete an address of its sequence number."""
    return lambda sequence: deletion(sequence, address)


def named(address: Address) -> str:
    """Return an address as people write it."""
    return f"{ip_address(address.address)}/{address.prefix_length}"


def same_address(key: codec.Key, among: Iterable[Address]) -> Address | None:
    """Return the address because of which the kernel says that ``key`` exists.

    IPv4 may have one address with several prefix lengths, IPv6 may not.
    """
    ifindex, packed, _, prefix_length = key
    for address in among:
        if (address.ifindex, address.address) == (ifindex, packed) and (
            len(packed) == 16 or address.prefix_length == prefix_length
        ):
            return address
    return None
