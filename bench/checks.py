"""What health checks cost: per probe, in memory, in lateness, and to the adverts of the process beside them.

The worker is the real one, on its channel; servers run on another processor.  keepalived's checkers do not
start without IPVS, so both are compared in a User-Mode Linux guest, where system calls cost far more.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import yaml

from bench.daemons import PROJECT, Havip
from bench.plan import Plan
from bench.probing import ANSWERS, BACKLOG, Checker, address, checks_of, floor, serving
from bench.report import HAVIP, Row
from bench.stage import fleet, stage
from bench.wire import Advert
from havip.clock import milliseconds, seconds
from havip.control.checkviews import Checks
from havip.control.client import Client
from lab.netns import Host
from tests.machine import namespaces, uml

CHECKER_CPU, SERVER_CPU = 0, 1
PORT: Final = 8080
MOOD: Final = 2.0  # seconds
AIM: Final = 2.0  # ms
MEGABYTE: Final = 1 << 20
WORK: Final = (("TCP", 1000, 1000), ("TCP", 5000, 5000), ("TCP", 10_000, 10_000), ("HTTP", 1000, 1000))
FLOOR_PROBES: Final = 20_000
ALONE = "the worker has one processor, the servers the other"

INIT: Final = """#!/bin/sh
export PATH={path} HOME=/root PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc; mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run; mkdir -p /run/lock /dev/shm
modprobe -d {folder} -a ip_vs ip_vs_rr af_packet ipv6
cd {project}
{command} > {folder}/words 2>&1 < /dev/null
halt -f
"""


def checks(plan: Plan) -> list[Row]:
    """Measure the checker worker on this host."""
    rows = []
    for kind, count, rate in WORK:
        answer, request = ANSWERS[kind]
        with serving(answer, SERVER_CPU) as server:
            costs: list[float] = []
            late: list[float] = []
            rates: list[float] = []
            held: list[float] = []
            for _ in range(1 if plan.quick else 3):
                with Checker(CHECKER_CPU) as checker:
                    checker.put(checks_of(kind, count, server.port, seconds(count / rate)))
                    time.sleep(3)
                    account = checker.measure(seconds(3 if plan.quick else 10))
                costs.append(account.each)
                late.append(100 * account.late / account.probes)
                rates.append(account.rate)
                held.append(account.memory / MEGABYTE)
            bare = floor(server.port, FLOOR_PROBES, request)
            reached = (
                f"{min(rates):.0f} to {max(rates):.0f} a second" if rates[1:] else f"{rates[0]:.0f} a second"
            )
            note = (
                f"{ALONE}; {count} servers: {reached} of {rate}; "
                f"the same system calls in a bare loop: {bare:.1f} us each"
            )
            what = f"{count} servers, {rate} a second"
            rows.append(Row(f"CPU per {kind} probe, {what}", "us", {HAVIP: costs}, note=note))
            rows.append(Row(f"{kind} probes later than 50 ms, {what}", "%", {HAVIP: late}, limit=1.0))
            rows.append(
                Row(f"memory (PSS) of the checker worker, {kind}, {count} servers", "MB", {HAVIP: held})
            )
    return rows


class CheckingHavip(Havip):
    """havip with health checks that fail and mend beside its routers, one of which is tracked."""

    count = 10_000

    def configuration(self) -> str:
        document: dict[str, Any] = yaml.safe_load(super().configuration())
        document["checks"] = {
            f"s{number}": {
                "tcp": {}, "host": address(number), "port": PORT, "interval": "2s", "rise": 1, "fall": 1
            }
            for number in range(self.count)
        }  # fmt: skip
        for words in document["virtual_routers"].values():
            words["track"] = {"checks": [{"check": "s0", "weight": -10}]}
        return yaml.safe_dump(document, sort_keys=False)


@contextlib.contextmanager
def moody_server(host: Host) -> Iterator[None]:
    """Take connections on every address of a host for two seconds, refuse them for two, and so on."""
    pid = os.fork()
    if pid == 0:
        try:
            with host.entered():
                while True:
                    serve_for_a_while()
                    time.sleep(MOOD)
        finally:
            os._exit(1)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def serve_for_a_while() -> None:
    """Take connections, and then no more."""
    with socket.create_server(("0.0.0.0", PORT), backlog=BACKLOG) as listener:
        end = time.monotonic() + MOOD
        while (left := end - time.monotonic()) > 0:
            listener.settimeout(left)
            with contextlib.suppress(TimeoutError):
                listener.accept()[0].close()


def punctuality(plan: Plan) -> list[Row]:
    """Measure how late a master's adverts are beside 10,000 checks that flap, and without any."""
    rows = []
    ways: list[tuple[str, type[Havip]]] = [("no checks", Havip), ("10,000 checks that flap", CheckingHavip)]
    length = 5 if plan.quick else 30
    for what, kind in ways:
        with stage() as here, moody_server(here.daemon):
            daemon = kind(here.daemon, fleet(1, milliseconds(10), 200), plan.scratch, plan.realtime)
            with daemon:
                with here.capture() as capture:
                    daemon.start()
                    capture.first(Advert, lambda advert: advert.port == "dut", within=90)
                time.sleep(length / 2)
                client = Client(str(daemon.socket))
                before = client.checks()
                with here.capture() as capture:
                    time.sleep(length)
                    seen = capture.read()
                after = client.checks()
                daemon.stop()
        spoken = [one.at for one in seen if isinstance(one, Advert) and one.port == "dut"]
        late = [(later - earlier) / 1e6 - 10 for earlier, later in pairwise(spoken)]
        runs = after.counters.get("runs", 0) - before.counters.get("runs", 0)
        note = (
            f"{what}: {len(spoken)} adverts, {sum(one > AIM for one in late)} of them later than 2 ms; "
            f"{runs / length:.0f} probes and {turns(before, after) / length:.0f} changed verdicts a second"
        )
        rows.append(
            Row(
                f"latest advert of a master at 10 ms, {what}",
                "ms",
                {HAVIP: [max(late)]},
                note=note,
                limit=AIM,
            )
        )
    return rows


def turns(before: Checks, after: Checks) -> int:
    """Return how many verdicts changed, going by those that are shown, for all of them."""
    known = {one.name: one.changes for one in before.shown}
    shown = [one.changes - known[one.name] for one in after.shown if one.name in known]
    return sum(shown) * after.total // max(1, len(shown))


def beside(plan: Plan) -> list[Row]:
    """Measure both daemons' checkers in one guest."""
    counts, rounds = ("100", "1") if plan.quick else ("1000", "3")
    costs: dict[str, dict[str, list[float]]] = {}
    for daemon, kind, count, cost, _ in guest(counts, rounds):
        costs.setdefault(f"{kind} probe in a guest, {count} servers", {}).setdefault(daemon, []).append(cost)
    note = "in User-Mode Linux, both in one guest in turn; a probe every 5 s of each server"
    return [Row(f"CPU per {what}", "us", samples, 1.0, note) for what, samples in costs.items()]


def guest(counts: str, rounds: str) -> list[tuple[str, str, int, float, int]]:
    """Run the guest and return what it measured.  Raises RuntimeError for one that measured nothing."""
    with tempfile.TemporaryDirectory(prefix="havip-bench-") as name:
        folder = Path(name)
        (folder / "lib").mkdir()
        (folder / "lib/modules").symlink_to(uml.KERNEL_MODULES)
        results = folder / "results"
        results.touch()
        command = shlex.join([sys.executable, "-m", "bench.guest", str(results), name, counts, rounds])
        init = folder / "init"
        init.write_text(INIT.format(path=namespaces.PATH, folder=name, project=PROJECT, command=command))
        init.chmod(0o755)
        console = uml.run(
            *("mem=768M", "rootfstype=hostfs", "rootflags=/", "rw", "quiet", "con=null", "con0=null,fd:1"),
            *(f"init={init}", f"umid={folder.name}", f"uml_dir={folder}"),
            patience=900.0,
        )
        measured = [tuple(json.loads(line)) for line in results.read_text().splitlines()]
        if not measured:
            words = folder / "words"
            raise RuntimeError(f"{console[-500:]}\n{words.read_text()[-500:] if words.exists() else ''}")
        return measured
