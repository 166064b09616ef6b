"""The types of single values of the load balancer: addresses of services, spans of them, words.  Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv6Address, ip_address, ip_network

from havip.clock import Duration, seconds
from havip.config.addresses import BARE_IPV4_PATTERN, BARE_IPV6_PATTERN, LIMITED_BROADCAST
from havip.config.balancing import Block
from havip.config.cast import Address
from havip.config.kinds import Length, Schema, Text, Word, Wrong
from havip.config.problems import nearest_of

MOST_IN_A_BLOCK = 4096


class Scheduler(StrEnum):
    """Who gets the next connection."""

    RR = "rr"
    WRR = "wrr"
    LC = "lc"
    WLC = "wlc"
    LBLC = "lblc"
    LBLCR = "lblcr"
    SH = "sh"
    MH = "mh"
    DH = "dh"
    FO = "fo"
    OVF = "ovf"
    SED = "sed"
    NQ = "nq"
    TWOS = "twos"


class SchedulerFlag(StrEnum):
    """What a scheduler does differently."""

    FLAG_1 = "flag-1"
    FLAG_2 = "flag-2"
    FLAG_3 = "flag-3"
    SH_FALLBACK = "sh-fallback"
    SH_PORT = "sh-port"
    MH_FALLBACK = "mh-fallback"
    MH_PORT = "mh-port"


class Engine(StrEnum):
    """What tells one client from another, beside the address."""

    SIP = "sip"


@dataclass(frozen=True)
class Spelled(Word):
    """One of the words of an enumeration, with a hint for those who know it by another one."""

    foreign: Mapping[str, str] = field(default_factory=dict, hash=False)

    def read(self, text: str) -> StrEnum:
        try:
            return super().read(text)
        except Wrong as wrong:
            nearest = wrong.nearest or self.foreign.get(text.lower()) or nearest_of(text, self.options)
            raise Wrong(nearest=nearest) from None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address that clients, or the director, can send to; the port stands beside it."""

    on_a_link: bool = True  # a link-local IPv6 address is good as well
    expected: str = 'an IPv4 or IPv6 address such as "192.0.2.1" or "2001:db8::1"'

    def read(self, text: str) -> Address:
        try:
            address = ip_address(text)
        except ValueError:
            raise Wrong(why=self._hint(text)) from None
        if why := self._unfit(address, text):
            raise Wrong(why=why)
        return address

    def _hint(self, text: str) -> str:
        head, colon, tail = text.rpartition(":")
        try:
            ip_address(head.strip("[]"))
        except ValueError:
            return "no prefix length belongs here" if "/" in text else ""
        return 'the port stands under its own key, "port"' if colon and tail.isdecimal() else ""

    def _unfit(self, address: Address, text: str) -> str:
        if "%" in text:
            return "no interface belongs here"
        if address.is_multicast or address.is_unspecified or address == LIMITED_BROADCAST:
            return "no server can have it"
        if isinstance(address, IPv6Address):
            if address.ipv4_mapped is not None:
                return "it is an IPv4-mapped address, which never appears on a wire"
            if address.is_link_local and not self.on_a_link:
                return "IPVS sends nothing to a link-local address"
        return ""

    def written(self, value: Address) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"type": "string", "anyOf": [{"pattern": BARE_IPV4_PATTERN}, {"pattern": BARE_IPV6_PATTERN}]}


@dataclass(frozen=True, slots=True)
class Span:
    """One address, all from one to another, or all of a prefix."""

    expected: str = 'an address, "192.0.2.20-192.0.2.29", "192.0.2.20-29" or "198.51.100.0/28"'

    def read(self, text: str) -> Block:
        try:
            block = self._block(text)
        except Wrong:
            raise
        except ValueError:
            raise Wrong from None
        size = int(block.last) - int(block.first) + 1
        if size < 1:
            raise Wrong(why="the last address is before the first one")
        if size > MOST_IN_A_BLOCK:
            raise Wrong(f"at most {MOST_IN_A_BLOCK} addresses", why=f"it has {size}")
        for address in (block.first, block.last):
            Endpoint().read(str(address))
        return block

    def _block(self, text: str) -> Block:
        if "/" in text:
            try:
                network = ip_network(text)
            except ValueError:
                nearest = str(ip_network(text, strict=False))
                raise Wrong(why="bits behind the prefix are set", nearest=nearest) from None
            return Block(network.network_address, network.broadcast_address)
        head, dash, tail = text.partition("-")
        first = Endpoint().read(head)
        if not dash:
            return Block(first, first)
        if tail.isalnum() and "." not in tail and ":" not in tail:  # the last piece alone
            mark = "." if first.version == 4 else ":"
            tail = head.rpartition(mark)[0] + mark + tail
        last = Endpoint().read(tail)
        if last.version != first.version:
            raise Wrong(why="the two are of different families")
        return Block(first, last)

    def written(self, value: Block) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 2, "maxLength": 91}


@dataclass(frozen=True, slots=True)
class Seconds(Length):
    """A length of time in whole seconds: the kernel counts no others."""

    def read(self, text: str) -> Duration:
        length = Length(self.least, self.most).read(text)
        if length % seconds(1):
            raise Wrong("whole seconds", why="the kernel counts no parts of them")
        return length


@dataclass(frozen=True, slots=True)
class MulticastGroup:
    """A multicast group of whatever reach."""

    expected: str = 'a multicast group such as "224.0.0.81" or "ff02::81"'

    def read(self, text: str) -> Address:
        try:
            address = ip_address(text)
        except ValueError:
            raise Wrong from None
        if not address.is_multicast or "%" in text:
            raise Wrong
        return address

    def written(self, value: Address) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"type": "string", "anyOf": [{"pattern": BARE_IPV4_PATTERN}, {"pattern": "^[Ff][Ff]"}]}


LONGEST_PART = 64  # characters
#: the name of a virtual service, a server or a probe: three of them make the name of a check
PART = Text(
    f'a name of 1 to {LONGEST_PART} printable characters without spaces and "/"',
    rf"^[^\s/]{{1,{LONGEST_PART}}}$",
    longest=4 * LONGEST_PART,
)
