"""Databases that say the wrong thing: in hand-made bytes, each with the reason that it must get."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from havip.clock import milliseconds
from havip.config.authentication import Secret, SecretSource
from havip.config.probes import Mysql, Postgresql, Redis, RedisRole
from havip.config.tls import Tls
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthcheck.probes.mysql import login
from havip.healthcheck.probes.postgresql import startup
from havip.healthcheck.resp import command
from tests.healthcheck.probing import Talk, check, result_of, serving
from tests.healthcheck.telling import play

CLOSED, MALFORMED, STATUS, TOO_LONG = Failure.CLOSED, Failure.MALFORMED, Failure.STATUS, Failure.TOO_LONG


def outcome_of(talk: Talk, timeout_ms: int = 10_000, **more: Any) -> Outcome:
    """Return how a probe of a server goes."""
    got: list[Outcome] = []

    async def scene() -> None:
        async with serving(talk) as port:
            one = check(port=port, timeout=milliseconds(timeout_ms), **more)
            got.append((await result_of(one)).outcome)

    play(scene)
    return got[0]


def answering(*answers: bytes, first: bytes = b"", hold: bool = False) -> Talk:
    """Say ``first``, then an answer to each thing that comes; and hang up, or keep silent with ``hold``."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        for answer in answers:
            await reader.read(65536)
            writer.write(answer)
            await writer.drain()
        if hold:
            await reader.read()

    return talk


REDIS: list[tuple[tuple[bytes, ...], Redis, Failure | None, str]] = [
    ((b"+PONG\r\n",), Redis(), None, "answered PING"),
    (
        (b"-LOADING Redis is loading the dataset in memory\r\n",),
        Redis(),
        STATUS,
        "PING: LOADING Redis is loading the dataset in memory (it is loading its data)",
    ),
    ((b"-ERR \xff\x1b[2J\r\n",), Redis(), STATUS, "PING: ERR \\xff\\x1b[2J"),
    ((b"HTTP/1.1 400 Bad Request\r\n",), Redis(), MALFORMED, 'answered "HTTP/1.1 400 Bad Request" to PING'),
    ((b"$4\r\nPONG\r\n",), Redis(), MALFORMED, 'answered "$4" to PING'),
    ((b"+PON",), Redis(), CLOSED, "closed the connection before the answer to PING was there"),
    ((b"x" * 5000,), Redis(), TOO_LONG, "the answer to PING is longer than 4096 bytes"),
    (
        (b"+PONG\r\n", b"*3\r\n$5\r\nslave\r\n"),
        Redis(role=RedisRole.MASTER),
        STATUS,
        "it is replica, expected master",
    ),
    (
        (b"+PONG\r\n", b"*1\r\n$8\r\nsentinel\r\n"),
        Redis(role=RedisRole.MASTER),
        STATUS,
        "it is sentinel, expected master",
    ),
    (
        (b"+PONG\r\n", b":1\r\n"),
        Redis(role=RedisRole.MASTER),
        MALFORMED,
        'the answer to ROLE is not Redis\' protocol: ":1" is no array',
    ),
    (
        (b"+PONG\r\n", b"*0\r\n"),
        Redis(role=RedisRole.MASTER),
        MALFORMED,
        'the answer to ROLE is not Redis\' protocol: "*0" is no array',
    ),
    (
        (b"+PONG\r\n", b"*-1\r\n"),
        Redis(role=RedisRole.MASTER),
        MALFORMED,
        'the answer to ROLE is not Redis\' protocol: "*-1" is no array',
    ),
    (
        (b"+PONG\r\n", b"*1\r\n$999999\r\n"),
        Redis(role=RedisRole.MASTER),
        MALFORMED,
        "the answer to ROLE is not Redis' protocol: a length of 999999",
    ),
    (
        (b"+PONG\r\n", b"*\xb2\r\n"),
        Redis(role=RedisRole.MASTER),
        MALFORMED,
        "the answer to ROLE is not Redis' protocol: a length of \\xb2",
    ),
    (
        (b"+PONG\r\n", b"*1\r\n:1\r\n"),
        Redis(role=RedisRole.MASTER),
        MALFORMED,
        'the answer to ROLE is not Redis\' protocol: ":1" is no text',
    ),
    (
        (b"+PONG\r\n", b"*1\r\n$9\r\nmas"),
        Redis(role=RedisRole.MASTER),
        CLOSED,
        "closed the connection before the answer to ROLE was there",
    ),
]


@pytest.mark.parametrize(("answers", "redis", "failure", "words"), REDIS)
def test_what_a_redis_says_is_judged(
    answers: tuple[bytes, ...], redis: Redis, failure: Failure | None, words: str
) -> None:
    outcome = outcome_of(answering(*answers), redis=redis)
    assert (outcome.failure, outcome.words) == (failure, words)


def test_a_password_of_redis_goes_as_bytes_and_is_shown_nowhere() -> None:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1000))
        writer.write(b"-WRONGPASS invalid username-password pair\r\n")

    redis = Redis("monitor", SecretSource(Secret(b"a b\r\nQUIT")))
    outcome = outcome_of(talk, redis=redis)
    assert heard == [b"*3\r\n$4\r\nAUTH\r\n$7\r\nmonitor\r\n$9\r\na b\r\nQUIT\r\n"]
    assert "QUIT" not in outcome.words
    assert command(b"PING") == b"*1\r\n$4\r\nPING\r\n"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def error(code: str, text: bytes) -> bytes:
    return message(b"E", b"SFATAL\0VFATAL\0C" + code.encode() + b"\0M" + text + b"\0\0")


READY = message(b"S", b"server_version\0" + b"16\0") + message(b"K", bytes(8)) + message(b"Z", b"I")
POSTGRESQL: list[tuple[bytes, Failure | None, str]] = [
    (message(b"R", bytes(4)) + READY, None, "began a session"),
    (message(b"v", bytes(8)) + message(b"R", bytes(4)) + READY, None, "began a session"),
    (message(b"R", b"\0\0\0\3"), None, "serves, and asks for a log-in (password)"),
    (message(b"R", b"\0\0\0\5salt"), None, "serves, and asks for a log-in (md5)"),
    (message(b"R", b"\0\0\0\x0aSCRAM-SHA-256\0\0"), None, "serves, and asks for a log-in (SCRAM-SHA-256)"),
    (message(b"R", b"\0\0\0\x63"), None, "serves, and asks for a log-in (method 99)"),
    (
        error("28P01", b"password authentication failed"),
        None,
        "serves, and turns us away: password authentication failed (28P01)",
    ),
    (error("3D000", b"no such database"), None, "serves, and turns us away: no such database (3D000)"),
    (
        error("57P03", b"the database system is starting up"),
        STATUS,
        "the database system is starting up (57P03)",
    ),
    (
        error("57P03", b"the database system is shutting down"),
        STATUS,
        "the database system is shutting down (57P03)",
    ),
    (error("53300", b"sorry, too many clients already"), STATUS, "sorry, too many clients already (53300)"),
    (message(b"R", bytes(4)) + error("53300", b"reserved"), STATUS, "reserved (53300)"),
    (message(b"E", b""), STATUS, "an error without words (no SQLSTATE)"),
    (message(b"E", b"M\xff\x1b"), STATUS, "\\xff\\x1b (no SQLSTATE)"),
    (message(b"R", b"\0\0"), MALFORMED, "an authentication request that is cut off"),
    (b"HTTP/1.1 400 Bad", MALFORMED, 'a message that begins with "HTTP/"'),
    (b"R\0\0\0\3", MALFORMED, 'a message that begins with "R\\x00\\x00\\x00\\x03"'),
    (b"R\x7f\xff\xff\xff", TOO_LONG, "a message of 2147483647 bytes, more than 16384"),
    (
        message(b"R", b"\0\0\0\3")[:7],
        CLOSED,
        "closed the connection before the answer to the startup message was there",
    ),
    (b"", CLOSED, "closed the connection before the answer to the startup message was there"),
    (
        message(b"R", bytes(4)) + message(b"N", b"") * 200,
        TOO_LONG,
        "more than 100 messages before the session began",
    ),
]


@pytest.mark.parametrize(("answer", "failure", "words"), POSTGRESQL)
def test_what_a_postgresql_says_is_judged(answer: bytes, failure: Failure | None, words: str) -> None:
    outcome = outcome_of(answering(answer), postgresql=Postgresql())
    assert (outcome.failure, outcome.words) == (failure, words)


def test_a_session_is_asked_for_as_the_protocol_says() -> None:
    asked = startup(Postgresql("u", "d"))
    assert asked == b"\0\0\0\x32\0\x03\0\0user\0u\0application_name\0havip\0database\0d\0\0"


@pytest.mark.parametrize(
    ("answer", "failure", "words"),
    [
        (b"N", Failure.TLS, "it has no TLS"),
        (b"E", Failure.TLS, "it answers the request for TLS with an error"),
        (b"H", MALFORMED, 'answered "H" to the request for TLS'),
        (b"", CLOSED, "the connection was closed (asking for TLS)"),
    ],
)
def test_a_postgresql_without_tls_has_failed_if_it_must_have_it(
    answer: bytes, failure: Failure, words: str
) -> None:
    outcome = outcome_of(answering(answer), postgresql=Postgresql(tls=Tls()))
    assert (outcome.failure, outcome.words) == (failure, words)


def packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes((number,)) + body


GREETING = packet(0, b"\x0a8.0.36\0" + bytes(60))
DENIED = packet(2, b"\xff\x15\x04#28000Access denied for user")
MYSQL: list[tuple[bytes, tuple[bytes, ...], Failure | None, str]] = [
    (GREETING, (packet(2, b"\0\0\0\2\0\0\0"), b""), None, "version 8.0.36 let us in"),
    (
        GREETING,
        (DENIED,),
        None,
        "version 8.0.36 serves, and turns us away: Access denied for user (error 1045)",
    ),
    (
        GREETING,
        (packet(2, b"\xfecaching_sha2_password\0salt"), DENIED.replace(b"\2\xff", b"\4\xff")),
        None,
        "version 8.0.36 serves, and turns us away: Access denied for user (error 1045)",
    ),
    (GREETING, (packet(2, b"\xff\xbb\x0b#HY000odd"),), STATUS, "odd (error 3003)"),
    (GREETING, (packet(2, b"\1\4"),), MALFORMED, 'answered "\\x01\\x04" to the log-in'),
    (GREETING, (), CLOSED, "closed the connection before the answer to the log-in was there"),
    (packet(0, b"\xff\x10\x04Too many connections"), (), STATUS, "Too many connections (error 1040)"),
    (packet(0, b"\xff\x69\x04Host is blocked"), (), STATUS, "Host is blocked (error 1129)"),
    (
        packet(0, b"\xff\x6a\x04Host is not allowed"),
        (),
        None,
        "serves, and turns us away: Host is not allowed (error 1130)",
    ),
    (packet(0, b"\xff"), (), STATUS, " (error 0)"),
    (packet(0, b"\x09old\0"), (), MALFORMED, 'no greeting of protocol 10: "\\x09old\\x00"'),
    (packet(0, b"\x0aendless"), (), MALFORMED, "a greeting that is cut off"),
    (packet(0, b""), (), MALFORMED, "the greeting is empty"),
    (b"SSH-2.0-OpenSSH_9\r\n", (), TOO_LONG, "the greeting has 4739923 bytes, more than 16384"),
    (b"\x05\0\0\0\x0a", (), CLOSED, "closed the connection before the greeting was there"),
]


@pytest.mark.parametrize(("first", "answers", "failure", "words"), MYSQL)
def test_what_a_mysql_says_is_judged(
    first: bytes, answers: tuple[bytes, ...], failure: Failure | None, words: str
) -> None:
    outcome = outcome_of(answering(*answers, first=first), mysql=Mysql())
    assert (outcome.failure, outcome.words) == (failure, words)


def test_a_log_in_is_brought_to_its_end() -> None:
    heard: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        heard.append(await reader.read(1000))
        writer.write(packet(2, b"\xfemysql_native_password\0salt"))
        heard.append(await reader.read(1000))
        writer.write(packet(4, b"\0\0\0\2\0\0\0"))
        heard.append(await reader.read(1000))

    async def scene() -> None:
        async with serving(talk) as port:
            running = asyncio.ensure_future(result_of(check(port=port, mysql=Mysql("u"))))
            assert (await running).outcome.passed

    play(scene)
    assert heard[0] == packet(1, login("u"))
    assert heard[1:3] == [packet(3, b""), b"\1\0\0\0\1"]


@pytest.mark.parametrize("kind", [{"redis": Redis()}, {"postgresql": Postgresql()}, {"mysql": Mysql()}])
def test_a_database_that_keeps_silent_is_late(kind: dict[str, Any]) -> None:
    outcome = outcome_of(answering(b"", hold=True), 500, **kind)
    assert outcome.failure is Failure.TIMED_OUT
    assert outcome.words.startswith("waiting for ")


@pytest.mark.parametrize("kind", [{"redis": Redis()}, {"postgresql": Postgresql()}, {"mysql": Mysql()}])
def test_a_database_that_drips_for_ever_is_late(kind: dict[str, Any]) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"R\0\0\0\0\0\0\0\0\0\0\0" if "postgresql" in kind else b"\x40\0\0\0" * 100:
            writer.write(bytes((byte or 1,)))
            await writer.drain()
            await asyncio.sleep(0.01)
        await reader.read()

    outcome = outcome_of(drip, 150, **kind)
    assert outcome.failure in (Failure.TIMED_OUT, TOO_LONG)
