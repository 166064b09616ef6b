"""Takeover past the timer that the daemon is bound to, seen from the switch.

A scripted master falls silent without resigning.  Counted is the time from its last advert to the
backup's first advert and first announcement, both by the kernel's stamps at the switch, less the backup's
Master_Down_Interval.  The capture is read when all is over: nothing of ours runs while the backup acts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from bench.daemons import Daemon
from bench.plan import Plan
from bench.report import Row
from bench.scripted import ScriptedMaster
from bench.stage import PEER, Stage, fleet, stage
from bench.wire import Advert, Sight
from havip.clock import Duration, milliseconds, seconds, spell
from havip.config.model import VirtualRouter

PRIORITY: Final = (
    128  # a skew of half an interval: whole centiseconds at 100 ms and 1 s, so one timer for both
)
DOWN_ADVERTS: Final = 3
ADVERT_AIM, ANNOUNCEMENT_AIM, FLEET_AIM = 1.0, 0.5, 0.5
FLEET: Final = 250


@dataclass(frozen=True, slots=True)
class Lateness:
    """Nanoseconds past each router's own timer; over all routers of one takeover, the extremes."""

    first_advert: int
    first_announcement: int
    last_advert: int
    last_announcement: int


def timer_of(interval: Duration) -> int:
    """Return Master_Down_Interval in ns by RFC 9568 section 6.1; keepalived 2.2 does not round either."""
    return DOWN_ADVERTS * interval + (256 - PRIORITY) * interval // 256


def takeovers(plan: Plan) -> list[Row]:
    """Measure one virtual router at 10 ms, 100 ms and 1 s."""
    rows = []
    for interval, blocks, each in (
        (milliseconds(10), 4, 6),
        (milliseconds(100), 4, 6),
        (seconds(1), 3, 2),
    ):
        counts = (1, 2) if plan.quick else (blocks, each)
        samples = measure(plan, fleet(1, interval, PRIORITY), *counts)
        timer = Duration(timer_of(interval))
        note = f"interval {spell(interval)}, priority {PRIORITY}: the timer of both is {spell(timer)}"
        what = f"takeover past the timer, {spell(interval)}"
        adverts = {kind: [late.first_advert / 1e3 for late in all_] for kind, all_ in samples.items()}
        calls = {kind: [late.first_announcement / 1e3 for late in all_] for kind, all_ in samples.items()}
        rows.append(Row(f"{what}: first advert", "us", adverts, ADVERT_AIM, note, least=0))
        rows.append(Row(f"{what}: first gratuitous ARP", "us", calls, ANNOUNCEMENT_AIM, note))
    return rows


def fleet_takeover(plan: Plan) -> list[Row]:
    """Measure 250 virtual routers that lose their master at once."""
    routers = fleet(FLEET, milliseconds(100), PRIORITY)
    samples = measure(plan, routers, 1 if plan.quick else 3, 2 if plan.quick else 4)
    note = "each router's lateness counts from its own last advert and timer; 250 routers at 100ms"
    rows = []
    for what, field, aim in (
        ("first advert", "first_advert", None),
        ("last advert", "last_advert", None),
        ("first address announced", "first_announcement", None),
        ("last address announced", "last_announcement", FLEET_AIM),
    ):
        values = {kind: [getattr(late, field) / 1e6 for late in all_] for kind, all_ in samples.items()}
        rows.append(Row(f"{FLEET} taken over at once: {what}", "ms", values, aim, note, least=0))
    return rows


def measure(plan: Plan, routers: list[VirtualRouter], blocks: int, each: int) -> dict[str, list[Lateness]]:
    """Return the lateness of ``blocks * each`` takeovers by each daemon, the daemons taking turns."""
    samples: dict[str, list[Lateness]] = {kind.kind: [] for kind in plan.kinds}
    with stage() as here:
        for kind in plan.turns(blocks):
            samples[kind.kind] += one_block(plan, here, kind, routers, each)
    return samples


def one_block(
    plan: Plan, here: Stage, kind: type[Daemon], routers: list[VirtualRouter], each: int
) -> list[Lateness]:
    """Start one daemon and take its master away ``each`` times."""
    interval = routers[0].interval
    timer = timer_of(interval)
    # A master that gives way to one that does not answer speaks four times; then it must be quiet.
    rounds = max(6, min(40, milliseconds(600) // interval))
    with (
        here.capture() as capture,
        ScriptedMaster(here.peer, routers, here.sources(PEER)) as master,
        kind(here.daemon, routers, plan.scratch, plan.realtime) as daemon,
    ):
        daemon.start()
        capture.first(Advert, lambda advert: advert.port == "dut", within=20)  # alone: it takes over
        found: list[Lateness] = []
        for _ in range(3 * each):  # a machine that stole our time may spoil some
            capture.seen.clear()
            master.speak(rounds)
            time.sleep(timer / 1e9 + 0.3 + 0.004 * len(routers))
            late = judge(capture.read(), routers, timer)
            if late is not None:
                found.append(late)
            if len(found) == each:
                return found
    raise RuntimeError(f"{kind.kind}: only {len(found)} of {3 * each} takeovers began with a living master")


def judge(sights: list[Sight], routers: list[VirtualRouter], timer: int) -> Lateness | None:
    """Return the lateness of the takeover just captured; None: the backup spoke before the master died."""
    adverts = [sight for sight in sights if isinstance(sight, Advert)]
    died = {sight.vrid: sight.at for sight in adverts if sight.port == "peer"}  # the last one wins
    if any(
        sight.port == "dut" and died[sight.vrid] - routers[0].interval < sight.at < died[sight.vrid]
        for sight in adverts
    ):
        return None
    router_of = {router.addresses[0].address: router.vrid for router in routers}
    spoke: dict[int, int] = {}  # vrid -> ns past the timer
    called: dict[int, int] = {}
    for sight in sights:
        vrid = sight.vrid if isinstance(sight, Advert) else router_of[sight.address]
        if sight.port == "dut" and sight.at > died[vrid]:
            firsts = spoke if isinstance(sight, Advert) else called
            firsts.setdefault(vrid, sight.at - died[vrid] - timer)
    if len(spoke) < len(routers) or len(called) < len(routers):
        missing = f"{len(spoke)} adverts and {len(called)} announcements of {len(routers)} routers"
        raise RuntimeError(f"the takeover was not complete in time: {missing}")
    return Lateness(min(spoke.values()), min(called.values()), max(spoke.values()), max(called.values()))
