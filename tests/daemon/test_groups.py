"""Sync groups of real daemons on two LANs: havip on both routers, or Debian's keepalived on one of them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.netns import Host, Network
from tests.daemon.running import Daemon, configuration, router

pytestmark = pytest.mark.root

OUT, IN = "10.77.0.100", "10.78.0.100"
GROUP = "sync_groups: {fw: {members: [out, in]}}\n"
SLOW = {"interval": "1s"}  # where a new worker must be there before the peers give it up


class Firewall:
    """Two hosts, each with eth0 on the LAN outside and eth1 on the one inside."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.hosts = [net.host("r1"), net.host("r2")]
        for subnet, interface, name in ((77, "eth0", "out"), (78, "eth1", "in")):
            switch = net.switch(name)
            for number, host in enumerate(self.hosts, 1):
                net.plug(host, switch, interface, (f"10.{subnet}.0.{number}/24",))

    def moves_to(self, host: Host) -> None:
        """Return once this host, and no other, has both addresses."""
        for vip in (OUT, IN):
            host.wait_for_address(vip)
            for other in self.hosts:
                if other is not host:
                    other.wait_for_address(vip, present=False)


@pytest.fixture
def firewall() -> Iterator[Firewall]:
    with Network("hvg") as net:
        yield Firewall(net)


def both(priority: int, **more: object) -> str:
    """Return a configuration of both sides, without their group."""
    return configuration(
        out=router(priority=priority, **more),
        **{"in": router(52, interface="eth1", addresses=[f"{IN}/24"], priority=priority, **more)},
    )


@pytest.fixture
def r1(firewall: Firewall, folder: Path) -> Iterator[Daemon]:
    with Daemon(firewall.hosts[0], folder, both(150) + GROUP) as daemon:
        daemon.wait_for("fw: MASTER: every member is to be MASTER")
        yield daemon


@pytest.fixture
def r2(firewall: Firewall, folder: Path, r1: Daemon) -> Iterator[Daemon]:
    with Daemon(firewall.hosts[1], folder, both(100) + GROUP) as daemon:
        daemon.wait_for("fw: BACKUP")
        yield daemon


def test_when_one_link_dies_both_addresses_move_and_come_back(
    firewall: Firewall, r1: Daemon, r2: Daemon
) -> None:
    firewall.moves_to(firewall.hosts[0])
    firewall.net.carrier(firewall.hosts[0], False, "eth1")
    r1.wait_for("in: FAULT: interface eth1 has no carrier")
    r1.wait_for("out: FAULT: in of sync group fw: interface eth1 has no carrier")
    firewall.moves_to(firewall.hosts[1])
    (group,) = r1.client.status().sync_groups
    assert (group.name, group.state, group.members) == ("fw", "FAULT", ("out", "in"))
    assert group.why == "in of sync group fw: interface eth1 has no carrier"
    assert r2.client.status().sync_groups[0].state == "MASTER"
    firewall.net.carrier(firewall.hosts[0], True, "eth1")
    firewall.moves_to(firewall.hosts[0])
    assert r2.said(r"\b(out|in): FAULT") == 0


def test_a_killed_worker_resumes_with_its_whole_group(firewall: Firewall, folder: Path) -> None:
    with (
        Daemon(firewall.hosts[0], folder, both(150, **SLOW) + GROUP) as r1,
        Daemon(firewall.hosts[1], folder, both(100, **SLOW) + GROUP) as r2,
    ):
        r1.wait_for("fw: MASTER")
        r2.wait_for("fw: BACKUP")
        os.kill(r1.worker(), signal.SIGKILL)
        r1.wait_for("fw: MASTER", 2)
        assert r1.said("resumed: our own adverts still bind the peers") == 2
        assert r1.client.status().sync_groups[0].state == "MASTER"
        assert r2.said("MASTER") == 0
        firewall.moves_to(firewall.hosts[0])


def test_a_failover_by_hand_moves_the_group_and_stays(firewall: Firewall, r1: Daemon, r2: Daemon) -> None:
    r1.client.failover("out")
    r2.wait_for("fw: MASTER")
    firewall.moves_to(firewall.hosts[1])
    r1.wait_for("fw: BACKUP: an operator's failover")
    r2.stop()
    r1.wait_for("fw: MASTER", 2)
    firewall.moves_to(firewall.hosts[0])


def test_a_reload_makes_and_unmakes_a_group_without_a_flap(firewall: Firewall, r1: Daemon) -> None:
    changes = r1.said(r"\b(out|in): (MASTER|BACKUP|FAULT|INIT)")
    r1.configure(both(150))
    assert r1.client.reload()["settings"] == ["sync_groups.fw: removed"]
    assert r1.client.status().sync_groups == ()
    firewall.net.carrier(firewall.hosts[0], False, "eth1")
    r1.wait_for("in: FAULT")
    firewall.net.carrier(firewall.hosts[0], True, "eth1")
    r1.wait_for("in: MASTER", 2)
    assert r1.said(r"\bout: (MASTER|BACKUP|FAULT|INIT)") == 2  # BACKUP and MASTER, at the start
    r1.configure(both(150) + GROUP)
    assert r1.client.reload()["settings"] == ["sync_groups.fw: added"]
    assert r1.client.status().sync_groups[0].state == "MASTER"
    assert r1.said(r"\b(out|in): (MASTER|BACKUP|FAULT|INIT)") == changes + 3


def test_a_start_is_held_back_and_says_until_when(firewall: Firewall, folder: Path) -> None:
    held = both(150, **SLOW) + GROUP + "daemon: {startup_delay: 1s, delay_after_boot: 1s}\n"
    with Daemon(firewall.hosts[0], folder, held) as daemon:
        line = daemon.wait_for("all virtual routers are held back until .*: startup_delay of 1s")
        daemon.wait_for("virtual routers are running")
        status = daemon.router("out")
        assert (status.state, status.why) == ("INIT", line.partition("are ")[2])
        daemon.wait_for("fw: MASTER")
        os.kill(daemon.worker(), signal.SIGKILL)
        daemon.wait_for("fw: MASTER", 2)
        assert daemon.said("resumed: our own adverts still bind the peers") == 2


# --- keepalived on the other side -------------------------------------------------------------------

INSTANCE = """
vrrp_instance {name} {{
    state BACKUP
    interface {interface}
    version 3
    virtual_router_id {vrid}
    priority {priority}
    advert_int 0.1
    virtual_ipaddress {{
        {vip}/24
    }}
}}
"""


class Keepalived:
    """Debian's keepalived with the same group."""

    def __init__(self, host: Host, folder: Path, priority: int) -> None:
        file = folder / "keepalived.conf"
        file.write_text(
            "vrrp_sync_group fw {\n    group {\n        out\n        in\n    }\n}\n"
            + INSTANCE.format(name="out", interface="eth0", vrid=51, priority=priority, vip=OUT)
            + INSTANCE.format(name="in", interface="eth1", vrid=52, priority=priority, vip=IN)
        )
        pids = [word for option in "prc" for word in (f"-{option}", str(folder / f"{option}.pid"))]
        options = ("--dont-fork", "--vrrp", "--log-console", "--no-syslog")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process: subprocess.Popen[bytes] = host.popen(
            "keepalived", *options, "-f", str(file), *pids, **quiet
        )

    def __enter__(self) -> Keepalived:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.terminate()
        self.process.wait(15)


@pytest.mark.parametrize("better", ["havip", "keepalived"])
def test_a_group_is_handed_over_between_havip_and_keepalived(
    firewall: Firewall, folder: Path, better: str
) -> None:
    ours, theirs = firewall.hosts if better == "havip" else firewall.hosts[::-1]
    first, second = (150, 100) if better == "havip" else (100, 150)
    strong, weak = firewall.hosts
    with Daemon(ours, folder, both(first) + GROUP), Keepalived(theirs, folder, second):
        firewall.moves_to(strong)
        for interface in ("eth1", "eth0"):
            firewall.net.carrier(strong, False, interface)
            firewall.moves_to(weak)
            firewall.net.carrier(strong, True, interface)
            firewall.moves_to(strong)
