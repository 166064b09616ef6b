"""What a health check does, as a file says it."""

from __future__ import annotations

import pytest

from havip.config.authentication import Secret
from havip.config.plan import plan
from havip.config.probes import (
    Dns,
    Expected,
    Masked,
    Mysql,
    Ping,
    Postgresql,
    Rcode,
    RecordType,
    Redis,
    RedisRole,
    Tcp,
    Transport,
    Udp,
)
from havip.messages import PutCheck
from havip.plain import from_plain, to_plain
from tests.config.reading import complaints, read

HEAD = """\
virtual_routers: {gateway: {interface: eth0, vrid: 51, addresses: [192.0.2.1/24]}}
checks:
  web:
    host: 192.0.2.10
"""


def one(*lines: str) -> str:
    """Return a file with one check; ``lines`` begin in line 5."""
    return HEAD + "".join(f"    {line}\n" for line in lines)


KINDS = {
    'tcp: {send: "PING\\r\\n", expect: PONG}\n    port: 80': (
        "tcp",
        Tcp(b"PING\r\n", Expected(contains=b"PONG")),
    ),
    "tcp: {expect: {begins: '220 ', regex: '^220 .*ESMTP'}}\n    port: 25": (
        "tcp",
        Tcp(expect=Expected(begins=b"220 ", regex="^220 .*ESMTP")),
    ),
    "tcp: {expect: {exact: 'hex:00ff'}}\n    port: 25": ("tcp", Tcp(expect=Expected(exact=b"\x00\xff"))),
    "tcp: {agent: true}\n    port: 9000": ("tcp", Tcp(agent=True)),
    "udp: {send: 'hex:0a', expect: 'hex:0axx', min_length: 2, max_length: 9}\n    port: 9": (
        "udp",
        Udp(b"\x0a", False, Masked(b"\x0a\0", b"\xff\0"), 2, 9),
    ),
    "udp: {reply: true}\n    port: 9": ("udp", Udp(reply=True)),
    "dns: {}": ("dns", Dns()),
    "dns: {type: MX, name: Example.COM., expect: 10 mail.example.com, transport: tcp, recursion: false}": (
        "dns",
        Dns(RecordType.MX, "example.com", "10 mail.example.com", Rcode.NOERROR, Transport.TCP, False),
    ),
    "dns: {rcode: NXDOMAIN, name: a.invalid}": ("dns", Dns(name="a.invalid", rcode=Rcode.NXDOMAIN)),
    "ping: {}": ("ping", Ping()),
    "ping: {size: 0}": ("ping", Ping(0)),
    "redis: {}": ("redis", Redis()),
    "redis: {role: replica}": ("redis", Redis(role=RedisRole.REPLICA)),
    "postgresql: {user: monitor, database: shop}": ("postgresql", Postgresql("monitor", "shop")),
    "mysql: {user: monitor}": ("mysql", Mysql("monitor")),
}


@pytest.mark.parametrize(("line", "meant"), KINDS.items())
def test_each_kind_of_probe_can_be_written(line: str, meant: tuple[str, object]) -> None:
    (check,) = read(one(line)).tracked.checks
    assert check.kind == meant[0]
    assert getattr(check, check.kind) == meant[1]


def test_the_password_of_redis_reaches_the_model_and_is_shown_nowhere() -> None:
    (check,) = read(one("redis: {user: monitor, password: {value: hunter2}}")).tracked.checks
    assert check.redis is not None
    assert check.redis.password is not None
    assert check.redis.password.value == Secret(b"hunter2")
    assert "hunter2" not in repr(check)


WRONG = {
    "tcp: {send: '\\q'}\n    port: 1": (
        "5:17: checks.web.tcp.send: expected 1 to 4096 bytes: a text with \\r, \\n, \\t, \\0, \\\\ and "
        '\\xNN, or "hex:" and digits, found "\\q": there is no escape \\q'
    ),
    "tcp: {expect: {}}\n    port: 1": (
        '5:19: checks.web.tcp.expect: expected one of the keys "contains", "begins", "exact", "regex", '
        "found nothing"
    ),
    "tcp: {expect: {regex: '('}}\n    port: 1": (
        '5:27: checks.web.tcp.expect.regex: expected a regular expression such as "^220 ", found "(": '
        "missing ), unterminated subpattern at position 0"
    ),
    "tcp: {expect: {begins: a, exact: b}}\n    port: 1": (
        '5:28: checks.web.tcp.expect.begins: expected one of them, found "begins" beside "exact"'
    ),
    "tcp: {expect: a, agent: true}\n    port: 1": (
        '5:19: checks.web.tcp.expect: "expect" beside "agent": the line of an agent is judged as such'
    ),
    "udp: {min_length: 9, max_length: 8}\n    port: 1": (
        "5:38: checks.web.udp.max_length: expected at least 9, found 8: min_length is 9"
    ),
    "udp: {expect: abc, max_length: 2}\n    port: 1": (
        "5:19: checks.web.udp.expect: expected at most 2, found 3 bytes: max_length is 2"
    ),
    "dns: {type: A, expect: example.com}": (
        '5:28: checks.web.dns.expect: expected an IPv4 address, found "example.com"'
    ),
    "dns: {type: AAAA, expect: 192.0.2.1}": (
        '5:31: checks.web.dns.expect: expected an IPv6 address, found "192.0.2.1"'
    ),
    "dns: {rcode: NXDOMAIN, expect: a}": (
        '5:36: checks.web.dns.expect: "expect" beside "rcode: NXDOMAIN": only NOERROR has answers'
    ),
    "dns: {name: a..b}": (
        '5:17: checks.web.dns.name: expected a name in the DNS such as "www.example.com", or "." for '
        'its root, found "a..b"'
    ),
    "ping: {size: 1401}": (
        '5:18: checks.web.ping.size: expected a whole number from 0 to 1400, found "1401"'
    ),
    "ping: {}\n    port: 7": ('6:11: checks.web.port: "port" beside "ping": ICMP has no ports'),
    "redis: {user: a}": (
        '5:19: checks.web.redis.user: expected the key "password" beside it, found "user" without "password"'
    ),
    "redis: {role: slave}": ('5:19: checks.web.redis.role: expected master or replica, found "slave"'),
    "postgresql: {user: a b}": (
        '5:24: checks.web.postgresql.user: expected the name of an account, found "a b"'
    ),
    "mysql: {}\n    udp: {}": (
        '5:12: checks.web.mysql: expected one kind of probe a check, found "mysql" beside "udp"'
    ),
    "udp: {}": ('3:3: checks.web: expected the key "port" beside "udp", found no "port" of "web"'),
    "PING_CHECK: {}": ('5:5: checks.web.PING_CHECK: unknown key "PING_CHECK"; did you mean "ping"?'),
}


@pytest.mark.parametrize(("line", "complaint"), WRONG.items())
def test_a_probe_that_cannot_be_meant_is_refused_where_it_stands(line: str, complaint: str) -> None:
    assert complaint in complaints(one(line))


@pytest.mark.parametrize("line", [*KINDS, "redis: {user: a, password: {value: hunter2}, tls: {}}"])
def test_a_check_reaches_the_checker_as_it_was_read(line: str) -> None:
    (check,) = read(one(line)).tracked.checks
    assert from_plain(PutCheck, to_plain(PutCheck(check, None))) == PutCheck(check, None)


def test_a_plan_tells_what_a_probe_does_otherwise_and_no_password() -> None:
    old = read(one("redis: {user: a, password: {value: hunter2}}"))
    new = read(one("redis: {user: a, password: {value: hunter3}, role: master}", "fwmark: 7"))
    planned = plan(old, new)
    assert (planned.change, len(planned.keep)) == ((), 1)
    assert planned.settings == (
        "checks.web.redis.password.value: changed",
        "checks.web.redis.role: none -> master",
        "checks.web.fwmark: 0 -> 7",
    )
