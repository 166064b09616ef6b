"""False takeovers: a backup that takes over while its master lives, because one of them got no CPU in time.

Both daemons are watched at the same time on LANs of their own, each as master and as backup, while every
CPU is kept busy: what the machine does to one it does to the other.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Final

from bench.daemons import Daemon
from bench.plan import Plan
from bench.report import Row
from bench.stage import fleet
from bench.wire import Advert, Capture, Sight
from havip.clock import Duration, milliseconds, spell
from lab.netns import Network

BETTER, WORSE = 200, 100
WATCH: Final = 30.0  # seconds


def false_takeovers(plan: Plan) -> list[Row]:
    """Count the takeovers from a living master at 100 ms, for as long as the plan says, and at 10 ms."""
    usual = 5.0 if plan.quick else WATCH
    long = plan.hours * 3600 or usual
    rows = []
    for interval, length in ((milliseconds(100), long), (milliseconds(10), usual)):
        counts = watch(plan, interval, length)
        samples = {kind: [float(count)] for kind, count in counts.items()}
        what = f"false takeovers in {length:g} s, every CPU busy, {spell(interval)}"
        limit = 0.0 if interval == milliseconds(100) else None
        rows.append(Row(what, "", samples, limit=limit))
    return rows


def watch(plan: Plan, interval: Duration, length: float) -> dict[str, int]:
    """Return how often the backup of each kind took over in ``length`` seconds."""
    with ExitStack() as stack:
        network = stack.enter_context(Network("calm"))
        captures: dict[str, Capture] = {}
        for number, kind in enumerate(plan.kinds):
            captures[kind.kind] = pair(plan, network, stack, kind, number, interval)
        stack.enter_context(busy())
        counts = dict.fromkeys(captures, 0)
        last = dict.fromkeys(captures, 0)
        for capture in captures.values():
            capture.read()
        until = time.monotonic() + length
        while time.monotonic() < until:
            time.sleep(min(1.0, max(0.0, until - time.monotonic())))
            for kind_name, capture in captures.items():
                for spoken in usurpers(capture.read()):
                    counts[kind_name] += spoken.at - last[kind_name] > 2 * interval
                    last[kind_name] = spoken.at
                capture.seen.clear()
    return counts


def usurpers(sights: list[Sight]) -> Iterator[Advert]:
    """Yield the adverts of the backup: it should have none."""
    for sight in sights:
        if isinstance(sight, Advert) and sight.port == "worse":
            yield sight


def pair(
    plan: Plan, network: Network, stack: ExitStack, kind: type[Daemon], number: int, interval: Duration
) -> Capture:
    """Start a master and a backup of one kind; return the ears on their LAN once the backup is silent."""
    switch = network.switch(f"lan{number}")
    ports: dict[str, str] = {}
    (router,) = fleet(1, interval, WORSE)
    daemons = {}
    for place, (role, priority) in enumerate((("better", BETTER), ("worse", WORSE)), 1):
        host = network.host(f"{role}{number}")
        network.plug(host, switch, "eth0", (f"10.77.{number}.{place}/24",))
        ports[f"{host.name}-eth0"] = role
        mine = [replace(router, priority=priority)]
        daemons[role] = stack.enter_context(kind(host, mine, plan.scratch, plan.realtime))
    capture = stack.enter_context(Capture(switch, ports))
    daemons["worse"].start()
    capture.first(Advert, lambda advert: advert.port == "worse")
    daemons["better"].start()
    reign = capture.first(Advert, lambda advert: advert.port == "better")
    # A second of its reign later the backup has long given way.
    capture.first(Advert, lambda advert: advert.port == "better", after=reign.at + 1_000_000_000)
    return capture


@contextmanager
def busy() -> Iterator[None]:
    """Keep every CPU busy with a process of ordinary priority that does nothing."""
    spin = [sys.executable, "-c", "while True: pass"]
    spinners = [subprocess.Popen(spin) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
