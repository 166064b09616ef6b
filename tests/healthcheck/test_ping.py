"""ICMP echoes: over both kinds of sockets, with routers that refuse and hosts that lie."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Callable, Iterator

import pytest

from havip.clock import milliseconds
from havip.config.probes import Ping
from havip.healthcheck.attempt import Attempt
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthcheck.probes import ping
from havip.healthcheck.probes.ping import ECHO, checksum_of, echoed, inside, request
from tests.healthcheck import elsewhere
from tests.healthcheck.elsewhere import PROHIBITED, SERVER, SERVER6, UNREACHABLE, Ways, two_ways
from tests.healthcheck.probing import check, result_of
from tests.healthcheck.telling import PATIENCE

NOBODY, ROOT = "1 0", "0 0"  # who may have sockets that pair requests and replies


@pytest.fixture(scope="module")
def ways() -> Iterator[Ways]:
    with two_ways() as built:
        yield built


def outcome_of(ways: Ways, host: str, size: int = 56, **more: object) -> Outcome:
    """Ping from the client."""
    with ways.client.entered():
        return asyncio.run(result_of(check(ping=Ping(size), host=host, **more))).outcome


@pytest.mark.parametrize("group_range", [NOBODY, ROOT])
@pytest.mark.parametrize("host", [SERVER, SERVER6])
@pytest.mark.parametrize("size", [0, 1, 56, 1400])
def test_a_host_that_answers_is_good(ways: Ways, group_range: str, host: str, size: int) -> None:
    ways.client.sysctl("net.ipv4.ping_group_range", group_range)
    assert outcome_of(ways, host, size) == Outcome(words="answered")


@pytest.mark.parametrize("group_range", [NOBODY, ROOT])
@pytest.mark.parametrize("host", [UNREACHABLE, PROHIBITED])
def test_a_router_that_refuses_is_named(ways: Ways, group_range: str, host: str) -> None:
    ways.client.sysctl("net.ipv4.ping_group_range", group_range)
    outcome = outcome_of(ways, host)
    assert outcome.failure is Failure.UNREACHABLE
    assert outcome.words == f"no route to host, says {elsewhere.FIRST_ROUTER}"


@pytest.mark.parametrize("group_range", [NOBODY, ROOT])
def test_a_host_that_does_not_answer_is_late(ways: Ways, group_range: str) -> None:
    ways.client.sysctl("net.ipv4.ping_group_range", group_range)
    ways.server.sysctl("net.ipv4.icmp_echo_ignore_all", 1)
    try:
        outcome = outcome_of(ways, SERVER, timeout=milliseconds(100))
    finally:
        ways.server.sysctl("net.ipv4.icmp_echo_ignore_all", 0)
    assert outcome.failure is Failure.TIMED_OUT
    assert outcome.words == "waiting for an echo reply took longer than 100ms"


def test_the_setting_of_the_kernel_is_left_alone(ways: Ways) -> None:
    ways.client.sysctl("net.ipv4.ping_group_range", NOBODY)
    assert outcome_of(ways, SERVER).passed
    assert ways.client.run("sysctl", "-n", "net.ipv4.ping_group_range").stdout.split() == NOBODY.split()


def answered(ways: Ways, *answers: Callable[[bytes], bytes], patience: int = 10_000) -> Outcome:
    """Ping a server that answers by hand: each answer is a function of the request to a message."""
    ways.server.sysctl("net.ipv4.icmp_echo_ignore_all", 1)
    ways.client.sysctl("net.ipv4.ping_group_range", NOBODY)
    with ways.server.entered():
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.IPPROTO_ICMP)

    async def scene() -> Outcome:
        def hear() -> None:
            packet, peer = sock.recvfrom(65535)
            message = inside(packet)
            if message[0] == ping.REQUEST:
                for answer in answers:
                    sock.sendto(answer(message), peer)

        loop = asyncio.get_running_loop()
        loop.add_reader(sock.fileno(), hear)
        result = await result_of(check(ping=Ping(8), host=SERVER, timeout=milliseconds(patience)))
        loop.remove_reader(sock.fileno())
        return result.outcome

    try:
        with sock, ways.client.entered():
            return asyncio.run(scene())
    finally:
        ways.server.sysctl("net.ipv4.icmp_echo_ignore_all", 0)


def reply(
    message: bytes, *, kind: int = 0, identifier: int = 0, sequence: int = 0, more: bytes = b""
) -> bytes:
    """Return the reply to a request, changed as said, with a checksum that holds."""
    _, _, _, its, number = ECHO.unpack_from(message)
    bare = ECHO.pack(kind, 0, 0, its ^ identifier, number ^ sequence) + message[8:] + more
    return bare[:2] + checksum_of(bare).to_bytes(2, "big") + bare[4:]


def test_an_echo_by_hand_is_good(ways: Ways) -> None:
    assert answered(ways, reply).passed


@pytest.mark.parametrize(
    "lie",
    [
        lambda message: reply(message, identifier=1),
        lambda message: reply(message, sequence=1),
        lambda message: reply(message, kind=8),
        lambda message: reply(message)[:2] + b"\0\0" + reply(message)[4:],
        lambda message: reply(message)[:7],
    ],
    ids=["identifier", "sequence", "request", "checksum", "short"],
)
def test_what_is_no_reply_to_our_request_is_passed_over(ways: Ways, lie: Callable[[bytes], bytes]) -> None:
    assert answered(ways, lie, patience=300).failure is Failure.TIMED_OUT
    assert answered(ways, lie, reply).passed


def test_another_payload_is_no_echo(ways: Ways) -> None:
    outcome = answered(ways, lambda message: reply(message, more=b"more"))
    assert outcome == Outcome(Failure.MALFORMED, "echoed 12 bytes, not the 8 that were sent")


def test_a_flood_of_replies_ends(ways: Ways) -> None:
    outcome = answered(ways, *[lambda message: reply(message, sequence=1)] * 120)
    assert outcome == Outcome(Failure.MALFORMED, "sent 100 messages that are no reply")


def test_an_error_about_the_ping_of_another_is_not_ours(ways: Ways) -> None:
    def error(message: bytes) -> bytes:
        """Quote a request with another identifier, as for a traceroute that runs beside us."""
        quoted = ECHO.pack(8, 0, 0, ECHO.unpack_from(message)[3] ^ 1, 1)
        header = bytes.fromhex("4500001c000040004001") + bytes(2)
        header += socket.inet_aton(elsewhere.FIRST) + socket.inet_aton(SERVER)
        bare = b"\x03\x01\0\0\0\0\0\0" + header + quoted
        return bare[:2] + checksum_of(bare).to_bytes(2, "big") + bare[4:]

    assert answered(ways, error, reply).passed


def test_a_request_is_what_the_rfc_says() -> None:
    assert request(0x1234, b"ab", six=False) == bytes.fromhex("0800 8468 1234 0001 6162")
    assert request(0x1234, b"", six=True) == bytes.fromhex("8000 0000 1234 0001")
    assert checksum_of(bytes.fromhex("0800 8468 1234 0001 6162")) == 0
    assert checksum_of(b"\x01") == 0xFEFF  # an odd byte is the upper half of a last word (RFC 1071)


@pytest.mark.parametrize("host", [SERVER, SERVER6])
def test_the_kernel_wakes_nobody_for_the_reply_to_another(ways: Ways, host: str) -> None:
    ways.client.sysctl("net.ipv4.ping_group_range", NOBODY)
    six = ":" in host
    attempt = Attempt(check(ping=Ping(), host=host), host, 0)
    with ways.client.entered():
        ours, raw = ping.open_socket(attempt, 1, six)
        theirs, _ = ping.open_socket(attempt, 2, six)
    assert raw
    with ours, theirs:
        ours.send(request(1, b"ab", six))
        assert select.select([ours], [], [], PATIENCE)[0]
        packet = ours.recv(2048)
        assert echoed(packet if six else inside(packet), 1, six, checked=not six) == b"ab"
        assert select.select([theirs], [], [], 0)[0] == []


def test_only_a_reply_is_taken_apart() -> None:
    assert echoed(bytes.fromhex("0000 8c68 1234 0001 6162"), 0x1235, False, checked=False) is None
    assert echoed(bytes.fromhex("0000 8c68 1234 0001 6162"), 0x1234, False, checked=False) == b"ab"
    assert echoed(bytes.fromhex("8100 0000 1234 0001"), 0x1234, True, checked=False) == b""
    assert echoed(bytes.fromhex("0001 0000 1234 0001"), 0x1234, False, checked=False) is None
    assert echoed(b"", None, False, checked=True) is None
    assert inside(b"") == b""
    assert inside(b"\x46" + bytes(23) + b"x") == b"x"
