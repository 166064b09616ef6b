"""What is sent and expected over TCP, from servers that say too much, too little, too slowly, or nothing."""

from __future__ import annotations

import asyncio
import socket

import pytest

from havip.clock import milliseconds
from havip.config.probes import Expected, Tcp
from havip.healthcheck.outcome import Failure, Outcome
from tests.healthcheck.probing import LOCAL, Talk, check, result_of, serving
from tests.healthcheck.telling import play


def saying(*pieces: bytes, hold: bool = False) -> Talk:
    """Say pieces, each in a segment of its own, and hang up; or wait for the other side to do so."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if hold:
            await reader.read()

    return talk


def outcome_of(talk: Talk, tcp: Tcp, timeout_ms: int = 10_000, notes: list[str] | None = None) -> Outcome:
    """Return how a conversation with a server goes."""
    got: list[Outcome] = []

    async def scene() -> None:
        async with serving(talk) as port:
            one = check(tcp=tcp, port=port, timeout=milliseconds(timeout_ms))
            got.append((await result_of(one, notes)).outcome)

    play(scene)
    return got[0]


def test_a_server_that_answers_as_expected_is_good() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readline() == b"PING\r\n":
            writer.write(b"+PONG\r\n")
        await reader.read()

    notes: list[str] = []
    tcp = Tcp(b"PING\r\n", Expected(contains=b"PONG", begins=b"+", regex=r"^\+PONG\s"))
    assert outcome_of(talk, tcp, notes=notes) == Outcome(words="answered as expected")
    assert notes[1:] == ['sent "PING\\x0d\\x0a"', 'answered "+PONG\\x0d\\x0a"']


JUDGED: list[tuple[Talk, Expected, Failure | None, str]] = [
    (saying(b"220 mail ESMTP\r\n"), Expected(begins=b"220 "), None, "answered as expected"),
    (saying(b"2", b"2", b"0 x"), Expected(begins=b"220 "), None, "answered as expected"),
    (saying(b"ab", b"cd", hold=True), Expected(contains=b"bc"), None, "answered as expected"),
    (saying(b"abc", hold=True), Expected(exact=b"abc"), None, "answered as expected"),
    (saying(b"\xff\xfe\x00"), Expected(regex=r"\xfe"), None, "answered as expected"),
    (
        saying(b"554 no", hold=True),
        Expected(begins=b"220 "),
        Failure.CONTENT,
        'answered "554 no", expected "220 "',
    ),
    (
        saying(b"abcd", hold=True),
        Expected(exact=b"abc"),
        Failure.CONTENT,
        'answered "abcd", expected "abc" and no more',
    ),
    (saying(b"\xff\xfe"), Expected(contains=b"x"), Failure.CONTENT, 'answered "\\xff\\xfe" without "x"'),
    (saying(b"ab"), Expected(exact=b"abc"), Failure.CONTENT, 'answered "ab" without "abc"'),
    (saying(b"ab"), Expected(regex="c+"), Failure.CONTENT, "answered \"ab\" without anything that fits 'c+'"),
    (saying(), Expected(contains=b"x"), Failure.CLOSED, "closed the connection without an answer"),
    (
        saying(b"y" * 40_000, hold=True),
        Expected(contains=b"x"),
        Failure.TOO_LONG,
        'answered more than 16384 bytes without "x"',
    ),
]


@pytest.mark.parametrize(("talk", "expected", "failure", "words"), JUDGED)
def test_an_answer_is_judged_as_soon_as_it_can_be(
    talk: Talk, expected: Expected, failure: Failure | None, words: str
) -> None:
    assert outcome_of(talk, Tcp(expect=expected)) == Outcome(failure, words)


def test_a_server_that_keeps_silent_is_late_and_what_was_waited_for_is_said() -> None:
    outcome = outcome_of(saying(b"ab", hold=True), Tcp(expect=Expected(contains=b"c")), 500)
    assert outcome == Outcome(Failure.TIMED_OUT, 'waiting for "c", after "ab", took longer than 500ms')


def test_a_server_that_drips_for_ever_is_late() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(0.005)

    outcome = outcome_of(drip, Tcp(expect=Expected(contains=b"b")), 150)
    assert outcome.failure is Failure.TIMED_OUT


def test_a_server_that_never_ends_is_cut_off() -> None:
    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(b"a" * 65536)
            await writer.drain()

    outcome = outcome_of(pour, Tcp(expect=Expected(regex="b$")))
    assert outcome.failure is Failure.TOO_LONG


def test_an_expression_that_a_server_makes_endless_is_given_up() -> None:
    outcome = outcome_of(saying(b"a" * 60, hold=True), Tcp(expect=Expected(regex="^(a+)+$b?c")))
    assert outcome == Outcome(
        Failure.TOO_LONG, "searching for '^(a+)+$b?c' took more than 20 ms of processor time"
    )


def test_a_reset_in_the_middle_is_told_as_such() -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.close()

    outcome = outcome_of(reset, Tcp(expect=Expected(contains=b"x")))
    assert outcome.failure is Failure.RESET
    assert outcome.words == 'connection reset by peer (waiting for "x")'


def test_what_is_sent_to_one_who_does_not_read_is_late() -> None:
    with socket.socket() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        idle.bind((LOCAL, 0))
        idle.listen()

        async def scene() -> None:
            tcp = Tcp(b"x" * 8_000_000)
            port = idle.getsockname()[1]
            outcome = (await result_of(check(tcp=tcp, port=port, timeout=milliseconds(500)))).outcome
            assert outcome == Outcome(Failure.TIMED_OUT, "sending took longer than 500ms")

        play(scene)


AGENT: list[tuple[bytes, Failure | None, str, int | None]] = [
    (b"75%\n", None, "the agent says 75%", 75),
    (b"up 100%\r\n", None, "the agent says up 100%", 100),
    (b"READY, 0%\n", None, "the agent says READY, 0%", 0),
    (b"drain\n", None, "the agent says drain", 0),
    (b"up maxconn:30\n", None, "the agent says up maxconn:30", None),
    (b"down # no disk\n", Failure.STATUS, "the agent says down (no disk)", None),
    (b"maint\n", Failure.STATUS, "the agent says maint", None),
    (b"fail#\xff\n", Failure.STATUS, "the agent says fail (\\xff)", None),
    (b"up stopped 50%\n", Failure.STATUS, "the agent says stopped", None),
    (b"254%\n", Failure.MALFORMED, "the agent says '254%', which means nothing", None),
    (b"perhaps\n", Failure.MALFORMED, "the agent says 'perhaps', which means nothing", None),
    (b"# nothing\n", Failure.MALFORMED, "the agent says nothing", None),
    (b"75%", Failure.CLOSED, "closed the connection before the agent's line was there", None),
    (b"x" * 1025, Failure.TOO_LONG, "the agent's line is longer than 1024 bytes", None),
]


@pytest.mark.parametrize(("line", "failure", "words", "weight"), AGENT)
def test_the_line_of_an_agent_gives_a_weight_or_a_verdict(
    line: bytes, failure: Failure | None, words: str, weight: int | None
) -> None:
    assert outcome_of(saying(line), Tcp(agent=True)) == Outcome(failure, words, weight)


def test_without_an_expectation_it_is_enough_that_what_was_sent_was_taken() -> None:
    assert outcome_of(saying(hold=True), Tcp(b"hello")).words == "took the connection and what was sent"
