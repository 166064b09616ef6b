"""Addresses as they are written: which texts are one, and which a host can hold.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

from havip.config.cast import Address
from havip.config.kinds import Schema, Wrong
from havip.config.model import VirtualAddress

LIMITED_BROADCAST = IPv4Address("255.255.255.255")
LINK_SCOPE = 2  # of IPv6 groups (RFC 4291 section 2.7)
THIS_NETWORK = IPv4Network("0.0.0.0/8")

PREFIX_LENGTH = re.compile(r"0|[1-9][0-9]{0,2}")
OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
IPV4_PATTERN = rf"^{OCTET}(?:\.{OCTET}){{3}}(?:/(?:[1-9]|[12][0-9]|3[0-2]))?$"
BARE_IPV4_PATTERN = rf"^{OCTET}(?:\.{OCTET}){{3}}$"
BARE_IPV6_PATTERN = r"^(?=.*:)[0-9A-Fa-f:.]{2,45}$"
IPV6_PATTERN = r"^(?=[^/]*:)[0-9A-Fa-f:.]{2,45}(?:/(?:[1-9]|[1-9][0-9]|1[01][0-9]|12[0-8]))?$"


@dataclass(frozen=True, slots=True)
class HostAddress:
    """An IPv4 or IPv6 address that a host can hold, with the length of its prefix if not all of it."""

    expected: str = 'an IPv4 or IPv6 address such as "192.0.2.1/24" or "2001:db8::1/64"'

    def read(self, text: str) -> VirtualAddress:
        head, slash, tail = text.partition("/")
        try:
            address = ip_address(head)
        except ValueError:
            raise Wrong from None
        if "%" in head:
            raise Wrong(why="the interface stands under its own key, not in the address")
        bits = address.max_prefixlen
        if slash and (not PREFIX_LENGTH.fullmatch(tail) or not 1 <= int(tail) <= bits):
            raise Wrong(f"a prefix length from 1 to {bits} behind the slash")
        result = VirtualAddress(address, int(tail) if slash else bits)
        if why := unfit(result):
            raise Wrong("an address that a host can hold", why=why)
        return result

    def written(self, value: VirtualAddress) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"type": "string", "anyOf": [{"pattern": IPV4_PATTERN}, {"pattern": IPV6_PATTERN}]}


@dataclass(frozen=True, slots=True)
class BareAddress:
    """An address that a host can hold, without a prefix length."""

    expected: str = 'an IPv4 or IPv6 address such as "192.0.2.1" or "2001:db8::1"'

    def read(self, text: str) -> Address:
        if "/" in text:
            raise Wrong(why="no prefix length belongs here")
        try:
            return HostAddress().read(text).address
        except Wrong as wrong:
            raise Wrong(wrong.expected or self.expected, why=wrong.why) from None

    def written(self, value: Address) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"type": "string", "anyOf": [{"pattern": BARE_IPV4_PATTERN}, {"pattern": BARE_IPV6_PATTERN}]}


@dataclass(frozen=True, slots=True)
class GroupAddress:
    """A multicast group whose packets stay on the link."""

    expected: str = 'a multicast group such as "224.0.0.19" or "ff02::13"'

    def read(self, text: str) -> Address:
        try:
            address = ip_address(text)
        except ValueError:
            raise Wrong from None
        if not address.is_multicast:
            raise Wrong
        if isinstance(address, IPv6Address) and (address.scope_id or address.packed[1] & 0x0F != LINK_SCOPE):
            raise Wrong('a group of link-local scope such as "ff02::13"')
        return address

    def written(self, value: Address) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"type": "string", "anyOf": [{"pattern": BARE_IPV4_PATTERN}, {"pattern": "^[Ff][Ff].2:"}]}


def unfit(virtual: VirtualAddress) -> str:
    """Return why no host can hold an address; empty: one can."""
    address, length = virtual.address, virtual.prefix_length
    if address == LIMITED_BROADCAST:
        return "it is the limited broadcast address"
    if address.is_multicast:
        return "it is a multicast address"
    if address.is_loopback:
        return "it is a loopback address"
    if address.is_unspecified:
        return "it is the unspecified address"
    if isinstance(address, IPv4Address):
        if address in THIS_NETWORK:
            return 'it belongs to "this network", 0.0.0.0/8'
    elif address.ipv4_mapped is not None:
        return "it is an IPv4-mapped address, which never appears on a wire"
    host_bits = address.max_prefixlen - length
    if host_bits <= 1:
        return ""  # RFC 3021, RFC 6164: both addresses of such a prefix are hosts
    host = int(address) & ((1 << host_bits) - 1)
    if host == 0:
        return f"it is the network {virtual} itself"
    if address.version == 4 and host == (1 << host_bits) - 1:
        return f"it is the broadcast address of its /{length}"
    return ""
