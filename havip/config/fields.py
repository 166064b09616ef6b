"""The table of every key that a configuration may hold.  Pure.

One entry is all a new key needs: the reader, `havip schema`, the reload plan and the test of the book's
key list work from this table.  Defaults are those of the dataclasses in `havip.config.model`; a field of
the dataclass without one is a key that must be given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from havip.clock import ZERO, milliseconds, seconds
from havip.config.addresses import HostAddress
from havip.config.kinds import Choice, Flag, Kind, Length, Text, Whole
from havip.config.model import Announcing, Daemon, VirtualRouter

LONGEST_WAIT = seconds(1000)
LONGEST_NAME = 64  # characters
LONGEST_INTERFACE = 15  # bytes: IFNAMSIZ and its closing zero
LONGEST_SOCKET_PATH = 107  # bytes: sun_path and its closing zero
MOST_ADDRESSES = 255  # the count is one octet (RFC 9568 section 5.2.5)

#: the name of a virtual router
NAME = Text(
    f"a name of 1 to {LONGEST_NAME} printable characters without spaces",
    rf"^\S{{1,{LONGEST_NAME}}}$",
    longest=4 * LONGEST_NAME,
)


@dataclass(frozen=True, eq=False)
class ListOf:
    """A list of single values of one kind."""

    item: Kind
    most: int

    @property
    def expected(self) -> str:
        return f"a list of 1 to {self.most} values, each {self.item.expected}"


@dataclass(frozen=True, eq=False)
class Named:
    """A mapping of names to groups of one shape."""

    group: Group
    name: Kind
    noun: str

    @property
    def expected(self) -> str:
        return f"a mapping from the name of each {self.noun} to its keys"


@dataclass(frozen=True, eq=False)
class Group:
    """A mapping with fixed keys, and the dataclass that holds their values (``dict``: nothing more)."""

    make: Callable[..., Any]
    fields: tuple[Field, ...]
    expected: str = "a mapping of keys to values"

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Return the fields by their keys."""
        return {field.name: field for field in self.fields}

    @cached_property
    def elsewhere(self) -> dict[str, str]:
        """Return the keys by the names that other programs give them."""
        return {foreign: field.name for field in self.fields for foreign in field.elsewhere}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Return the values of the keys that may be left out."""
        if not dataclasses.is_dataclass(self.make):
            return {}
        return {
            field.name: value
            for field in dataclasses.fields(self.make)
            if field.name in self.by_name and (value := default_of(field)) is not dataclasses.MISSING
        }

    @cached_property
    def required(self) -> tuple[Field, ...]:
        """Return the fields that must be given."""
        return tuple(field for field in self.fields if field.required or self.needs(field))

    def needs(self, field: Field) -> bool:
        """Say whether the dataclass cannot be made without the field."""
        return dataclasses.is_dataclass(self.make) and field.name not in self.defaults


Shape: TypeAlias = Kind | ListOf | Named | Group


@dataclass(frozen=True, eq=False)
class Field:
    """One key: its name, the shape of its value, and what the schema and the book say about it."""

    name: str
    shape: Shape
    doc: str
    example: Any = None
    own: bool = False  # belongs to one virtual router: no place in `defaults`
    required: bool = False  # although the dataclass has a default
    elsewhere: tuple[str, ...] = ()  # what other programs call it, for the hint


def default_of(field: dataclasses.Field[Any]) -> Any:
    """Return a dataclass field's default, or `dataclasses.MISSING`."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def walk(group: Group, path: str = "") -> Iterator[tuple[str, Group, Field]]:
    """Yield every field below ``group`` with its path; the name of a virtual router is ``NAME``."""
    for field in group.fields:
        here = f"{path}.{field.name}" if path else field.name
        yield here, group, field
        if isinstance(field.shape, Group):
            yield from walk(field.shape, here)
        elif isinstance(field.shape, Named):
            yield from walk(field.shape.group, f"{here}.NAME")


ANNOUNCE = Group(
    Announcing,
    (
        Field("repeat", Whole(1, 255), "announcements of each address in one burst", 5),
        Field(
            "delay",
            Length(ZERO, LONGEST_WAIT),
            "from the first burst to the second; 0s: no second burst",
            "5s",
        ),
        Field(
            "refresh", Length(ZERO, seconds(86400)), "between periodic bursts while MASTER; 0s: none", "60s"
        ),
        Field("refresh_repeat", Whole(1, 255), "announcements of each address in a periodic burst", 1),
        Field(
            "lower_priority_repeat",
            Whole(0, 255),
            "announcements of each address after a weaker master was heard; 0: none",
            5,
        ),
        Field(
            "lower_priority_delay",
            Length(ZERO, LONGEST_WAIT),
            "from that burst to its repetition; 0s: not repeated",
            "5s",
        ),
        Field(
            "interval",
            Length(ZERO, seconds(1)),
            "least gap between two announcements on one interface",
            "2ms",
        ),
    ),
)

ROUTER = Group(
    VirtualRouter,
    (
        Field(
            "interface",
            Text(
                'an interface name of 1 to 15 bytes without spaces, "/" and ":"',
                r"^(?!\.{1,2}$)[^\s/:]{1,15}$",
                longest=LONGEST_INTERFACE,
            ),
            "the network interface that carries the adverts and the addresses",
            "eth0",
            own=True,
            elsewhere=("dev", "device", "nic"),
        ),
        Field(
            "vrid",
            Whole(1, 255),
            "the virtual router identifier, equal on all routers that share the addresses",
            51,
            own=True,
            elsewhere=("virtual_router_id", "router_id", "id"),
        ),
        Field(
            "addresses",
            ListOf(HostAddress(), MOST_ADDRESSES),
            "the addresses that the master holds, all of one family, with the prefix length they get",
            ["192.0.2.1/24"],
            own=True,
            elsewhere=("virtual_ipaddress", "virtual_addresses", "vip", "vips", "ip"),
        ),
        Field("version", Choice((2, 3)), "the version of VRRP", 3, elsewhere=("vrrp_version",)),
        Field(
            "priority",
            Whole(1, 255),
            "who becomes master: the highest; 255 is kept for the router that owns the addresses",
            150,
        ),
        Field(
            "interval",
            Length(milliseconds(10), seconds(255)),
            "between two adverts: 10ms to 40.95s in steps of 10ms, in VRRPv2 whole seconds from 1s to 255s",
            "1s",
            elsewhere=("advert_int", "advertisement_interval", "advert_interval"),
        ),
        Field("preempt", Flag(), "take over from a weaker master", True, elsewhere=("nopreempt",)),
        Field(
            "preempt_delay",
            Length(ZERO, LONGEST_WAIT),
            "how long a weaker master is followed before taking over from it",
            "30s",
        ),
        Field(
            "down_adverts",
            Whole(1, 100),
            "missed adverts before the master is believed dead",
            3,
            elsewhere=("down_timer_adverts",),
        ),
        Field("rfc9568", Flag(), "leave the pseudo header out of the VRRPv3 checksum over IPv4", False),
        Field(
            "answer_lower_priority",
            Flag(),
            "as master, answer a weaker master's advert at once",
            True,
            elsewhere=("lower_prio_no_advert", "vrrp_lower_prio_no_advert"),
        ),
        Field(
            "announce",
            ANNOUNCE,
            "how often neighbours are told where the addresses are (gratuitous ARP, unsolicited NA)",
            {"repeat": 3, "delay": "2s"},
            elsewhere=("garp_master_delay", "garp_master_repeat", "garp_master_refresh", "garp_interval"),
        ),
    ),
)

DEFAULTS = Group(VirtualRouter, tuple(field for field in ROUTER.fields if not field.own))

DAEMON = Group(
    Daemon,
    (
        Field(
            "control_socket",
            Text("an absolute path of a file", r"^/.*[^/]$", longest=LONGEST_SOCKET_PATH),
            "the unix socket on which `havip status` and `havip reload` reach the daemon",
            "/run/havip/havip.sock",
        ),
        Field(
            "realtime_priority",
            Whole(0, 99),
            "SCHED_RR priority of the process that speaks VRRP; 0: ordinary scheduling",
            50,
        ),
        Field("lock_memory", Flag(), "keep that process in memory, never in swap", True),
    ),
)

CONFIGURATION = Group(
    dict,
    (
        Field("daemon", DAEMON, "what concerns the processes and not one router", {"realtime_priority": 50}),
        Field(
            "defaults",
            DEFAULTS,
            "keys that every virtual router has unless it says otherwise",
            {"interval": "100ms"},
        ),
        Field(
            "virtual_routers",
            Named(ROUTER, NAME, "virtual router"),
            "the virtual routers, by name",
            {"gateway": {"interface": "eth0", "vrid": 51, "addresses": ["192.0.2.1/24"]}},
            required=True,
            elsewhere=("vrrp_instance", "vrrp_instances", "routers", "instances"),
        ),
    ),
    expected='a configuration with the key "virtual_routers"',
)
