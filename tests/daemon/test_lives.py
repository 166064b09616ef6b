"""Start, stop, reload and every way in which a process can die, on real interfaces."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from havip.control.client import Refused
from lab.capture import Capture
from tests.daemon.conftest import Lan
from tests.daemon.hearing import adverts, priorities, wait_for_count
from tests.daemon.running import Daemon, NotifySocket, configuration, router

GATEWAY = configuration(gateway=router(priority=150))
VIP = "10.77.0.100"


@pytest.fixture
def master(lan: Lan, folder: Path) -> Iterator[Daemon]:
    with Daemon(lan.r1, folder, GATEWAY) as daemon:
        daemon.wait_for("gateway: MASTER")
        yield daemon


def test_ready_is_said_only_when_every_router_is_in_a_state(lan: Lan, folder: Path) -> None:
    manager = NotifySocket(folder / "notify")
    both = configuration(gateway=router(), far=router(52, interface="eth9", addresses=["10.78.0.1/24"]))
    with Daemon(lan.r1, folder, both, NOTIFY_SOCKET=str(manager.path)) as daemon:
        ready = manager.wait_for("READY=1")
        assert "STATUS=2 virtual routers: 1 BACKUP, 1 FAULT" in ready
        manager.wait_for("STATUS=2 virtual routers: 1 MASTER, 1 FAULT")
        manager.wait_for("WATCHDOG=1")
        daemon.signal(signal.SIGHUP)
        reloading = manager.wait_for("RELOADING=1")
        assert any(line.startswith("MONOTONIC_USEC=") for line in reloading)
        manager.wait_for("READY=1")
        assert daemon.stop() == 0
        manager.wait_for("STOPPING=1")
    manager.close()


def test_the_watchdog_is_fed_by_the_workers_own_loop(lan: Lan, folder: Path) -> None:
    manager = NotifySocket(folder / "notify")
    with Daemon(lan.r1, folder, GATEWAY, NOTIFY_SOCKET=str(manager.path)) as daemon:
        manager.wait_for("READY=1")
        manager.wait_for("WATCHDOG=1")
        worker = daemon.worker()
        os.kill(worker, signal.SIGSTOP)
        # Nobody feeds the watchdog for a worker that does not turn; it is killed and started again.
        daemon.wait_for("does not answer: killing it")
        daemon.wait_for("starting it again")
        manager.wait_for("WATCHDOG=1")
        assert daemon.worker() != worker
    manager.close()


def test_stopping_resigns_with_priority_0_and_removes_the_addresses(lan: Lan, master: Daemon) -> None:
    with Capture(lan.r2, keep=adverts) as wire:
        assert master.stop() == 0
        wire.wait_for(lambda frame: frame.data[36] == 0)
        assert priorities(wire)[-1] == 0
    assert lan.r1.addresses("eth0").count(VIP) == 0


def test_a_killed_worker_resumes_as_master_before_its_peer_takes_over(lan: Lan, folder: Path) -> None:
    slow = {"interval": "1s"}
    with (
        Daemon(lan.r1, folder, configuration(gateway=router(priority=150, **slow))) as r1,
        Daemon(lan.r2, folder, configuration(gateway=router(priority=100, **slow))) as r2,
    ):
        r1.wait_for("gateway: MASTER")
        r2.wait_for("gateway: BACKUP")
        os.kill(r1.worker(), signal.SIGKILL)
        r1.wait_for("gateway: MASTER: resumed")
        with Capture(lan.r2, keep=adverts) as wire:
            wait_for_count(wire, 2)
        assert VIP in lan.r1.addresses("eth0")
        assert r2.said("gateway: MASTER") == 0
        assert r1.client.status().workers[0].restarts == 1


def test_a_killed_supervisor_takes_the_addresses_with_it(lan: Lan, master: Daemon) -> None:
    with Capture(lan.r2, keep=adverts) as wire:
        master.process.kill()
        wire.wait_for(lambda frame: frame.data[36] == 0)
    lan.r1.wait_for_address(VIP, present=False)


def test_sigterm_to_the_worker_alone_leaves_no_address_unguarded(lan: Lan, master: Daemon) -> None:
    os.kill(master.worker(), signal.SIGTERM)
    master.wait_for("gateway: INIT: stopped")
    master.wait_for("gateway: BACKUP: started", 2)
    master.wait_for("gateway: MASTER", 2)
    assert VIP in lan.r1.addresses("eth0")


def test_leftovers_of_an_earlier_run_are_swept_at_start(lan: Lan, master: Daemon, folder: Path) -> None:
    worker = master.worker()
    os.kill(worker, signal.SIGSTOP)  # cannot resign
    master.process.kill()
    os.kill(worker, signal.SIGKILL)
    master.process.wait(5)
    assert VIP in lan.r1.addresses("eth0")
    with Daemon(lan.r1, folder, configuration(other=router(addresses=["10.77.0.101/24"]))) as again:
        again.wait_for("removed 10.77.0.100/24, left behind by an earlier run")
        assert VIP not in lan.r1.addresses("eth0")


def test_an_administrators_address_is_never_swept(lan: Lan, folder: Path) -> None:
    lan.r1.run("ip", "addr", "add", "10.77.0.200/24", "dev", "eth0")
    with Daemon(lan.r1, folder, GATEWAY) as daemon:
        daemon.wait_for("gateway: MASTER")
        assert daemon.stop() == 0
    assert "10.77.0.200" in lan.r1.addresses("eth0")


def test_a_second_daemon_in_the_same_namespace_is_refused(lan: Lan, master: Daemon, folder: Path) -> None:
    with Daemon(lan.r1, folder / "second", GATEWAY) as second:
        second.wait_for(rf"another havip \(pid {master.process.pid}\) already owns")
        assert second.process.wait(10) == 1
    assert VIP in lan.r1.addresses("eth0")


def test_a_bad_configuration_is_refused_at_start(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, configuration(gateway=router(priority=300))) as daemon:
        assert daemon.process.wait(10) == 1
        daemon.wait_for(r"r1\.yaml:2:\d+: virtual_routers\.gateway\.priority: ")


# Reload.


def test_a_reload_leaves_an_unchanged_router_alone(lan: Lan, master: Daemon) -> None:
    before = master.router("gateway")
    extra = router(52, addresses=["10.77.0.101/24"])
    master.configure(configuration(gateway=router(priority=150), extra=extra))
    with Capture(lan.r2, keep=lambda frame: adverts(frame) and frame.data[35] == 51) as wire:
        wait_for_count(wire, 2)
        plan = master.client.reload()
        wait_for_count(wire, 8)
    assert plan["add"] == ["extra"]
    assert plan["keep"] == ["gateway"]
    assert set(priorities(wire)) == {150}
    after = master.router("gateway")
    assert after.since == before.since
    assert after.counters["announcements-sent"] == before.counters["announcements-sent"]
    assert master.said("gateway: ") == 2


def test_a_reload_by_signal_changes_a_priority_in_place(lan: Lan, master: Daemon) -> None:
    master.configure(configuration(gateway=router(priority=77)))
    with Capture(lan.r2, keep=adverts) as wire:
        master.signal(signal.SIGHUP)
        wire.wait_for(lambda frame: frame.data[36] == 77)
        assert 0 not in priorities(wire)
    assert master.router("gateway").state == "MASTER"
    assert VIP in lan.r1.addresses("eth0")


def test_a_reload_moves_only_the_addresses_that_differ(lan: Lan, master: Daemon) -> None:
    two = ["10.77.0.100/24", "10.77.0.101/24"]
    master.configure(configuration(gateway=router(priority=150, addresses=two)))
    master.client.reload()
    lan.r1.wait_for_address("10.77.0.101")
    master.configure(configuration(gateway=router(priority=150, addresses=two[1:])))
    master.client.reload()
    lan.r1.wait_for_address(VIP, present=False)
    assert "10.77.0.101" in lan.r1.addresses("eth0")
    assert master.said("gateway: MASTER") == 1


def test_a_reload_drops_a_router_with_a_resignation(lan: Lan, master: Daemon) -> None:
    master.configure(configuration(other=router(52, addresses=["10.77.0.101/24"])))
    with Capture(lan.r2, keep=lambda frame: adverts(frame) and frame.data[35] == 51) as wire:
        plan = master.client.reload()
        wire.wait_for(lambda frame: frame.data[36] == 0)
    assert plan["drop"] == ["gateway"]
    lan.r1.wait_for_address(VIP, present=False)
    assert [found.name for found in master.client.status().virtual_routers] == ["other"]


def test_a_bad_reload_changes_nothing_and_says_why(lan: Lan, master: Daemon) -> None:
    master.configure(configuration(gateway=router(priority=150, priorty=3)))
    with pytest.raises(Refused) as refused:
        master.client.reload()
    (problem,) = refused.value.answer["errors"]
    assert problem["nearest"] == "priority"
    assert (problem["line"], problem["path"]) == (2, "virtual_routers.gateway.priorty")
    status = master.client.status()
    assert status.last_error
    assert status.virtual_routers[0].state == "MASTER"
    master.configure(GATEWAY)
    master.client.reload()
    assert not master.client.status().last_error
