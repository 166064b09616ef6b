"""A real daemon holds addresses on several interfaces, routes and rules: they move, come back and go."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.netns import ADDRESS_EVENTS, LINK_EVENTS, Host
from tests.daemon.conftest import Lan
from tests.daemon.running import Daemon

ROUTING_EVENTS = 0x40 | 0x80 | 0x400 | 0x40000
PATIENCE = 10.0

#: clients of 10.77.0.0/24 reach 203.0.113.9 through table 100, and are answered through the far address
FORWARDER = """
virtual_routers:
  forwarder:
    interface: eth0
    vrid: 51
    interval: 100ms
    priority: PRIORITY
    addresses: [10.77.0.100/24]
    excluded_addresses:
      - {address: 10.88.0.100/24, device: eth1}
    routes:
      - {to: 203.0.113.0/24, via: 10.88.0.9, table: 100}
      - {to: 203.0.114.0/24, via: 10.88.0.9}
    rules:
      - {priority: 1000, source: 10.77.0.0/24, to: 203.0.113.0/24, table: 100}
"""


class Crossing(Lan):
    """Two routers between the LAN with a client and a far one with a server."""

    def __init__(self, lan: Lan) -> None:
        self.net, self.switch, self.r1, self.r2 = lan.net, lan.switch, lan.r1, lan.r2
        far = self.net.switch("far")
        self.client, self.server = self.net.host("c"), self.net.host("s")
        for number, router in enumerate((self.r1, self.r2), 1):
            self.net.plug(router, far, interface="eth1", addresses=(f"10.88.0.{number}/24",))
            router.sysctl("net.ipv4.ip_forward", 1)
        self.net.plug(self.client, self.switch, addresses=("10.77.0.50/24",))
        self.net.plug(self.server, far, addresses=("10.88.0.9/24",))
        self.server.run("ip", "addr", "add", "203.0.113.9/32", "dev", "lo")
        self.client.run("ip", "route", "add", "default", "via", "10.77.0.100")
        self.server.run("ip", "route", "add", "10.77.0.0/24", "via", "10.88.0.100")

    def calls(self) -> None:
        """Have the client reach the server: a TCP handshake there and back.  Raises `OSError`."""
        with self.server.entered():
            server = socket.create_server(("203.0.113.9", 80))
        with server, self.client.entered(), socket.create_connection(("203.0.113.9", 80), PATIENCE):
            pass


@pytest.fixture
def crossing(lan: Lan) -> Crossing:
    return Crossing(lan)


def forwarder(priority: int = 150, more: str = "") -> str:
    return FORWARDER.replace("PRIORITY", str(priority)) + more


def routes(host: Host) -> list[str]:
    """Return where the routes of havip lead."""
    lines = host.run("ip", "route", "show", "table", "all", "proto", "112").stdout.splitlines()
    return sorted(" ".join(line.split()[:3]) for line in lines)


def rules(host: Host) -> list[str]:
    """Return the rules that are not the system's own."""
    lines = host.run("ip", "rule", "show").stdout.splitlines()
    return [line for line in lines if not line.startswith(("0:", "32766:", "32767:"))]


def wait(host: Host, holds: Callable[[], bool], what: str) -> None:
    host.wait(ROUTING_EVENTS | ADDRESS_EVENTS | LINK_EVENTS, holds, what, PATIENCE)


def listens(host: Host, pid: int) -> bool:
    """Say whether a process hears the kernel's events."""
    rows = map(str.split, host.run("cat", "/proc/net/netlink").stdout.splitlines()[1:])
    return any(row[2] == str(pid) and int(row[3], 16) for row in rows)


HELD = ["203.0.113.0/24 via 10.88.0.9", "203.0.114.0/24 via 10.88.0.9"]


def test_a_failover_moves_addresses_routes_and_rules_and_the_traffic_through_them(
    crossing: Crossing, folder: Path
) -> None:
    with (
        Daemon(crossing.r1, folder, forwarder(150)) as r1,
        Daemon(crossing.r2, folder, forwarder(100)) as r2,
    ):
        r1.wait_for("forwarder: MASTER")
        wait(crossing.r1, lambda: len(rules(crossing.r1)) == 1, "the rule")
        assert routes(crossing.r1) == HELD
        assert "10.88.0.100" in crossing.r1.addresses("eth1")
        crossing.calls()
        learned = crossing.server.run("ip", "neigh", "show", "10.88.0.100").stdout
        assert crossing.r1.mac("eth1").hex(":") in learned
        assert r1.stop() == 0
        assert (routes(crossing.r1), rules(crossing.r1)) == ([], [])
        assert "10.88.0.100" not in crossing.r1.addresses("eth1")
        r2.wait_for("forwarder: MASTER")
        wait(crossing.r2, lambda: len(rules(crossing.r2)) == 1, "the rule")
        assert routes(crossing.r2) == HELD
        crossing.calls()
        # The announcement left the far interface with that interface's own address.
        learned = crossing.server.run("ip", "neigh", "show", "10.88.0.100").stdout
        assert crossing.r2.mac("eth1").hex(":") in learned


def test_what_something_else_removes_is_put_back_without_a_failover(crossing: Crossing, folder: Path) -> None:
    with Daemon(crossing.r1, folder, forwarder()) as daemon:
        daemon.wait_for("forwarder: MASTER")
        wait(crossing.r1, lambda: len(rules(crossing.r1)) == 1, "the rule")
        (rule,) = rules(crossing.r1)
        for words in (
            ("route", "del", "203.0.113.0/24", "table", "100"),
            ("rule", "del", "priority", "1000"),
            ("addr", "del", "10.88.0.100/24", "dev", "eth1"),
        ):
            crossing.r1.run("ip", *words)
        wait(crossing.r1, lambda: rules(crossing.r1) == [rule], "the rule again")
        wait(crossing.r1, lambda: routes(crossing.r1) == HELD, "the route again")
        crossing.r1.wait_for_address("10.88.0.100", interface="eth1")
        assert daemon.said("forwarder: MASTER") == 1
        assert daemon.router("forwarder").counters["addresses-put-back"] >= 1


def test_a_route_whose_place_is_taken_makes_the_router_step_down(crossing: Crossing, folder: Path) -> None:
    with Daemon(crossing.r1, folder, forwarder()) as daemon:
        daemon.wait_for("forwarder: MASTER")
        wait(crossing.r1, lambda: routes(crossing.r1) == HELD, "the routes")
        crossing.r1.run("ip", "route", "replace", "203.0.114.0/24", "via", "10.88.0.8")
        daemon.wait_for("forwarder: FAULT: cannot add route 203.0.114.0/24 via 10.88.0.9: another one is in")
        assert daemon.said("cannot add route") >= 4
        wait(crossing.r1, lambda: rules(crossing.r1) == routes(crossing.r1) == [], "all gone")
        assert "203.0.114.0/24 via 10.88.0.8" in crossing.r1.run("ip", "route").stdout


def test_an_interface_that_is_to_hold_something_is_waited_for(crossing: Crossing, folder: Path) -> None:
    crossing.r1.run("ip", "link", "set", "eth1", "down")
    with Daemon(crossing.r1, folder, forwarder()) as daemon:
        daemon.wait_for("forwarder: FAULT: interface eth1 is down")
        crossing.r1.run("ip", "link", "set", "eth1", "up")
        daemon.wait_for("forwarder: MASTER")
        wait(crossing.r1, lambda: routes(crossing.r1) == HELD, "the routes")
        crossing.r1.run("ip", "link", "set", "eth1", "down")
        daemon.wait_for("forwarder: FAULT: interface eth1 is down", 2)
        wait(crossing.r1, lambda: rules(crossing.r1) == routes(crossing.r1) == [], "all gone")
        crossing.r1.run("ip", "link", "set", "eth1", "up")
        daemon.wait_for("forwarder: MASTER", 2)
        wait(crossing.r1, lambda: routes(crossing.r1) == HELD, "the routes again")


def test_a_reload_touches_nothing_that_did_not_change(crossing: Crossing, folder: Path) -> None:
    with Daemon(crossing.r1, folder, forwarder()) as daemon:
        daemon.wait_for("forwarder: MASTER")
        wait(crossing.r1, lambda: len(rules(crossing.r1)) == 1, "the rule")
        monitor = crossing.r1.popen("ip", "monitor", "route", "rule", "address", stdout=-1, text=True)
        while not listens(crossing.r1, monitor.pid):
            assert monitor.poll() is None
        changed = forwarder().replace("203.0.114.0/24", "203.0.115.0/24")
        daemon.configure(changed)
        plan = daemon.client.reload()
        assert "route 203.0.115.0/24 via 10.88.0.9 added" in str(plan)
        wanted = ["203.0.113.0/24 via 10.88.0.9", "203.0.115.0/24 via 10.88.0.9"]
        wait(crossing.r1, lambda: routes(crossing.r1) == wanted, "the other route")
        daemon.configure(changed.replace("10.88.0.9}", "10.88.0.7}"))
        daemon.client.reload()
        wait(crossing.r1, lambda: routes(crossing.r1)[1].endswith("10.88.0.7"), "the other gateway")
        monitor.terminate()
        seen = [line.strip() for line in monitor.communicate()[0].splitlines() if line.strip()]
        assert [line.partition(" dev")[0] for line in seen] == [
            "Deleted 203.0.114.0/24 via 10.88.0.9",
            "203.0.115.0/24 via 10.88.0.9",
            "203.0.115.0/24 via 10.88.0.7",
        ]
        assert daemon.said("forwarder: MASTER") == 1


STATIC = """
static:
  addresses: [{address: 10.99.0.1/24, device: eth1}]
  routes: [{to: 203.0.116.0/24, via: 10.99.0.9}]
  rules: [{priority: 2000, source: 10.99.0.0/24, action: prohibit}]
"""


def test_static_objects_are_held_whoever_is_master_and_put_back(crossing: Crossing, folder: Path) -> None:
    alone = forwarder(more=STATIC).replace("interface: eth0", "interface: eth9")
    with Daemon(crossing.r1, folder, alone) as daemon:
        daemon.wait_for("forwarder: FAULT: interface eth9 does not exist")
        wait(crossing.r1, lambda: len(rules(crossing.r1)) == 1, "the rule")
        assert routes(crossing.r1) == ["203.0.116.0/24 via 10.99.0.9"]
        crossing.r1.run("ip", "addr", "del", "10.99.0.1/24", "dev", "eth1")  # and the route with it
        crossing.r1.run("ip", "rule", "del", "priority", "2000")
        daemon.wait_for("put back the static 10.99.0.1/24 on eth1")
        wait(crossing.r1, lambda: len(rules(crossing.r1)) == len(routes(crossing.r1)) == 1, "all again")
        os.kill(daemon.worker(), signal.SIGKILL)
        daemon.wait_for("forwarder: FAULT", 2)
        assert len(rules(crossing.r1)) == len(routes(crossing.r1)) == 1
        daemon.configure(alone.replace("203.0.116.0/24", "203.0.117.0/24"))
        daemon.client.reload()
        wait(
            crossing.r1,
            lambda: routes(crossing.r1) == ["203.0.117.0/24 via 10.99.0.9"],
            "the other static route",
        )
        assert daemon.stop() == 0
    assert (routes(crossing.r1), rules(crossing.r1)) == ([], [])
    assert "10.99.0.1" not in crossing.r1.addresses("eth1")


def test_a_static_route_that_cannot_be_yet_is_tried_again(crossing: Crossing, folder: Path) -> None:
    static = "\nstatic:\n  routes: [{to: 203.0.116.0/24, via: 10.99.0.9}]\n"
    with Daemon(crossing.r1, folder, forwarder(more=static)) as daemon:
        daemon.wait_for("cannot add the static route 203.0.116.0/24 via 10.99.0.9: .*; trying again")
        crossing.r1.run("ip", "addr", "add", "10.99.0.1/24", "dev", "eth1")
        daemon.wait_for("added the static route 203.0.116.0/24 via 10.99.0.9")


def test_who_needs_what_is_static_is_in_fault_without_it_and_comes_back(
    crossing: Crossing, folder: Path
) -> None:
    static = (
        "\nstatic:\n  needed_by: [forwarder]\n  routes:\n    - {to: 203.0.116.0/24, via: 10.99.0.9}\n"
        "    - {to: 203.0.117.0/24, via: 10.99.9.9, track: false}\n"
    )
    free = static.replace("  needed_by: [forwarder]\n", "")
    with Daemon(crossing.r1, folder, forwarder(more=static)) as daemon:
        daemon.wait_for("forwarder: FAULT: the static route 203.0.116.0/24 via 10.99.0.9 cannot be had")
        crossing.r1.run("ip", "addr", "add", "10.99.0.1/24", "dev", "eth1")
        daemon.wait_for("forwarder: MASTER")  # the other route is still refused
        crossing.r1.run("ip", "addr", "del", "10.99.0.1/24", "dev", "eth1")
        crossing.r1.run("ip", "route", "del", "203.0.116.0/24")  # and it cannot be put back
        daemon.wait_for("forwarder: FAULT: the static route", 2)
        daemon.configure(forwarder(more=free))
        assert daemon.client.reload()["settings"] == ["static.needed_by: forwarder removed"]
        daemon.wait_for("forwarder: MASTER", 2)
        daemon.configure(forwarder(more=static))
        assert daemon.client.reload()["settings"] == ["static.needed_by: forwarder added"]
        daemon.wait_for("forwarder: FAULT: the static route", 3)


def test_leftovers_of_a_killed_daemon_are_swept_at_the_next_start(crossing: Crossing, folder: Path) -> None:
    with Daemon(crossing.r1, folder, forwarder()) as daemon:
        daemon.wait_for("forwarder: MASTER")
        wait(crossing.r1, lambda: len(rules(crossing.r1)) == 1, "the rule")
        worker = daemon.worker()
        os.kill(worker, signal.SIGSTOP)  # cannot resign
        daemon.process.kill()
        os.kill(worker, signal.SIGKILL)
        daemon.process.wait(PATIENCE)
    assert len(routes(crossing.r1)) == 2
    gone = forwarder().partition("    routes:")[0]
    with Daemon(crossing.r1, folder, gone) as again:
        again.wait_for("removed route 203.0.113.0/24 table 100, left behind by an earlier run")
        again.wait_for("removed rule 1000, left behind by an earlier run")
        assert (routes(crossing.r1), rules(crossing.r1)) == ([], [])
