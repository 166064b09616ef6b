"""Values for the tests of the machine: settings, adverts and instants with defaults worth reading.

Our router has priority 100, 192.0.2.10 and, in VRRPv3, an advertisement interval of one second.
"""

from __future__ import annotations

from havip.clock import Duration, Instant
from havip.config.model import Announcing
from havip.vrrp.events import Event
from havip.vrrp.machine import Backup, Initialize, Master, State
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings

NANO = 1_000_000_000
START = 5_000 * NANO

OURS = bytes((192, 0, 2, 10))
PEER = bytes((192, 0, 2, 20))  # above ours
LOW_PEER = bytes((192, 0, 2, 5))  # below ours


def at(offset: float) -> Instant:
    """Return the instant that lies ``offset`` seconds after the test's beginning."""
    return Instant(START + round(offset * NANO))


def s(length: float) -> Duration:
    """Return a length given in seconds."""
    return Duration(round(length * NANO))


def quiet(**changes: object) -> Announcing:
    """Return announcement settings without a second burst or a refresh, but for ``changes``."""
    fields: dict[str, object] = {"repeat": 5, "delay": s(0), "refresh": s(0), "lower_priority_delay": s(0)}
    return Announcing(**{**fields, **changes})  # type: ignore[arg-type]


def us(**changes: object) -> Settings:
    """Return our settings: VRRPv3, VRID 51, priority 100, interval 1 s, but for ``changes``."""
    fields: dict[str, object] = {
        "version": 3,
        "vrid": 51,
        "priority": 100,
        "interval": s(1),
        "address": OURS,
    }
    return Settings(**{**fields, **changes})  # type: ignore[arg-type]


def advert(priority: int, *, interval: float = 1, source: bytes = PEER, version: int = 3) -> Advert:
    """Return what a peer advertises."""
    return Advert(version, 51, priority, s(interval), source, (bytes((192, 0, 2, 100)),))


def name(event: Event) -> str:
    """Return what a test of this event is called: the same in every process, as no set's order is."""
    if isinstance(event, Advert):
        return f"Advert({event.priority}, {event.interval}, {event.source.hex()})"
    return repr(event)


def backup(down_at: float = 3.609375, interval: float = 1, **more: object) -> Backup:
    """Return a backup that has heard no master yet."""
    return Backup(at(down_at), s(interval), **more)  # type: ignore[arg-type]


def master(advertise_at: float = 1, **more: object) -> Master:
    """Return a master whose announcements are all done."""
    return Master(at(advertise_at), **more)  # type: ignore[arg-type]


STATES: tuple[State, ...] = (Initialize(), Initialize("no link"), backup(), master())
