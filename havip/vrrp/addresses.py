"""What is asked of the kernel to hold a router's virtual addresses: the requests, built once.

Pure: it sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from havip.config.model import VirtualAddress
from havip.netlink import codec
from havip.netlink.codec import Address, Key

ADDRESS_MARK: Final = 112  #: IFA_PROTO of every address that is ours: the protocol number of VRRP


@dataclass(frozen=True, slots=True, eq=False)
class AddressBatch:
    """The requests that add and remove one router's addresses, built once.

    Request number i of each kind is about ``addresses[i]``; its sequence number is the first one plus i,
    so that a refusal names its address.
    """

    addresses: tuple[VirtualAddress, ...]
    keys: tuple[Key, ...] = field(repr=False)
    additions: tuple[bytes, ...] = field(repr=False)
    removals: tuple[bytes, ...] = field(repr=False)
    first_addition: int
    first_removal: int


def batch_of(ifindex: int, addresses: Sequence[VirtualAddress], first_sequence: int) -> AddressBatch:
    """Return the batch for ``addresses``.  It uses up two sequence numbers for each."""
    count = len(addresses)
    packed = [(virtual.address.packed, virtual.prefix_length) for virtual in addresses]
    return AddressBatch(
        addresses=tuple(addresses),
        keys=tuple((ifindex, address, address, length) for address, length in packed),
        additions=tuple(
            addition(sequence, ifindex, address, length)
            for sequence, (address, length) in enumerate(packed, first_sequence)
        ),
        removals=tuple(
            codec.delete_address(sequence, ifindex, address, length)
            for sequence, (address, length) in enumerate(packed, first_sequence + count)
        ),
        first_addition=first_sequence,
        first_removal=first_sequence + count,
    )


def addition(sequence: int, ifindex: int, address: bytes, prefix_length: int) -> bytes:
    """Return the request to add a virtual address.

    IPv6: without duplicate address detection, which would delay the takeover by a second and fail while
    the old master is still there.  A /128 is deprecated from the start, so that nothing of our own is
    sent from it; in a wider prefix it is an ordinary address.
    """
    if len(address) == 4:
        return codec.add_address(sequence, ifindex, address, prefix_length, protocol=ADDRESS_MARK)
    return codec.add_address(
        sequence,
        ifindex,
        address,
        prefix_length,
        protocol=ADDRESS_MARK,
        flags=codec.NO_DAD,
        preferred=0 if prefix_length == 128 else codec.FOREVER,
    )


def deletion(sequence: int, address: Address) -> bytes:
    """Return the request to delete an address that was found."""
    return codec.delete_address(sequence, address.ifindex, address.address, address.prefix_length)


def virtual_address(address: Address) -> VirtualAddress:
    """Return an address as the configuration would name it."""
    return VirtualAddress(ip_address(address.address), address.prefix_length)


def same_address(key: Key, among: Iterable[Address]) -> Address | None:
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
