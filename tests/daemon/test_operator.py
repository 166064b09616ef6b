"""The operator's verbs on two real daemons: the address goes where it is sent and stays where it is put."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from havip import __main__ as command
from havip.control.client import Refused
from lab.capture import Capture
from tests.daemon.conftest import Lan
from tests.daemon.hearing import adverts, priorities, wait_for_count
from tests.daemon.running import Daemon, configuration, router

VIP = "10.77.0.100"
STRONG = configuration(gateway=router(priority=150))
WEAK = configuration(gateway=router(priority=100))


@pytest.fixture
def pair(lan: Lan, folder: Path) -> Iterator[tuple[Daemon, Daemon]]:
    """The master, of the higher priority, and its backup."""
    with Daemon(lan.r1, folder, STRONG) as r1, Daemon(lan.r2, folder, WEAK) as r2:
        r1.wait_for("gateway: MASTER")
        r2.wait_for("gateway: BACKUP")
        yield r1, r2


def test_a_failover_moves_the_address_and_it_does_not_come_back_by_itself(
    lan: Lan, pair: tuple[Daemon, Daemon]
) -> None:
    r1, r2 = pair
    answer = r1.client.failover("gateway", wait=10.0)
    assert answer == {"ok": True, "state": "BACKUP", "master": "10.77.0.2"}
    assert VIP in lan.r2.addresses("eth0")
    assert VIP not in lan.r1.addresses("eth0")
    with Capture(lan.r1, keep=adverts) as wire:
        wait_for_count(wire, 12)  # three times as long as the stronger router waits for a silent master
    assert set(priorities(wire)) == {100}
    assert r1.router("gateway").state == "BACKUP"
    before = r1.said("gateway: MASTER")
    r2.stop()
    r1.wait_for("gateway: MASTER", before + 1)


def test_a_killed_worker_forgets_no_failover(pair: tuple[Daemon, Daemon]) -> None:
    r1, r2 = pair
    r1.client.failover("gateway", wait=10.0)
    for life in (2, 3):
        os.kill(r1.worker(), signal.SIGKILL)
        r1.wait_for("gateway: BACKUP: started", life)
        with Capture(r1.host, keep=adverts) as wire:
            wait_for_count(wire, 12)  # three times as long as the stronger router waits for a silent master
        assert set(priorities(wire)) == {100}
    before = r1.said("gateway: MASTER")
    r2.stop()
    r1.wait_for("gateway: MASTER", before + 1)


def test_a_failover_is_refused_where_the_router_is_not_master(pair: tuple[Daemon, Daemon]) -> None:
    with pytest.raises(Refused, match=r"gateway is BACKUP here, not MASTER; the master is 10\.77\.0\.1"):
        pair[1].client.failover("gateway")
    with pytest.raises(Refused, match="no virtual router named gatway; there are: gateway"):
        pair[0].client.failover("gatway")


def test_a_failover_that_nobody_takes_up_says_so_and_the_router_takes_over_again(
    lan: Lan, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Daemon(lan.r1, folder, STRONG) as daemon:
        daemon.wait_for("gateway: MASTER")
        before = daemon.said("gateway: MASTER")
        words = ["failover", "gateway", "--wait", "0.2", "--socket", str(daemon.socket)]
        assert command.main(words) == 1
        assert capsys.readouterr().err == "havip: no other router took gateway over within 0.2 s\n"
        daemon.wait_for("gateway: MASTER", before + 1)


def test_maintenance_resigns_and_survives_a_death_of_everything(
    lan: Lan, pair: tuple[Daemon, Daemon], capsys: pytest.CaptureFixture[str]
) -> None:
    r1, r2 = pair
    with Capture(lan.r2, keep=adverts) as wire:
        r1.client.maintenance(True, "gateway", "new disk")
        wire.wait_for(lambda frame: frame.data[36] == 0)
    r2.wait_for("gateway: MASTER")
    r1.wait_for(r"gateway: FAULT: maintenance \(.*new disk\)")
    os.kill(r1.worker(), signal.SIGKILL)
    r1.wait_for(r"gateway: FAULT: maintenance \(.*new disk\)", 2)
    r1.process.kill()
    r1.process.wait(5)
    r1.start()
    r1.wait_for(r"gateway: FAULT: maintenance \(.*new disk\)", 3)
    r1.client.reload()
    shown = r1.router("gateway")
    assert (shown.state, shown.maintenance and shown.maintenance["reason"]) == ("FAULT", "new disk")
    assert command.main(["status", "--socket", str(r1.socket)]) == 0
    assert "KEPT OUT" in capsys.readouterr().out
    assert VIP not in lan.r1.addresses("eth0")
    before = r1.said("gateway: MASTER")
    assert command.main(["maintenance", "off", "gateway", "--socket", str(r1.socket)]) == 0
    r1.wait_for("gateway: MASTER", before + 1)
    lan.r2.wait_for_address(VIP, present=False)


def test_maintenance_of_all_is_for_routers_that_a_reload_adds(lan: Lan, pair: tuple[Daemon, Daemon]) -> None:
    r1, _ = pair
    r1.client.maintenance(True)
    r1.configure(STRONG + f"  second: {router(52, addresses=['10.77.0.101/24'], priority=255)}\n")
    r1.client.reload()
    assert [found.state for found in r1.client.status().virtual_routers] == ["FAULT", "FAULT"]
    assert "10.77.0.101" not in lan.r1.addresses("eth0")
    r1.client.maintenance(False)
    r1.wait_for("second: MASTER")


def test_a_priority_for_the_time_being_causes_a_takeover_and_its_end_another_one(
    lan: Lan, pair: tuple[Daemon, Daemon], capsys: pytest.CaptureFixture[str]
) -> None:
    r1, r2 = pair
    words = ["priority", "gateway", "200", "--reason", "move", "--socket", str(r2.socket)]
    assert command.main(words) == 0
    r2.wait_for("gateway: effective priority 200: set by an operator instead of 100")
    r2.wait_for("gateway: MASTER")
    lan.r1.wait_for_address(VIP, present=False)
    r2.configure(configuration(gateway=router(priority=101)))
    with Capture(lan.r1, keep=adverts) as wire:
        r2.client.reload()
        wait_for_count(wire, 3)
    assert set(priorities(wire)) == {200}  # a reload does not end it
    shown = r2.router("gateway")
    assert (shown.priority, shown.effective_priority) == (101, 200)
    capsys.readouterr()
    assert command.main(["status", "--socket", str(r2.socket)]) == 0
    assert "200 SET by" in capsys.readouterr().out
    r2.stop()
    before = r2.said("gateway: MASTER")
    r2.start()
    r2.wait_for("gateway: MASTER", before + 1)  # it survives a restart
    assert r2.router("gateway").effective_priority == 200
    before = r1.said("gateway: MASTER")
    r2.client.priority("gateway", None)
    r1.wait_for("gateway: MASTER", before + 1)
    assert r2.router("gateway").effective_priority == 101
