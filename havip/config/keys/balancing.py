"""The keys of ``virtual_services``, and of what many of them share: ``service_defaults``.  Pure."""

from __future__ import annotations

from havip.clock import ZERO, seconds
from havip.config.balancing import Persistence, Transport, VirtualService
from havip.config.balancing_kinds import PART, Endpoint, Engine, Scheduler, SchedulerFlag, Seconds, Spelled
from havip.config.fields import Field, Group, ListOf, Named
from havip.config.keys.balancing_kernel import LOAD_BALANCER, MARK, SERVICE_GROUPS
from havip.config.keys.balancing_servers import (
    FORWARDING,
    LONGEST_PATIENCE,
    PROGRAMS,
    SERVER,
    SLOW_START,
    SORRY_SERVER,
    WHEN_FAILED,
    probes,
)
from havip.config.keys.cast import HOST_NAME
from havip.config.keys.health import PORT
from havip.config.keys.names import NAME
from havip.config.kinds import Choice, Flag, Length, Whole

LONGEST_STICKINESS = seconds(31 * 86400)
MOST_WEIGHT = 1_000_000_000

PERSISTENCE = Group(
    Persistence,
    (
        Field(
            "timeout",
            Seconds(seconds(1), LONGEST_STICKINESS),
            "how long a client stays with its server after its last connection",
            "5min",
            elsewhere=("persistence_timeout",),
        ),
        Field(
            "prefix_length",
            Whole(1, 128),
            "clients that share so many bits of their addresses are one; unless given, all bits",
            24,
            elsewhere=("persistence_granularity", "netmask", "granularity"),
        ),
        Field(
            "engine",
            Spelled(Engine),
            "`sip`: clients are known by the Call-ID, too; UDP",
            "sip",
            elsewhere=("persistence_engine", "pe_name"),
        ),
    ),
    "a length of time, or a mapping of keys to values",
    short="timeout",
)

#: which clients a virtual service is for; these have no place among the defaults
OWN = (
    Field(
        "address",
        Endpoint(),
        "the address that clients reach",
        "192.0.2.1",
        own=True,
        elsewhere=("ip", "vip"),
    ),
    Field("port", PORT, "its port; without one, which needs `persistence`, every port", 80, own=True),
    Field(
        "fwmark",
        MARK,
        "instead of an address: the firewall mark of the packets",
        7,
        own=True,
        elsewhere=("mark",),
    ),
    Field(
        "family",
        Choice((4, 6)),
        "4 or 6, of a firewall mark; unless given, that of the servers",
        6,
        own=True,
        elsewhere=("ip_family",),
    ),
    Field(
        "group",
        NAME,
        "instead of an address: a service group by its name, each address and mark of which is a service",
        "front",
        own=True,
        elsewhere=("virtual_server_group",),
    ),
    Field(
        "nftables_mark",
        MARK,
        "the mark that nftables gives to packets for the addresses of the group, which then are one service",
        1000,
        own=True,
        elsewhere=("nftables_ipvs", "nftables_ipvs_start_fwmark"),
    ),
)

COMMON = (
    Field(
        "transport",
        Spelled(Transport),
        "the protocol; means nothing to a firewall mark",
        "udp",
        elsewhere=("protocol",),
    ),
    Field(
        "scheduler",
        Spelled(Scheduler),
        "who gets the next connection: one of the kernel's schedulers by its name",
        "wrr",
        elsewhere=("lb_algo", "lvs_sched", "algorithm", "balance"),
    ),
    Field(
        "scheduler_flags",
        ListOf(Spelled(SchedulerFlag), 3),
        "what the scheduler does differently: `sh-port`, `sh-fallback`, `mh-port`, `mh-fallback`, or by "
        "number `flag-1`, `flag-2`, `flag-3`",
        ["sh-port"],
        elsewhere=("flag-1", "flag-2", "flag-3", "sh-port", "sh-fallback", "mh-port", "mh-fallback"),
    ),
    Field(
        "one_packet",
        Flag(),
        "UDP: every datagram is scheduled by itself",
        True,
        elsewhere=("ops", "one_packet_scheduling"),
    ),
    Field(
        "persistence",
        PERSISTENCE,
        "clients stay with their server for a while",
        {"timeout": "5min"},
        elsewhere=("persistence_timeout", "persistence_granularity", "persistence_engine", "persistent"),
    ),
    Field(
        "forwarding",
        FORWARDING,
        "how packets get to the servers",
        {"method": "direct"},
        elsewhere=("lb_kind", "lvs_method"),
    ),
    probes(
        "checks that are made for every server, by name: to its address and its port, unless they say else"
    ),
    Field(
        "quorum",
        Whole(1, MOST_WEIGHT),
        "least weight that the servers which are alive must have together",
        2,
    ),
    Field(
        "hysteresis",
        Whole(0, MOST_WEIGHT),
        "above the quorum to come up, below it to go down",
        1,
    ),
    Field(
        "sorry_server",
        SORRY_SERVER,
        "the server of last resort, while the quorum is lost; no check asks for it",
        {"address": "192.168.1.99"},
        elsewhere=("backup_server",),
    ),
    WHEN_FAILED,
    Field(
        "drain_timeout",
        Length(ZERO, LONGEST_PATIENCE),
        "the longest that a server which leaves is waited for until it has no connection",
        "5min",
    ),
    Field(
        "drain",
        Flag(),
        "servers that a reload takes away are drained first: weight 0 until they have no connection",
        True,
    ),
    SLOW_START,
    Field(
        "start_failed",
        Flag(),
        "not up, and nothing told, before its servers were seen to be good",
        True,
        elsewhere=("alpha",),
    ),
    Field(
        "announce_stop",
        Flag(),
        "the `down` programs are run when the daemon ends",
        True,
        elsewhere=("omega",),
    ),
    Field(
        "probe_as_master_of",
        NAME,
        "a virtual router by its name: the servers are probed only while it is MASTER here",
        "gateway",
        elsewhere=("ha_suspend",),
    ),
    Field(
        "host",
        HOST_NAME,
        "the virtual host that probes over HTTP ask for, unless they name one",
        "www.example.com",
        elsewhere=("virtualhost", "virtual_host"),
    ),
    Field(
        "notify",
        PROGRAMS,
        "what is run when the quorum is reached or lost, and what else tells of it",
        {"down": "/etc/havip/quorum-lost.sh"},
        elsewhere=("quorum_up", "quorum_down", "smtp_alert"),
    ),
)

VIRTUAL_SERVICE = Group(
    VirtualService,
    (
        *OWN,
        *COMMON,
        Field(
            "servers",
            Named(SERVER, PART, "real server"),
            "the servers that answer, by name",
            {"web1": {"address": "192.168.1.11"}},
            own=True,
            elsewhere=("real_server", "real_servers", "backends"),
        ),
    ),
    any_of=("address", "fwmark", "group"),
)

SERVICE_DEFAULTS = Group(
    dict, tuple(field for field in VIRTUAL_SERVICE.fields if not field.own), like=VirtualService
)

SECTIONS = (
    LOAD_BALANCER,
    SERVICE_GROUPS,
    Field(
        "service_defaults",
        SERVICE_DEFAULTS,
        "keys that every virtual service has unless it says otherwise",
        {"scheduler": "wrr"},
    ),
    Field(
        "virtual_services",
        Named(VIRTUAL_SERVICE, PART, "virtual service"),
        "the virtual services of the load balancer, by name",
        {"web": {"address": "192.0.2.1", "port": 80, "servers": {"web1": {"address": "192.168.1.11"}}}},
        elsewhere=("virtual_server", "virtual_servers"),
    ),
)
