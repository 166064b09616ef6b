"""The keys of probes of the wire itself: TCP, UDP, DNS and ICMP.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from havip.config.fields import Field, Group
from havip.config.keys.tls import TLS_FIELD
from havip.config.kinds import Flag, Schema, Text, Whole, Word, Wrong
from havip.config.payload import Expression, Pattern, Payload
from havip.config.probes import (
    LARGEST_DATAGRAM,
    Dns,
    Expected,
    Ping,
    Rcode,
    RecordType,
    Tcp,
    Transport,
    Udp,
)

LONGEST_TO_SEND = 4096  # bytes
LONGEST_TO_EXPECT = 4096
LONGEST_LABEL, LONGEST_NAME = 63, 253  # RFC 1035 section 2.3.4


@dataclass(frozen=True, slots=True)
class DomainName:
    """A name in the DNS, or ``.`` for its root.  Any printable label is good: `_sip`, `*`, `a/b`."""

    expected: str = 'a name in the DNS such as "www.example.com", or "." for its root'

    def read(self, text: str) -> str:
        name = text.lower().removesuffix(".")
        if text == ".":
            return text
        if not name.isascii() or not name.isprintable() or " " in name or len(name) > LONGEST_NAME:
            raise Wrong
        if not all(1 <= len(label) <= LONGEST_LABEL for label in name.split(".")):
            raise Wrong
        return name

    def written(self, value: str) -> str:
        return value

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME + 1}


EXPECTED = Group(
    Expected,
    (
        Field("contains", Payload(1, LONGEST_TO_EXPECT), "what stands somewhere in the answer", "PONG"),
        Field(
            "begins", Payload(1, LONGEST_TO_EXPECT), "how the answer begins", "220 ", elsewhere=("prefix",)
        ),
        Field(
            "exact",
            Payload(1, LONGEST_TO_EXPECT),
            "the answer: this, and nothing more in what has come by then",
            "+PONG\\r\\n",
            elsewhere=("binary", "equals"),
        ),
        Field(
            "regex",
            Expression(LONGEST_TO_EXPECT),
            "a regular expression of Python's that fits somewhere in the answer's bytes",
            "^220 .*ESMTP",
            elsewhere=("rstring", "pattern"),
        ),
    ),
    expected="a text, or a mapping of keys to values",
    short="contains",
)

TCP = Group(
    Tcp,
    (
        Field(
            "send",
            Payload(1, LONGEST_TO_SEND),
            "what is sent once the connection is there",
            "PING\\r\\n",
            elsewhere=("send_binary", "payload"),
        ),
        Field(
            "expect",
            EXPECTED,
            "what the answer must be",
            {"contains": "PONG"},
            elsewhere=("string", "receive"),
        ),
        Field(
            "agent",
            Flag(),
            'the answer is a line of HAProxy\'s agent protocol: "75%" gives the weight, "down" is a failure',
            True,
            elsewhere=("agent_check", "agent-check"),
        ),
        TLS_FIELD,
    ),
)

UDP = Group(
    Udp,
    (
        Field(
            "send",
            Payload(0, LARGEST_DATAGRAM),
            "what is sent; unless given, an empty datagram",
            "hex:0a0b",
            elsewhere=("payload",),
        ),
        Field(
            "reply",
            Flag(),
            "a reply must come, whatever it is; unless one must, silence is good and ICMP errors are not",
            True,
            elsewhere=("require_reply",),
        ),
        Field(
            "expect",
            Pattern(LONGEST_TO_EXPECT),
            'how the reply must begin; an "x" among hexadecimal digits stands for any digit',
            "hex:0a0bxx80",
        ),
        Field(
            "min_length",
            Whole(0, LARGEST_DATAGRAM),
            "the least length of the reply, in bytes",
            4,
            elsewhere=("min_reply_length",),
        ),
        Field(
            "max_length",
            Whole(0, LARGEST_DATAGRAM),
            "the greatest length of the reply, in bytes",
            512,
            elsewhere=("max_reply_length",),
        ),
    ),
)

DNS = Group(
    Dns,
    (
        Field("type", Word(RecordType), "what is asked for", "A", elsewhere=("qtype", "record")),
        Field(
            "name", DomainName(), "of which name; `.` is the root", "www.example.com", elsewhere=("qname",)
        ),
        Field(
            "expect",
            Text('an answer such as "192.0.2.80" or "10 mail.example.com"', r"^\S(.*\S)?$", longest=1024),
            "what must be among the answers",
            "192.0.2.80",
            elsewhere=("answer",),
        ),
        Field("rcode", Word(Rcode), "the response code that is good", "NXDOMAIN", elsewhere=("status",)),
        Field(
            "transport",
            Word(Transport),
            "`udp`, then `tcp` if the answer is truncated; or `tcp` alone",
            "tcp",
        ),
        Field("recursion", Flag(), "ask the server to ask others for what it does not know", False),
    ),
)

PING = Group(
    Ping,
    (
        Field(
            "size",
            Whole(0, 1400),
            "how many bytes are sent behind the ICMP header",
            56,
            elsewhere=("length", "payload_size"),
        ),
    ),
)

CONVERSATIONS = (
    Field(
        "tcp",
        TCP,
        "a connection over TCP; good if it comes about, and if the answer is as expected",
        {"send": "PING\\r\\n", "expect": "PONG"},
        elsewhere=("TCP_CHECK", "tcp_check"),
    ),
    Field(
        "udp",
        UDP,
        "a datagram; good if the reply is as expected, or if none is expected and no ICMP error comes",
        {"send": "hex:0a0b", "expect": "hex:0axx"},
        elsewhere=("UDP_CHECK", "udp_check"),
    ),
    Field(
        "dns",
        DNS,
        "a question to a DNS server",
        {"type": "A", "name": "www.example.com"},
        elsewhere=("DNS_CHECK", "dns_check"),
    ),
    Field("ping", PING, "an ICMP echo", {}, elsewhere=("PING_CHECK", "ping_check", "icmp")),
)
