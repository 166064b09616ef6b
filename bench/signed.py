"""What a signature costs, sent and heard: the same fleet with `hmac` and without, in turn.

Debian's keepalived 2.2.7 cannot sign; beside it stand the adverts without.  The scripted master signs by
itself: the bench does not borrow havip's own code to judge it.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Final

from bench.daemons import Havip
from bench.load import AIM, FAST, one_backup, one_master
from bench.plan import Plan
from bench.report import HAVIP, Row
from bench.scripted import ScriptedMaster
from bench.stage import fleet, lans_for, stage
from havip.clock import spell
from havip.config.authentication import Hmac, HmacKey, Secret
from havip.config.model import VirtualRouter
from lab.netns import Host

COUNT: Final = 250
OWNER, BACKUP = 255, 100
NUMBER: Final = 1
KEY: Final = bytes(range(32))
SIGNED: Final = Hmac((HmacKey(Secret(KEY), number=NUMBER),), active_key=NUMBER)
CANNOT: Final = "keepalived 2.2.7 cannot sign"
Measure = Callable[[bool, type], float]  # signed or not, by which daemon: us of CPU time per advert


class SigningMaster(ScriptedMaster):
    """A scripted master that puts a signature behind each advert as it goes."""

    def __init__(self, host: Host, routers: Sequence[VirtualRouter], sources: dict[str, IPv4Address]) -> None:
        super().__init__(host, routers, sources)
        self.sends = [
            (signing(send, packet, sources[router.interface]), packet)
            for router, (send, packet) in zip(routers, self.sends, strict=True)
        ]


def signing(send: Callable[[bytes], int], packet: bytes, source: IPv4Address) -> Callable[[bytes], int]:
    """Return what signs a packet and sends it: 28 octets in keepalived's format, of now."""
    pseudo = bytes((4, packet[0] >> 4, packet[1], 0)) + source.packed + bytes(12)
    covered = pseudo + packet[:6] + bytes(2) + packet[8:]

    def send_signed(packet: bytes) -> int:
        whole, rest = divmod(time.time_ns(), 1_000_000_000)
        head = struct.pack("!BBHIHH", 1, NUMBER, 0, whole, rest * 65536 // 1_000_000_000, 0)
        mac = hmac.digest(KEY, covered + head + bytes(16), hashlib.sha256)
        return send(packet + head + mac[:16])

    return send_signed


def signed(plan: Plan) -> list[Row]:
    """Measure a fleet's CPU time per advert sent and heard, with signatures and without."""
    what = f"{COUNT} x {spell(FAST)}"
    with stage(lans_for(COUNT)) as here:
        masters, backups = fleet(COUNT, FAST, OWNER), fleet(COUNT, FAST, BACKUP)

        def sent(signs: bool, kind: type) -> float:
            return one_master(plan, here, kind, with_keys(masters) if signs else masters)[0]

        def heard(signs: bool, kind: type) -> float:
            voice = SigningMaster if signs else ScriptedMaster
            routers = with_keys(backups) if signs else backups
            return one_backup(plan, here, kind, routers, ScriptedMaster.speak, voice)

        return [
            *rows(plan, f"sent, {what}", sent),
            *rows(plan, f"heard, {what}, in bursts", heard),
        ]


def rows(plan: Plan, what: str, measure: Measure) -> list[Row]:
    """Return the rows of one measurement: without, with, and what the one is of the other."""
    plain: dict[str, list[float]] = {kind.kind: [] for kind in plan.kinds}
    with_it: dict[str, list[float]] = {kind.kind: [] for kind in plan.kinds}
    for kind in plan.turns(1 if plan.quick else 3):
        plain[kind.kind].append(measure(False, kind))
        if kind is Havip:
            with_it[kind.kind].append(measure(True, kind))
    pairs = zip(with_it.get(HAVIP, ()), plain.get(HAVIP, ()), strict=True)
    return [
        Row(f"CPU per advert {what}, unsigned", "us", plain, AIM),
        Row(f"CPU per advert {what}, signed", "us", with_it, note=CANNOT),
        Row(f"signed over unsigned, {what}", "x", {HAVIP: [one / other for one, other in pairs]}),
    ]


def with_keys(routers: Sequence[VirtualRouter]) -> list[VirtualRouter]:
    """Return the same virtual routers, which sign."""
    return [replace(router, hmac=SIGNED) for router in routers]
