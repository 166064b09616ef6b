"""What happens to a MASTER: RFC 9568 section 6.4.3, and what keeps its addresses reachable.

Pure, like `machine`, which hands every event of a MASTER to `in_master`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from havip.clock import NEVER, Instant, after, seconds, spell
from havip.vrrp import election, states
from havip.vrrp.actions import (
    Action,
    AddAddresses,
    AnnounceAddresses,
    HeardWeaker,
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
    Recall,
    SettingsChanged,
    Start,
    StepDown,
    Stop,
    TakeOver,
    Tick,
)
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings
from havip.vrrp.states import Backup, Initialize, Master, Parting, Step, later

RETRY_REFUSED = seconds(60)  # how long a router stands aside whose addresses the kernel refuses
FAREWELLS = 3  # more of them, if the better master seems not to have heard the first
REFUSALS_BORNE = 3  # asked again this many times, one advertisement interval apart, before that


def in_master(us: Settings, state: Master, event: Event, now: Instant) -> Step:
    """Section 6.4.3: say that we are there, and give way to a better master."""
    match event:
        case Tick() | Advert() if us.stall and now - state.advertise_at > us.stall:
            return after_a_stall(us, state, now)
        case Tick():
            return on_deadlines(us, state, now)
        case Advert():
            return on_advert(us, state, event, now)
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
        case Impeded(reason=reason):
            return Initialize(reason), [SendAdvert(0), RemoveAddresses(), Tell(reason)]
        case Stop():
            return Initialize(), [SendAdvert(0), RemoveAddresses(), Tell("stopped")]
        case StepDown():
            return step_down(us, state, event, now)
        case Recall():
            return call_back(us, state, now, heard=False)
        case Cleared() | Start() | TakeOver():
            return state, []
        case _:
            assert_never(event)


def on_advert(us: Settings, state: Master, advert: Advert, now: Instant) -> Step:
    """Answer another master."""
    if election.resigns(advert):
        # Section 6.4.3: speak at once.  And it was master until now, beside us: it may have called our
        # clients to itself, so they are called back.
        state, actions = on_weaker(us, state, now)
        return replace(state, advertise_at=after(now, us.interval)), [SendAdvert(us.priority), *actions]
    if election.we_give_way(us, advert):
        # A last advert, beyond section 6.4.3: the winner cannot know otherwise that clients were called
        # to us (two halves of a LAN have just joined), and it answers a weaker master by calling them.
        # Not if we promise more adverts than the winner does: backups would learn our interval from it,
        # and take over before the winner's next one.
        parting = [SendAdvert(us.priority)] if states.may_part(us, advert) else []
        why = f"a better master advertises with priority {advert.priority}"
        backup = replace(states.follow(us, advert, now, None), parting=Parting(FAREWELLS, now))
        return backup, [*parting, RemoveAddresses(), Tell(why)]
    state, actions = on_weaker(us, state, now)
    # Tell the weaker master and the switches at once who is master.
    return state, [SendAdvert(us.priority), *actions] if us.answer_lower_priority else actions


def on_weaker(us: Settings, state: Master, now: Instant) -> tuple[Master, list[Action]]:
    """Do what a weaker master beside us makes necessary, but for the advert."""
    if us.answer_lower_priority:
        return call_back(us, state, now)
    if now < state.answered_until:
        return state, []
    return replace(state, answered_until=after(now, us.interval)), [HeardWeaker()]


def call_back(us: Settings, state: Master, now: Instant, heard: bool = True) -> tuple[Master, list[Action]]:
    """Call the clients that another master may have called to itself; ``heard``: we heard it ourselves.

    One burst now and one after the delay.  A stream of weak adverts cannot make them more than two in an
    interval; but one heard after a burst is answered with another, when the interval is over at the
    latest: the weaker master may have called the clients in between, and may now be silent for good.
    """
    repeat = us.announce.lower_priority_repeat
    if now < state.answered_until:
        again_at = min(state.announce_at, state.answered_until)
        return replace(state, announce_at=again_at, announce_repeat=repeat), []
    actions: list[Action] = [AnnounceAddresses(repeat), *([HeardWeaker()] if heard else [])]
    state = replace(state, answered_until=after(now, us.interval))
    again_at = later(now, us.announce.lower_priority_delay)
    if again_at == NEVER:
        return state, actions  # a second burst of the takeover's stays as it is
    return replace(state, announce_at=again_at, announce_repeat=repeat), actions


def step_down(us: Settings, state: Master, event: StepDown, now: Instant) -> Step:
    """Give the addresses to whoever takes them; if nobody does, they are ours again."""
    if us.owner and event.defer:
        return state, []  # RFC 9568 section 7.1: the owner hears nobody to whom it could defer
    wait = max(us.master_down(us.interval), event.wait)
    backup = Backup(after(now, wait), us.interval, deferring=event.defer)
    if not event.defer:
        backup = replace(backup, parting=Parting(FAREWELLS, now))
    return backup, [SendAdvert(0), RemoveAddresses(), Tell(event.why)]


def after_a_stall(us: Settings, state: Master, now: Instant) -> Step:
    """Believe that a backup has taken over while we stood still, and do not fight it."""
    still = spell(now - state.advertise_at)
    backup = Backup(after(now, us.master_down(us.interval)), us.interval)
    return backup, [RemoveAddresses(), Tell(f"stood still for {still}, so a backup has taken over")]


def still_master(us: Settings, state: Master, now: Instant) -> Master:
    """Go by new settings, which an advert tells at once; periodic announcements may have been turned on."""
    refresh_at = min(state.refresh_at, later(now, us.announce.refresh)) if us.announce.refresh else NEVER
    return replace(state, advertise_at=after(now, us.interval), refresh_at=refresh_at)


def on_deadlines(us: Settings, state: Master, now: Instant) -> Step:
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


def on_refusal(us: Settings, state: Master, reason: str, now: Instant) -> Step:
    """Ask again a few times; then let another router have the addresses, and stand aside a while."""
    if state.retry_at != NEVER:
        return state, []  # one more address of a batch that was refused already
    if state.refusals >= REFUSALS_BORNE:
        aside = Initialize(reason, retry_at=after(now, RETRY_REFUSED))
        return aside, [SendAdvert(0), RemoveAddresses(), Tell(reason)]
    return replace(state, retry_at=after(now, us.interval), refusals=state.refusals + 1), []
