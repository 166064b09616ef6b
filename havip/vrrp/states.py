"""The states of one virtual router, how each begins, and when each wants its next `Tick`.

Deadlines live inside the states, so a stale timer cannot exist.  What an event does to a state is decided in
`machine` and `master`.

Words: MASTER and BACKUP are RFC 9568's Active and Backup; FAULT is its Initialize with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias, assert_never

from havip.clock import NEVER, Duration, Instant, after
from havip.vrrp.actions import Action, AddAddresses, AnnounceAddresses, SendAdvert, Tell
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings

LONG_AGO = Instant(0)


@dataclass(frozen=True, slots=True)
class Initialize:
    """We take no part: not started, stopped, or in FAULT for the reason ``fault``."""

    fault: str | None = None
    retry_at: Instant = NEVER  # when to try again by ourselves


class Parting(NamedTuple):
    """How often we may still say that we were MASTER, and when we said so last."""

    left: int
    said_at: Instant


@dataclass(frozen=True, slots=True)
class Backup:
    """Another router forwards; we take over at ``master_down_at`` unless it speaks first."""

    master_down_at: Instant
    master_interval: Duration  # as the master last advertised it; ours until one is heard
    preempt_at: Instant | None = None  # a weaker master was heard: when we may stop following it
    master: bytes | None = None  # address of the master last followed
    resigned: bool = False  # it said so itself: only the skew separates us from its place
    waiting: bool = False  # we would be MASTER, but for the others of our sync group
    deferring: bool = False  # we stepped down: whoever takes over is followed until it fails or resigns
    parting: Parting | None = None  # we gave way, and the better master may not have heard that we were one


@dataclass(frozen=True, slots=True)
class Master:
    """We forward, and say so at ``advertise_at``."""

    advertise_at: Instant
    announce_at: Instant = NEVER  # second burst after taking over
    announce_repeat: int = 0
    refresh_at: Instant = NEVER  # next periodic burst
    retry_at: Instant = NEVER  # when to ask the kernel again for addresses that it refused
    refusals: int = 0  # in a row
    answered_until: Instant = LONG_AGO  # a weaker master heard before then is answered with a burst then


State: TypeAlias = Initialize | Backup | Master
Step: TypeAlias = tuple[State, list[Action]]


def next_deadline(state: State) -> Instant:
    """Return when the state wants its next `Tick`."""
    match state:
        case Master():
            return min(state.advertise_at, state.announce_at, state.refresh_at, state.retry_at)
        case Backup():
            return state.master_down_at
        case Initialize():
            return state.retry_at
        case _:
            assert_never(state)


def begin(us: Settings, now: Instant, why: str, first: bool = False, defer: bool = False) -> Step:
    """Section 6.4.1: the owner of the addresses is master at once, anybody else listens first.

    ``first``: this is a start and no recovery, so ``start: master`` shortens the wait to one interval.
    ``defer``: follow any master, as after `StepDown`.
    """
    if us.owner:
        return become_master(us, now, f"{why}, and we own the addresses")
    wait = us.first_wait if first else us.master_down(us.interval)
    return Backup(after(now, wait), us.interval, deferring=defer), [Tell(why)]


def become_master(us: Settings, now: Instant, why: str) -> Step:
    """Sections 6.4.1 and 6.4.2: speak first, then take the addresses, then call the neighbours."""
    return Master(
        advertise_at=after(now, us.interval),
        announce_at=later(now, us.announce.delay),
        announce_repeat=us.announce.repeat,
        refresh_at=later(after(now, us.announce.delay), us.announce.refresh),
    ), [
        SendAdvert(us.priority),
        AddAddresses(),
        AnnounceAddresses(us.announce.repeat),  # last: call nobody to an address we do not hold yet
        Tell(why),
    ]


def follow(
    us: Settings, advert: Advert, now: Instant, preempt_at: Instant | None, deferring: bool = False
) -> Backup:
    """Believe in this master until it has been silent for Master_Down_Interval by its own interval."""
    interval = us.interval if us.version == 2 else advert.interval
    down_at = after(now, us.master_down(interval))
    return Backup(down_at, interval, preempt_at, advert.source, deferring=deferring)


def may_part(us: Settings, advert: Advert) -> bool:
    """Say whether one that gives way to this master may say once more that it was there."""
    return us.last_word and us.interval >= advert.interval


def later(now: Instant, length: Duration) -> Instant:
    """Return ``length`` from now, or NEVER for the length 0, which turns a repetition off."""
    return after(now, length) if length else NEVER
