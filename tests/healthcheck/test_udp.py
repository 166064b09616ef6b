"""Datagrams, with an answer expected and without."""

from __future__ import annotations

import socket

import pytest

from havip.clock import Duration, milliseconds
from havip.config.probes import Masked, Udp
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthcheck.runner import Result
from tests.healthcheck.datagrams import LOCAL, answering
from tests.healthcheck.probing import check, result_of
from tests.healthcheck.telling import play


def test_a_reply_that_begins_as_expected_is_good() -> None:
    async def scene() -> None:
        notes: list[str] = []
        udp = Udp(b"\x01ask", expect=Masked(b"\x02\x00", b"\xff\x00"))
        async with answering(lambda data: [b"\x02" + data]) as port:
            result = await result_of(check(udp=udp, port=port), notes)
        assert result.outcome.passed
        assert str(result).startswith(f"replied with 5 bytes, from {LOCAL}:{port} in ")
        assert notes == [f"sent 4 bytes to {LOCAL}:{port}", "5 bytes came: 020161736b"]

    play(scene)


JUDGED = [
    (Udp(expect=Masked(b"b", b"\xff")), Failure.CONTENT, 'replied "abc", expected hex:62'),
    (Udp(min_length=4), Failure.CONTENT, "replied with 3 bytes, expected at least 4"),
    (Udp(max_length=2), Failure.TOO_LONG, "replied with 3 bytes, expected at most 2"),
    (Udp(expect=Masked(b"abcd", b"\xff" * 4)), Failure.CONTENT, 'replied "abc", expected hex:61626364'),
    (Udp(reply=True), None, "replied with 3 bytes"),
    (Udp(), None, "replied with 3 bytes"),
]


@pytest.mark.parametrize(("udp", "failure", "words"), JUDGED)
def test_a_reply_is_held_against_what_is_expected(udp: Udp, failure: Failure | None, words: str) -> None:
    async def scene() -> None:
        async with answering(lambda data: [b"abc"]) as port:
            outcome = (await result_of(check(udp=udp, port=port))).outcome
        assert (outcome.failure, outcome.words) == (failure, words)

    play(scene)


def test_silence_is_good_where_nothing_is_expected_and_says_what_that_means() -> None:
    async def scene() -> None:
        async with answering(lambda data: []) as port:
            result = await result_of(check(udp=Udp(), port=port, timeout=milliseconds(50)))
        assert result.outcome.passed
        assert result.outcome.words == "no ICMP error came within 50ms"

    play(scene)


def test_silence_is_a_failure_where_a_reply_is_expected() -> None:
    async def scene() -> None:
        async with answering(lambda data: []) as port:
            result = await result_of(check(udp=Udp(reply=True), port=port, timeout=milliseconds(50)))
        assert result.outcome.failure is Failure.TIMED_OUT
        assert result.outcome.words == "waiting for a reply took longer than 50ms"

    play(scene)


@pytest.mark.parametrize("host", [LOCAL, "::1"])
@pytest.mark.parametrize("udp", [Udp(), Udp(b"x", reply=True)])
def test_an_icmp_error_is_a_failure_and_names_who_sent_it(host: str, udp: Udp) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as taken, socket.socket(family, socket.SOCK_DGRAM) as other:
        taken.bind((host, 0))
        other.bind((host, 0))
        taken.connect(other.getsockname())  # hears nobody else: the port is taken, and closed for us
        port = taken.getsockname()[1]

        async def scene() -> None:
            outcome = (await result_of(check(udp=udp, host=host, port=port))).outcome
            assert (outcome.failure, outcome.words) == (Failure.REFUSED, f"port unreachable, says {host}")

        play(scene)


def test_what_others_send_to_our_port_is_no_reply() -> None:
    async def scene() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as forger:
            forger.bind(("127.0.0.2", 0))

            def forge(data: bytes) -> list[bytes]:
                forger.sendto(b"forged", (LOCAL, source))
                return [b"genuine"]

            async with answering(forge) as port:
                source = free_port()
                one = check(udp=Udp(reply=True, max_length=6), port=port, source_port=source)
                outcome = (await result_of(one)).outcome
        assert (outcome.failure, outcome.words) == (
            Failure.TOO_LONG,
            "replied with 7 bytes, expected at most 6",
        )

    play(scene)


def free_port() -> int:
    """Return a port that nobody had a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((LOCAL, 0))
        port: int = sock.getsockname()[1]
        return port


def test_a_flood_of_replies_is_no_more_than_the_first() -> None:
    async def scene() -> None:
        udp = Udp(expect=Masked(b"0", b"\xff"))
        async with answering(lambda data: [b"%d" % number for number in range(200)]) as port:
            assert (await result_of(check(udp=udp, port=port))).outcome.passed

    play(scene)


@pytest.mark.parametrize(
    ("took", "words"),
    [(1_234, "0.00123 ms"), (12_345_678, "12.3 ms"), (999_400_000, "999 ms"), (3_004_567_890, "3005 ms")],
)
def test_a_result_says_how_long_it_took_as_people_write_it(took: int, words: str) -> None:
    assert (
        str(Result(Outcome(words="good"), "192.0.2.1", Duration(took))) == f"good, from 192.0.2.1 in {words}"
    )
