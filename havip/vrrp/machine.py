"""One virtual router's election: RFC 9568 section 6.4, and nothing else.

No sockets, clocks, tasks or logs.  The caller brings the time and carries out the actions in order.
Deadlines live inside the states, so a stale timer cannot exist.

Words: MASTER and BACKUP are RFC 9568's Active and Backup; FAULT is its Initialize with a reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from havip.clock import NEVER, Duration, Instant, after, seconds, spell
from havip.vrrp import election
from havip.vrrp.actions import (
    Action,
    AddAddresses,
    AnnounceAddresses,
    RemoveAddresses,
    SendAdvert,
    Tell,
)
from havip.vrrp.events import (
    AddressesLost,
    AddressesRefused,
    Cleared,
    Event,
    Impeded,
    SettingsChanged,
    Start,
    Stop,
    Tick,
)
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings

RETRY_REFUSED = seconds(60)  # how long a router stands aside whose addresses the kernel refuses
LONG_AGO = Instant(0)
REFUSALS_BORNE = 3  # asked again this many times, one advertisement interval apart, before that


@dataclass(frozen=True, slots=True)
class Initialize:
    """We take no part: not started, stopped, or in FAULT for the reason ``fault``."""

    fault: str | None = None
    retry_at: Instant = NEVER  # when to try again by ourselves


@dataclass(frozen=True, slots=True)
class Backup:
    """Another router forwards; we take over at ``master_down_at`` unless it speaks first."""

    master_down_at: Instant
    master_interval: Duration  # as the master last advertised it; ours until one is heard
    preempt_at: Instant | None = None  # a weaker master was heard: when we may stop following it
    master: bytes | None = None  # address of the master last followed
    resigned: bool = False  # it said so itself: only the skew separates us from its place


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


def step(us: Settings, state: State, event: Event, now: Instant) -> Step:
    """Return the state after ``event``, and what to do, in order."""
    match state:
        case Master():
            return in_master(us, state, event, now)
        case Backup():
            return in_backup(us, state, event, now)
        case Initialize():
            return in_initialize(us, state, event, now)
        case _:
            assert_never(state)


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


def in_initialize(us: Settings, state: Initialize, event: Event, now: Instant) -> Step:
    """Section 6.4.1: wait to be started."""
    match event:
        case Start(resume=True):
            return become_master(us, now, "resumed: our own adverts still bind the peers")
        case Start():
            return begin(us, now, "started")
        case Cleared() if state.fault is not None:
            return begin(us, now, f"recovered from: {state.fault}")
        case Cleared():
            return state, []  # stopped, or not yet started: that alone starts nothing
        case Impeded(reason=reason):
            return Initialize(reason), [Tell(reason)]
        case Tick() if now >= state.retry_at:
            return begin(us, now, f"trying again after: {state.fault}")
        case Stop():
            return Initialize(), [Tell("stopped")]
        case Tick() | Advert() | SettingsChanged() | AddressesLost() | AddressesRefused():
            return state, []
        case _:
            assert_never(event)


def in_backup(us: Settings, state: Backup, event: Event, now: Instant) -> Step:
    """Section 6.4.2: decide when to stop believing in the master."""
    match event:
        case Advert() if election.resigns(event):
            # Only the skew is left, so the best backup gets there first.  A resignation never postpones:
            # a stream of them could keep every backup waiting for a master that died.
            skewed = after(now, us.skew(state.master_interval))
            down_at = min(state.master_down_at, skewed)
            return replace(state, master_down_at=down_at, resigned=True), []
        case Advert() if election.we_keep_waiting(us, event):
            return follow(us, event, now, None), []
        case Advert() if us.preempt_delay and (state.preempt_at is None or now < state.preempt_at):
            # The delay runs from the first advert of a weaker master; until it ends we follow.
            return follow(us, event, now, state.preempt_at or after(now, us.preempt_delay)), []
        case Advert():
            return state, []  # a weaker master: stay silent and let master_down_at arrive
        case Tick() if now < state.master_down_at:
            return state, []
        case Tick():
            silent = spell(us.master_down(state.master_interval))
            why = "the master resigned" if state.resigned else f"no better master heard for {silent}"
            return become_master(us, now, why)
        case SettingsChanged():
            return still_backup(us, state, now), []
        case Cleared():
            return state, []
        case Impeded(reason=reason):
            return Initialize(reason), [Tell(reason)]
        case Stop():
            return Initialize(), [Tell("stopped")]
        case Start() | AddressesLost() | AddressesRefused():
            return state, []  # already running, and holding no addresses
        case _:
            assert_never(event)


def in_master(us: Settings, state: Master, event: Event, now: Instant) -> Step:
    """Section 6.4.3: say that we are there, and give way to a better master."""
    match event:
        case Tick():
            return on_master_deadlines(us, state, now)
        case Advert() if election.resigns(event):
            return replace(state, advertise_at=after(now, us.interval)), [SendAdvert(us.priority)]
        case Advert() if election.we_give_way(us, event):
            # A last advert, beyond section 6.4.3: the winner cannot know otherwise that clients were called
            # to us (two halves of a LAN have just joined), and it answers a weaker master by calling them.
            # Not if we promise more adverts than the winner does: backups would learn our interval from it,
            # and take over before the winner's next one.
            parting = [SendAdvert(us.priority)] if us.interval >= event.interval else []
            why = f"a better master advertises with priority {event.priority}"
            return follow(us, event, now, None), [*parting, RemoveAddresses(), Tell(why)]
        case Advert() if us.answer_lower_priority:
            # Tell the weaker master and the switches at once who is master.
            return reassert(us, state, now)
        case Advert():
            return state, []
        case SettingsChanged(addresses=True):
            return replace(still_master(us, state, now), retry_at=NEVER, refusals=0), [
                SendAdvert(us.priority),
                AddAddresses(),
                AnnounceAddresses(us.announce.repeat),
            ]
        case SettingsChanged():
            return still_master(us, state, now), [SendAdvert(us.priority)]
        case AddressesLost():
            return state, [AddAddresses(), AnnounceAddresses(1)]
        case AddressesRefused(reason=reason):
            return on_refusal(us, state, reason, now)
        case Cleared():
            return state, []
        case Impeded(reason=reason):
            return Initialize(reason), [SendAdvert(0), RemoveAddresses(), Tell(reason)]
        case Stop():
            return Initialize(), [SendAdvert(0), RemoveAddresses(), Tell("stopped")]
        case Start():
            return state, []
        case _:
            assert_never(event)


def begin(us: Settings, now: Instant, why: str) -> Step:
    """Section 6.4.1: the owner of the addresses is master at once, anybody else listens first."""
    if us.owner:
        return become_master(us, now, f"{why}, and we own the addresses")
    return Backup(after(now, us.master_down(us.interval)), us.interval), [Tell(why)]


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


def follow(us: Settings, advert: Advert, now: Instant, preempt_at: Instant | None) -> Backup:
    """Believe in this master until it has been silent for Master_Down_Interval by its own interval."""
    interval = us.interval if us.version == 2 else advert.interval
    return Backup(after(now, us.master_down(interval)), interval, preempt_at, advert.source)


def still_backup(us: Settings, state: Backup, now: Instant) -> Backup:
    """Go by new settings: a shorter wait binds at once, a longer one from the next advert on."""
    learned = us.version == 3 and state.master is not None
    interval = state.master_interval if learned else us.interval
    preempt_at = state.preempt_at
    if preempt_at is not None:
        preempt_at = min(preempt_at, after(now, us.preempt_delay))
    down_at = min(state.master_down_at, after(now, us.master_down(interval)))
    return replace(state, master_down_at=down_at, master_interval=interval, preempt_at=preempt_at)


def still_master(us: Settings, state: Master, now: Instant) -> Master:
    """Go by new settings, which an advert tells at once; periodic announcements may have been turned on."""
    refresh_at = min(state.refresh_at, later(now, us.announce.refresh)) if us.announce.refresh else NEVER
    return replace(state, advertise_at=after(now, us.interval), refresh_at=refresh_at)


def on_master_deadlines(us: Settings, state: Master, now: Instant) -> Step:
    """Do whatever is due as master; adverts move on from their own deadline, so they do not drift."""
    actions: list[Action] = []
    if now >= state.advertise_at:
        on_time = after(state.advertise_at, us.interval)
        advertise_at = on_time if on_time > now else after(now, us.interval)
        actions.append(SendAdvert(us.priority))
        if now < min(state.announce_at, state.refresh_at, state.retry_at):  # the usual case
            return (
                Master(
                    advertise_at,
                    state.announce_at,
                    state.announce_repeat,
                    state.refresh_at,
                    state.retry_at,
                    state.refusals if state.retry_at != NEVER else 0,  # an interval without one: no row
                    state.answered_until,
                ),
                actions,
            )
        state = replace(state, advertise_at=advertise_at)
    if now >= state.retry_at:
        state = replace(state, retry_at=NEVER)
        actions += [AddAddresses(), AnnounceAddresses(us.announce.repeat)]
    if now >= state.announce_at:
        actions.append(AnnounceAddresses(state.announce_repeat))
        state = replace(state, announce_at=NEVER)
    if now >= state.refresh_at:
        actions.append(AnnounceAddresses(us.announce.refresh_repeat))
        state = replace(state, refresh_at=later(now, us.announce.refresh))
    return state, actions


def reassert(us: Settings, state: Master, now: Instant) -> Step:
    """Answer a weaker master: an advert for it, announcements for whoever believed it.

    One burst now and one after the delay.  A stream of weak adverts cannot make them more than two in an
    interval; but one heard after a burst is answered with another, when the interval is over at the
    latest: the weaker master may have called the clients in between, and may now be silent for good.
    """
    actions: list[Action] = [SendAdvert(us.priority)]
    repeat = us.announce.lower_priority_repeat
    if now < state.answered_until:
        again_at = min(state.announce_at, state.answered_until)
    else:
        actions.append(AnnounceAddresses(repeat))
        state = replace(state, answered_until=after(now, us.interval))
        again_at = later(now, us.announce.lower_priority_delay)
        if again_at == NEVER:
            return state, actions  # a second burst of the takeover's stays as it is
    return replace(state, announce_at=again_at, announce_repeat=repeat), actions


def on_refusal(us: Settings, state: Master, reason: str, now: Instant) -> Step:
    """Ask again a few times; then let another router have the addresses, and stand aside a while."""
    if state.retry_at != NEVER:
        return state, []  # one more address of a batch that was refused already
    if state.refusals >= REFUSALS_BORNE:
        aside = Initialize(reason, retry_at=after(now, RETRY_REFUSED))
        return aside, [SendAdvert(0), RemoveAddresses(), Tell(reason)]
    return replace(state, retry_at=after(now, us.interval), refusals=state.refusals + 1), []


def later(now: Instant, length: Duration) -> Instant:
    """Return ``length`` from now, or NEVER for the length 0, which turns a repetition off."""
    return after(now, length) if length else NEVER
