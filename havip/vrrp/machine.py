"""One virtual router's election: RFC 9568 section 6.4, and nothing else.

No sockets, clocks, tasks or logs.  The caller brings the time and carries out the actions in order.
`states` says what there is to be; what a MASTER does is in `master`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from havip.clock import Instant, after, spell
from havip.vrrp import election, states
from havip.vrrp.actions import Followed, SendAdvert, Tell
from havip.vrrp.events import (
    AddressesLost,
    AddressesRefused,
    Cleared,
    Event,
    Impeded,
    Recall,
    SettingsChanged,
    Start,
    StepDown,
    Stop,
    TakeOver,
    Tick,
)
from havip.vrrp.master import in_master
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings
from havip.vrrp.states import (
    Backup,
    Initialize,
    Master,
    Parting,
    State,
    Step,
    become_master,
    begin,
    next_deadline,
)

__all__ = ["Backup", "Initialize", "Master", "State", "Step", "next_deadline", "step"]


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


def in_initialize(us: Settings, state: Initialize, event: Event, now: Instant) -> Step:
    """Section 6.4.1: wait to be started."""
    match event:
        case Start(resume=True):
            return become_master(us, now, "resumed: our own adverts still bind the peers")
        case Start(farewell=True):
            waiting = Backup(after(now, us.first_wait), us.interval)  # an owner waits for its group, too
            return waiting, [SendAdvert(0), Tell("started")]
        case Start(defer=defer):
            return begin(us, now, "started", first=True, defer=defer)
        case Cleared() if state.fault is not None:
            return begin(us, now, f"recovered from: {state.fault}")
        case Cleared():
            return state, []  # stopped, or not yet started: a good link alone starts nothing
        case Impeded(reason=reason):
            return Initialize(reason), [Tell(reason)]
        case Tick() if now >= state.retry_at:
            return begin(us, now, f"trying again after: {state.fault}")
        case Stop():
            return Initialize(), [Tell("stopped")]
        case Tick() | Advert() | SettingsChanged() | AddressesLost() | AddressesRefused():
            return state, []
        case StepDown() | TakeOver() | Recall():
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
            return replace(state, master_down_at=down_at, resigned=True, deferring=False), []
        case Advert() if election.we_keep_waiting(us, event) or state.deferring:
            if state.parting is not None or state.deferring:
                return after_leaving(us, state, event, now)
            return states.follow(us, event, now, None), []
        case Advert() if us.preempt_delay and (state.preempt_at is None or now < state.preempt_at):
            # The delay runs from the first advert of a weaker master; until it ends we follow.
            return states.follow(us, event, now, state.preempt_at or after(now, us.preempt_delay)), []
        case Advert():
            return state, []  # a weaker master: stay silent and let master_down_at arrive
        case Tick() if now < state.master_down_at:
            return state, []
        case Tick():
            silent = spell(us.master_down(state.master_interval))
            why = "the master resigned" if state.resigned else f"no better master heard for {silent}"
            return become_master(us, now, why)
        case TakeOver(why=why):
            return become_master(us, now, why)
        case SettingsChanged():
            return still_backup(us, state, now), []
        case Cleared():
            return state, []
        case Impeded(reason=reason):
            return Initialize(reason), [Tell(reason)]
        case Stop():
            return Initialize(), [Tell("stopped")]
        case Start() | AddressesLost() | AddressesRefused() | StepDown() | Recall():
            return state, []  # already running, and holding no addresses
        case _:
            assert_never(event)


def after_leaving(us: Settings, state: Backup, advert: Advert, now: Instant) -> Step:
    """Follow the master after us; tell a better one that we were master beside it, unless it has heard that.

    Clients were called to us, and only it can call them back.  It answers a weaker master at once, so an
    advert that comes long before the next one is due is the answer to ours.
    """
    backup = states.follow(us, advert, now, None, state.deferring)
    if state.deferring:
        return backup, [] if advert.source == state.master else [Followed()]
    if state.parting is None or not election.we_give_way(us, advert):
        return replace(backup, parting=state.parting), []
    left, said_at = state.parting
    if not left or now - said_at < advert.interval // 2 or not states.may_part(us, advert):
        return backup, []
    return replace(backup, parting=Parting(left - 1, now)), [SendAdvert(us.priority)]


def still_backup(us: Settings, state: Backup, now: Instant) -> Backup:
    """Go by new settings: a shorter wait binds at once, a longer one from the next advert on."""
    learned = us.version == 3 and state.master is not None
    interval = state.master_interval if learned else us.interval
    preempt_at = state.preempt_at
    if preempt_at is not None:
        preempt_at = min(preempt_at, after(now, us.preempt_delay))
    down_at = min(state.master_down_at, after(now, us.master_down(interval)))
    return replace(state, master_down_at=down_at, master_interval=interval, preempt_at=preempt_at)
