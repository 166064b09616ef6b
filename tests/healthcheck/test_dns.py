"""Questions to DNS servers, which answer wrongly, late, or to somebody else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from havip.clock import milliseconds
from havip.config.probes import Dns, Rcode, RecordType, Transport
from havip.healthcheck.outcome import Failure
from tests.healthcheck.datagrams import LOCAL, answering
from tests.healthcheck.probing import check, result_of, serving
from tests.healthcheck.telling import play

QUESTION = Dns(RecordType.A, "example.com")


def reply(data: bytes, *addresses: bytes, flags: int = 0x8180) -> bytes:
    """Return the answer to a question: its id and its question, and addresses."""
    counts = b"\0\1" + len(addresses).to_bytes(2, "big") + bytes(4)
    records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address for address in addresses)
    return data[:2] + flags.to_bytes(2, "big") + counts + data[12:] + records


def outcome_of(dns: Dns, answers: Callable[[bytes], list[bytes]]) -> tuple[Failure | None, str]:
    """Return how a question goes to a server over UDP."""
    got: list[tuple[Failure | None, str]] = []

    async def scene() -> None:
        async with answering(answers) as port:
            outcome = (await result_of(check(dns=dns, port=port))).outcome
        got.append((outcome.failure, outcome.words))

    play(scene)
    return got[0]


ONE = b"\xc0\0\2\1"
MANY = [bytes((192, 0, 2, number)) for number in range(1, 7)]
JUDGED = [
    (QUESTION, [ONE], 0x8180, None, "A of example.com is 192.0.2.1"),
    (
        QUESTION,
        MANY,
        0x8180,
        None,
        "A of example.com is 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4 and 2 more",
    ),
    (QUESTION, [], 0x8180, None, "NOERROR, no answers for A of example.com"),
    (QUESTION, [], 0x8182, Failure.STATUS, "SERVFAIL for A of example.com, expected NOERROR"),
    (
        Dns(RecordType.A, "x.example", rcode=Rcode.NXDOMAIN),
        [],
        0x8183,
        None,
        "NXDOMAIN, no answers for A of x.example",
    ),
    (
        Dns(RecordType.A, "x.example", rcode=Rcode.NXDOMAIN),
        [ONE],
        0x8180,
        Failure.STATUS,
        "NOERROR for A of x.example, expected NXDOMAIN",
    ),
    (
        Dns(RecordType.A, "example.com", "192.0.2.6"),
        MANY,
        0x8180,
        None,
        "A of example.com is 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4 and 2 more",
    ),
    (
        Dns(RecordType.A, "example.com", "192.0.2.9"),
        [ONE],
        0x8180,
        Failure.CONTENT,
        "A of example.com is 192.0.2.1, expected 192.0.2.9",
    ),
    (
        Dns(RecordType.A, "example.com", "192.0.2.9"),
        [],
        0x8180,
        Failure.CONTENT,
        "A of example.com is no answer, expected 192.0.2.9",
    ),
]


@pytest.mark.parametrize(("dns", "addresses", "flags", "failure", "words"), JUDGED)
def test_an_answer_is_held_against_what_is_expected(
    dns: Dns, addresses: list[bytes], flags: int, failure: Failure | None, words: str
) -> None:
    assert outcome_of(dns, lambda data: [reply(data, *addresses, flags=flags)]) == (failure, words)


def test_an_answer_with_another_id_is_passed_over_and_the_right_one_counts() -> None:
    def forge(data: bytes) -> list[bytes]:
        other = bytes((data[0] ^ 1, data[1])) + data[2:]
        return [reply(other, b"\1\1\1\1"), reply(data, ONE)]

    assert outcome_of(QUESTION, forge) == (None, "A of example.com is 192.0.2.1")


def test_an_answer_to_another_question_is_passed_over() -> None:
    def forge(data: bytes) -> list[bytes]:
        return [reply(data.replace(b"example", b"evilone")), data, reply(data, ONE)]

    assert outcome_of(QUESTION, forge) == (None, "A of example.com is 192.0.2.1")


def test_waiting_in_vain_says_what_came_instead() -> None:
    async def scene() -> None:
        async with answering(lambda data: [bytes((data[0] ^ 1,)) + data[1:]]) as port:
            one = check(dns=QUESTION, port=port, timeout=milliseconds(500))
            outcome = (await result_of(one)).outcome
        assert outcome.failure is Failure.TIMED_OUT
        assert outcome.words == (
            "waiting for the answer (29 bytes came: it has another id than the question) "
            "took longer than 500ms"
        )

    play(scene)


def test_a_flood_of_wrong_answers_ends() -> None:
    failure, words = outcome_of(QUESTION, lambda data: [bytes((data[0] ^ 1,)) + data[1:]] * 110)
    assert (failure, words) == (
        Failure.MALFORMED,
        "sent 100 messages that are no answer to the question",
    )


@pytest.mark.parametrize(
    ("garbage", "why"),
    [
        (lambda data: b"", "the message ends too early, after 0 bytes"),
        (lambda data: data[:11], "the message ends too early, after 11 bytes"),
        (lambda data: reply(data, ONE)[:-1], "a record is longer than the message"),
        (
            lambda data: reply(data, ONE).replace(b"\xc0\x0c", b"\xc0\x1d"),
            "a compressed name does not point back",
        ),
    ],
)
def test_what_is_no_dns_message_is_malformed(garbage: Callable[[bytes], bytes], why: str) -> None:
    assert outcome_of(QUESTION, lambda data: [garbage(data)]) == (
        Failure.MALFORMED,
        f"no DNS message: {why}",
    )


async def over_tcp(answer: Callable[[bytes], bytes], dns: Dns) -> tuple[Failure | None, str]:
    """Return how a question goes to a server over TCP; ``answer`` gives all that it says."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(2), "big")
        writer.write(answer(await reader.readexactly(size)))
        await writer.drain()

    async with serving(talk) as port:
        outcome = (await result_of(check(dns=dns, port=port))).outcome
    return outcome.failure, outcome.words


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


OVER_TCP = Dns(RecordType.A, "example.com", transport=Transport.TCP)
TCP = [
    (lambda data: framed(reply(data, ONE)), None, "A of example.com is 192.0.2.1"),
    (lambda data: b"\0", Failure.CLOSED, "closed the connection before the length of the answer was there"),
    (lambda data: b"\0\x50abc", Failure.CLOSED, "closed the connection before the answer was there"),
    (
        lambda data: framed(reply(data, flags=0x8380)),
        Failure.MALFORMED,
        "the answer is truncated over TCP as well",
    ),
    (
        lambda data: framed(b"\0\0" + data[2:]),
        Failure.MALFORMED,
        "sent 29 bytes: it has another id than the question",
    ),
    (
        lambda data: framed(b""),
        Failure.MALFORMED,
        "no DNS message: the message ends too early, after 0 bytes",
    ),
]


@pytest.mark.parametrize(("answer", "failure", "words"), TCP)
def test_a_server_may_be_asked_over_tcp(
    answer: Callable[[bytes], bytes], failure: Failure | None, words: str
) -> None:
    async def scene() -> None:
        assert await over_tcp(answer, OVER_TCP) == (failure, words)

    play(scene)


def test_a_truncated_answer_is_asked_for_again_over_tcp() -> None:
    async def scene() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            size = int.from_bytes(await reader.readexactly(2), "big")
            writer.write(framed(reply(await reader.readexactly(size), ONE)))

        notes: list[str] = []
        async with serving(talk) as port:
            loop = asyncio.get_running_loop()
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
                sock.bind((LOCAL, port))  # the same number as over TCP

                def hear() -> None:
                    data, peer = sock.recvfrom(512)
                    sock.sendto(reply(data, flags=0x8380), peer)

                loop.add_reader(sock.fileno(), hear)
                result = await result_of(check(dns=QUESTION, port=port), notes)
                loop.remove_reader(sock.fileno())
        assert result.outcome.words == "A of example.com is 192.0.2.1"
        assert notes == [
            f"asked {LOCAL}:{port} over UDP for A of example.com",
            "the answer is truncated: asked again over TCP",
            f"connected to {LOCAL}:{port}",
            f"asked {LOCAL}:{port} over TCP for A of example.com",
        ]

    play(scene)
