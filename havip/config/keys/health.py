"""The keys of a health check: where it goes, how often, what makes a verdict.  Pure.

What it does there, a key a kind of probe, stands in files of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from havip.clock import ZERO, milliseconds, seconds
from havip.config.addresses import BARE_IPV4_PATTERN, BARE_IPV6_PATTERN
from havip.config.cast import Address
from havip.config.fields import Field, Group, Named
from havip.config.health import Check, Damping, FirstState
from havip.config.keys.cast import HOST_NAME
from havip.config.keys.names import INTERFACE, NAME
from havip.config.keys.probes import CONVERSATIONS
from havip.config.keys.tracking import WEIGHT, weighted
from havip.config.kinds import Flag, Length, Schema, Whole, Word, Wrong

PORT = Whole(1, 65535)
PACE = Length(milliseconds(10), seconds(86400))


@dataclass(frozen=True, slots=True)
class LocalAddress:
    """An address that a socket of ours can be bound to; one of the loopback network is good as well."""

    expected: str = 'an IPv4 or IPv6 address such as "192.0.2.1" or "2001:db8::1"'

    def read(self, text: str) -> Address:
        try:
            address = ip_address(text)
        except ValueError:
            raise Wrong from None
        if address.is_multicast or address.is_unspecified or "%" in text:
            raise Wrong
        return address

    def written(self, value: Address) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"type": "string", "anyOf": [{"pattern": BARE_IPV4_PATTERN}, {"pattern": BARE_IPV6_PATTERN}]}


@dataclass(frozen=True, slots=True)
class Destination:
    """An address, or the name of a host."""

    expected: str = 'an address such as "192.0.2.1", or a host name such as "web1.example.com"'

    def read(self, text: str) -> str:
        try:
            return str(LocalAddress().read(text))
        except Wrong:
            pass
        try:
            return str(HOST_NAME.read(text))
        except Wrong:
            raise Wrong from None

    def written(self, value: str) -> str:
        return value

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": 253}


DAMPING = Group(
    Damping,
    (
        Field("half_life", Length(seconds(1), seconds(86400)), "in which the penalty halves", "30s"),
        Field(
            "suppress",
            Whole(1000, 1_000_000),
            "a penalty above this holds the check back: it counts as failed",
            2500,
        ),
        Field("reuse", Whole(1, 1_000_000), "a penalty below this lets go of it", 750),
        Field(
            "longest",
            Length(seconds(1), seconds(86400)),
            "how long it is held back at most after its last failure",
            "120s",
        ),
    ),
)

CHECK = Group(
    Check,
    (
        *CONVERSATIONS,
        Field(
            "host",
            Destination(),
            "where it goes: an address, or a name that is resolved again and again",
            "192.0.2.10",
            elsewhere=("connect_ip", "address", "ip"),
        ),
        Field(
            "port", PORT, "the port there; unless given, that of the kind", 80, elsewhere=("connect_port",)
        ),
        Field(
            "source",
            LocalAddress(),
            "the address of ours to send from",
            "192.0.2.2",
            elsewhere=("bindto", "source_address"),
        ),
        Field("source_port", PORT, "the port of ours to send from", 10080, elsewhere=("bind_port",)),
        Field(
            "interface",
            INTERFACE,
            "the interface through which it goes",
            "eth1",
            elsewhere=("bind_if", "device"),
        ),
        Field("fwmark", Whole(0, 2**32 - 1), "the firewall mark of its packets", 7, elsewhere=("mark",)),
        Field(
            "interval",
            PACE,
            "between two runs",
            "5s",
            elsewhere=("delay_loop", "inter", "every"),
        ),
        Field(
            "retry_interval",
            PACE,
            "between two runs while they speak against the verdict; unless given, as otherwise",
            "500ms",
            elsewhere=("delay_before_retry", "fastinter"),
        ),
        Field(
            "failed_interval",
            PACE,
            "between two runs while it has failed; unless given, the interval",
            "1s",
            elsewhere=("downinter", "fast_recovery"),
        ),
        Field(
            "timeout",
            PACE,
            "how long one run may take, from its first packet to its last",
            "1s",
            elsewhere=("connect_timeout", "misc_timeout"),
        ),
        Field("rise", Whole(1, 1000), "good runs in a row that mend it", 2),
        Field("fall", Whole(1, 1000), "bad runs in a row that fail it", 3, elsewhere=("retry", "retries")),
        Field(
            "start",
            Word(FirstState),
            "what it counts as before its first run: `unknown` (that run decides), `good` or `failed`",
            "failed",
            elsewhere=("alpha",),
        ),
        Field(
            "warm_up",
            Length(ZERO, seconds(86400)),
            "over which its first run is put off at most, so that many checks do not begin together",
            "10s",
            elsewhere=("warmup",),
        ),
        Field(
            "parent",
            NAME,
            "a check by its name: while that has failed this one has too, and is not probed",
            "uplink",
            elsewhere=("depends_on", "inherit"),
        ),
        Field(
            "damping",
            DAMPING,
            "hold it back while it fails again and again; each failure adds 1000 to a penalty",
            {"half_life": "30s"},
            elsewhere=("flap_damping", "dampening"),
        ),
        Field(
            "log_failures",
            Flag(),
            "give every failed run its line in the log, not those alone that turn the verdict",
            True,
            elsewhere=("log_all_failures", "checker_log_all_failures"),
        ),
        *weighted(WEIGHT, ""),
    ),
)

SECTION = Field(
    "checks",
    Named(CHECK, NAME, "health check"),
    "health checks, by name: probes of servers that routers may track",
    {"web": {"tcp": {}, "host": "192.0.2.10", "port": 80}},
    elsewhere=("health_checks", "healthchecks", "checkers"),
)
