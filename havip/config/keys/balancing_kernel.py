"""The keys of ``load_balancer``, IPVS as a whole, and of ``service_groups``.  Pure."""

from __future__ import annotations

from dataclasses import replace

from havip.clock import ZERO, seconds
from havip.config.balancing import (
    Block,
    Foreign,
    KernelTimeouts,
    LoadBalancer,
    Mark,
    OnStop,
    ServiceGroup,
    SyncDaemon,
)
from havip.config.balancing_kinds import MulticastGroup, Seconds, Span
from havip.config.fields import Field, Group, ListOf, Named
from havip.config.keys.health import PORT
from havip.config.keys.names import INTERFACE, NAME
from havip.config.kinds import Choice, Flag, Length, Text, Whole, Word

LONGEST_IDLE = seconds(31 * 86400)
LARGEST_MESSAGE = 65507  # bytes of payload over UDP and IPv4
MOST_IN_A_GROUP = 4096
MARK = Whole(1, 2**32 - 1)


def idle(key: str, doc: str, example: str, *elsewhere: str) -> Field:
    """Return the field of one of the kernel's timeouts."""
    return Field(
        key,
        Seconds(seconds(1), LONGEST_IDLE),
        f"how long the kernel keeps {doc}; unless given, as it is",
        example,
        elsewhere=elsewhere,
    )


TIMEOUTS = Group(
    KernelTimeouts,
    (
        idle("tcp", "an idle connection of TCP", "15min"),
        idle("tcp_fin", "one that has been closed", "2min", "tcpfin"),
        idle("udp", "an idle exchange of UDP", "5min"),
    ),
)

SYNC_DAEMON = Group(
    SyncDaemon,
    (
        Field("interface", INTERFACE, "the interface through which directors speak", "eth1"),
        Field(
            "router",
            NAME,
            "a virtual router by its name: while it is MASTER here this director tells, else it listens; "
            "unless given, it does both",
            "gateway",
            elsewhere=("vrrp_instance", "inst"),
        ),
        Field(
            "sync_id",
            Whole(0, 255),
            "equal on all directors that speak; unless given, the VRID of the router, else 0",
            51,
            elsewhere=("id", "syncid"),
        ),
        Field("group", MulticastGroup(), "the multicast group", "224.0.0.82", elsewhere=("mcast_group",)),
        Field("port", PORT, "the UDP port", 8849, elsewhere=("mcast_port",)),
        Field("ttl", Whole(1, 255), "TTL or hop limit of the packets", 2, elsewhere=("mcast_ttl",)),
        Field(
            "max_length",
            Whole(1, LARGEST_MESSAGE),
            "the most bytes of one message; unless given, what fits the interface",
            1400,
            elsewhere=("maxlen", "sync_maxlen"),
        ),
    ),
    expected='the name of an interface, or a mapping with the key "interface"',
    short="interface",
)

LOAD_BALANCER = Field(
    "load_balancer",
    Group(
        LoadBalancer,
        (
            Field(
                "timeouts",
                TIMEOUTS,
                "how long the kernel keeps idle connections",
                {"tcp": "15min"},
                elsewhere=("lvs_timeouts",),
            ),
            Field(
                "sync_daemon",
                SYNC_DAEMON,
                "tell other directors of the connections, so that they survive a failover",
                {"interface": "eth1", "router": "gateway"},
                elsewhere=("lvs_sync_daemon",),
            ),
            Field(
                "on_stop",
                Word(OnStop),
                "what becomes of our services when the daemon ends: `remove`, `leave` them as they are, or "
                "`drain` them first",
                "leave",
                elsewhere=("lvs_flush_on_stop", "lvs_flush_onstop"),
            ),
            Field(
                "drain_timeout",
                Length(ZERO, seconds(3600)),
                "how long `on_stop: drain` waits at most",
                "60s",
            ),
            Field(
                "foreign",
                Word(Foreign),
                "what becomes of services in the kernel that no configuration of ours has named",
                "remove",
                elsewhere=("lvs_flush",),
            ),
            Field(
                "reconcile",
                Length(seconds(1), seconds(86400)),
                "between two looks at what others have changed in the kernel",
                "10s",
            ),
            Field(
                "network_namespace",
                Text(
                    "the name of a network namespace, or an absolute path",
                    r"^(?!\.{1,2}$)(/.*[^/]|[^\s/]+)$",
                    longest=255,
                ),
                "the network namespace of IPVS, if not that of the daemon",
                "blue",
                elsewhere=("net_namespace_ipvs",),
            ),
            Field(
                "nftables_priority",
                Whole(-400, 400),
                "where the chains of `nftables_mark` stand among others; less is earlier",
                -150,
                elsewhere=("nftables_ipvs_priority",),
            ),
            Field(
                "notify_initial",
                Flag(),
                "tell of servers that are good from the start",
                True,
                elsewhere=("rs_init_notifies",),
            ),
        ),
    ),
    "what concerns IPVS as a whole",
    {"on_stop": "leave"},
    elsewhere=("lvs", "ipvs"),
)


def block(address: Block, port: int | None = None) -> Block:
    """Return the addresses of a span with their port."""
    return replace(address, port=port)


GROUP_ADDRESS = Group(
    block,
    (
        Field(
            "address",
            Span(),
            "an address, a range or a prefix",
            "192.0.2.20-192.0.2.29",
            required=True,
            elsewhere=("ip", "range"),
        ),
        Field("port", PORT, "the port; unless given, that of the virtual service", 8080),
    ),
    expected='an address, a range, a prefix, or a mapping with the key "address"',
    short="address",
    like=Block,
)

GROUP_MARK = Group(
    Mark,
    (
        Field("fwmark", MARK, "the mark", 7, elsewhere=("mark",)),
        Field("family", Choice((4, 6)), "4 or 6; unless given, that of the servers", 6),
    ),
    expected='a firewall mark, or a mapping with the key "fwmark"',
    short="fwmark",
)

SERVICE_GROUP = Group(
    ServiceGroup,
    (
        Field(
            "addresses",
            ListOf(GROUP_ADDRESS, MOST_IN_A_GROUP),
            "addresses, ranges and prefixes",
            ["192.0.2.10", "192.0.2.20-192.0.2.29", "198.51.100.0/28"],
            elsewhere=("address", "ips"),
        ),
        Field(
            "fwmarks",
            ListOf(GROUP_MARK, MOST_IN_A_GROUP),
            "firewall marks",
            [7, {"fwmark": 8, "family": 6}],
            elsewhere=("fwmark", "marks"),
        ),
    ),
    any_of=("addresses", "fwmarks"),
)

SERVICE_GROUPS = Field(
    "service_groups",
    Named(SERVICE_GROUP, NAME, "service group"),
    "addresses and firewall marks that share the servers of a virtual service, by the name of the group",
    {"front": {"addresses": ["192.0.2.10", "192.0.2.20-192.0.2.29"]}},
    elsewhere=("virtual_server_group", "virtual_server_groups"),
)
