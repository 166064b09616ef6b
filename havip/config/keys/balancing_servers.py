"""The keys of a real server, of a sorry server, and of how packets get there.  Pure."""

from __future__ import annotations

from havip.clock import ZERO, milliseconds, seconds
from havip.config.balancing import (
    Encapsulation,
    Forwarding,
    Method,
    Programs,
    RealServer,
    SorryServer,
    TunnelChecksum,
    WhenFailed,
)
from havip.config.balancing_kinds import PART, Endpoint, Spelled
from havip.config.commands import ACCOUNT, COMMAND
from havip.config.fields import Field, Group, ListOf, Named
from havip.config.keys.health import CHECK, PORT
from havip.config.keys.names import NAME
from havip.config.keys.notify import LONGEST_TIMEOUT
from havip.config.kinds import Flag, Length, Whole, Word

HEAVIEST = 65535
MOST_CONNECTIONS = 2**32 - 1
MOST_CHECKS = 64  # shared ones of one server
LONGEST_PATIENCE = seconds(86400)

#: what others call it
METHODS = {
    "dr": "direct",
    "route": "direct",
    "gatewaying": "direct",
    "tun": "tunnel",
    "ipip": "tunnel",
    "masq": "nat",
    "masquerading": "nat",
}
CHECKSUMS = {"nocsum": "none", "csum": "full", "remcsum": "remote"}

FORWARDING = Group(
    Forwarding,
    (
        Field(
            "method",
            Spelled(Method, METHODS),
            "`nat`: the address is replaced, answers come back through here; `direct`: to the MAC address of "
            "the server, which answers itself; `tunnel`: the same within another header",
            "direct",
        ),
        Field(
            "encapsulation", Word(Encapsulation), "the outer header of a tunnel", "gue", elsewhere=("type",)
        ),
        Field("port", PORT, "the UDP port of a tunnel of GUE, which needs one", 6080),
        Field(
            "checksum",
            Spelled(TunnelChecksum, CHECKSUMS),
            "of the outer header of GUE and GRE; `remote`, of GUE alone: left to the receiver",
            "full",
        ),
    ),
    'a method of forwarding such as "nat", or a mapping with the key "method"',
    short="method",
)

FORWARDED = Field(
    "forwarding",
    FORWARDING,
    "how packets get there, if not as the virtual service says",
    {"method": "tunnel"},
    elsewhere=("lvs_method", "lb_kind", "sorry_server_lvs_method"),
)

PROGRAMS = Group(
    Programs,
    (
        Field("up", COMMAND, "run on coming up", "/etc/havip/up.sh", elsewhere=("notify_up", "quorum_up")),
        Field(
            "down",
            COMMAND,
            "run on going down",
            "/etc/havip/down.sh",
            elsewhere=("notify_down", "quorum_down"),
        ),
        Field("timeout", Length(milliseconds(100), LONGEST_TIMEOUT), "after which a program is ended", "30s"),
        Field(
            "user",
            ACCOUNT,
            "whose rights the programs get; unless given, those of `daemon.script_user`",
            "nobody",
        ),
        Field("group", ACCOUNT, "the group that they get instead of the user's own", "nogroup"),
        Field("mail", Flag(), "tell by mail, where a server is set", False, elsewhere=("smtp_alert",)),
        Field("webhooks", Flag(), "tell the webhooks, where there are any", False),
    ),
)

#: keepalived's words beside its checkers, and for them
TIMING = ("delay_loop", "connect_timeout", "retry", "delay_before_retry", "warmup")
CHECKERS = (
    "HTTP_GET", "SSL_GET", "TCP_CHECK", "SMTP_CHECK", "DNS_CHECK", "MISC_CHECK", "UDP_CHECK", "PING_CHECK",
    "FILE_CHECK",
)  # fmt: skip
#: what a probe of a server has no use for: trackers' words, and what goes by other checks
NOT_OF_A_PROBE = ("all", "any", "weight", "reverse")
PROBE = Group(
    CHECK.make,
    tuple(field for field in CHECK.fields if field.name not in NOT_OF_A_PROBE),
    expected="a mapping with the keys of a health check",
)


def probes(doc: str) -> Field:
    """Return the field of the probes of one server, or of all."""
    return Field(
        "probes",
        Named(PROBE, PART, "probe"),
        doc,
        {"page": {"http": {"path": "/health"}, "interval": "1s"}},
        elsewhere=(*TIMING, *CHECKERS, "checkers", "health_checks"),
    )


def address(doc: str, example: str) -> Field:
    """Return the field of the address of a server."""
    return Field("address", Endpoint(on_a_link=False), doc, example, elsewhere=("ip", "host"))


def port(doc: str, example: int) -> Field:
    """Return the field of a port."""
    return Field("port", PORT, doc, example)


WHEN_FAILED = Field(
    "when_failed",
    Word(WhenFailed),
    "what becomes of a server that has failed: `remove`, or `inhibit`, which leaves it in the table with "
    "weight 0, so that what is under way may go on",
    "inhibit",
    elsewhere=("inhibit_on_failure",),
)
SLOW_START = Field(
    "slow_start",
    Length(ZERO, LONGEST_PATIENCE),
    "in which the weight of a server that comes back grows to its own",
    "30s",
    elsewhere=("slowstart",),
)

SERVER = Group(
    RealServer,
    (
        address("its address", "192.168.1.11"),
        port("its port; unless given, that of the virtual service", 8080),
        Field("weight", Whole(0, HEAVIEST), "its share of the connections; 0: none that are new", 3),
        FORWARDED,
        WHEN_FAILED,
        Field(
            "upper_threshold",
            Whole(0, MOST_CONNECTIONS),
            "connections above which nothing new comes; 0: no bound",
            1000,
            elsewhere=("uthreshold", "u_threshold", "maxconn"),
        ),
        Field(
            "lower_threshold",
            Whole(0, MOST_CONNECTIONS),
            "connections below which it comes again; 0: three quarters of the upper one",
            800,
            elsewhere=("lthreshold", "l_threshold"),
        ),
        SLOW_START,
        probes("checks of this server alone, by name, beside those of the virtual service"),
        Field(
            "checks",
            ListOf(NAME, MOST_CHECKS),
            "names of checks below `checks` that must be good as well",
            ["uplink"],
            elsewhere=("track_file", "track"),
        ),
        Field(
            "notify",
            PROGRAMS,
            "what is run when it comes up or goes down, and what else tells of it",
            {"down": "/etc/havip/down.sh"},
            elsewhere=("notify_up", "notify_down", "smtp_alert"),
        ),
    ),
    expected="a mapping of keys to values",
)

SORRY_SERVER = Group(
    SorryServer,
    (
        address("its address", "192.168.1.99"),
        port("its port; unless given, that of the virtual service", 8080),
        FORWARDED,
        Field(
            "inhibit",
            Flag(),
            "it is always in the table, with weight 0 while it is not needed",
            True,
            elsewhere=("sorry_server_inhibit",),
        ),
    ),
    expected='an address, or a mapping with the key "address"',
    short="address",
)
