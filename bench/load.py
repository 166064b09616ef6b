"""What a daemon costs while nothing happens: CPU time per advert sent and heard, and memory.

CPU time is what the scheduler accounts to all of the daemon's threads during a window, so it holds the
kernel's work that runs in their context too.  Adverts are counted by the interfaces, not by a capture,
which would add to the cost of each.  A bare loop over the same packets gives the floor.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from bench import usage
from bench.daemons import Daemon
from bench.plan import Plan
from bench.report import Row
from bench.scripted import GROUP, VRRP, ScriptedMaster, index_of
from bench.stage import DAEMON, PEER, Stage, fleet, lans_for, stage
from bench.wire import Advert
from havip.clock import Duration, milliseconds, seconds, spell
from havip.config.model import VirtualRouter
from lab.netns import Host

OWNER: Final = 255
BACKUP: Final = 100
AIM: Final = 0.5
FAST, FASTEST = milliseconds(100), milliseconds(10)
SIZES: Final = ((1, FAST), (250, FAST), (250, FASTEST), (1000, FAST))
FLOOR_PACKETS: Final = 200 * 20
MEGABYTE: Final = 1 << 20

Speak: TypeAlias = Callable[[ScriptedMaster, int], None]


@dataclass(frozen=True, slots=True)
class Counters:
    """Packets through the interfaces of a host, loopback aside."""

    received: int
    sent: int


def counters(host: Host) -> Counters:
    """Return the host's counters now."""
    with host.entered():
        lines = Path("/proc/thread-self/net/dev").read_text().splitlines()[2:]
    fields = [line.split(":")[1].split() for line in lines if not line.lstrip().startswith("lo:")]
    return Counters(sum(int(words[1]) for words in fields), sum(int(words[9]) for words in fields))


def sizes(plan: Plan) -> Sequence[tuple[int, Duration]]:
    """Return the fleets to measure: how many routers, and how often each advertises."""
    return SIZES[:2] if plan.quick else SIZES


def window_of(plan: Plan, count: int) -> Duration:
    """Return how long to measure: one router says little in a second."""
    return seconds((2 if plan.quick else 3) * (2 if count == 1 else 1))


def sending(plan: Plan) -> list[Row]:
    """Measure a master's CPU time per advert, and its memory."""
    rows = []
    for count, interval in sizes(plan):
        routers = fleet(count, interval, OWNER)
        costs: dict[str, list[float]] = {kind.kind: [] for kind in plan.kinds}
        missed: dict[str, list[float]] = {kind.kind: [] for kind in plan.kinds}
        memory: dict[str, list[float]] = {kind.kind: [] for kind in plan.kinds}
        with stage(lans_for(count)) as here:
            floor = floor_of_sending(here, routers)
            for kind in plan.turns(1 if plan.quick else 3):
                cost, sent, held = one_master(plan, here, kind, routers)
                costs[kind.kind].append(cost)
                missed[kind.kind].append(100 * max(0.0, 1 - sent))
                memory[kind.kind].append(held / MEGABYTE)
        what = f"{count} x {spell(interval)}"
        note = f"the same packets sent in a bare loop (kernel floor), {what}: {floor:.1f} us each"
        rows.append(Row(f"CPU per advert sent, {what}", "us", costs, AIM, note))
        if count > 1:
            rows.append(Row(f"adverts not sent of those due, {what}", "%", missed))
        if interval == FAST:
            rows.append(Row(f"memory (PSS, all processes), {count} masters", "MB", memory))
    return rows


def one_master(
    plan: Plan, here: Stage, kind: type[Daemon], routers: list[VirtualRouter]
) -> tuple[float, float, int]:
    """Return us of CPU time per advert, the share of the due adverts that was sent, and bytes of memory."""
    length = window_of(plan, len(routers))
    with kind(here.daemon, routers, plan.scratch, plan.realtime) as daemon:
        with here.capture(len(here.lans) - 1) as capture:
            daemon.start()
            capture.first(Advert, lambda advert: advert.vrid == routers[-1].vrid, within=30)
        time.sleep(2)  # the first announcements and the kernel's own chatter about the new groups
        pids = daemon.pids()
        before, used = counters(here.daemon), usage.cpu_time(pids)
        begun = time.monotonic_ns()
        time.sleep(length / 1e9)
        after, used = counters(here.daemon), usage.cpu_time(pids) - used
        lasted = time.monotonic_ns() - begun
        held = usage.memory(pids).proportional
    sent = after.sent - before.sent
    return used / 1e3 / sent, sent * routers[0].interval / (lasted * len(routers)), held


def hearing(plan: Plan) -> list[Row]:
    """Measure a backup's CPU time per advert."""
    rows = []
    for count, interval in sizes(plan):
        routers = fleet(count, interval, BACKUP)
        ways: list[tuple[str, Speak]] = [("", ScriptedMaster.speak)]
        if count > 1 and interval == FAST:
            ways = [(", in bursts", ScriptedMaster.speak), (", evenly spread", ScriptedMaster.speak_evenly)]
        with stage(lans_for(count)) as here:
            floor = floor_of_hearing(here, routers)
            for way, speak in ways:
                costs: dict[str, list[float]] = {kind.kind: [] for kind in plan.kinds}
                for kind in plan.turns(1 if plan.quick else 3):
                    costs[kind.kind].append(one_backup(plan, here, kind, routers, speak))
                what = f"{count} x {spell(interval)}"
                note = f"the same packets read in a bare loop (kernel floor), {what}: {floor:.1f} us each"
                rows.append(Row(f"CPU per advert heard, {what}{way}", "us", costs, AIM, note))
    return rows


def one_backup(
    plan: Plan,
    here: Stage,
    kind: type[Daemon],
    routers: list[VirtualRouter],
    speak: Speak,
    voice: type[ScriptedMaster] = ScriptedMaster,
) -> float:
    """Return us of CPU time per advert heard by a backup that has nothing else to do."""
    interval = routers[0].interval
    rounds = window_of(plan, len(routers)) // interval
    with (
        voice(here.peer, routers, here.sources(PEER)) as master,
        kind(here.daemon, routers, plan.scratch, plan.realtime) as daemon,
    ):
        daemon.start()
        speak(master, seconds(2) // interval)
        for _ in range(3):
            pids = daemon.pids()
            before, used = counters(here.daemon), usage.cpu_time(pids)
            speak(master, rounds)
            used, after = usage.cpu_time(pids) - used, counters(here.daemon)
            daemon.running()  # or raises: the dead hear cheaply
            if after.sent - before.sent < 10:  # else it was master for a moment: the machine stole time
                return used / 1e3 / (after.received - before.received)
    raise RuntimeError(f"{kind.kind} would not stay backup of {len(routers)} routers")


def floor_of_sending(here: Stage, routers: list[VirtualRouter]) -> float:
    """Return us of CPU time per packet of a loop that does nothing but send what the master sends."""
    with ScriptedMaster(here.daemon, routers, here.sources(DAEMON)) as voice:
        begun = time.thread_time_ns()
        for number in range(FLOOR_PACKETS):
            send, packet = voice.sends[number % len(voice.sends)]
            send(packet)
        return (time.thread_time_ns() - begun) / 1e3 / FLOOR_PACKETS


def floor_of_hearing(here: Stage, routers: list[VirtualRouter]) -> float:
    """Return us of CPU time per packet of a loop that does nothing but read what the backup hears."""
    first = [router for router in routers if router.interface == "eth0"]
    with here.daemon.entered(), socket.socket(socket.AF_INET, socket.SOCK_RAW, VRRP) as ear:
        group = struct.pack("@4s4si", GROUP.packed, bytes(4), index_of(here.daemon, "eth0"))
        ear.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
        ear.settimeout(5)
        spent = 0
        with ScriptedMaster(here.peer, first, {"eth0": here.sources(PEER)["eth0"]}) as master:
            for _ in range(FLOOR_PACKETS // 200):
                for number in range(200):
                    send, packet = master.sends[number % len(master.sends)]
                    send(packet)
                begun = time.thread_time_ns()
                for _ in range(200):
                    ear.recv(2048)
                spent += time.thread_time_ns() - begun
    return spent / 1e3 / FLOOR_PACKETS
