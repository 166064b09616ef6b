"""Tracking in real daemons: a failed check moves the addresses, and a dead checker moves nothing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lab.capture import Capture
from tests.daemon.conftest import Lan
from tests.daemon.hearing import adverts
from tests.daemon.running import PATIENCE, Daemon, configuration, router
from tests.reaching import let_in

VIP = "10.77.0.100"
VETH = ("ip", "link", "add", "hv0", "type", "veth", "peer", "name", "hv1")


def wants(flag: Path, **more: object) -> str:
    """Return the section of a script that is good while a file is there."""
    keys = {"command": f"[/usr/bin/test, -e, {flag}]", "interval": "100ms"} | more
    return "scripts:\n  flag: {" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}\n"


@pytest.fixture
def flag(folder: Path) -> Path:
    path = folder / "flag"
    path.touch()
    return path


def checker(daemon: Daemon) -> int:
    """Return the pid of the checker worker, as soon as it has one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for worker in daemon.client.status().workers:
            if worker.name == "checker" and worker.pid is not None:
                return worker.pid
    raise AssertionError("there is no checker worker")


def test_a_failed_script_lowers_the_priority_and_the_other_router_takes_over(
    lan: Lan, folder: Path, flag: Path
) -> None:
    tracking = router(priority=150, track={"scripts": ["flag"]})
    with (
        Daemon(lan.r1, folder, configuration(gw=tracking) + wants(flag, weight=-100)) as one,
        Daemon(lan.r2, folder, configuration(gw=router(priority=100))) as two,
    ):
        one.wait_for("gw: MASTER")
        reigns = two.said("gw: MASTER")  # one, if it was up first
        flag.unlink()
        one.wait_for(r"gw: effective priority 50: 150, script flag -100")
        two.wait_for("gw: MASTER", reigns + 1)
        one.wait_for("gw: BACKUP: a better master")
        found = one.router("gw")
        assert found.effective_priority == 50
        assert [(term.adds, term.why) for term in found.tracking] == [(-100, "ended with exit code 1")]
        flag.touch()
        one.wait_for("gw: effective priority 150: 150")
        one.wait_for("gw: MASTER", 2)


def test_a_failed_script_without_a_weight_is_a_fault_and_the_master_resigns(
    lan: Lan, folder: Path, flag: Path
) -> None:
    text = configuration(gw=router(track={"scripts": ["flag"]})) + wants(flag)
    with Daemon(lan.r1, folder, text) as daemon:
        daemon.wait_for("gw: MASTER")
        with Capture(lan.r2, keep=adverts) as wire:
            flag.unlink()
            wire.wait_for(lambda frame: frame.data[34 + 2] == 0)  # priority 0
        daemon.wait_for("gw: FAULT: script flag ended with exit code 1")
        lan.r1.wait_for_address(VIP, present=False)
        flag.touch()
        daemon.wait_for("gw: MASTER", 2)
        # A start waits for the first result a second long: a busy machine may need more.
        assert daemon.said("gw: FAULT: script flag ended") == 1


def test_a_killed_checker_moves_nothing_and_its_successor_goes_on(lan: Lan, folder: Path, flag: Path) -> None:
    text = configuration(gw=router(interval="50ms", track={"scripts": ["flag"]})) + wants(flag)
    with Daemon(lan.r1, folder, text) as daemon:
        daemon.wait_for("gw: MASTER")
        for life in range(1, 4):
            os.kill(checker(daemon), signal.SIGKILL)
            daemon.wait_for("the checker worker ended .killed by SIGKILL.", life)
            if life == 1:
                flag.unlink()  # between two lives
                daemon.wait_for("gw: FAULT")
                flag.touch()
                daemon.wait_for("gw: MASTER", 2)
        assert daemon.said("gw: FAULT") == 1
        assert daemon.said("VRRP worker ended") == 0


def test_a_killed_checkers_script_is_ended_before_it_is_run_again(lan: Lan, folder: Path) -> None:
    script = folder / "check"
    script.write_text("#!/bin/sh\nsleep 1000\n")
    script.chmod(0o755)
    let_in(folder)
    more = f"scripts: {{hang: {{command: {script}, interval: 100s, weight: -5}}}}\n"
    with Daemon(lan.r1, folder, configuration(gw=router(track={"scripts": ["hang"]})) + more) as daemon:
        daemon.wait_for("gw: MASTER")
        os.kill(checker(daemon), signal.SIGKILL)
        daemon.wait_for("killed a script .pid [0-9]+. that the checker worker left running")
        assert daemon.router("gw").state == "MASTER"


def test_a_vrrp_worker_that_comes_back_resumes_with_the_results_it_had(
    lan: Lan, folder: Path, flag: Path
) -> None:
    text = configuration(gw=router(interval="1s", track={"scripts": ["flag"]})) + wants(flag)
    with Daemon(lan.r1, folder, text) as daemon:
        daemon.wait_for("gw: MASTER")
        faults = daemon.said("gw: FAULT")
        os.kill(daemon.worker(), signal.SIGKILL)
        daemon.wait_for("gw: MASTER: resumed")
        assert daemon.said("gw: FAULT") == faults


def test_a_tracked_interface_that_goes_down_counts(lan: Lan, folder: Path) -> None:
    lan.r1.run(*VETH)
    for name in ("hv0", "hv1"):
        lan.r1.run("ip", "link", "set", name, "up")
    tracking = router(priority=150, track={"interfaces": ["{interface: hv0, weight: -40}"]})
    with Daemon(lan.r1, folder, configuration(gw=tracking.replace('"{', "{").replace('}"', "}"))) as daemon:
        daemon.wait_for("gw: MASTER")
        lan.r1.run("ip", "link", "set", "hv0", "down")
        daemon.wait_for("gw: effective priority 110: 150, interface hv0 -40")
        lan.r1.run("ip", "link", "del", "hv0")
        lan.r1.run(*VETH)
        for name in ("hv0", "hv1"):
            lan.r1.run("ip", "link", "set", name, "up")
        daemon.wait_for("gw: effective priority 150: 150")
        assert [worker.name for worker in daemon.client.status().workers] == ["vrrp"]  # nothing to check


def test_a_router_that_does_not_track_its_own_interface_stays_master_without_its_link(
    lan: Lan, folder: Path
) -> None:
    text = configuration(
        gw=router(track={"own_interface": False}), strict=router(52, addresses=["10.77.0.9/24"])
    )
    with Daemon(lan.r1, folder, text) as daemon:
        daemon.wait_for("gw: MASTER")
        daemon.wait_for("strict: MASTER")
        lan.r1.run("ip", "link", "set", "eth0", "down")
        daemon.wait_for("strict: FAULT: interface eth0 is down")
        daemon.wait_for("gw: cannot send adverts")
        assert daemon.router("gw").state == "MASTER"
        with Capture(lan.r2, keep=adverts) as wire:
            lan.r1.run("ip", "link", "set", "eth0", "up")
            wire.wait_for(lambda frame: frame.data[34 + 1] == 51)
        daemon.wait_for("strict: MASTER", 2)
        assert (daemon.said("gw: FAULT"), daemon.said("gw: MASTER")) == (0, 1)
        assert VIP in lan.r1.addresses("eth0")


def test_a_flapping_link_does_not_count_before_its_delay(lan: Lan, folder: Path) -> None:
    delays = "interfaces: {eth0: {down_delay: 10s}, hv0: {down_delay: 300ms}}\n"
    lan.r1.run(*VETH)
    for name in ("hv0", "hv1"):
        lan.r1.run("ip", "link", "set", name, "up")
    text = configuration(gw=router(priority=150, track={"interfaces": ["hv0"]})) + delays
    with Daemon(lan.r1, folder, text) as daemon:
        daemon.wait_for("gw: MASTER")
        lan.net.carrier(lan.r1, False)
        lan.net.carrier(lan.r1, True)
        lan.r1.run("ip", "link", "set", "hv0", "down")
        daemon.wait_for("gw: FAULT: interface hv0 is down")
        assert daemon.said("gw: FAULT") == 1


def test_files_and_processes_count(lan: Lan, folder: Path) -> None:
    program = f"hv-{os.getpid()}-trk"[:15]
    shutil.copy("/usr/bin/sleep", folder / program)
    drain = folder / "drain"
    text = configuration(gw=router(priority=150, track={"files": ["drain"], "processes": ["app"]})) + (
        f"tracked_files: {{drain: {{path: {drain}, weight: -1, initial: 0}}}}\n"
        f"tracked_processes: {{app: {{process: {program}, weight: 20}}}}\n"
    )
    with Daemon(lan.r1, folder, text) as daemon:
        daemon.wait_for("gw: MASTER")
        assert drain.read_text() == "0\n"
        drain.write_text("30\n")
        daemon.wait_for("gw: effective priority 120: 150, file drain -30")
        process = subprocess.Popen([folder / program, "1000"])
        try:
            daemon.wait_for("gw: effective priority 140: 150, file drain -30, process app .20")
        finally:
            process.kill()
            process.wait()
        daemon.wait_for("gw: effective priority 120: 150, file drain -30", 2)


def test_a_reload_carries_results_over_and_adds_trackers_without_a_flap(
    lan: Lan, folder: Path, flag: Path
) -> None:
    with Daemon(lan.r1, folder, configuration(gw=router())) as daemon:
        daemon.wait_for("gw: MASTER")
        texts = [
            configuration(gw=router(track={"scripts": ["flag"]})) + wants(flag),
            configuration(gw=router(track={"scripts": ["flag"]})) + wants(flag, fall=2),
            configuration(
                gw=router(track={"scripts": ["{script: flag, weight: 5}"]})
                .replace('"{', "{")
                .replace('}"', "}")
            )
            + wants(flag, fall=2, interval="200ms"),
            configuration(gw=router()),
        ]
        for text in texts:
            daemon.configure(text)
            plan = daemon.client.reload()
            assert [one["name"] for one in plan["change"]] == ["gw"] or plan["settings"]
        assert (daemon.said("gw: FAULT"), daemon.said("gw: MASTER")) == (0, 1)
        assert [worker.name for worker in daemon.client.status().workers] == ["vrrp"]


def test_results_without_end_keep_no_advert_back(lan: Lan, folder: Path) -> None:
    """Functional, not timed: adverts leave and nobody takes over while a value changes thousands of times."""
    value = folder / "value"
    tracking = router(priority=150, interval="500ms", track={"files": ["value"]})
    files = f"tracked_files: {{value: {{path: {value}, weight: 1, initial: 0}}}}\n"
    with Daemon(lan.r1, folder, configuration(gw=tracking) + files) as one:
        one.wait_for("gw: MASTER")
        with Daemon(lan.r2, folder, configuration(gw=router(priority=50, interval="500ms"))) as two:
            two.wait_for("gw: BACKUP")
            before = one.router("gw").counters["adverts-sent"]
            for number in range(4000):
                value.write_text(f"{number % 50}\n")
            value.write_text("77\n")
            one.wait_for("gw: effective priority 227: 150, file value .77")
            assert one.router("gw").counters["adverts-sent"] > before
            assert (one.said("gw: MASTER"), two.said("gw: MASTER")) == (1, 0)
