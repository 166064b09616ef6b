"""A thousand virtual routers: nothing is lost, nothing is late by design, nothing stays behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.capture import Capture, Frame
from lab.netns import Host, Network
from tests.daemon.hearing import adverts
from tests.daemon.running import Daemon

INTERFACES = ("eth0", "eth1", "eth2", "eth3")


class Fabric:
    """One router with four interfaces on a switch, and a host that listens to the first of them."""

    def __init__(self, net: Network) -> None:
        self.net = net
        switch = net.switch("lan")
        self.r1: Host = net.host("r1")
        self.ear: Host = net.host("ear")
        net.plug(self.ear, switch, addresses=("10.80.255.1/16",))
        for number, interface in enumerate(INTERFACES):
            net.plug(self.r1, switch, interface=interface, addresses=(f"10.{80 + number}.0.1/16",))


@pytest.fixture
def fabric() -> Iterator[Fabric]:
    with Network("hvs") as net:
        yield Fabric(net)


def thousand(count: int = 1000, changed: int = -1) -> str:
    """Return a configuration of ``count`` routers over the four interfaces; one may have another priority."""
    lines = ["virtual_routers:"]
    for number in range(count):
        interface, vrid = number % 4, number // 4 + 1
        priority = 99 if number == changed else 150
        address = f"10.{80 + interface}.1.{vrid}/32"
        lines.append(
            f"  r{number}: {{interface: eth{interface}, vrid: {vrid}, priority: {priority},"
            f" addresses: [{address}], announce: {{delay: 0s}}}}"
        )
    return "\n".join(lines) + "\n"


def states(daemon: Daemon) -> set[str]:
    return {router.state for router in daemon.client.status().virtual_routers}


def wait_until_all(daemon: Daemon, state: str, count: int) -> None:
    daemon.wait_for(rf"r\d+: {state}", count)


def adverts_of_one(frame: Frame) -> bool:
    """Keep the adverts of VRID 1 over IPv4."""
    return adverts(frame) and frame.data[35] == 1


def test_a_thousand_routers_start_reload_die_and_end_without_a_loss(fabric: Fabric, tmp_path: Path) -> None:
    with Daemon(fabric.r1, tmp_path, thousand()) as daemon:
        daemon.wait_for("1000 virtual routers are running")
        wait_until_all(daemon, "MASTER", 1000)
        assert states(daemon) == {"MASTER"}
        assert len(fabric.r1.addresses()) == 1008  # four addresses and four link-local ones are not ours

        daemon.configure(thousand(changed=5))
        with Capture(fabric.ear, keep=adverts_of_one) as wire:
            plan = daemon.client.reload()
            wire.wait_for(lambda frame: True)
        assert (len(plan["change"]), len(plan["keep"])) == (1, 999)
        assert {frame.data[36] for frame in wire.frames} == {150}
        assert daemon.router("r5").priority == 99

        os.kill(daemon.worker(), signal.SIGKILL)
        wait_until_all(daemon, "MASTER: resumed", 1000)
        assert states(daemon) == {"MASTER"}

        status = daemon.client.status()
        assert status.totals["log-lines-dropped"] == 0
        assert status.totals["receive-overflows"] == 0
        assert daemon.stop() == 0
        assert daemon.said(": INIT: stopped") == 1000  # the last words, too
    assert len(fabric.r1.addresses()) == 8


def test_an_interface_with_255_routers_may_flap(fabric: Fabric, tmp_path: Path) -> None:
    lines = [line for line in thousand(1020).splitlines() if "eth0" in line]
    with Daemon(fabric.r1, tmp_path, "\n".join(["virtual_routers:", *lines]) + "\n") as daemon:
        wait_until_all(daemon, "MASTER", 255)
        for flap in range(1, 6):
            fabric.r1.run("ip", "link", "set", "eth0", "down")
            wait_until_all(daemon, "FAULT", 255 * flap)
            assert fabric.r1.addresses("eth0") == ["10.80.0.1"]
            fabric.r1.run("ip", "link", "set", "eth0", "up")
            wait_until_all(daemon, "BACKUP: recovered", 255 * flap)
        wait_until_all(daemon, "MASTER", 510)
        assert states(daemon) == {"MASTER"}
        assert daemon.client.status().totals["log-lines-dropped"] == 0


def test_a_file_without_a_thousand_routers_drops_them_all(fabric: Fabric, tmp_path: Path) -> None:
    with Daemon(fabric.r1, tmp_path, thousand()) as daemon:
        wait_until_all(daemon, "MASTER", 1000)
        daemon.configure(thousand(4))
        assert len(daemon.client.reload()["drop"]) == 996
        daemon.client.reload()  # is answered behind everything that the first one changed
        assert len(fabric.r1.addresses()) == 12
        assert len(daemon.client.status().virtual_routers) == 4
        daemon.configure(thousand(1000))
        daemon.client.reload()
        wait_until_all(daemon, "MASTER", 1996)
