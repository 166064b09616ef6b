"""Where probes come from: address, port, interface and mark, as the server sees them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from havip.config.probes import Dns, Ping, Redis, Tcp, Transport, Udp
from havip.healthcheck.dial import IP_BIND_ADDRESS_NO_PORT
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthcheck.probes.ping import REQUEST, REQUEST6, inside
from tests.healthcheck.elsewhere import FIRST, MARK, SECOND, SERVER, SERVER6, Ways, two_ways
from tests.healthcheck.probing import check, result_of

FIRST6, SECOND6 = "2001:db8:1::2", "2001:db8:2::2"
PORT, OURS = 5300, 20053
PONG = b"+PONG\r\n"


@pytest.fixture(scope="module")
def ways() -> Iterator[Ways]:
    with two_ways() as built:
        yield built


def seen(ways: Ways, host: str, **more: Any) -> tuple[str, int, Outcome]:
    """Run a check from the client; return the address and port that the server sees, and the outcome."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    ping = more.get("ping") is not None
    kind = socket.SOCK_RAW if ping else socket.SOCK_DGRAM if "udp" in more else socket.SOCK_STREAM
    protocol = (socket.IPPROTO_ICMPV6 if ":" in host else socket.IPPROTO_ICMP) if ping else 0
    with ways.server.entered():
        server = socket.socket(family, kind | socket.SOCK_NONBLOCK, protocol)
    peers: list[tuple[str, int]] = []

    def hear() -> None:
        if kind == socket.SOCK_STREAM:
            connection, peer = server.accept()
            with connection:
                connection.sendall(PONG)
                connection.shutdown(socket.SHUT_WR)
                peers.append(peer[:2])
            return
        data, peer = server.recvfrom(2048)
        if not ping:
            server.sendto(data, peer)
            peers.append(peer[:2])
        elif (data if ":" in host else inside(data))[0] in (REQUEST, REQUEST6):
            peers.append(peer[:2])

    async def scene() -> Outcome:
        loop = asyncio.get_running_loop()
        loop.add_reader(server.fileno(), hear)
        result = await result_of(check(host=host, port=None if ping else PORT, **more))
        loop.remove_reader(server.fileno())
        with contextlib.suppress(BlockingIOError):  # the kernel answers echoes, perhaps before we see them
            while ping:
                hear()
        return result.outcome

    with server:
        if not ping:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((host, PORT))
            if kind == socket.SOCK_STREAM:
                server.listen()
        with ways.client.entered():
            outcome = asyncio.run(scene())
    return (*peers[0], outcome) if peers else ("", 0, outcome)


KINDS: dict[str, dict[str, Any]] = {
    "tcp": {"tcp": Tcp()},
    "udp": {"udp": Udp(b"hello", reply=True)},
    "redis": {"redis": Redis()},
    "ping": {"ping": Ping()},
}
WAYS: dict[str, tuple[dict[str, Any], str, str]] = {
    "as the routes say": ({}, FIRST, FIRST6),
    "interface": ({"interface": "eth1"}, SECOND, SECOND6),
    "fwmark": ({"fwmark": MARK}, SECOND, SECOND6),
    "source": ({"source": "second"}, SECOND, SECOND6),
    "all": ({"source": "second", "interface": "eth1", "fwmark": MARK}, SECOND, SECOND6),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("host", [SERVER, SERVER6])
def test_the_server_sees_the_address_that_the_check_asks_for(
    ways: Ways, kind: str, way: str, host: str
) -> None:
    settings, four, six = WAYS[way]
    expected = six if ":" in host else four
    if settings.get("source"):
        settings = {**settings, "source": ip_address(expected)}
    if kind == "tcp":
        settings = {**settings, "source_port": OURS}
    address, port, outcome = seen(ways, host, **KINDS[kind], **settings)
    assert (address, outcome.failure) == (expected, None), outcome
    if kind == "tcp":
        assert port == OURS


@pytest.mark.parametrize("kind", KINDS)
def test_without_an_interface_of_that_name_nothing_is_sent(ways: Ways, kind: str) -> None:
    address, _, outcome = seen(ways, SERVER, **KINDS[kind], interface="eth9")
    assert address == ""
    assert outcome == Outcome(Failure.LOCAL, "nothing can be sent through eth9: no such device")


@pytest.mark.parametrize("kind", KINDS)
def test_an_address_of_others_cannot_be_the_source(ways: Ways, kind: str) -> None:
    _, _, outcome = seen(ways, SERVER, **KINDS[kind], source=ip_address("192.0.2.77"))
    assert outcome == Outcome(
        Failure.LOCAL, "nothing can be sent from 192.0.2.77: cannot assign requested address"
    )


def test_a_source_port_can_be_used_again_at_once(ways: Ways) -> None:
    for _ in range(3):
        _, port, outcome = seen(ways, SERVER, redis=Redis(), source_port=OURS)
        assert (port, outcome.failure) == (OURS, None), outcome


def test_a_question_that_goes_over_tcp_comes_from_the_same_address(ways: Ways) -> None:
    dns = Dns(transport=Transport.TCP)
    address, port, outcome = seen(
        ways, SERVER, dns=dns, source=ip_address(SECOND), source_port=OURS, interface="eth1"
    )
    assert (address, port) == (SECOND, OURS)
    assert outcome.failure is Failure.CLOSED  # what came was no answer


@pytest.mark.parametrize("source", [True, False])
def test_a_neighbour_is_reached_by_its_link_local_address_through_an_interface(
    ways: Ways, source: bool
) -> None:
    (ours,) = (ip_address(one) for one in ways.client.addresses("eth1") if one.startswith("fe80"))
    (theirs,) = (one for one in ways.second.addresses("eth0") if one.startswith("fe80"))
    one = check(ping=Ping(), host=theirs, interface="eth1", source=ours if source else None)
    with ways.client.entered():
        outcome = asyncio.run(result_of(one)).outcome
    assert outcome == Outcome(words="answered")


def test_a_source_port_may_have_served_for_something_else_a_moment_ago(ways: Ways) -> None:
    with ways.server.entered():
        listener = socket.create_server((SERVER, PORT + 1))
    with ways.client.entered():
        former = socket.socket()
        former.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as an earlier run of ours has
        former.bind((FIRST, OURS))
        former.connect((SERVER, PORT + 1))
    with listener, former:
        accepted = listener.accept()[0]
        with accepted:
            former.close()  # first: in TIME_WAIT on our side
            accepted.recv(1)
    _, port, outcome = seen(ways, SERVER, tcp=Tcp(), source_port=OURS)
    assert (port, outcome.failure) == (OURS, None), outcome


def test_a_source_address_takes_no_port_that_another_destination_could_share(ways: Ways) -> None:
    with ways.server.entered():
        listener = socket.create_server((SERVER, PORT + 1))
    ways.client.sysctl("net.ipv4.ip_local_port_range", "40000 40001")
    try:
        with listener, contextlib.ExitStack() as held, ways.client.entered():
            for _ in range(2):
                one = held.enter_context(socket.socket())
                one.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
                one.bind((FIRST, 0))
                one.connect((SERVER, PORT + 1))
            _, port, outcome = seen(ways, SERVER, tcp=Tcp(), source=ip_address(FIRST))
            assert (port in (40000, 40001), outcome.failure) == (True, None), outcome
    finally:
        ways.client.sysctl("net.ipv4.ip_local_port_range", "32768 60999")
