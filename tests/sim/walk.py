"""Every interleaving of a few routers: a breadth-first walk over all that can happen to them together.

Time is kept relative and moves in steps of a `quantum` that divides every deadline, so the joint states are
finitely many.  At each of them an advert on the wire is heard or lost, in any order; what is due fires in
any order; a router may be started, and once in the whole walk one may die or resign.  The machine, the
election and the packets are the real ones.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

from havip.clock import NEVER, ZERO, Duration, Instant
from havip.vrrp import machine, packet, states
from havip.vrrp.actions import AddAddresses, AnnounceAddresses, RemoveAddresses, SendAdvert
from havip.vrrp.events import Event, Start, Stop, Tick
from havip.vrrp.machine import Backup, Initialize, Master, State
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings
from tests.sim.host import GROUPS, VIRTUAL

NOW: Final = Instant(1_000_000 * 10**9)  # every step is taken at this instant: deadlines are kept beside it
OFF: Final = Initialize()
START, STOP, TICK = Start(), Stop(), Tick()

Way: TypeAlias = tuple[int, Duration]  # to which joint state, and how much time passes


class Broken(AssertionError):
    """A state that must not be reached was reached.  ``rule`` names what it breaks."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


class Router(NamedTuple):
    """One router within a joint state."""

    state: State
    running: bool = False
    held: bool = False  # its addresses, by its own actions
    resigned: bool = False  # it sent priority 0 and was not started since


class Flight(NamedTuple):
    """An advert on its way.  A wire is a set of flights, kept as the bits of a number."""

    sender: int
    receiver: int
    priority: int


#: All routers by their numbers, the wire, and how many deaths or resignations are still allowed.
Joint: TypeAlias = tuple[tuple[int, ...], int, int]

#: What can happen next: the joint state after it, whether it is a fault, and how much time passes.
Edge: TypeAlias = tuple[Joint, bool, Duration]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a walk."""

    states: int
    edges: int
    settled_within: Duration  # from any state, once faults end, to the right master for good
    most_masters: int


class Walk:
    """The walk over the routers with these settings."""

    def __init__(
        self,
        settings: Sequence[Settings],
        quantum: Duration,
        *,
        faults: int = 1,
        lossy: bool = True,
        late: bool = False,
        announcing: bool = False,
    ) -> None:
        self.settings = settings
        self.quantum = quantum
        self.faults = faults
        self.lossy = lossy
        self.late = late  # adverts may take up to one quantum
        self.announcing = announcing  # else it is forgotten when bursts are due, which decides no election
        self._numbers: dict[Router, int] = {}
        self._routers: list[Router] = []
        self._running: list[bool] = []
        self._due: list[bool] = []
        self._steps: dict[tuple[int, int, Event], tuple[int, int]] = {}
        self._later: dict[int, int] = {}
        self._flights = [
            Flight(sender, receiver, priority)
            for sender, them in enumerate(settings)
            for receiver in range(len(settings))
            for priority in (0, them.priority)
            if sender != receiver
        ]
        self._heard = [self._hear(flight) for flight in self._flights]
        self._young = (1 << len(self._flights)) - 1  # bits of those sent in this quantum; older ones above

    # --- one router ---------------------------------------------------------------------------------

    def _hear(self, flight: Flight) -> Advert | None:
        """Return what the receiver makes of an advert."""
        return advert_of(self.settings[flight.sender], self.settings[flight.receiver], flight.priority)

    def _number(self, router: Router) -> int:
        number = self._numbers.get(router)
        if number is None:
            number = self._numbers[router] = len(self._routers)
            self._routers.append(router)
            self._running.append(router.running)
            self._due.append(machine.next_deadline(router.state) <= NOW)
        return number

    def _step(self, who: int, number: int, event: Event) -> tuple[int, int]:
        """Return the router after ``event`` and the flights that it sends."""
        key = (who, number, event)
        known = self._steps.get(key)
        if known is None:
            router, sent = self._step_afresh(who, self._routers[number], event)
            flights = [
                1 << bit
                for bit, flight in enumerate(self._flights)
                if flight.sender == who and flight.priority in sent
            ]
            known = self._steps[key] = self._number(router), sum(flights)
        return known

    def _step_afresh(self, who: int, before: Router, event: Event) -> tuple[Router, list[int]]:
        us = self.settings[who]
        state, actions = machine.step(us, before.state, event, NOW)
        held, resigned, sent = before.held, before.resigned and not isinstance(event, Start), []
        where = f"router {who} in {before.state} on {event}"
        for action in actions:
            match action:
                case SendAdvert(priority=priority):
                    if resigned:
                        raise Broken("silent after priority 0", where)
                    resigned = priority == 0
                    sent.append(priority)
                case AddAddresses() | RemoveAddresses():
                    if held == isinstance(action, AddAddresses):
                        raise Broken("each action once", f"{where}: {action}")
                    held = not held
                case AnnounceAddresses() if not held:
                    raise Broken("addresses before announcements", where)
        if held != isinstance(state, Master):
            raise Broken("addresses if and only if MASTER", f"{where}: {state}")
        self._check_deadline(us, state, where, fired=isinstance(event, Tick))
        if isinstance(state, Master) and not self.announcing:
            state = replace(state, announce_at=NEVER, refresh_at=NEVER, answered_until=states.LONG_AGO)
        if state == OFF:
            return Router(OFF), sent  # whoever resigned and stopped is as good as dead
        return Router(state, not isinstance(event, Stop), held, resigned), sent

    def _check_deadline(self, us: Settings, state: State, where: str, fired: bool) -> None:
        longest = Duration(max(other.interval for other in self.settings))
        deadline = machine.next_deadline(state)
        # What is due and has not fired yet stays due; once it has fired, the next one lies ahead.
        ahead = deadline > NOW if fired else deadline >= NOW
        match state:
            case Master():
                sane = ahead and deadline <= NOW + us.interval
            case Backup():
                sane = ahead and deadline <= NOW + us.master_down(longest)
            case Initialize():
                sane = deadline == NEVER
        if not sane:
            raise Broken("deadlines are sane", f"{where}: {state}")

    def _age(self, number: int) -> int:
        """Return a router one quantum later."""
        if number not in self._later:
            router = self._routers[number]
            self._later[number] = self._number(router._replace(state=shifted(router.state, self.quantum)))
        return self._later[number]

    # --- all of them --------------------------------------------------------------------------------

    def _after(self, joint: Joint, who: int, event: Event, wire: int) -> Joint:
        """Return what follows when ``event`` happens to one router; ``wire``: what else flies."""
        routers, _, faults = joint
        number, sent = self._step(who, routers[who], event)
        return (*routers[:who], number, *routers[who + 1 :]), wire | sent, faults

    def edges(self, joint: Joint) -> Iterator[Edge]:
        """Yield everything that can happen next."""
        routers, wire, faults = joint
        yield from self._arrivals(joint)
        yield from self._faults(joint)
        if wire and not self.late:
            return
        due = [who for who, number in enumerate(routers) if self._due[number]]
        for who in due:
            yield self._after(joint, who, TICK, wire), False, ZERO
        if not due and wire <= self._young:
            aged = wire << len(self._flights)
            yield (tuple(map(self._age, routers)), aged, faults), False, self.quantum

    def _arrivals(self, joint: Joint) -> Iterator[Edge]:
        routers, wire, faults = joint
        left = wire
        while left:
            bit = left & -left
            left ^= bit
            rest = wire ^ bit
            number = (bit.bit_length() - 1) % len(self._flights)
            receiver, advert = self._flights[number].receiver, self._heard[number]
            if advert is None or not self._running[routers[receiver]]:
                yield (routers, rest, faults), False, ZERO
            else:
                yield self._after(joint, receiver, advert, rest), False, ZERO
                if self.lossy:
                    yield (routers, rest, faults), True, ZERO

    def _faults(self, joint: Joint) -> Iterator[Edge]:
        routers, wire, faults = joint
        for who, number in enumerate(routers):
            if not self._running[number]:
                yield self._after(joint, who, START, wire), True, ZERO
            elif faults:
                dead = (*routers[:who], self._number(Router(OFF)), *routers[who + 1 :])
                yield (dead, wire, faults - 1), True, ZERO
                yield self._after((routers, wire, faults - 1), who, STOP, wire), True, ZERO

    def right(self, joint: Joint) -> bool:
        """Say whether one router is master, and no better one that would preempt it runs."""
        running = [who for who, number in enumerate(joint[0]) if self._running[number]]
        masters = [who for who in running if self._routers[joint[0][who]].held]
        if not running:
            return True
        if len(masters) != 1:
            return False
        least = self.settings[masters[0]].priority
        return all(self.settings[who].priority <= least for who in running if self.settings[who].preempt)

    def masters(self, joint: Joint) -> int:
        """Return how many are master."""
        return sum(self._routers[number].held for number in joint[0])

    def explore(self) -> Verdict:
        """Walk through everything.  Raises `Broken`."""
        gc.disable()  # millions of small tuples, and no cycle among them
        try:
            return self._explore()
        finally:
            gc.enable()

    def _explore(self) -> Verdict:
        joints: list[Joint] = [((self._number(Router(OFF)),) * len(self.settings), 0, self.faults)]
        numbers = {joints[0]: 0}
        good_days: list[list[Way]] = []  # of each joint state: what happens without faults
        edges = 0
        for joint in joints:  # grows while we walk: breadth first
            ways: list[Way] = []
            for to, fault, time in self.edges(joint):
                edges += 1
                number = numbers.setdefault(to, len(joints))
                if number == len(joints):
                    joints.append(to)
                if not fault:
                    ways.append((number, time))
            good_days.append(ways)
        settled = settling_time(
            good_days, {number for number, joint in enumerate(joints) if self.right(joint)}
        )
        most = max(self.masters(joint) for joint in joints if not joint[1])
        return Verdict(len(joints), edges, settled, most)


def advert_of(them: Settings, us: Settings, priority: int) -> Advert | None:
    """Return what ``us`` makes of an advert: encoded, decoded and judged by the real code."""
    family = 4 if len(them.address) == 4 else 6
    payload = packet.encode(them, priority, VIRTUAL[family], GROUPS[family])
    advert = packet.decode(payload, them.address, GROUPS[family], packet.TTL)
    return advert if isinstance(advert, Advert) and packet.refuse(us, advert) is None else None


def shifted(state: State, length: Duration) -> State:
    """Return a state as it is ``length`` later, beside the same NOW; what is past is all the same."""
    match state:
        case Master():
            return Master(
                earlier(state.advertise_at, length),
                earlier(state.announce_at, length),
                state.announce_repeat,
                earlier(state.refresh_at, length),
                earlier(state.retry_at, length),
                state.refusals,
                earlier(state.answered_until, length),
            )
        case Backup():
            preempt_at = None if state.preempt_at is None else earlier(state.preempt_at, length)
            return replace(state, master_down_at=earlier(state.master_down_at, length), preempt_at=preempt_at)
        case Initialize():
            return state


def earlier(when: Instant, length: Duration) -> Instant:
    """Return an instant moved towards NOW, and no further."""
    return when if when == NEVER else Instant(max(NOW, when - length))


def settling_time(good_days: Sequence[Sequence[Way]], right: set[int]) -> Duration:
    """Return the longest time that passes, without faults, until all is right for good.

    Raises `Broken` if some way goes round in circles without ever getting there.
    """
    came_from: list[list[Way]] = [[] for _ in good_days]
    for number, ways in enumerate(good_days):
        for to, time in ways:
            came_from[to].append((number, time))
    # For good: leave out, again and again, what leads out.
    settled = set(right)
    leaving = [number for number in range(len(good_days)) if number not in settled]
    while leaving:
        for before, _ in came_from[leaving.pop()]:
            if before in settled:
                settled.remove(before)
                leaving.append(before)
    # The rest in an order in which each comes after all that it leads to.
    open_ways = [len(ways) for ways in good_days]
    longest = [0] * len(good_days)
    ready = list(settled)
    for number in ready:  # grows while we walk
        for before, time in came_from[number]:
            if before not in settled:
                longest[before] = max(longest[before], longest[number] + time)
                open_ways[before] -= 1
                if open_ways[before] == 0:
                    ready.append(before)
    if len(ready) != len(good_days):
        raise Broken("one master in the end", f"{len(good_days) - len(ready)} states may never settle")
    return Duration(max(longest))
