"""keepalived's signals to a real daemon, and what a program that watches keepalived makes of the answers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

from havip import signals
from tests.daemon.conftest import Lan
from tests.daemon.dumped import watched
from tests.daemon.running import Daemon, configuration, router
from tests.services.exporter import from_json, from_state, from_stats

ROOT = Path(__file__).resolve().parents[2]
BOOK = (ROOT / "docs/operations.md").read_text()
SCRIPT = (
    "scripts:\n  flag: {command: /usr/bin/true, interval: 100ms}\n"  # no weight: no MASTER before its result
)


def test_each_signal_has_its_file_written(lan: Lan, folder: Path) -> None:
    text = configuration(gw=router(priority=150, start="master", track={"scripts": ["flag"]})) + SCRIPT
    with Daemon(lan.r1, folder, text) as daemon, watched(folder) as dumps:
        daemon.wait_for("gw: MASTER")
        pid = daemon.process.pid
        gw = from_json(dumps.ask(pid, signals.JSON, "r1.json"))["gw"]
        assert (gw["state"], gw["vrid"], gw["ifp_ifname"], gw["effective_priority"]) == (2, 51, "eth0", 150)
        assert gw["advert_sent"] > 0
        routers, scripts = from_state(dumps.ask(pid, signals.STATE, "r1.data"))
        assert (routers["gw"]["State"], scripts["flag"]["Status"]) == ("MASTER", "GOOD")
        before = from_stats(dumps.ask(pid, signals.STATS_AND_CLEAR, "r1.stats"))["gw"]
        assert before["Became master"] == 1
        assert before["Advertisements/Sent"] >= gw["advert_sent"]
        after = from_stats(dumps.ask(pid, signals.STATS, "r1.stats"))["gw"]
        assert after["Became master"] == 0
        assert daemon.router("gw").counters["became-master"] == 1  # metrics never go back

        # Where they go is put in force by a reload, and is no reason for a failover.
        there = folder / "there"
        with watched(there) as elsewhere:
            daemon.configure(
                text + f"daemon: {{dumps: {{json: {there}/keepalived.json, json_version: 2}}}}\n"
            )
            assert [line.partition(":")[0] for line in daemon.client.reload()["settings"]] == [
                "daemon.dumps.json",
                "daemon.dumps.json_version",
            ]
            assert list(json.loads(elsewhere.ask(pid, signals.JSON, "keepalived.json"))) == ["vrrp"]
        assert daemon.said("MASTER") == 1


def test_a_resignation_is_counted_and_so_is_the_end_of_a_reign(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, configuration(gw=router(start="master"))) as daemon, watched(folder) as dumps:
        daemon.wait_for("gw: MASTER")
        daemon.client.maintenance(True)
        daemon.wait_for("gw: FAULT")
        gw = from_json(dumps.ask(daemon.process.pid, signals.JSON, "r1.json"))["gw"]
        assert (gw["state"], gw["become_master"], gw["release_master"], gw["pri_zero_sent"]) == (3, 1, 1, 1)


def test_a_signal_to_every_process_of_the_service_ends_none(lan: Lan, folder: Path) -> None:
    text = configuration(gw=router(priority=255, track={"scripts": ["flag"]})) + SCRIPT
    with Daemon(lan.r1, folder, text) as daemon, watched(folder) as dumps:
        daemon.wait_for("gw: MASTER")
        pids = [worker.pid for worker in daemon.client.status().workers]
        for number in signals.DUMPS:
            for pid in pids:
                assert pid is not None
                os.kill(pid, number)
        dumps.ask(daemon.process.pid, signals.JSON, "r1.json")
        assert [worker.pid for worker in daemon.client.status().workers] == pids
        assert daemon.said("ended") == 0


def test_the_numbers_of_signals_are_those_that_keepalived_tells(tmp_path: Path) -> None:
    (script,) = re.findall(r"^```sh\n(#!/bin/sh\ncase.*?)^```$", BOOK, re.MULTILINE | re.DOTALL)
    ours = tmp_path / "keepalived"
    ours.write_text(script)
    ours.chmod(0o755)

    def told(program: Path | str, *words: str) -> str:
        done = subprocess.run([program, *words], capture_output=True, text=True, check=True, timeout=30)
        return done.stdout + done.stderr

    numbers = {
        "DATA": signals.STATE,
        "STATS": signals.STATS,
        "JSON": signals.JSON,
        "STATS_CLEAR": signals.STATS_AND_CLEAR,
    }
    for name, number in numbers.items():
        assert int(told(ours, f"--signum={name}")) == number
        assert int(told("keepalived", f"--signum={name}")) == number
    # The version is the second word of the first line of several, without its v.
    assert re.fullmatch(r"v2\.\d+\.\d+", told(ours, "-v").split("\n", 1)[0].split(" ")[1])
    assert signal.SIGUSR1 == 10
