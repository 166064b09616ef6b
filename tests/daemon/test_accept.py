"""Accept mode: a ping and a TCP connection to the virtual address prove both settings, for IPv4 and IPv6."""

from __future__ import annotations

import os
import signal
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.netns import Host
from tests.daemon.conftest import Lan
from tests.daemon.running import Daemon, configuration, router

FOUR, SIX = "10.77.0.100", "2001:db8:77::100"
PORT = 8080
A_WHILE = 0.3  # seconds for an answer that must not come, on a LAN that answers within microseconds


def both(**keys: object) -> str:
    """Return a virtual router for each family."""
    six = {"interface": "eth0", "addresses": ["fe80::77/64", f"{SIX}/64"], **keys}
    return configuration(four=router(51, **keys), six=router(52, **six))


@pytest.fixture
def here(lan: Lan) -> Iterator[Lan]:
    """The LAN with IPv6 addresses, and a server on every address of r1."""
    lan.r1.run("ip", "addr", "add", "2001:db8:77::1/64", "dev", "eth0")
    lan.r2.run("ip", "addr", "add", "2001:db8:77::2/64", "dev", "eth0")
    with lan.r1.entered():
        server = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    with server:
        yield lan


def ping(client: Host, address: str) -> bool:
    """Return whether an echo request is answered."""
    six = ":" in address
    request = bytes((128, 0)) if six else bytes((8, 0))
    body = b"\x12\x34" + (1).to_bytes(2, "big") + b"havip!"
    words = struct.unpack("!5H", body)
    total = sum(words) + int.from_bytes(request, "big")
    checksum = b"\0\0" if six else (~(total % 0xFFFF) & 0xFFFF).to_bytes(2, "big")  # IPv6: the kernel's
    protocol = socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP
    with client.entered():
        raw = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_RAW, protocol)
        target = socket.getaddrinfo(address, None, type=socket.SOCK_RAW)[0][4]
    with raw:
        raw.connect(target)
        raw.settimeout(A_WHILE)
        raw.send(request + checksum + body)
        try:
            while True:
                heard = raw.recv(2048)[0 if six else 20 :]
                if heard[0] == (129 if six else 0) and heard[4:] == body:
                    return True
        except TimeoutError:
            return False


def answers(client: Host, address: str) -> tuple[bool, bool]:
    """Return whether a ping and a TCP connection get an answer."""
    pinged = ping(client, address)
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with client.entered():
        connection = socket.socket(family, socket.SOCK_STREAM)
    with connection:
        connection.settimeout(A_WHILE)
        try:
            connection.connect((address, PORT))
        except TimeoutError:
            return pinged, False
    return pinged, True


def resolved(client: Host, address: str) -> bool:
    """Return whether the client knows an Ethernet address for an address."""
    return "lladdr" in client.run("ip", "neigh", "show", address).stdout


def tables(host: Host) -> str:
    return host.run("nft", "list", "tables").stdout


@contextmanager
def masters(host: Host, folder: Path, text: str, *options: str, **environment: str) -> Iterator[Daemon]:
    with Daemon(host, folder, text, *options, **environment) as daemon:
        daemon.wait_for("four: MASTER")
        daemon.wait_for("six: MASTER")
        host.wait_for_address(FOUR)
        host.wait_for_address(SIX)
        yield daemon


def test_both_settings_and_the_way_between_them(here: Lan, folder: Path) -> None:
    r1, r2 = here.r1, here.r2
    with masters(r1, folder, both(accept=False)) as daemon:
        for address in (FOUR, SIX):
            assert answers(r2, address) == (False, False)
            assert resolved(r2, address)  # ARP and neighbour discovery are no matter of accepting
        assert answers(r2, "10.77.0.1") == answers(r2, "2001:db8:77::1") == (True, True)
        assert answers(r1, FOUR) == (False, False)  # from the router itself no more than from outside
        assert tables(r1) == "table inet havip\n"
        daemon.configure(both(accept=True))
        assert daemon.client.reload()["change"][0]["changes"] == ["accept: false -> true"]
        assert answers(r2, FOUR) == answers(r2, SIX) == (True, True)
        assert tables(r1) == ""
        daemon.configure(both(accept=False))
        daemon.client.reload()
        assert answers(r2, FOUR) == answers(r2, SIX) == (False, False)
        assert daemon.said("MASTER") == 2  # neither reload was a failover
        assert daemon.stop() == 0
    assert tables(r1) == ""


def test_an_operators_own_chain_sees_what_is_dropped_after_it(here: Lan, folder: Path) -> None:
    r1, r2 = here.r1, here.r2
    for words in (
        "add table inet mine",
        "add chain inet mine count { type filter hook input priority 0; }",
        "add counter inet mine seen",
        f"add rule inet mine count ip daddr {FOUR} icmp type echo-request counter name seen",
    ):
        r1.run("nft", words)

    def seen() -> bool:
        """Ping once, and say whether the operator's chain, at the usual place of filters, saw it."""
        r1.run("nft", "reset counter inet mine seen")
        assert not ping(r2, FOUR)
        return "packets 0 " not in r1.run("nft", "list counter inet mine seen").stdout

    try:
        with masters(r1, folder, both(accept=False)) as daemon:
            assert not seen()
            daemon.configure(both(accept=False) + "daemon: {nftables_priority: 10}\n")
            assert daemon.client.reload()["settings"] == ["daemon.nftables_priority: -10 -> 10"]
            assert seen()
            assert daemon.said("MASTER") == 2
    finally:
        r1.run("nft", "delete table inet mine")


def test_link_local_addresses_are_dropped_on_their_own_interface(here: Lan, folder: Path) -> None:
    with masters(here.r1, folder, both(accept=False)):
        assert not ping(here.r2, "fe80::77%eth0")
        own = next(one for one in here.r1.addresses("eth0") if one.startswith("fe80::") and one != "fe80::77")
        assert ping(here.r2, f"{own}%eth0")


def test_addresses_on_a_virtual_mac_are_dropped_as_well(here: Lan, folder: Path) -> None:
    with masters(here.r1, folder, both(accept=False, virtual_mac=True)):
        assert answers(here.r2, FOUR) == answers(here.r2, SIX) == (False, False)
        assert not ping(here.r2, "fe80::77%eth0")
        assert resolved(here.r2, FOUR)
        assert resolved(here.r2, SIX)
        assert answers(here.r2, "10.77.0.1") == (True, True)


def test_what_passes_through_the_router_by_way_of_its_address_is_let_through(here: Lan, folder: Path) -> None:
    behind = here.net.switch("behind")
    far = here.net.host("far")
    here.net.plug(here.r1, behind, "eth1", addresses=("10.78.0.1/24", "2001:db8:78::1/64"))
    here.net.plug(far, behind, addresses=("10.78.0.9/24", "2001:db8:78::9/64"))
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        here.r1.sysctl(key, 1)
    far.run("ip", "route", "add", "default", "via", "10.78.0.1")
    far.run("ip", "-6", "route", "add", "default", "via", "2001:db8:78::1")
    here.r2.run("ip", "route", "add", "10.78.0.0/24", "via", FOUR)
    here.r2.run("ip", "-6", "route", "add", "2001:db8:78::/64", "via", SIX)
    with far.entered():
        server = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    with server, masters(here.r1, folder, both(accept=False)):
        assert answers(here.r2, "10.78.0.9") == answers(here.r2, "2001:db8:78::9") == (True, True)
        assert answers(here.r2, FOUR) == (False, False)


def test_a_table_that_somebody_flushes_is_put_back(here: Lan, folder: Path) -> None:
    with masters(here.r1, folder, both(accept=False)) as daemon:
        for number, harm in enumerate(("flush ruleset", "flush chain inet havip input"), 1):
            here.r1.run("nft", harm)
            daemon.wait_for("somebody removed .* table inet havip: it is back", number)
            assert answers(here.r2, FOUR) == (False, False)
        daemon.client.reload()
        assert daemon.said("it is back") == 2  # what it does itself it does not undo


def test_the_table_of_a_killed_daemon_is_swept_by_the_next_one(here: Lan, folder: Path) -> None:
    with masters(here.r1, folder, both(accept=False)) as daemon:
        worker = daemon.worker()
        os.kill(worker, signal.SIGSTOP)
        daemon.process.kill()
        os.kill(worker, signal.SIGKILL)
        daemon.process.wait(5)
        assert tables(here.r1) == "table inet havip\n"
        daemon.configure(both())
        before = daemon.said("four: MASTER")
        daemon.start()
        daemon.wait_for("four: MASTER", before + 1)
        assert answers(here.r2, FOUR) == (True, True)
        assert tables(here.r1) == ""


def test_two_instances_have_a_table_each(here: Lan, folder: Path) -> None:
    second = configuration(second=router(53, addresses=["10.77.0.102/24"], accept=False))
    with (
        masters(here.r1, folder / "one", both(accept=False)) as daemon,
        Daemon(here.r1, folder / "two", second, "--instance", "blue") as blue,
    ):
        blue.wait_for("second: MASTER")
        assert tables(here.r1) == "table inet havip\ntable inet havip-blue\n"
        assert daemon.stop() == 0
        assert tables(here.r1) == "table inet havip-blue\n"
        assert answers(here.r2, "10.77.0.102") == (False, False)


def test_without_nftables_the_router_that_needs_it_stays_out_and_the_other_does_not(
    here: Lan, folder: Path
) -> None:
    fake = folder / "bin" / "nft"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'Error: Could not process rule: Operation not supported' >&2\nexit 1\n")
    fake.chmod(0o755)
    text = configuration(four=router(51, accept=False), other=router(53, addresses=["10.77.0.101/24"]))
    path = f"{fake.parent}:{os.environ['PATH']}"
    with Daemon(here.r1, folder, text, PATH=path) as daemon:
        daemon.wait_for(
            "four: FAULT: accept: false needs nftables: "
            "Error: Could not process rule: Operation not supported"
        )
        daemon.wait_for("other: MASTER")
        assert FOUR not in here.r1.addresses("eth0")
        fake.unlink()  # and the real one is found
        daemon.wait_for("four: MASTER")
        assert answers(here.r2, FOUR) == (False, False)
