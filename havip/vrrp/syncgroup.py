"""Virtual routers that move together: all members of a sync group are MASTER, or none is.  Pure.

`step` stands before `machine.step` for a router that has a group: it lets the machine decide, and adds what
that means for the other members.

- A member that would become MASTER waits until every other one would too; then all do, at once.
- A member that gives way takes the others with it: they resign, and listen.
- A member in FAULT takes the others into FAULT; when none is left with a reason of its own, all listen again.

Two hosts that become MASTER at one moment, each better on another LAN, would depose each other for ever:
see `standing.holds_back`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from havip.clock import Instant, after
from havip.vrrp import election, machine
from havip.vrrp.actions import Action, AnnounceAddresses, Tell
from havip.vrrp.events import (
    Cleared,
    Event,
    Impeded,
    Recall,
    Start,
    StepDown,
    TakeOver,
)
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings
from havip.vrrp.standing import (
    BACKUP,
    FAULT,
    INIT,
    MASTER,
    Group,
    Member,
    Standing,
    compared,
    gave_way,
    holds_back,
    longest_wait,
)
from havip.vrrp.states import Backup, Initialize, Master, State

Move: TypeAlias = tuple[int, State, list[Action]]  # of the member in this place
Outcome: TypeAlias = tuple[Standing, list[Move]]


def step(
    group: Group, standing: Standing, members: Sequence[Member], place: int, event: Event, now: Instant
) -> Outcome:
    """Return what an event at one member does to all of them."""
    if isinstance(event, Impeded | Cleared | Start | StepDown):
        return _Turn(group, standing, members, now).take(place, event)
    us, before = members[place].settings, members[place].state
    state, actions = machine.step(us, before, event, now)
    if isinstance(event, Advert) and event.priority:
        standing = compared(standing, place, election.we_give_way(us, event))
        alone = not actions if type(state) is Master else state is before or not standing.masters
    else:
        alone = True
    if alone and type(state) is type(before):
        return standing, [(place, state, actions)]  # the usual case: nobody else is concerned
    wants = type(state) is Master and not others_are_ready(members, place)
    if wants and isinstance(before, Backup) and not before.deferring:
        return standing, [(place, waiting(us, before, now), [])]  # the last one finds all of them ready
    return _Turn(group, standing, members, now).follow_up(place, event, state, actions)


def compose(group: Group, standing: Standing, members: Sequence[Member], now: Instant) -> Outcome:
    """Return what it means that the group consists of these members from now on.

    MASTERs are not deposed by it: should a new member hear a better master, its next advert does that.
    """
    turn = _Turn(group, standing, members, now)
    turn.why = "its members are these from now on" if members else "it has no members any more"
    turn.settle()
    return turn.outcome()


def waits_for(group: Group, members: Sequence[Member]) -> tuple[str, ...]:
    """Return the names of those for whom members wait that would be MASTER; nobody if none waits."""
    states = [member.state for member in members]
    if not any(is_waiting(state) for state in states):
        return ()
    pairs = zip(group.members, states, strict=True)
    return tuple(name for name, state in pairs if type(state) is not Master and not is_waiting(state))


class _Turn:
    """The way of one event through a group."""

    def __init__(self, group: Group, standing: Standing, members: Sequence[Member], now: Instant) -> None:
        self.group = group
        self.standing = standing
        self.members = members
        self.now = now
        self.states = [member.state for member in members]
        self.actions: dict[int, list[Action]] = {}
        self.why = standing.why

    def outcome(self) -> Outcome:
        """Return the group as it is now, and what each member is to do."""
        state, standing = self.group_state(), self.standing
        masters = any(type(its) is Master for its in self.states)
        if masters != standing.masters:
            standing = replace(standing, masters=masters)
        if state != standing.state:
            standing = replace(standing, state=state, why=self.why)
            if state == MASTER:
                standing = replace(standing, better=0, weaker=0)
        return standing, [(place, self.states[place], actions) for place, actions in self.actions.items()]

    def group_state(self) -> str:
        """Return the state of the group as a whole; while it is on its way, the one it had."""
        if any(reason is not None for reason in self.standing.ailments):
            return FAULT
        kinds = {type(state) for state in self.states}
        if len(kinds) > 1:
            return self.standing.state if self.standing.state != FAULT else INIT
        return MASTER if kinds == {Master} else BACKUP if kinds == {Backup} else INIT

    # --- single members -----------------------------------------------------------------------------

    def put(self, place: int, state: State, actions: list[Action]) -> None:
        """Have a member in this state."""
        self.states[place] = state
        self.actions.setdefault(place, []).extend(actions)

    def tell(self, place: int, event: Event) -> None:
        """Let an event happen to one member, which may become MASTER with the others only."""
        before = self.states[place]
        state, actions = machine.step(self.members[place].settings, before, event, self.now)
        if type(state) is Master and type(before) is not Master and not resumes(event):
            self.wants_to_be_master(place, state, actions)
        else:
            self.put(place, state, actions)

    def name(self, place: int) -> str:
        """Return what a member is called."""
        return self.group.members[place]

    def ail(self, place: int, reason: str | None) -> None:
        """Note why a member cannot take part, or that it can."""
        ailments = self.standing.ailments
        self.standing = replace(self.standing, ailments=(*ailments[:place], reason, *ailments[place + 1 :]))

    def ailing(self) -> str | None:
        """Return in words who keeps the group in FAULT; None if nobody does."""
        for place, reason in enumerate(self.standing.ailments):
            if reason is not None:
                return f"{self.name(place)} of sync group {self.group.name}: {reason}"
        return None

    # --- all of them --------------------------------------------------------------------------------

    def take(self, place: int, event: Impeded | Cleared | Start | StepDown) -> Outcome:
        """Take an event that always concerns the others."""
        in_fault = fault_of(self.states[place]) is not None
        match event:
            case Impeded(reason=reason):
                self.ail(place, reason)
                self.tell(place, event)
                self.settle()
            case Cleared() if in_fault:
                self.ail(place, None)
                self.settle()
            case Start() if in_fault:  # it may have stood aside for a reason that is gone
                self.ail(place, None)
                self.settle()
            case Start() if (ailing := self.ailing()) is not None:
                self.tell(place, Impeded(ailing))
            case StepDown() if type(self.states[place]) is Master:
                self.step_down(event)
            case _:
                if isinstance(event, Start):
                    self.why = "all members resumed" if event.resume else "started"
                self.tell(place, event)
        return self.outcome()

    def follow_up(self, place: int, event: Event, state: State, actions: list[Action]) -> Outcome:
        """Draw the others after a member whose machine has just decided."""
        before, fault = self.states[place], fault_of(state)
        if fault_of(before) is not None and fault is None:  # it stood aside for long enough
            self.ail(place, None)
            self.settle()
        elif type(state) is Master and type(before) is not Master:
            self.wants_to_be_master(place, state, actions)
        else:
            self.put(place, state, actions)
            if fault is not None:
                self.ail(place, fault)
                self.settle()
            elif type(state) is Master:
                if any(isinstance(action, AnnounceAddresses) for action in actions):
                    self.recall(place)
            else:
                self.give_way(place, event)
        return self.outcome()

    def settle(self) -> None:
        """Have every member in FAULT if one has a reason, and none if none has."""
        reason = self.ailing()
        if reason is not None:
            self.why = reason
        for place, state in enumerate(self.states):
            if state == Initialize() or self.standing.ailments[place] is not None:
                continue  # not started; or in FAULT for a reason of its own
            fault = fault_of(state)
            if fault == reason:
                continue
            if reason is not None:
                self.tell(place, Impeded(reason))
            else:
                self.why = f"recovered from: {fault}"
                self.tell(place, Cleared())

    def recall(self, heard_by: int) -> None:
        """Call the clients of all members: the master that one of them heard was the others' as well."""
        for place, state in enumerate(self.states):
            if place != heard_by and type(state) is Master:
                self.tell(place, Recall())

    def step_down(self, event: StepDown) -> None:
        """Have every MASTER step down; each waits as long as the slowest of them."""
        wait = longest_wait(self.members)
        self.why = event.why
        for place, state in enumerate(self.states):
            if type(state) is Master:
                self.tell(place, replace(event, wait=wait))

    def give_way(self, place: int, event: Event) -> None:
        """Have every other MASTER resign, since this member follows another master, or has stopped."""
        self.why = f"{self.name(place)} is not MASTER any more"
        deposed = isinstance(event, Advert)
        if deposed:
            self.why = f"{self.name(place)} hears a better master"
        for other, state in enumerate(self.states):
            if type(state) is Master:
                why = f"with {self.name(place)} of sync group {self.group.name}"
                self.tell(other, StepDown(why, defer=False))
        if deposed:
            self.standing = gave_way(self.standing, self.members, self.now)

    def wants_to_be_master(self, place: int, state: State, actions: list[Action]) -> None:
        """Have all of them take over if all want to; else have this one wait for the others."""
        ready, hold_until = self.others_are_ready(place), holds_back(self.group, self.standing, self.members)
        if not ready or self.now < hold_until:
            self.wait(place, ready, hold_until)
            return
        self.why = "every member is to be MASTER"
        self.put(place, state, actions)
        why = f"with {self.name(place)} of sync group {self.group.name}"
        for other, its in enumerate(self.states):
            if type(its) is Backup:
                us = self.members[other].settings
                self.put(other, *machine.step(us, its, TakeOver(why), self.now))

    def others_are_ready(self, place: int) -> bool:
        """Say whether all others are MASTER, or would be, as they have become in this turn."""
        return all(
            type(its) is Master or is_waiting(its) for other, its in enumerate(self.states) if other != place
        )

    def wait(self, place: int, ready: bool, hold_until: Instant) -> None:
        """Have a member ask again later."""
        us, before = self.members[place].settings, self.states[place]
        told: list[Action] = []
        if type(before) is not Backup:
            before = Backup(self.now, us.interval)
            told = [Tell(f"waits for the others of sync group {self.group.name}")]
        state = waiting(us, before, self.now)
        if ready:
            state = replace(state, master_down_at=min(state.master_down_at, hold_until))
        elif before.deferring:  # nobody took this one over: follow weaker masters of the others no longer
            for other, its in enumerate(self.states):
                if type(its) is Backup and its.deferring:
                    self.put(other, replace(its, deferring=False), [])
        self.put(place, state, told)


def fault_of(state: State) -> str | None:
    """Return why a state is FAULT; None: it is another."""
    return state.fault if isinstance(state, Initialize) else None


def is_waiting(state: State) -> bool:
    """Say whether a member would be MASTER, but for the others."""
    return type(state) is Backup and state.waiting


def others_are_ready(members: Sequence[Member], place: int) -> bool:
    """Say whether all but the member in this place are MASTER, or would be.

    From the last one on: deadlines of one instant come in the order of members, so the answer is soon found.
    """
    for other in range(len(members) - 1, -1, -1):
        its = members[other].state
        if other != place and type(its) is not Master and not is_waiting(its):
            return False
    return True


def waiting(us: Settings, state: Backup, now: Instant) -> Backup:
    """Return a member that asks again later; what it hears meanwhile may make it content to be BACKUP."""
    again_at = after(now, us.master_down(state.master_interval))
    return replace(state, master_down_at=again_at, waiting=True, deferring=False)


def resumes(event: Event) -> bool:
    """Say whether an event makes all members MASTER, one after the other."""
    return isinstance(event, Start) and event.resume
