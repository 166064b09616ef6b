"""Runs inside User-Mode Linux: two routers and a client on interfaces that the host's kernel may not have.

Each check appends its verdict to a file: "good", or what was wrong.  `test_interfaces` judges them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.capture import Capture, Frame
from lab.netns import LINK_EVENTS, Host, Network, Switch
from tests.daemon import caller, running
from tests.daemon.running import Daemon, configuration, router
from tests.uml import checking

running.PATIENCE = 60.0  # a system call takes many times as long here

LOSSY = ("loss", "10%", "delay", "60ms", "30ms", "duplicate", "20%", "reorder", "25%", "50%")
PEERED = ("vlan", "vmac", "bond", "vrf", "lossy")  # both routers run these
SHORT = "500ms"


def address(network: int, host: int) -> str:
    return f"10.{network}.0.{host}"


class Stage:
    """The hosts, their interfaces and their daemons."""

    def __init__(self, net: Network, folder: Path) -> None:
        self.net = net
        self.folder = folder
        self.lan: Switch = net.switch("lan")
        self.other: Switch = net.switch("other")
        self.r1, self.r2, self.client = (self.host(name, n) for n, name in enumerate(("r1", "r2", "c"), 1))
        self.first = Daemon(self.r1, folder, self.text(150, virtual_mac=True, ipvlan=True))
        for name in (*PEERED, "ipvlan"):
            self.first.wait_for(f"{name}: MASTER")
        self.second = Daemon(self.r2, folder, self.text(100, virtual_mac=False, ipvlan=False))

    def host(self, name: str, number: int) -> Host:
        """Make a host: eth0 with a VLAN, eth3 in a VRF, eth5 for netem, and a bond of two."""
        host = self.net.host(name)
        for switch, interface in (
            (self.lan, "eth0"),
            (self.other, "eth3"),
            (self.other, "eth5"),
            (self.lan, "b0"),
            (self.lan, "b1"),
        ):
            self.net.plug(host, switch, interface)
        for words in (
            "link add link eth0 name eth0.10 type vlan id 10",
            "link add blue type vrf table 30",
            "link set blue up",
            "link set eth3 master blue",
            "link add bond0 type bond mode active-backup miimon 100",
            "link set b0 down",
            "link set b1 down",
            "link set b0 master bond0",
            "link set b1 master bond0",
            "link set bond0 up",
            "link set eth0.10 up",
        ):
            host.run("ip", *words.split())
        for network, interface in ((10, "eth0.10"), (20, "bond0"), (30, "eth3"), (40, "eth0"), (50, "eth5")):
            host.run("ip", "addr", "add", f"{address(network, number)}/24", "dev", interface)
        return host

    @staticmethod
    def text(priority: int, *, virtual_mac: bool, ipvlan: bool) -> str:
        def one(vrid: int, interface: str, network: int, **more: object) -> str:
            keys = {"interval": SHORT, "priority": priority, "down_adverts": 6} | more
            return router(vrid, interface=interface, addresses=[f"{address(network, vrid)}/24"], **keys)

        routers = {
            "vlan": one(100, "eth0.10", 10),
            "vmac": one(101, "eth0.10", 10, virtual_mac=virtual_mac),
            "bond": one(120, "bond0", 20),
            "vrf": one(130, "eth3", 30, virtual_mac=virtual_mac),
            "lossy": one(150, "eth5", 50),
        }
        if ipvlan:
            routers["ipvlan"] = one(140, "eth0", 40, ipvlan=True)
        return configuration(**routers)


def settle(stage: Stage) -> None:
    """Both daemons run, and agree."""
    for name in PEERED:
        stage.second.wait_for(f"{name}: BACKUP")
    with adverts_at(stage.r2, "bond0", 120) as wait:
        wait(1)
    for name in PEERED:
        assert not stage.second.said(f"{name}: MASTER"), name


def client_reaches(stage: Stage) -> None:
    for network, host in ((10, 100), (10, 101), (20, 120), (30, 130)):
        vip = address(network, host)
        if network == 30:  # the client's eth3 is in a VRF as well: from there
            done = stage.client.run(
                *("ip", "vrf", "exec", "blue", sys.executable, "-c"),
                f"import socket; print(socket.socket().connect_ex(('{vip}', 9)))",
            )
            assert done.stdout.strip() == "111", (vip, done.stdout)  # refused by who lives there
        else:
            assert caller.connects(stage.client, vip), vip


def ipvlan_holds(stage: Stage) -> None:
    (link,) = json.loads(stage.r1.run("ip", "-d", "-j", "link", "show", "dev", "vrrp.140").stdout)
    assert link["linkinfo"]["info_kind"] == "ipvlan"
    assert link["linkinfo"]["info_data"]["mode"] == "l2"
    assert link["link"] == "eth0"
    assert address(40, 140) in stage.r1.addresses("vrrp.140")
    assert caller.connects(stage.client, address(40, 140))
    assert caller.connects(stage.client, address(40, 1))


@contextmanager
def adverts_at(host: Host, interface: str, vrid: int) -> Iterator[Callable[[int], None]]:
    """Give a function that waits until so many adverts of one router more have come in on an interface."""

    def incoming(frame: Frame) -> bool:
        is_vrrp = frame.data[12:14] == b"\x08\x00" and frame.data[23] == 112
        return is_vrrp and frame.data[35] == vrid and not frame.outgoing

    with Capture(host, interface, keep=incoming) as wire:

        def wait(count: int) -> None:
            since = len(wire.frames)
            wire.wait_for(lambda frame: len(wire.frames) >= since + count, since=0, timeout=60.0)

        yield wait


def active_slave(host: Host) -> str:
    (link,) = json.loads(host.run("ip", "-d", "-j", "link", "show", "dev", "bond0").stdout)
    return str(link["linkinfo"]["info_data"].get("active_slave", ""))


def a_failing_slave_is_no_failover(stage: Stage) -> None:
    before = active_slave(stage.r1)
    stage.net.carrier(stage.r1, False, before)
    stage.r1.wait(LINK_EVENTS, lambda: active_slave(stage.r1) not in ("", before), "the other slave", 60.0)
    with adverts_at(stage.r2, "bond0", 120) as wait:
        wait(8)  # longer than its patience of six
    stage.net.carrier(stage.r1, True, before)
    assert stage.first.router("bond").state == "MASTER"
    assert stage.second.router("bond").state == "BACKUP"
    assert (stage.first.said("bond: "), stage.second.said("bond: MASTER")) == (2, 0)


def a_bad_line_makes_no_second_master(stage: Stage) -> None:
    for host in (stage.r1, stage.r2):
        host.run("tc", "qdisc", "add", "dev", "eth5", "root", "netem", *LOSSY)
    before = stage.second.router("lossy").counters["adverts-received"]
    with adverts_at(stage.r2, "eth5", 150) as wait:
        wait(14)
    assert stage.second.said("lossy: MASTER") == 0
    lossy = stage.second.router("lossy")
    assert lossy.counters["adverts-received"] > before
    refused = {name: count for name, count in lossy.counters.items() if name.startswith("refused") and count}
    assert refused == {}


def a_failover_happens_and_heals(stage: Stage) -> None:
    stage.net.cut(stage.r1)
    for name in PEERED:
        stage.second.wait_for(f"{name}: MASTER")
    stage.net.mend(stage.r1)
    for name in PEERED:
        stage.second.wait_for(f"{name}: BACKUP: a better master")
        assert stage.first.router(name).state == "MASTER"
    assert caller.connects(stage.client, address(10, 101))


def the_end(stage: Stage) -> None:
    for host in (stage.r1, stage.r2):  # a resignation is said once: a line that loses some would lose it too
        host.run("tc", "qdisc", "del", "dev", "eth5", "root")
    assert stage.first.stop() == 0
    for name in PEERED:
        stage.second.wait_for(f"{name}: MASTER: the master resigned")
    left = stage.r1.run("ip", "-o", "link").stdout
    assert "vrrp." not in left, left


def the_owner_returns(stage: Stage) -> None:
    """A backup that holds the owner's address on a VLAN, a bond or in a VRF hears it come back."""
    assert stage.second.stop() == 0
    places = {"vlan": (10, "eth0.10"), "bond": (20, "bond0"), "vrf": (30, "eth3")}

    def text(priority: int) -> str:
        routers = {
            name: router(
                200, interface=on, interval=SHORT, priority=priority, addresses=[f"{address(n, 1)}/24"]
            )
            for name, (n, on) in places.items()
        }
        return configuration(**routers)

    with Daemon(stage.r2, stage.folder / "owner", text(100)) as backup:
        for name in places:
            backup.wait_for(f"{name}: MASTER")
        with Daemon(stage.r1, stage.folder / "owner", text(255)):
            for name in places:
                backup.wait_for(f"{name}: BACKUP: a better master advertises with priority 255")


CHECKS = (
    settle,
    client_reaches,
    ipvlan_holds,
    a_failing_slave_is_no_failover,
    a_bad_line_makes_no_second_master,
    a_failover_happens_and_heals,
    the_end,
    the_owner_returns,
)


def main(results: Path, folder: Path) -> None:
    """Do every check, in order."""
    with Network("hvu") as net:
        stage = Stage(net, folder)
        with stage.first, stage.second:
            checking.do(CHECKS, stage, results)
        for daemon in (stage.first, stage.second):
            print(f"--- {daemon.host.name}", *daemon.lines, sep="\n", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
