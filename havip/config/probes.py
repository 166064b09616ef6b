"""What one run of a check does: a value type for each kind of probe.  Pure.

Where a probe goes, how often and what its runs add up to is the check's: `havip.config.health`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from havip.config.authentication import SecretSource
from havip.config.tls import Tls

LARGEST_DATAGRAM: Final = 65507  # bytes of payload over UDP and IPv4
HEX: Final = "hex:"  # begins bytes that are written in hexadecimal digits


@dataclass(frozen=True, slots=True)
class Expected:
    """What an answer over TCP must be; each of them that is given must hold."""

    contains: bytes | None = None
    begins: bytes | None = None
    exact: bytes | None = None  # this, and nothing more in what has come by then
    regex: str = ""


@dataclass(frozen=True, slots=True)
class Tcp:
    """A connection over TCP; and, if that is given, what is sent and expected in answer."""

    send: bytes | None = None
    expect: Expected | None = None
    agent: bool = False  # the answer is a line such as "75%" or "down": HAProxy's agent protocol
    tls: Tls | None = None

    @property
    def talks(self) -> bool:
        """Say whether more is asked for than the connection."""
        return self.agent or not (self.send is None and self.expect is None and self.tls is None)


@dataclass(frozen=True, slots=True)
class Masked:
    """Bytes of which some bits may be anything: those that are 0 in ``mask``."""

    value: bytes
    mask: bytes

    def begins(self, data: bytes) -> bool:
        """Say whether ``data`` begins like this."""
        size = len(self.mask)
        if len(data) < size:
            return False
        there, mask = int.from_bytes(data[:size], "big"), int.from_bytes(self.mask, "big")
        return there & mask == int.from_bytes(self.value, "big")

    def __str__(self) -> str:
        """Return it as it may be written in a file."""
        digits = zip(self.value.hex(), self.mask.hex(), strict=True)
        return HEX + "".join(value if mask == "f" else "x" for value, mask in digits)


@dataclass(frozen=True, slots=True)
class Udp:
    """A datagram, and what comes back: an answer that fits, or at least no ICMP error."""

    send: bytes | None = None  # None: an empty datagram
    reply: bool = False  # one must come, whatever it is
    expect: Masked | None = None  # how it must begin
    min_length: int = 0
    max_length: int = LARGEST_DATAGRAM

    @property
    def wants_reply(self) -> bool:
        """Say whether silence is a failure."""
        bounded = self.min_length > 0 or self.max_length < LARGEST_DATAGRAM
        return self.reply or self.expect is not None or bounded


class RecordType(StrEnum):
    """What is asked of a DNS server."""

    A = "A"
    AAAA = "AAAA"
    NS = "NS"
    CNAME = "CNAME"
    MX = "MX"
    TXT = "TXT"
    SOA = "SOA"
    RRSIG = "RRSIG"
    DNSKEY = "DNSKEY"
    SRV = "SRV"
    PTR = "PTR"


class Rcode(StrEnum):
    """How a DNS server says that it went (RFC 1035 section 4.1.1)."""

    NOERROR = "NOERROR"
    FORMERR = "FORMERR"
    SERVFAIL = "SERVFAIL"
    NXDOMAIN = "NXDOMAIN"
    NOTIMP = "NOTIMP"
    REFUSED = "REFUSED"


class Transport(StrEnum):
    """How a DNS server is asked."""

    UDP = "udp"  #: and over TCP if the answer is truncated
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Dns:
    """A question to a DNS server."""

    type: RecordType = RecordType.SOA
    name: str = "."
    expect: str = ""  # must be among the answers; empty: any answer, or none, will do
    rcode: Rcode = Rcode.NOERROR
    transport: Transport = Transport.UDP
    recursion: bool = True  # ask the server to ask others


@dataclass(frozen=True, slots=True)
class Ping:
    """An ICMP echo."""

    size: int = 56  # bytes behind the ICMP header


class RedisRole(StrEnum):
    """What a Redis server is among its like."""

    MASTER = "master"
    REPLICA = "replica"


@dataclass(frozen=True, slots=True)
class Redis:
    """AUTH if there is a password, PING, and ROLE if one is expected."""

    user: str = ""  # needs Redis 6
    password: SecretSource | None = None
    role: RedisRole | None = None
    tls: Tls | None = None


@dataclass(frozen=True, slots=True)
class Postgresql:
    """The beginning of a session, up to where the server says whether it would serve."""

    user: str = "havip"
    database: str = ""  # empty: that of the user's name
    tls: Tls | None = None  # asked for by an SSLRequest; a server that has none is bad then


@dataclass(frozen=True, slots=True)
class Mysql:
    """The greeting, and a log-in without a password that may be refused."""

    user: str = "havip"


@dataclass(frozen=True, slots=True)
class Script:
    """A program of the operator's: exit code 0 is good."""

    command: tuple[str, ...]
    user: str = ""  # empty: daemon.script_user
    group: str = ""  # empty: that of the user
    dynamic: bool = False  # exit codes 2 to 255 are good as well, and ask for a weight of 0 to 253


@dataclass(frozen=True, slots=True)
class File:
    """A file that holds a whole number."""

    path: str
    factor: int = 0  # 0: it has failed while the number is not 0; else times the number, the weight
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Smtp:
    """The beginning of a conversation with a mail server, as far as EHLO, and its end."""

    helo: str | None = None  # what we call ourselves; None: the name of this host
    starttls: bool = False  # begun in clear, then encrypted as `tls` says, or by default
    tls: Tls | None = None  # without starttls: encrypted from the first byte

    @property
    def usual_port(self) -> int:
        """Return the port of mail servers, or of those that encrypt from the first byte."""
        return 25 if self.tls is None or self.starttls else 465


@dataclass(frozen=True, slots=True)
class Grpc:
    """The health protocol of gRPC: one call of grpc.health.v1.Health/Check."""

    service: str = ""  # empty: the server as a whole
    host: str = ""  # the authority of the call; empty: the host of the check
    tls: Tls | None = None


#: the keys of a check that say what it does: of these it has exactly one
KINDS: Final = (
    "tcp",
    "udp",
    "dns",
    "ping",
    "http",
    "smtp",
    "grpc",
    "redis",
    "postgresql",
    "mysql",
    "script",
    "file",
    "all",
    "any",
)
#: the kinds that go to a host, and the port of each unless the check names one; None: it must
PORTS: Final[dict[str, int | None]] = {
    "tcp": None,
    "udp": None,
    "dns": 53,
    "ping": 0,  # there are none
    "http": 80,
    "smtp": 25,
    "grpc": None,
    "redis": 6379,
    "postgresql": 5432,
    "mysql": 3306,
}
#: the kinds that make one check of several, and probe nothing
TOGETHER: Final = ("all", "any")
