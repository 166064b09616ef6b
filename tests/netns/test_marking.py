"""nftables marks what it is told to, in the namespace of IPVS: other rules of nftables are the witness."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from havip.ipvs.marking import Marked, Marking, script
from havip.services.nfttable import carry_out, within
from lab.netns import Host, Network

pytestmark = pytest.mark.root

MARKS = (1000, 1001, 1002, 1003)
TWO, TEN, TWENTY, THIRTY = (ip_address(f"192.0.2.{number}") for number in (2, 10, 20, 30))
SIX = ip_address("2001:db8:1::1")
MARKED = (
    Marked("tcp", 80, TWO, TWO, 1000),
    Marked("tcp", 443, TEN, TWENTY, 1001),
    Marked("udp", 0, THIRTY, THIRTY, 1002),
    Marked("udp", 53, THIRTY, THIRTY, 1003),
    Marked("tcp", 80, SIX, SIX, 1000),
)
RULES = "".join(f"    meta mark {mark} counter\n" for mark in MARKS)
CHAINS = "".join(
    f"  chain {name} {{\n    type filter hook {name} priority 0;\n{RULES}  }}\n"
    for name in ("prerouting", "output")
)
WITNESS = f"table inet witness {{\n{CHAINS}}}\n"


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Host, Host]]:
    """A director that has all of 192.0.2.0/24, with the marking and its witness; and a client."""
    with Network("hvm") as net:
        switch = net.switch("lan")
        director, client = net.host("d"), net.host("c")
        net.plug(director, switch, addresses=("10.0.0.1/24", "2001:db8:1::1/64"))
        net.plug(client, switch, addresses=("10.0.0.2/24", "2001:db8:1::2/64"))
        director.run("ip", "route", "add", "local", "192.0.2.0/24", "dev", "lo")
        client.run("ip", "route", "add", "192.0.2.0/24", "via", "10.0.0.1")
        wanted = script("havip_ipvs", Marking(MARKED))
        assert within(director.namespace, lambda: carry_out(wanted + WITNESS)) is None
        yield director, client


def counted(director: Host, chain: str) -> dict[int, int]:
    """Return how many packets of each mark a chain has seen."""
    listed = json.loads(director.run("nft", "-j", "list", "chain", "inet", "witness", chain).stdout)
    rules = [item["rule"]["expr"] for item in listed["nftables"] if "rule" in item]
    return {rule[0]["match"]["right"]: rule[1]["counter"]["packets"] for rule in rules}


def say(one: socket.socket, address: str, port: int) -> None:
    """Send, and wait for the answer."""
    one.settimeout(10.0)
    one.connect((address, port))
    one.send(b"anybody?")
    one.recv(1)


def knock(host: Host, kind: socket.SocketKind, address: str, port: int) -> None:
    """Send one packet to a closed port, and return once it is answered so."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with host.entered(), socket.socket(family, kind) as one, pytest.raises(ConnectionRefusedError):
        say(one, address, port)


@pytest.mark.parametrize("chain", ["prerouting", "output"])
@pytest.mark.parametrize(
    ("kind", "address", "port", "mark"),
    [
        (socket.SOCK_STREAM, "192.0.2.2", 80, 1000),
        (socket.SOCK_STREAM, "192.0.2.2", 81, None),
        (socket.SOCK_DGRAM, "192.0.2.2", 80, None),
        (socket.SOCK_STREAM, "192.0.2.9", 443, None),
        (socket.SOCK_STREAM, "192.0.2.10", 443, 1001),
        (socket.SOCK_STREAM, "192.0.2.15", 443, 1001),
        (socket.SOCK_STREAM, "192.0.2.20", 443, 1001),
        (socket.SOCK_STREAM, "192.0.2.21", 443, None),
        (socket.SOCK_DGRAM, "192.0.2.30", 7000, 1002),
        (socket.SOCK_DGRAM, "192.0.2.30", 53, 1003),
        (socket.SOCK_STREAM, "2001:db8:1::1", 80, 1000),
        (socket.SOCK_STREAM, "2001:db8:1::2", 80, None),
    ],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_a_packet_has_the_mark_of_its_service_and_of_none_else(
    hosts: tuple[Host, Host],
    chain: str,
    kind: socket.SocketKind,
    address: str,
    port: int,
    mark: int | None,
) -> None:
    director, client = hosts
    before = counted(director, chain)
    knock(client if chain == "prerouting" else director, kind, address, port)
    now = counted(director, chain)
    assert {one: now[one] - before[one] for one in MARKS if now[one] != before[one]} == (
        {} if mark is None else {mark: 1}
    )
