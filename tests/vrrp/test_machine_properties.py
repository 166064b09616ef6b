"""What holds for every order of events: a random walk through the machine, watched from outside.

The walk keeps its own books (which addresses are held, what was sent when) from the actions alone, and
compares them with the state after every step.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from havip.clock import Duration, Instant
from havip.config.model import Announcing
from havip.vrrp.actions import (
    Action,
    AddAddresses,
    AnnounceAddresses,
    Followed,
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
from havip.vrrp.machine import Backup, Initialize, Master, State, next_deadline, step
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings
from tests.vrrp.build import LOW_PEER, OURS, PEER, at

lengths = st.sampled_from([Duration(each) for each in (0, 10**7, 10**9, 7 * 10**9)])
intervals = st.sampled_from([Duration(each) for each in (10**7, 10**9, 40_950_000_000)])
announcings = st.builds(
    Announcing,
    repeat=st.integers(1, 5),
    delay=lengths,
    refresh=lengths,
    lower_priority_delay=lengths,
)
configurations = st.builds(
    Settings,
    version=st.sampled_from((2, 3)),
    vrid=st.just(51),
    priority=st.sampled_from((1, 100, 254, 255)),
    interval=intervals,
    address=st.just(OURS),
    preempt=st.booleans(),
    preempt_delay=lengths,
    down_adverts=st.sampled_from((1, 3, 100)),
    answer_lower_priority=st.booleans(),
    start_as_master=st.booleans(),
    stall=lengths,
    announce=announcings,
)
adverts = st.builds(
    Advert,
    version=st.just(3),
    vrid=st.just(51),
    priority=st.sampled_from((0, 1, 99, 100, 101, 255)),
    interval=intervals,
    source=st.sampled_from((LOW_PEER, PEER)),
)


def parts(state: State) -> bool:
    """Say whether a backup may still tell a better master that it was master itself."""
    return isinstance(state, Backup) and state.parting is not None and state.parting.left > 0


class Walk(RuleBasedStateMachine):
    """One router, its clock, and whatever may happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = at(0)
        self.state: State = Initialize()
        self.holding = False
        self.last_sent = self.now

    @initialize(us=configurations)
    def configure(self, us: Settings) -> None:
        self.us = us

    def happen(self, event: Event) -> list[Action]:
        """Take one step, check what every step must keep, and do the books."""
        before = self.state
        self.state, actions = step(self.us, before, event, self.now)
        sent = [each.priority for each in actions if isinstance(each, SendAdvert)]
        told = [each for each in actions if isinstance(each, Tell)]
        assert len(sent) <= 1
        # The state is told of whenever it changes, last, so that all else is done by then.
        assert len(told) == (1 if type(before) is not type(self.state) else len(told)) <= 1
        assert not told or actions[-1] == told[0]
        for action in actions:
            self.do(action)
        if isinstance(self.state, Initialize):
            assert sent in ([], [0])
            assert (sent == [0]) == isinstance(before, Master)
        elif isinstance(event, StepDown) or event == Start(farewell=True):
            assert sent in ([], [0])
        else:
            assert sent in ([], [self.us.priority])
            assert not sent or isinstance(before, Master) or isinstance(self.state, Master) or parts(before)
        return actions

    def do(self, action: Action) -> None:
        match action:
            case AddAddresses():
                self.holding = True
            case RemoveAddresses():
                self.holding = False
            case AnnounceAddresses(repeat=repeat):
                assert self.holding, "neighbours were called to addresses that are not there"
                assert repeat > 0
            case SendAdvert():
                self.last_sent = self.now
            case Tell(why=why):
                assert why

    @rule(
        nanoseconds=st.sampled_from(
            (1, 10**6, 9_999_999, 10**7, 5 * 10**8, 10**9, 3_609_375_000, 6 * 10**10, 4 * 10**12)
        )
    )
    def sleep_too_long(self, nanoseconds: int) -> None:
        """Deadlines pass unseen: the process was stopped, or the host was busy."""
        self.now = Instant(self.now + nanoseconds)

    @rule()
    def wake_up_in_time(self) -> None:
        deadline = next_deadline(self.state)
        if deadline < at(10**6):
            self.now = max(self.now, deadline)
            self.tick()

    @rule()
    def tick(self) -> None:
        early = self.now < next_deadline(self.state)
        before = self.state
        actions = self.happen(Tick())
        if early:
            assert (self.state, actions) == (before, [])
        else:
            assert actions
        # Whoever sleeps until the next deadline really sleeps.
        assert next_deadline(self.state) > self.now

    @rule(advert=adverts)
    def hear(self, advert: Advert) -> None:
        before = self.state
        actions = self.happen(advert)
        match before, self.state:
            case Master(), Master():
                moved = self.state.advertise_at != before.advertise_at
                assert not moved or SendAdvert(self.us.priority) in actions
                assert not moved or self.state.advertise_at == self.now + self.us.interval
            case Backup(), Backup():
                successor = before.deferring and self.state.master != before.master
                if self.state.parting is not None and self.state.parting != before.parting:
                    assert parts(before)
                    assert actions == [SendAdvert(self.us.priority)]
                    assert self.state.parting == (before.parting.left - 1, self.now)
                else:
                    assert actions == ([Followed()] if successor else [])
                if advert.priority and self.state != before and self.us.version == 3:
                    assert self.state.master_interval == advert.interval
                    assert self.state.master == advert.source
            case Initialize(), _:
                assert (self.state, actions) == (before, [])

    @rule(advert=adverts)
    def hear_a_weaker_master(self, advert: Advert) -> None:
        """However many of them: a backup that preempts without delay takes over when it would have."""
        if not isinstance(self.state, Backup) or self.state.deferring:
            return
        if not self.us.preempt or self.us.preempt_delay:
            return
        if 0 < advert.priority < self.us.priority:
            before = self.state
            self.happen(advert)
            assert self.state == before

    @rule(us=configurations, addresses=st.booleans())
    def reload(self, us: Settings, addresses: bool) -> None:
        before = next_deadline(self.state)
        self.us = us
        self.happen(SettingsChanged(addresses))
        if isinstance(self.state, Backup):
            assert next_deadline(self.state) <= before

    @rule(defer=st.booleans(), wait=lengths)
    def step_down(self, defer: bool, wait: Duration) -> None:
        before = self.state
        self.happen(StepDown("failover", defer, wait))
        if isinstance(before, Master) and not (defer and self.us.owner):
            assert isinstance(self.state, Backup)
            assert next_deadline(self.state) >= self.now + wait
        else:
            assert self.state == before

    @rule(event=st.sampled_from((TakeOver("with b"), Recall())))
    def move_with_the_group(self, event: Event) -> None:
        before = self.state
        self.happen(event)
        if isinstance(event, TakeOver) and isinstance(before, Backup):
            assert isinstance(self.state, Master)
        else:
            assert type(self.state) is type(before)

    @rule(
        event=st.sampled_from(
            (Start(), Start(resume=True), Start(farewell=True), Start(defer=True), Cleared())
        )
    )
    def begin(self, event: Event) -> None:
        self.happen(event)

    @rule(event=st.sampled_from((Stop(), Impeded("eth0 is down"))))
    def leave(self, event: Event) -> None:
        self.happen(event)
        assert isinstance(self.state, Initialize)
        assert not self.holding

    @rule(event=st.sampled_from((AddressesLost(), AddressesRefused("no memory"))))
    def trouble(self, event: Event) -> None:
        before = self.state
        self.happen(event)
        if not isinstance(before, Master):
            assert self.state == before

    @precondition(lambda self: isinstance(self.state, Master))
    @rule(advert=adverts)
    def stay_audible(self, advert: Advert) -> None:
        """Woken in time, a master is never silent for longer than its interval, whatever it hears."""
        self.now = max(self.now, next_deadline(self.state))
        self.tick()
        if not isinstance(self.state, Master):
            return
        self.now = Instant((self.now + next_deadline(self.state)) // 2)
        self.happen(advert)
        if isinstance(self.state, Master):
            assert self.state.advertise_at - self.last_sent <= self.us.interval

    @invariant()
    def addresses_are_held_if_and_only_if_master(self) -> None:
        assert self.holding == isinstance(self.state, Master)

    @invariant()
    def a_router_that_takes_no_part_asks_for_a_deadline_only_while_it_stands_aside(self) -> None:
        if isinstance(self.state, Initialize) and self.state.fault is None:
            assert next_deadline(self.state) > at(10**8)


Walk.TestCase.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
TestEveryOrderOfEvents = Walk.TestCase
