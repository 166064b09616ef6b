"""Mutants: the real code with one fault each, for the tests of the simulator itself.

A mutant is a function that patches one thing in the machine, the election, the packets, the kernel's model
or the worker's loop, for as long as one test runs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from havip.clock import Duration, Instant, after, seconds
from havip.errors import Refusal
from havip.vrrp import machine, timing
from havip.vrrp.actions import Action, AddAddresses, RemoveAddresses, SendAdvert
from havip.vrrp.events import Cleared, Event, Stop, Tick
from havip.vrrp.machine import Backup, Initialize, Master, State, Step
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings
from tests.sim.host import Host
from tests.sim.lan import Lan

Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]
Change = Callable[[Settings, State, Event, Instant, State, list[Action]], Step]


def mutant(change: Change) -> Mutant:
    """Return a mutant that lets ``change`` have the last word on every step."""

    def patch(monkeypatch: Patch) -> None:
        real = machine.step

        def step(us: Settings, before: State, event: Event, now: Instant) -> Step:
            return change(us, before, event, now, *real(us, before, event, now))

        monkeypatch.setattr(machine, "step", step)

    return patch


def without(kind: type[Action], on: Any = object) -> Mutant:
    """Return a mutant that leaves out all actions of one kind, where these events ask for them."""
    return mutant(
        lambda us, before, event, now, state, actions: (
            state,
            [action for action in actions if not (isinstance(action, kind) and isinstance(event, on))],
        )
    )


def instead(module: object, name: str, value: object) -> Mutant:
    """Return a mutant that has another ``module.name``."""
    return lambda monkeypatch: monkeypatch.setattr(module, name, value)


def twice(
    us: Settings, before: State, event: Event, now: Instant, state: State, actions: list[Action]
) -> Step:
    """Add addresses that were added."""
    return state, [again for action in actions for again in [action] * (1 + isinstance(action, AddAddresses))]


def loud(action: Action) -> Mutant:
    """Return a mutant that does something as backup at every advert."""

    def change(
        us: Settings, before: State, event: Event, now: Instant, state: State, actions: list[Action]
    ) -> Step:
        heard = isinstance(before, Backup) and isinstance(state, Backup) and isinstance(event, Advert)
        return state, [*actions, action] if heard else actions

    return mutant(change)


def undead(
    us: Settings, before: State, event: Event, now: Instant, state: State, actions: list[Action]
) -> Step:
    """Resign, and stay."""
    if isinstance(event, Stop) and isinstance(before, Master):
        return replace(before, advertise_at=after(now, us.interval)), [SendAdvert(0)]
    return state, actions


def distracted(
    us: Settings, before: State, event: Event, now: Instant, state: State, actions: list[Action]
) -> Step:
    """Postpone our own advert because of another's."""
    if isinstance(before, Master) and isinstance(state, Master) and isinstance(event, Advert):
        unsaid: list[Action] = [action for action in actions if not isinstance(action, SendAdvert)]
        return replace(state, advertise_at=after(now, us.interval)), unsaid
    return state, actions


def patient(
    us: Settings, before: State, event: Event, now: Instant, state: State, actions: list[Action]
) -> Step:
    """Wait ten times as long for a master."""
    if isinstance(state, Backup) and state is not before:
        return replace(state, master_down_at=after(now, seconds(35))), actions
    return state, actions


def postponing(event_kind: Any) -> Mutant:
    """Return a mutant whose backup starts its wait afresh at this kind of event."""

    def change(
        us: Settings, before: State, event: Event, now: Instant, state: State, actions: list[Action]
    ) -> Step:
        if isinstance(before, Backup) and isinstance(state, Backup) and isinstance(event, event_kind):
            return replace(state, master_down_at=after(now, us.master_down(us.interval))), actions
        return state, actions

    return mutant(change)


def eager(monkeypatch: Patch) -> None:
    """Judge before hearing."""
    real = Lan.wake

    def wake(lan: Lan, host: Host) -> None:
        if host.active and host.clock.read(lan.now) >= machine.next_deadline(host.state):
            lan._step(host, Tick())
        real(lan, host)

    monkeypatch.setattr(Lan, "wake", wake)


def forgetful_kernel(monkeypatch: Patch) -> None:
    """Keep addresses that were to be removed."""
    real = Lan._carry_out

    def carry_out(lan: Lan, host: Host, action: Action, follow_up: list[Event]) -> None:
        if not isinstance(action, RemoveAddresses):
            real(lan, host, action, follow_up)

    monkeypatch.setattr(Lan, "_carry_out", carry_out)


def chatty(
    us: Settings, before: State, event: Event, now: Instant, state: State, actions: list[Action]
) -> Step:
    """Say farewell to a better master whatever the two intervals are."""
    if isinstance(before, Master) and isinstance(state, Backup) and SendAdvert(us.priority) not in actions:
        return state, [SendAdvert(us.priority), *actions]
    return state, actions


def hesitant(
    us: Settings, before: State, event: Event, now: Instant, state: State, actions: list[Action]
) -> Step:
    """Give way to the second better advert only."""
    if isinstance(before, Master) and isinstance(state, Backup) and before.announce_repeat != 99:
        return replace(before, announce_repeat=99), []
    return state, actions


def lazy(
    us: Settings, before: State, event: Event, now: Instant, state: State, actions: list[Action]
) -> Step:
    """Stay in FAULT when the link is back."""
    return (before, []) if isinstance(event, Cleared) else (state, actions)


def deferring(
    us: Settings, before: State, event: Event, now: Instant, state: State, actions: list[Action]
) -> Step:
    """As owner, wait like anybody else."""
    if us.owner and isinstance(before, Initialize) and isinstance(state, Master):
        return Backup(after(now, us.master_down(us.interval)), us.interval), []
    return state, actions


def own_interval(
    us: Settings, advert: Advert, now: Instant, preempt_at: Instant | None, deferring: bool = False
) -> Backup:
    """Follow a master by our own interval instead of its."""
    return Backup(after(now, us.master_down(us.interval)), us.interval, preempt_at, advert.source)


def preempting_anyway(us: Settings, advert: Advert) -> bool:
    """Follow no weaker master, whatever the settings say about preemption."""
    return advert.priority >= us.priority


def refuse_nothing_as_owner(us: Settings, advert: Advert) -> Refusal | None:
    """Listen as owner."""
    return None if advert.source != us.address else Refusal.OWN_PACKET


def slower(version: int, priority: int, master_interval: Duration, adverts: int = 3) -> Duration:
    """Believe in a silent master for one advert more."""
    return Duration((adverts + 1) * master_interval + timing.skew(version, priority, master_interval))
