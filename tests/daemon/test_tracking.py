"""Tracking in real daemons: a failed check moves the addresses, and a dead checker moves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.daemon.conftest import Lan
from tests.daemon.running import Daemon, configuration, router

VIP = "10.77.0.100"


def wants(flag: Path, **more: object) -> str:
    """Return the section of a script that is good while a file is there."""
    keys = {"command": f"[/usr/bin/test, -e, {flag}]", "interval": "100ms"} | more
    return "scripts:\n  flag: {" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}\n"


@pytest.fixture
def flag(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "flag"
    path.touch()
    return path


def checker(daemon: Daemon) -> int:
    """Return the pid of the checker worker."""
    (pid,) = [worker.pid for worker in daemon.client.status().workers if worker.name == "checker"]
    assert pid is not None
    return pid


def test_a_failed_script_lowers_the_priority_and_the_other_router_takes_over(
    lan: Lan, folder: Path, flag: Path
) -> None:
    tracking = router(priority=150, track={"scripts": ["flag"]})
    with (
        Daemon(lan.r1, folder, configuration(gw=tracking) + wants(flag, weight=-100)) as one,
        Daemon(lan.r2, folder, configuration(gw=router(priority=100))) as two,
    ):
        one.wait_for("gw: MASTER")
        flag.unlink()
        one.wait_for(r"gw: effective priority 50: 150, script flag -100")
        two.wait_for("gw: MASTER")
        one.wait_for("gw: BACKUP: a better master")
        assert one.router("gw").effective_priority == 50
        (term,) = one.client.status_as_dict()["virtual_routers"][0]["tracking"]
        assert term == {
            "kind": "script",
            "name": "flag",
            "weight": -100,
            "adds": -100,
            "fault": False,
            "why": "ended with exit code 1",
        }
        flag.touch()
        one.wait_for("gw: effective priority 150: 150")
        one.wait_for("gw: MASTER", 2)
