"""The types of single values in routes and rules: text to value, value to text, and JSON Schema.  Pure.

Tables may be named; what the names stand for is told by `havip.config.tables`, which opens files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final

from havip.clock import Duration, seconds
from havip.config.addresses import BARE_IPV4_PATTERN
from havip.config.kinds import LENGTH_OF_TIME, Length, Schema, Wrong
from havip.config.routing import Prefix

NUMBER: Final = re.compile(r"0x[0-9A-Fa-f]{1,8}|0|[1-9][0-9]{0,9}")
MOST: Final = 0xFFFFFFFF
FOREVER: Final = Duration(seconds(MOST))
BUILT_IN: Final = {"default": 253, "main": 254, "local": 255}
SCOPES: Final = {"global": 0, "site": 200, "link": 253, "host": 254}
IP_PROTOCOLS: Final = {
    "icmp": 1,
    "igmp": 2,
    "tcp": 6,
    "udp": 17,
    "dccp": 33,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": 58,
    "ospf": 89,
    "vrrp": 112,
    "sctp": 132,
    "udplite": 136,
}


def number(text: str, most: int = MOST) -> int:
    """Return a number in decimal or hexadecimal digits.  Raises `Wrong`."""
    if not NUMBER.fullmatch(text) or int(text, 0) > most:
        raise Wrong
    return int(text, 0)


@dataclass(frozen=True, slots=True)
class Network:
    """A network with the length of its prefix; a lone address is a network of one."""

    expected: str = 'a network such as "192.0.2.0/24", "2001:db8::/32" or "0.0.0.0/0"'

    def read(self, text: str) -> Prefix:
        if text == "default":
            raise Wrong(why='the family must be told: "0.0.0.0/0" or "::/0"')
        head, slash, tail = text.partition("/")
        if "%" in head or (slash and not re.fullmatch("0|[1-9][0-9]{0,2}", tail)):
            raise Wrong
        try:
            network = ip_network(text, strict=False)
            address = ip_address(head)
        except ValueError:
            raise Wrong from None
        if network.network_address != address:
            raise Wrong(nearest=str(network), why="bits behind the prefix are set")
        return Prefix(network.network_address, network.prefixlen)

    def written(self, value: Prefix) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^[0-9A-Fa-f:.]+(?:/[0-9]{1,3})?$"}


@dataclass(frozen=True, slots=True)
class Broadcast:
    """An IPv4 broadcast address, or the one that belongs to the network."""

    expected: str = '"auto", "none", or an IPv4 address'

    def read(self, text: str) -> str | IPv4Address | None:
        if text == "none":
            return None
        if text == "auto":
            return text
        try:
            return IPv4Address(text)
        except ValueError:
            raise Wrong(nearest={"+": "auto", "-": "none"}.get(text, "")) from None

    def written(self, value: str | IPv4Address | None) -> str:
        return "none" if value is None else str(value)

    def schema(self) -> Schema:
        return {"anyOf": [{"enum": ["auto", "none"]}, {"type": "string", "pattern": BARE_IPV4_PATTERN}]}


#: who knows the names of tables beside those that are built in
known_tables: Callable[[], Mapping[str, int]] = dict


def learn(tables: Callable[[], Mapping[str, int]]) -> None:
    """Ask ``tables`` from now on what the names of tables stand for."""
    global known_tables
    known_tables = tables


@dataclass(frozen=True, slots=True)
class Table:
    """A routing table by its number, or by its name in iproute2's rt_tables."""

    expected: str = "a routing table: 1 to 4294967295, or a name from /etc/iproute2/rt_tables"

    def read(self, text: str) -> int:
        if text in BUILT_IN:
            return BUILT_IN[text]
        if NUMBER.fullmatch(text):
            if not number(text) >= 1:
                raise Wrong
            return number(text)
        named = known_tables().get(text)
        if named is None:
            raise Wrong
        return named

    def written(self, value: int) -> int | str:
        return next((name for name, built_in in BUILT_IN.items() if built_in == value), value)

    def schema(self) -> Schema:
        return {"type": ["integer", "string"]}


@dataclass(frozen=True, slots=True)
class Named:
    """A number in a range, or one of a few words for some of them."""

    words: tuple[tuple[str, int], ...]
    least: int
    most: int

    @property
    def expected(self) -> str:
        return f"{', '.join(word for word, _ in self.words)}, or a number from {self.least} to {self.most}"

    def read(self, text: str) -> int:
        for word, value in self.words:
            if text == word:
                return value
        if number(text, self.most) < self.least:
            raise Wrong
        return number(text)

    def written(self, value: int) -> int | str:
        return next((word for word, known in self.words if known == value), value)

    def schema(self) -> Schema:
        return {"anyOf": [{"enum": [word for word, _ in self.words]}, {"type": ["integer", "string"]}]}


@dataclass(frozen=True, slots=True)
class Byte:
    """A number of eight bits, in decimal or hexadecimal digits."""

    expected: str = 'a number from 0 to 255 such as "16" or "0x10"'

    def read(self, text: str) -> int:
        return number(text, 255)

    def written(self, value: int) -> int:
        return value

    def schema(self) -> Schema:
        return {"type": ["integer", "string"]}


@dataclass(frozen=True, slots=True)
class Pair:
    """Two numbers with a sign between them, or one that stands for both or for the first."""

    expected: str
    sign: str
    most: int
    lone: Callable[[int], tuple[int, int]]  # what one number alone means
    ordered: bool = True  # the first is not the greater one

    def read(self, text: str) -> tuple[int, int]:
        first, sign, second = text.partition(self.sign)
        pair = (
            (number(first, self.most), number(second, self.most))
            if sign
            else self.lone(number(first, self.most))
        )
        if self.ordered and pair[0] > pair[1]:
            raise Wrong(nearest=f"{pair[1]}{self.sign}{pair[0]}")
        return pair

    def written(self, value: tuple[int, int]) -> str:
        return f"{value[0]}{self.sign}{value[1]}"

    def schema(self) -> Schema:
        return {"type": ["integer", "string"]}


@dataclass(frozen=True, slots=True)
class Marked(Pair):
    """A mark of packets and the mask under which it counts."""

    def read(self, text: str) -> tuple[int, int]:
        mark, mask = Pair.read(self, text)
        if mark & ~mask:
            raise Wrong(why="the mask cuts off a part of the mark")
        return mark, mask

    def written(self, value: tuple[int, int]) -> str:
        return f"{value[0]:#x}/{value[1]:#x}"


@dataclass(frozen=True, slots=True)
class Steps:
    """A length of time in whole steps of a unit."""

    inner: Length
    step: Duration
    unit: str

    @property
    def expected(self) -> str:
        return f"{self.inner.expected} in whole {self.unit}"

    def read(self, text: str) -> Duration:
        length = self.inner.read(text)
        if length % self.step:
            raise Wrong(why=f"the kernel counts whole {self.unit}")
        return length

    def written(self, value: Duration) -> str:
        return self.inner.written(value)

    def schema(self) -> Schema:
        return self.inner.schema()


@dataclass(frozen=True, slots=True)
class Lifetime(Steps):
    """How long something stays good, or forever."""

    @property
    def expected(self) -> str:
        return f"forever, or {Steps.expected.fget(self)}"  # type: ignore[attr-defined]

    def read(self, text: str) -> Duration:
        return FOREVER if text == "forever" else Steps.read(self, text)

    def written(self, value: Duration) -> str:
        return "forever" if value == FOREVER else Steps.written(self, value)

    def schema(self) -> Schema:
        return {
            "anyOf": [{"enum": ["forever"]}, {"type": "string", "pattern": f"^{LENGTH_OF_TIME.pattern}$"}]
        }


SCOPE: Final = Named(tuple(SCOPES.items()), 0, 255)
IP_PROTOCOL: Final = Named(tuple(IP_PROTOCOLS.items()), 1, 255)
REALMS: Final = Pair('a realm such as "10", or two such as "10/20"', "/", 0xFFFF, lambda one: (0, one), False)
PORTS: Final = Pair('a port or a range such as "5060-5080"', "-", 0xFFFF, lambda one: (one, one))
UIDS: Final = Pair('a user id or a range such as "1000-1999"', "-", MOST, lambda one: (one, one))
MARK: Final = Marked(
    'a mark such as "0x10", or with a mask "0x10/0xff"', "/", MOST, lambda one: (one, MOST), False
)
