"""What both workers of a real daemon take of the host, as the kernel has it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.daemon.conftest import Lan
from tests.daemon.running import PATIENCE, Daemon, configuration, router

TRACKING = configuration(gw=router(priority=255, track={"scripts": ["flag"]}))
SCRIPT = "scripts:\n  flag: {{command: [/bin/sh, -c, {command}], interval: 100ms, weight: -1}}\n"


def status(pid: int, field: str) -> str:
    """Return a line of what the kernel says about a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line for line in lines if line.startswith(f"{field}:")).partition(":")[2].strip()


def rank(pid: int) -> tuple[int, int, int, str, bool]:
    """Return policy, its priority, nice value, real-time limit in us, and whether memory is locked."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    limits = Path(f"/proc/{pid}/limits").read_text().partition("Max realtime timeout")[2].split()
    locked = status(pid, "VmLck") != "0 kB"
    return int(words[38]), int(words[37]), int(words[16]), limits[0], locked


def workers(daemon: Daemon) -> dict[str, int]:
    """Return the pids of both workers, as soon as they are there."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = {worker.name: worker.pid for worker in daemon.client.status().workers}
        if len(found) == 2 and None not in found.values():
            return {name: pid for name, pid in found.items() if pid is not None}
    raise AssertionError("there are not two workers")


@pytest.mark.parametrize(
    ("keys", "vrrp", "checker"),
    [
        pytest.param(
            "daemon: {realtime_priority: 7, realtime_limit: 2s, nice: -1, checker: {"
            "realtime_priority: 3, realtime_limit: 500ms, nice: 2, lock_memory: true, cpu_affinity: [0]}}\n",
            (os.SCHED_RR, 7, -1, "2000000", True),
            (os.SCHED_RR, 3, 2, "500000", True),
            id="real-time",
        ),
        pytest.param(
            "daemon: {realtime_priority: 0, nice: -7, lock_memory: false, checker: {nice: 4}}\n",
            (os.SCHED_OTHER, 0, -7, "unlimited", False),
            (os.SCHED_OTHER, 0, 4, "unlimited", False),
            id="ordinary",
        ),
    ],
)
def test_both_workers_take_the_rank_that_the_file_gives_them(
    lan: Lan,
    folder: Path,
    keys: str,
    vrrp: tuple[int, int, int, str, bool],
    checker: tuple[int, int, int, str, bool],
) -> None:
    script = SCRIPT.format(
        command=f"cat /proc/self/stat > {folder}/script.new; mv {folder}/script.new {folder}/script"
    )
    with Daemon(lan.r1, folder, TRACKING + script + keys) as daemon:
        daemon.wait_for("gw: MASTER")
        pids = workers(daemon)
        assert rank(pids["vrrp"]) == vrrp
        assert rank(pids["checker"]) == checker
        assert status(pids["checker"], "Cpus_allowed_list") == (
            "0" if "cpu" in keys else status(os.getpid(), "Cpus_allowed_list")
        )
        # What a real-time checker runs is ordinary in every way; otherwise it has the nice value as well.
        words = (folder / "script").read_text().rpartition(")")[2].split()
        assert (int(words[38]), int(words[16])) == (os.SCHED_OTHER, 0 if checker[1] else checker[2])
        assert daemon.said("not granted") == 0
