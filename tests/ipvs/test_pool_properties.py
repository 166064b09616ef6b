"""What holds for every order of events: a random walk through a virtual service, watched from outside.

The walk keeps its own books of what was told and of what checks and operators have said, and knows the
service only by its table and its words.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from havip.balancing import Order
from havip.clock import seconds
from havip.config.balancing import OnStop, VirtualService, WhenFailed
from havip.ipvs import pool
from havip.ipvs.pool import Configured, Counted, Judged, Ordered, Tick
from havip.ipvs.servers import Verdict
from havip.ipvs.wanted import Standing
from tests.ipvs.driving import GOOD, SORRY, Driven, server, service

NAMES = "abcd"
names = st.sampled_from(NAMES)
seldom = st.sampled_from([False, False, True])
verdicts = st.one_of(
    st.just(Verdict()),
    st.just(Verdict(False, "refused", failed=("web/x/tcp",))),
    st.builds(Verdict, st.just(True), st.just("good"), st.none() | st.integers(0, 9)),
)


@st.composite
def services(draw: st.DrawFn) -> VirtualService:
    """Draw a service of some servers."""
    there = draw(st.sets(names, min_size=1))
    quorum = draw(st.integers(1, 8))
    return service(
        *(
            server(
                name,
                weight=draw(st.integers(0, 5)),
                when_failed=draw(st.none() | st.sampled_from(WhenFailed)),
            )
            for name in sorted(there)
        ),
        quorum=quorum,
        hysteresis=draw(st.integers(0, 3)),
        sorry_server=draw(st.none() | st.just(SORRY)),
        drain=draw(st.booleans()),
        drain_timeout=seconds(draw(st.integers(0, 20))),
        slow_start=seconds(draw(st.sampled_from([0, 1, 30]))),
        start_failed=draw(st.booleans()),
    )


class Walk(RuleBasedStateMachine):
    """One service, and what may happen to it."""

    @initialize(
        configured=services(),
        stood=st.dictionaries(names, st.integers(0, 5)),
        sorry=st.none() | st.integers(0, 1),
        suspended=seldom,
    )
    def begin(
        self, configured: VirtualService, stood: dict[str, int], sorry: int | None, suspended: bool
    ) -> None:
        """Start with something in the kernel, or nothing."""
        there = {one.name for one in configured.servers}
        before = Standing({name: weight for name, weight in stood.items() if name in there}, sorry)
        self.web = Driven(configured, before, suspended=suspended)
        self.said: dict[str, Verdict] = {}  # what counts
        self.meanwhile: dict[str, Verdict] = {}
        self.suspended = suspended
        self.orders: dict[str, Order] = {}
        self.told: dict[str, str] = {}
        self.read = 0
        #: what it is taken for before anything is known
        self.was_up = any(before.servers.values()) or not (sorry or configured.start_failed)
        self.ended = False

    def running(self) -> bool:
        """Say whether the service has not been told to end."""
        return not self.ended

    @precondition(running)
    @rule(said=st.dictionaries(names, verdicts, min_size=1))
    def judge(self, said: dict[str, Verdict]) -> None:
        """Let checks say something."""
        self.heard(said)

    def heard(self, said: dict[str, Verdict]) -> None:
        """Note what checks say in our own books, and have it judged."""
        there = {one.name for one in self.web.settings.service.servers}
        known = {name: one for name, one in said.items() if one.good is not None and name in there}
        (self.meanwhile if self.suspended else self.said).update(known)
        before = self.web.table
        told = self.web.does(Judged(said))
        assert not self.suspended or (self.web.table == before and not told)

    @precondition(running)
    @rule()
    def mend(self) -> None:
        """Let all checks be good."""
        there = [one.name for one in self.web.settings.service.servers]
        self.heard(dict.fromkeys(there, GOOD))

    @precondition(running)
    @rule(name=names, drain=st.booleans(), weight=st.none() | st.integers(0, 9))
    def order(self, name: str, drain: bool, weight: int | None) -> None:
        """Let an operator say something, or take it back."""
        there = [one.name for one in self.web.settings.service.servers]
        name = there[NAMES.index(name) % len(there)]
        self.orders.pop(name, None)
        if drain or weight is not None:
            self.orders[name] = Order("web", name, drain, weight)
        self.web.does(Ordered({name: self.orders.get(name)}))

    @rule(left=st.integers(0, 2))
    def count(self, left: int) -> None:
        """Count what is waited for."""
        self.web.does(Counted(dict.fromkeys(pool.awaited(self.web.state), left), left))

    @rule(length=st.sampled_from([0.5, 3, 40]))
    def wait(self, length: float) -> None:
        """Let time pass."""
        self.web.waits(length)

    @rule()
    def tick(self) -> None:
        """Wake up for nothing."""
        self.web.does(Tick())

    @precondition(running)
    @rule(suspended=seldom)
    def suspend(self, suspended: bool) -> None:
        """Let the router be MASTER, or not."""
        self.suspended = suspended
        if not suspended:
            self.said.update(self.meanwhile)
            self.meanwhile = {}
        self.web.suspends(suspended)

    @precondition(running)
    @rule(configured=services())
    def reload(self, configured: VirtualService) -> None:
        """Put another configuration in force."""
        old, new = self.web.settings, pool.Settings(configured)
        self.web.settings = new
        self.web.does(Configured(old, dict(self.orders)))
        there = {one.name for one in configured.servers} & {one.name for one in old.service.servers}
        self.said = {name: one for name, one in self.said.items() if name in there}
        self.meanwhile = {name: one for name, one in self.meanwhile.items() if name in there}
        self.nothing_is_told_twice()
        self.told = {name: state for name, state in self.told.items() if name in there or not name}

    @precondition(running)
    @rule(on_stop=st.none() | st.sampled_from([OnStop.REMOVE, OnStop.DRAIN]))
    def end(self, on_stop: OnStop | None) -> None:
        """Let the daemon end, or a reload take the service away."""
        self.ended = True
        if on_stop is None:
            self.web.is_removed()
        else:
            self.web.ends(on_stop)

    @invariant()
    def no_failed_server_gets_anything_new(self) -> None:
        """Whoever counts as failed or is set aside has no weight."""
        for name, weight in self.web.table.items():
            if name in self.said and self.said[name].good is False:
                assert weight == 0
            if name in self.orders and self.orders[name].drain:
                assert weight == 0
            if name.endswith(")") or self.ended:
                assert weight == 0

    @invariant()
    def weights_are_whole_or_grow(self) -> None:
        """Nobody has more than its weight, and whoever is good and has one has at least 1."""
        if self.ended:
            return
        for one in self.web.settings.service.servers:
            said, order = self.said.get(one.name), self.orders.get(one.name)
            weight = self.web.table.get(one.name)
            if said is None or not said.good or weight is None or (order is not None and order.drain):
                continue
            full = one.weight if said.weight is None else said.weight
            full = full if order is None or order.weight is None else order.weight
            pulled = "sorry" in self.web.table
            assert weight <= full
            assert pulled or weight >= min(1, full)
            assert pulled or weight == full or self.web.settings.service.slow_start

    @invariant()
    def the_sorry_server_stands_in_exactly_while_the_quorum_is_lost(self) -> None:
        """It does, and then nobody else gets anything new."""
        table = self.web.table
        if self.ended or self.web.settings.service.sorry_server is None:
            assert table.get("sorry", 0) == 0
            return
        assert ("sorry" in table) is not self.web.state.up
        if "sorry" in table:
            assert table["sorry"] == 1
            assert sum(table.values()) == 1

    @invariant()
    def the_quorum_stays_as_it_is_within_the_band(self) -> None:
        """What is between the two thresholds changes nothing."""
        if self.ended:
            return
        up, one = self.web.state.up, self.web.settings.service
        alive, possible = self.web.state.alive, self.web.state.possible
        if up is not self.was_up:
            assert (
                alive >= one.quorum + one.hysteresis if up else possible < max(1, one.quorum - one.hysteresis)
            )
        if alive >= one.quorum + one.hysteresis:
            assert up
        if possible == 0:
            assert not up
        self.was_up = up

    @invariant()
    def nothing_is_told_twice(self) -> None:
        """Each news is another one than the last of the same, and the words fit the state."""
        news, self.read = self.web.told[self.read :], len(self.web.told)
        for one in news:
            name = one.server or ""
            assert self.told.get(name) != one.state
            self.told[name] = one.state
            assert one.why
        if self.ended:
            return
        assert self.told.get("") in (None, "UP" if self.web.state.up else "DOWN")
        for name, state in self.web.states.items():
            if state != "UNKNOWN" and name in self.told and not name.endswith(")"):
                assert self.told[name] == state

    @invariant()
    def the_table_and_the_deadline_agree(self) -> None:
        """The next change of a weight comes with a deadline, and the end comes in time."""
        state, at = self.web.state, self.web.now
        deadline = pool.next_deadline(self.web.settings, state, at)
        assert deadline > at
        assert (deadline < 2**63 - 1) or not pool.awaited(state)
        assert all(one.present is (name in self.web.table) for name, one in state.servers.items())
        if pool.finished(state):
            assert not self.web.table


Walk.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestWalk = Walk.TestCase
