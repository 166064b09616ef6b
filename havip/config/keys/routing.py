"""The keys of one route, of one routing policy rule, and of what is held whoever is master.  Pure."""

from __future__ import annotations

from typing import Any

from havip.clock import ZERO, milliseconds, seconds
from havip.config.addresses import BareAddress
from havip.config.fields import Field, Group, ListOf
from havip.config.keys.addresses import MORE_ADDRESSES, MOST_HELD
from havip.config.keys.names import INTERFACE, NAME
from havip.config.kinds import Choice, Flag, Length, Text, Whole, Word
from havip.config.model import Static
from havip.config.routing import (
    Lockable,
    NextHop,
    Preference,
    RouteType,
    RuleAction,
    VirtualRoute,
    VirtualRule,
)
from havip.config.routing_kinds import (
    IP_PROTOCOL,
    MARK,
    MOST,
    PORTS,
    REALMS,
    SCOPE,
    UIDS,
    Byte,
    Network,
    Steps,
    Table,
)

SEGMENTS = Whole(1, 0xFFFF)
#: the kernel counts the smoothed round trip in eighths of a millisecond, in 32 bits
MILLISECONDS = Steps(Length(ZERO, seconds(120)), milliseconds(1), "milliseconds")

VIA = Field("via", BareAddress(), "the gateway", "192.0.2.254", elsewhere=("gw", "gateway"))
DEVICE = Field("device", INTERFACE, "the interface that it leaves", "eth1", elsewhere=("dev", "oif"))
ONLINK = Field("onlink", Flag(), "the gateway is on the link, although no address says so", True)

NEXT_HOP = Group(
    NextHop,
    (
        VIA,
        DEVICE,
        Field("weight", Whole(1, 256), "its share of the traffic, beside the weights of the others", 2),
        ONLINK,
    ),
)

PATH_KEYS = (
    Field("mtu", Whole(68, 65535), "the largest packet that fits the path, in bytes", 1400),
    Field("advmss", Whole(1, 65535), "the largest segment that TCP asks for, in bytes", 1360),
    Field("window", Whole(1, MOST), "the largest window that TCP offers, in bytes", 65535),
    Field("initcwnd", SEGMENTS, "segments that TCP sends at first", 10),
    Field("initrwnd", SEGMENTS, "segments that TCP may be sent at first", 10),
    Field("cwnd", SEGMENTS, "the most segments under way; counts if it is locked", 100),
    Field("ssthresh", SEGMENTS, "segments from which on TCP's slow start ends", 50),
    Field("reordering", SEGMENTS, "how far segments may overtake each other", 3),
    Field("hop_limit", Whole(1, 255), "TTL or hop limit of what we send", 64, elsewhere=("hoplimit",)),
    Field("rtt", MILLISECONDS, "the first guess of the round trip", "20ms"),
    Field("rttvar", MILLISECONDS, "the first guess of how much that varies", "5ms"),
    Field("rto_min", MILLISECONDS, "the shortest time before TCP repeats itself", "50ms"),
    Field("quickack", Flag(), "acknowledge at once", True),
    Field("ecn", Flag(), "use explicit congestion notification", True, elsewhere=("features",)),
    Field("fastopen_no_cookie", Flag(), "TCP fast open without a cookie", True),
    Field(
        "congestion_control",
        Text("the name of a TCP congestion control of 1 to 15 letters", r"^[a-z0-9_-]{1,15}$", longest=15),
        "which congestion control TCP uses",
        "bbr",
        elsewhere=("congctl",),
    ),
    Field(
        "lock",
        ListOf(Word(Lockable), len(Lockable)),
        "which of these the kernel may not change by what it learns",
        ["mtu"],
    ),
)

ROUTE = Group(
    VirtualRoute,
    (
        Field(
            "to",
            Network(),
            "the network that it leads to; everything: 0.0.0.0/0 or ::/0",
            "198.51.100.0/24",
            elsewhere=("destination", "dst"),
        ),
        Field("type", Word(RouteType), "what becomes of a packet", "blackhole"),
        VIA,
        DEVICE,
        Field(
            "source",
            BareAddress(),
            "the address that this host sends from along it",
            "192.0.2.1",
            elsewhere=("src", "from"),
        ),
        Field("table", Table(), "the routing table that it stands in", 100),
        Field(
            "metric",
            Whole(0, MOST),
            "of routes to one network the lowest counts; 0: the kernel's default, for IPv6 1024",
            100,
            elsewhere=("priority",),
        ),
        Field("scope", SCOPE, "how far it reaches; unless given, link without a gateway; IPv4", "global"),
        Field("tos", Byte(), "only packets of this type of service; IPv4", "0x10", elsewhere=("dsfield",)),
        ONLINK,
        Field("realms", REALMS, "for accounting; IPv4", "10/20"),
        Field("preference", Word(Preference), "among equals (RFC 4191); IPv6", "high", elsewhere=("pref",)),
        Field(
            "next_hops",
            ListOf(NEXT_HOP, 64, said="a list of 1 to 64 mappings"),
            "several ways that share the traffic, instead of `via` and `device`",
            [{"via": "192.0.2.253"}, {"via": "192.0.2.254", "weight": 2}],
            elsewhere=("nexthop", "nexthops"),
        ),
        *PATH_KEYS,
        Field(
            "track",
            Flag(),
            "put it back when it is removed, and stand aside when the kernel refuses it",
            False,
            elsewhere=("no_track",),
        ),
    ),
    expected='a mapping with the key "to"',
)


def rule_of(**keys: Any) -> VirtualRule:
    """Return a rule, of the family of its networks."""
    for network in (keys.get("source"), keys.get("to")):
        if network is not None and "family" not in keys:
            keys["family"] = network.version
    return VirtualRule(**keys)


RULE = Group(
    rule_of,
    (
        Field(
            "priority",
            Whole(1, MOST),
            "rules are looked at in ascending order; those of the system are 0, 32766 and 32767",
            1000,
            elsewhere=("preference", "pref", "order"),
        ),
        Field(
            "family", Choice((4, 6)), "the family; needed where no network tells it", 6, elsewhere=("inet6",)
        ),
        Field(
            "source", Network(), "only packets from this network", "192.0.2.0/24", elsewhere=("from", "src")
        ),
        Field("to", Network(), "only packets to this network", "198.51.100.0/24", elsewhere=("dst",)),
        Field("table", Table(), "the routing table to look into", 100, elsewhere=("lookup",)),
        Field("action", Word(RuleAction), "instead of looking into a table", "unreachable"),
        Field("goto", Whole(1, MOST), "instead: the priority of the rule to go on with", 2000),
        Field("input_device", INTERFACE, "only packets that came in here", "eth0", elsewhere=("iif", "dev")),
        Field("output_device", INTERFACE, "only packets of sockets bound to it", "eth1", elsewhere=("oif",)),
        Field("tos", Byte(), "only packets of this type of service", "0x10", elsewhere=("dsfield",)),
        Field("fwmark", MARK, "only packets with this mark", "0x10/0xff"),
        Field("l3mdev", Flag(), "look into the table of the VRF that the interface belongs to", True),
        Field(
            "uid_range", UIDS, "only packets of sockets of these users", "1000-1999", elsewhere=("uidrange",)
        ),
        Field(
            "ip_protocol",
            IP_PROTOCOL,
            "only packets of this protocol",
            "tcp",
            elsewhere=("ipproto", "ip_proto"),
        ),
        Field("source_ports", PORTS, "only packets from these ports", "5060-5080", elsewhere=("sport",)),
        Field("destination_ports", PORTS, "only packets to these ports", 443, elsewhere=("dport",)),
        Field(
            "suppress_prefix_length",
            Whole(0, 128),
            "ignore routes that the table has if their prefix is no longer",
            0,
            elsewhere=("suppress_prefixlength",),
        ),
        Field(
            "suppress_group",
            Whole(0, MOST - 1),
            "ignore routes that the table has through interfaces of this group",
            5,
            elsewhere=("suppress_ifgroup",),
        ),
        Field("realms", REALMS, "for accounting; IPv4", "10/20"),
        Field("invert", Flag(), "take all packets but these", True, elsewhere=("not",)),
        Field(
            "track",
            Flag(),
            "put it back when it is removed, and stand aside when the kernel refuses it",
            False,
            elsewhere=("no_track",),
        ),
    ),
    expected='a mapping with the key "priority"',
    like=VirtualRule,
)

ROUTES = ListOf(ROUTE, MOST_HELD, said=f'a list of 1 to {MOST_HELD} mappings, each with the key "to"')
RULES = ListOf(RULE, MOST_HELD, said=f'a list of 1 to {MOST_HELD} mappings, each with the key "priority"')

STATIC = Group(
    Static,
    (
        Field(
            "addresses",
            MORE_ADDRESSES,
            "addresses, each with its device",
            [{"address": "198.51.100.1/24", "device": "eth2"}],
            elsewhere=("static_ipaddress",),
        ),
        Field(
            "routes",
            ROUTES,
            "routes",
            [{"to": "203.0.113.0/24", "via": "198.51.100.254"}],
            elsewhere=("static_routes",),
        ),
        Field(
            "rules",
            RULES,
            "routing policy rules",
            [{"priority": 1000, "source": "203.0.113.0/24", "table": 100}],
            elsewhere=("static_rules",),
        ),
        Field(
            "needed_by",
            ListOf(NAME, MOST_HELD),
            "the virtual routers that are in FAULT while something of it that is tracked cannot be had",
            ["gateway"],
            elsewhere=("track_group", "group"),
        ),
    ),
)
