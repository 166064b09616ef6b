"""What health checks cost: per probe, in memory, in lateness, and to the adverts of the process beside them.

The worker is the real one, on its channel; servers run on another processor.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import Any, Final

import yaml

from bench import usage
from bench.checkers import keepalived
from bench.daemons import Havip
from bench.plan import Plan
from bench.probing import ANSWERS, BACKLOG, Account, Checker, Server, address, checks_of, floor, serving
from bench.report import HAVIP, KEEPALIVED, Row
from bench.stage import fleet, stage
from bench.wire import Advert
from havip.clock import Duration, milliseconds, seconds, to_seconds
from havip.control.checkviews import Checks
from havip.control.client import Client
from lab.netns import Host

CHECKER_CPU, SERVER_CPU = 0, 1
PORT: Final = 8080
MOOD: Final = 2.0  # seconds
AIM: Final = 2.0  # ms
MEGABYTE: Final = 1 << 20
WORK: Final = (("TCP", 1000, 1000), ("TCP", 5000, 5000), ("TCP", 10_000, 10_000), ("HTTP", 1000, 1000))
QUICK: Final = (("TCP", 1000, 1000), ("HTTP", 1000, 1000))
FLOOR_PROBES: Final = 20_000
SETTLE: Final = 3.0  # seconds in which first probes come to their pace


def checks(plan: Plan) -> list[Row]:
    """Measure both daemons' checkers in turn, and more of havip's."""
    rows = []
    for kind, count, rate in QUICK if plan.quick else WORK:
        answer, request = ANSWERS[kind]
        costs: dict[str, list[float]] = {HAVIP: [], KEEPALIVED: []}
        held: dict[str, list[float]] = {HAVIP: [], KEEPALIVED: []}
        late: list[float] = []
        rates: dict[str, list[float]] = {HAVIP: [], KEEPALIVED: []}
        with serving(answer, SERVER_CPU) as server:
            for daemon in plan.turns(1 if plan.quick else 3):
                interval = seconds(count / rate)
                if daemon.kind == HAVIP:
                    with Checker(CHECKER_CPU) as checker:
                        checker.put(checks_of(kind, count, server.port, interval))
                        time.sleep(SETTLE)
                        account = checker.measure(length_of(plan))
                        late.append(100 * account.late / account.probes)
                else:
                    place = (CHECKER_CPU, plan.scratch / "checkers")
                    with keepalived(kind, count, server, interval, *place) as pid:
                        time.sleep(SETTLE)
                        account = account_of(pid, server, length_of(plan))
                costs[daemon.kind].append(account.each)
                rates[daemon.kind].append(account.rate)
                held[daemon.kind].append(account.memory / MEGABYTE)
            bare = floor(server.port, FLOOR_PROBES, request)
        reached = ", ".join(f"{name} {median(some):.0f}" for name, some in rates.items() if some)
        note = (
            f"both on one processor, the servers on the other; {kind}, {count} servers: probes a second "
            f"reached by {reached}; the same system calls in a bare loop: {bare:.1f} us each"
        )
        what = f"{count} servers, {rate} a second"
        rows.append(Row(f"CPU per {kind} probe, {what}", "us", costs, 1.0, note))
        rows.append(Row(f"{kind} probes later than 50 ms, {what}", "%", {HAVIP: late}, limit=1.0))
        rows.append(Row(f"memory (PSS) of the process that checks, {kind}, {count} servers", "MB", held))
    return rows


def length_of(plan: Plan) -> Duration:
    """Return how long a window is."""
    return seconds(3 if plan.quick else 10)


def account_of(pid: int, server: Server, length: Duration) -> Account:
    """Return what the probes of a process took, as the servers count them."""
    probes, used, begun = server.connections, usage.cpu_time((pid,)), time.monotonic_ns()
    time.sleep(to_seconds(length))
    probes, used = server.connections - probes, usage.cpu_time((pid,)) - used
    held = usage.memory((pid,)).proportional
    return Account(max(1, probes), time.monotonic_ns() - begun, used, 0, held)


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
