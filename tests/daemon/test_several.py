"""Several daemons on one host, and daemons in a network namespace of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from havip.control.client import Refused
from lab.netns import Network
from tests.daemon.conftest import Lan
from tests.daemon.running import Daemon, configuration, router

BLUE = configuration(blue=router(51, priority=150))
GREEN = configuration(green=router(52, addresses=["10.77.0.101/24"]))


@pytest.fixture
def pair(lan: Lan, folder: Path) -> Iterator[tuple[Daemon, Daemon]]:
    """Two instances, both MASTER, in one namespace."""
    with (
        Daemon(lan.r1, folder / "blue", BLUE, "--instance", "blue") as blue,
        Daemon(lan.r1, folder / "green", GREEN, "--instance", "green") as green,
    ):
        blue.wait_for("blue: MASTER")
        green.wait_for("green: MASTER")
        yield blue, green


def test_two_instances_share_a_namespace_and_leave_each_other_alone(
    lan: Lan, pair: tuple[Daemon, Daemon]
) -> None:
    blue, green = pair
    assert {"10.77.0.100", "10.77.0.101"} <= set(lan.r1.addresses("eth0"))
    # Neither takes the other's virtual address for its own primary one.
    assert blue.router("blue").primary_address == green.router("green").primary_address == "10.77.0.1"
    assert blue.stop() == 0
    assert "10.77.0.101" in lan.r1.addresses("eth0")
    assert green.router("green").state == "MASTER"
    assert green.said("MASTER") == 1


def test_a_killed_instance_is_swept_by_its_own_next_start_and_by_no_other(
    lan: Lan, pair: tuple[Daemon, Daemon], folder: Path
) -> None:
    blue, green = pair
    worker = blue.worker()
    os.kill(worker, signal.SIGSTOP)  # cannot resign
    blue.process.kill()
    os.kill(worker, signal.SIGKILL)
    blue.process.wait(5)
    assert green.stop() == 0
    before = green.said("green: MASTER")
    green.start()
    green.wait_for("green: MASTER", before + 1)
    assert "10.77.0.100" in lan.r1.addresses("eth0")
    blue.configure(configuration(other=router(53, addresses=["10.77.0.102/24"])))
    blue.start()
    blue.wait_for("removed 10.77.0.100/24, left behind by an earlier run")
    assert "10.77.0.100" not in lan.r1.addresses("eth0")
    assert "10.77.0.101" in lan.r1.addresses("eth0")
    # What it left behind and swept is anybody's again.
    green.configure(configuration(green=router(52, addresses=["10.77.0.100/24"])))
    assert green.client.reload()["change"]


def test_an_instance_is_refused_what_another_one_has_at_start_and_reload(
    lan: Lan, pair: tuple[Daemon, Daemon], folder: Path
) -> None:
    blue, green = pair
    taken = configuration(red=router(54, addresses=["10.77.0.100/32"]))
    with Daemon(lan.r1, folder / "red", taken, "--instance", "red") as red:
        red.wait_for("10.77.0.100 belongs to instance blue, which runs in the same network namespace")
        assert red.process.wait(10) == 1
    green.configure(configuration(green=router(51)))
    with pytest.raises(Refused) as refused:
        green.client.reload()
    assert refused.value.reason == "taken"
    assert "VRID 51 on eth0" in green.client.status().last_error[0]["message"]
    assert green.router("green").state == "MASTER"
    assert blue.router("blue").state == "MASTER"


def test_a_second_daemon_of_one_instance_is_refused(
    lan: Lan, pair: tuple[Daemon, Daemon], folder: Path
) -> None:
    with Daemon(lan.r1, folder / "second", BLUE, "--instance", "blue") as second:
        second.wait_for(rf"another havip \(pid {pair[0].process.pid}\) already owns .* as instance blue")
        assert second.process.wait(10) == 1
    assert "10.77.0.100" in lan.r1.addresses("eth0")


def inside(lan: Lan) -> str:
    """Return a configuration for r1's namespace, wherever the daemon is started."""
    return f"daemon: {{network_namespace: {lan.r1.namespace}}}\n" + BLUE


def test_a_daemon_enters_its_namespace_and_is_asked_from_outside(
    lan: Lan, net_outside: Network, folder: Path
) -> None:
    outside = net_outside.host("outside")
    with Daemon(outside, folder, inside(lan)) as daemon:
        daemon.wait_for(f"running in the network namespace {lan.r1.namespace}")
        daemon.wait_for("blue: MASTER")
        assert "10.77.0.100" in lan.r1.addresses("eth0")
        assert daemon.router("blue").state == "MASTER"  # asked over a socket of the host
        here = os.stat(f"/run/netns/{lan.r1.namespace}").st_ino
        for pid in (daemon.process.pid, daemon.worker()):
            assert os.stat(f"/proc/{pid}/ns/net").st_ino == here
        assert daemon.stop() == 0
    assert "10.77.0.100" not in lan.r1.addresses("eth0")


def test_a_namespace_that_is_not_there_is_an_exit_that_systemd_repeats(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, "daemon: {network_namespace: none-such}\n" + BLUE) as daemon:
        assert daemon.process.wait(10) == 69
        daemon.wait_for("no network namespace /run/netns/none-such: No such file or directory")


@pytest.fixture
def net_outside() -> Iterator[Network]:
    with Network("hvo") as net:
        yield net
