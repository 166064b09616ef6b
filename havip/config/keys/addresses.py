"""The keys of one address that a master holds.  Pure."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from havip.clock import ZERO, seconds
from havip.config.addresses import BareAddress, HostAddress
from havip.config.fields import Field, Group, ListOf
from havip.config.keys.names import INTERFACE
from havip.config.kinds import Flag, Length, Text
from havip.config.model import VirtualAddress
from havip.config.routing_kinds import SCOPE, Broadcast, Lifetime

MOST_ADDRESSES = 255  # the count is one octet (RFC 9568 section 5.2.5)
MOST_HELD = 4096  # addresses that no advert tells of, routes or rules

LIFETIME = Lifetime(Length(ZERO, seconds(0xFFFFFFFE)), seconds(1), "seconds")


def with_options(
    address: VirtualAddress, broadcast: str | IPv4Address | None = None, **options: Any
) -> VirtualAddress:
    """Return an address with its options; the broadcast address ``auto`` is the last one of its network."""
    found = broadcast if isinstance(broadcast, IPv4Address) else None
    if broadcast == "auto" and isinstance(address.address, IPv4Address) and address.prefix_length < 31:
        found = IPv4Network((address.address, address.prefix_length), strict=False).broadcast_address
    return replace(address, broadcast=found, **options)


ADDRESS = Group(
    with_options,
    (
        Field("address", HostAddress(), "the address, with the prefix length that it gets", "192.0.2.2/24"),
        Field(
            "device",
            INTERFACE,
            "the interface that gets it; unless given, the one of the virtual router",
            "eth1",
            elsewhere=("dev", "interface"),
        ),
        Field(
            "label",
            Text("a label of 1 to 15 printable characters without spaces", r"^\S{1,15}$", longest=15),
            "a name under which old tools show it; IPv4",
            "eth1:vip",
        ),
        Field("scope", SCOPE, "how far it reaches; unless given, everywhere; IPv4", "link"),
        Field("broadcast", Broadcast(), "the broadcast address; IPv4", "auto", elsewhere=("brd",)),
        Field(
            "peer",
            BareAddress(),
            "the far end of a link; the prefix length is that of its network",
            "192.0.2.9",
        ),
        Field(
            "preferred_lifetime",
            LIFETIME,
            "how long it may be sent from; 0s: never; unless given forever, but 0s for an IPv6 /128",
            "0s",
            elsewhere=("preferred_lft",),
        ),
        Field(
            "prefix_route",
            Flag(),
            "the kernel makes a route to its network",
            False,
            elsewhere=("noprefixroute",),
        ),
        Field(
            "duplicate_detection",
            Flag(),
            "ask for the address on the link before it is used, which takes a second; IPv6",
            True,
            elsewhere=("nodad", "dad"),
        ),
        Field("home", Flag(), "it is the home address of a mobile node; IPv6", True),
        Field(
            "manage_temporary",
            Flag(),
            "temporary addresses are made of it; IPv6",
            True,
            elsewhere=("mngtmpaddr",),
        ),
        Field("track", Flag(), "put it back when something else removes it", False, elsewhere=("no_track",)),
    ),
    expected='an address such as "192.0.2.1/24", or a mapping with the key "address"',
    short="address",
    like=VirtualAddress,
)

ADDRESSES = ListOf(
    ADDRESS,
    MOST_ADDRESSES,
    said=f"a list of 1 to {MOST_ADDRESSES} values, each {HostAddress().expected}",
)
MORE_ADDRESSES = ListOf(
    ADDRESS,
    MOST_HELD,
    said=f"a list of 1 to {MOST_HELD} values, each {HostAddress().expected}",
)
