"""Health checks in real daemons: a server's death moves the addresses, a checker's death moves nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from havip.control.checkviews import Check
from lab.capture import Capture
from lab.netns import Host
from tests.daemon.conftest import Lan
from tests.daemon.hearing import adverts, priorities, wait_for_count
from tests.daemon.running import PATIENCE, Daemon, configuration, router

COUNT = 2000
LOOPBACK = "127.77"  # each check has an address of its own: alike they would share one probe


SERVER = """
import socket, sys
with socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=4096) as listener:
    print(listener.getsockname()[1], flush=True)
    while True:
        listener.accept()[0].close()
"""


@contextlib.contextmanager
def server(host: Host, port: int = 0) -> Iterator[int]:
    """Take TCP connections on every address of a host, in a process of its own; yield the port."""
    process = host.popen(sys.executable, "-c", SERVER, str(port), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


def many(port: int, **more: str) -> str:
    """Return a section of 2000 checks, each of an address of its own, and of ``more``."""
    lines = [
        f"  c{number}: {{tcp: {{}}, host: {LOOPBACK}.{number // 250}.{number % 250 + 1}, port: {port}, "
        "interval: 1s, failed_interval: 500ms}\n"
        for number in range(COUNT)
    ]
    return "checks:\n" + "".join(lines) + "".join(f"  {name}: {text}\n" for name, text in more.items())


def tracking(**names: int) -> dict[str, list[str]]:
    return {"checks": [f"{{check: {name}, weight: {weight}}}" for name, weight in names.items()]}


def plain(text: str) -> str:
    return text.replace('"{', "{").replace('}"', "}")


def the_check(daemon: Daemon, name: str) -> Check:
    return daemon.client.checks(name).shown[0]


def checker_after(daemon: Daemon, pid: int | None) -> int:
    """Return the pid of a checker worker other than this one, as soon as there is one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for worker in daemon.client.status().workers:
            if worker.name == "checker" and worker.pid not in (None, pid):
                assert worker.pid is not None
                return worker.pid
    raise AssertionError("there is no new checker worker")


def all_have_run(daemon: Daemon) -> None:
    """Return once this life of the checker has run every check."""
    deadline = time.monotonic() + 4 * PATIENCE
    while time.monotonic() < deadline:
        found = daemon.client.checks().shown
        if all(one.state == "good" and one.runs.get("passed", 0) > 0 for one in found):
            assert len(found) == COUNT
            return
    raise AssertionError("not every check has run")


def test_a_checker_killed_under_load_disturbs_no_advert_and_its_successor_goes_on(
    lan: Lan, folder: Path
) -> None:
    with server(lan.r1) as port:
        one = plain(router(priority=150, interval="50ms", track=tracking(c0=0, c1=20, c2=-30)))
        with (
            Daemon(lan.r1, folder, configuration(gw=one) + many(port)) as first,
            Daemon(lan.r2, folder, configuration(gw=router(priority=100, interval="50ms"))) as second,
        ):
            first.wait_for("gw: MASTER")
            second.wait_for("gw: BACKUP")
            # Before its first results it may have been in FAULT: a busy machine starts a checker slowly.
            reigns, faults, pid = second.said("gw: MASTER"), first.said("gw: FAULT"), None
            all_have_run(first)
            with Capture(lan.r2, keep=adverts) as wire:
                for life in range(1, 4):
                    pid = checker_after(first, pid)
                    os.kill(pid, signal.SIGKILL)
                    first.wait_for("the checker worker ended .killed by SIGKILL.", life)
                    wait_for_count(wire, 20 * life)
                all_have_run(first)
                assert set(priorities(wire)) == {170}  # no result was lost, and nobody else spoke
            assert (first.said("gw: MASTER"), first.said("gw: FAULT")) == (1, faults)
            assert second.said("gw: MASTER") == reigns
            assert first.said("VRRP worker ended") == 0


def test_the_vrrp_worker_is_told_of_what_routers_track_and_of_no_other_check(lan: Lan, folder: Path) -> None:
    """2000 checks fail at once: one of them is tracked."""
    with Daemon(
        lan.r1,
        folder,
        plain(configuration(gw=router(priority=150, track=tracking(c7=-40))))
        + many(9),  # nobody listens there
    ) as daemon:
        daemon.wait_for("gw: MASTER")
        deadline = time.monotonic() + 4 * PATIENCE
        while len(daemon.client.checks(failed=True).shown) < COUNT:
            assert time.monotonic() < deadline
        found = daemon.router("gw")
        assert found.effective_priority == 110
        assert [(term.name, term.adds) for term in found.tracking] == [("c7", -40)]
        assert "connection refused, from 127.77.0.8:9 in " in found.tracking[0].why


def test_a_dead_server_is_a_fault_with_its_reason_and_its_return_ends_that(lan: Lan, folder: Path) -> None:
    text = plain(configuration(gw=router(priority=150, track=tracking(pair=0, slow=-20))))
    with contextlib.ExitStack() as life:
        port = life.enter_context(server(lan.r2))
        keys = f"port: {port}, interval: 100ms, retry_interval: 20ms, failed_interval: 50ms, rise: 2, fall: 2"
        checks = (
            f"checks:\n  web: {{tcp: {{}}, host: 10.77.0.2, {keys}}}\n"
            "  pair: {all: [web]}\n"
            f"  slow: {{tcp: {{}}, host: 10.77.0.2, parent: web, timeout: 1s, {keys}}}\n"
        )
        with Daemon(lan.r1, folder, text + checks) as daemon:
            daemon.wait_for("gw: MASTER")
            assert the_check(daemon, "pair").state == "good"
            life.close()
            why = f"web: connection refused, from 10.77.0.2:{port} in "
            daemon.wait_for(f"gw: FAULT: check pair {why}")
            lan.r1.wait_for_address("10.77.0.100", present=False)
            found = daemon.router("gw")
            assert {term.name: (term.adds, term.fault) for term in found.tracking} == {
                "pair": (0, True),
                "slow": (-20, False),
            }
            assert found.tracking[0].why.startswith(why)
            assert found.tracking[1].why.startswith(
                "is not probed while its parent web has failed: connection"
            )
            assert (the_check(daemon, "web").state, the_check(daemon, "slow").state) == ("failed", "failed")
            with server(lan.r2, port):
                daemon.wait_for("gw: MASTER", 2)
                daemon.wait_for("gw: effective priority 150: 150")
                assert {one.state for one in daemon.client.checks().shown} == {"good"}


def test_a_reload_leaves_unchanged_checks_alone_and_moves_no_router(lan: Lan, folder: Path) -> None:
    def text(port: int, b: str, more: str = "", weight: int = 0) -> str:
        place = f"host: 10.77.0.2, port: {port}, interval: 50ms"
        return plain(configuration(gw=router(track=tracking(a=weight, b=0)))) + (
            f"checks:\n  a: {{tcp: {{}}, {place}}}\n  b: {{tcp: {{}}, {place}, {b}}}\n{more}"
        )

    with server(lan.r2) as port, Daemon(lan.r1, folder, text(port, "fall: 2")) as daemon:
        daemon.wait_for("gw: MASTER")
        faults = daemon.said("gw: FAULT")
        deadline = time.monotonic() + PATIENCE
        while (before := the_check(daemon, "a")).runs.get("passed", 0) < 5:
            assert time.monotonic() < deadline
        daemon.configure(text(port, "fall: 5, rise: 9", "  pair: {all: [a, b]}\n", weight=-10))
        plan = daemon.client.reload()
        assert plan["settings"] == ["checks.b.rise: 2 -> 9", "checks.b.fall: 2 -> 5", "checks.pair: added"]
        after = the_check(daemon, "a")
        assert after.runs["passed"] >= before.runs["passed"]
        assert (after.since, after.changes) == (before.since, before.changes)
        assert {one.state for one in daemon.client.checks().shown} == {"good"}
        assert (daemon.said("gw: FAULT"), daemon.said("gw: MASTER")) == (faults, 1)
