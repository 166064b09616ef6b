"""Every interleaving of two hosts whose virtual routers move together: `walk` for sync groups.

Each member has a LAN of its own.  At each joint state an advert on any LAN is heard or lost, in any order;
what is due fires in any order; a host may be started, die or stop, and a member may fail and recover, a few
times in the whole walk.  The group, the machine, the election and the packets are the real ones.

Joint states are counted at the beginning of each quantum; within one instant all orders are tried.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

from havip.clock import NEVER, Duration, Instant
from havip.vrrp import machine, states, syncgroup
from havip.vrrp.actions import AddAddresses, RemoveAddresses, SendAdvert
from havip.vrrp.events import Cleared, Event, Impeded, Start, Stop, Tick
from havip.vrrp.machine import Initialize, Master, State
from havip.vrrp.packet import Advert
from havip.vrrp.settings import Settings
from havip.vrrp.standing import Group, Standing, memory
from tests.sim.walk import NOW, Broken, Verdict, Way, advert_of, settling_time, shifted

START, STOP, TICK, CLEARED, IMPEDED = Start(), Stop(), Tick(), Cleared(), Impeded("no carrier")


class Seat(NamedTuple):
    """One member within a joint state, and what `syncgroup` looks at."""

    settings: Settings
    state: State


class Box(NamedTuple):
    """One host within a joint state."""

    states: tuple[State, ...]
    standing: Standing
    running: bool = False
    held: int = 0  # bit by place: whose addresses it has, by its own actions
    resigned: int = 0  # who sent priority 0 and has not become MASTER since
    ill: int = 0  # whose interface is down


class Flight(NamedTuple):
    """An advert on its way, on the LAN of one place."""

    place: int
    sender: int
    receiver: int
    priority: int


#: All hosts by their numbers, the wires, how many faults and how many lost adverts are still allowed.
Joint: TypeAlias = tuple[tuple[int, ...], int, int, int]
NO_LIMIT: Final = -1


@dataclass(frozen=True, slots=True)
class Happening:
    """An event at the member in one place of a host; of a host as a whole with the place -1."""

    place: int
    event: Event


class GroupWalk:
    """The walk over hosts with these settings, one for each place of the group."""

    def __init__(
        self,
        settings: Sequence[Sequence[Settings]],
        quantum: Duration,
        *,
        faults: int = 0,
        losses: int = NO_LIMIT,
        ailing: bool = False,
    ) -> None:
        self.settings = settings
        self.quantum = quantum
        self.faults = faults
        self.losses = losses
        self.ailing = ailing  # members may fail
        self.places = range(len(settings[0]))
        names = tuple("AB CD EF".replace(" ", "")[place] for place in self.places)
        self.group = Group("G", names, tuple(self.places))
        self.off = Box((Initialize(),) * len(names), Standing((None,) * len(names), why=""))
        self._numbers: dict[Box, int] = {}
        self._boxes: list[Box] = []
        self._due: list[tuple[int, ...]] = []
        self._steps: dict[tuple[int, int, Happening], tuple[int, int]] = {}
        self._later: dict[tuple[int, int], int] = {}
        hosts = range(len(settings))
        self._flights = [
            Flight(place, sender, receiver, priority)
            for place in self.places
            for sender in hosts
            for receiver in hosts
            for priority in (0, settings[sender][place].priority)
            if sender != receiver
        ]
        self._heard: list[Advert | None] = [
            advert_of(settings[one.sender][one.place], settings[one.receiver][one.place], one.priority)
            for one in self._flights
        ]

    # --- one host -----------------------------------------------------------------------------------

    def _number(self, box: Box) -> int:
        number = self._numbers.get(box)
        if number is None:
            number = self._numbers[box] = len(self._boxes)
            self._boxes.append(box)
            due = [place for place, its in enumerate(box.states) if machine.next_deadline(its) <= NOW]
            self._due.append(tuple(due))
        return number

    def _step(self, host: int, number: int, happening: Happening) -> tuple[int, int]:
        """Return the host after a happening and the flights that it sends."""
        key = (host, number, happening)
        known = self._steps.get(key)
        if known is None:
            box, sent = self._boxes[number], 0
            if isinstance(happening.event, Start):
                box = box._replace(running=True)
            places = self.places if happening.place < 0 else (happening.place,)
            for place in places:
                box, more = self._one(host, box, place, happening.event)
                sent |= more
            known = self._steps[key] = self._number(box), sent
        return known

    def _one(self, host: int, box: Box, place: int, event: Event) -> tuple[Box, int]:
        seats = list(map(Seat, self.settings[host], box.states))
        if isinstance(event, Impeded):
            box = box._replace(ill=box.ill | 1 << place)
        elif isinstance(event, Cleared):
            box = box._replace(ill=box.ill & ~(1 << place))
        if isinstance(event, Stop):  # a daemon that stops dissolves its groups first
            state, actions = machine.step(seats[place].settings, seats[place].state, event, NOW)
            standing, moves = box.standing, [(place, state, actions)]
        else:
            standing, moves = syncgroup.step(self.group, box.standing, seats, place, event, NOW)
        where = f"host {host} {box} on {event} at {place}"
        sent = 0
        for at, state, actions in moves:
            if type(state) is Master and type(box.states[at]) is not Master:
                box = box._replace(resigned=box.resigned & ~(1 << at))
            for action in actions:
                box, more = self._do(host, box, at, action, where)
                sent |= more
            kept = list(box.states)
            kept[at] = quiet(state)
            box = box._replace(states=tuple(kept))
        box = box._replace(standing=self.plain(host, standing))
        if not isinstance(event, Stop):
            self._check(box, where)
        elif place == self.places[-1]:
            box = self.off
        return box, sent

    def _do(self, host: int, box: Box, place: int, action: object, where: str) -> tuple[Box, int]:
        bit = 1 << place
        match action:
            case SendAdvert(priority=priority):
                if priority and box.resigned & bit:
                    raise Broken("silent after priority 0", where)
                if not priority:
                    box = box._replace(resigned=box.resigned | bit)
                return box, sum(
                    1 << number
                    for number, one in enumerate(self._flights)
                    if (one.place, one.sender, one.priority) == (place, host, priority)
                )
            case AddAddresses() | RemoveAddresses():
                if bool(box.held & bit) == isinstance(action, AddAddresses):
                    raise Broken("each action once", f"{where}: {action}")
                return box._replace(held=box.held ^ bit), 0
        return box, 0

    def _check(self, box: Box, where: str) -> None:
        masters = [type(state) is Master for state in box.states]
        if any(masters) != all(masters):
            raise Broken("a group is never split", f"{where}: {box.states}")
        faults = [syncgroup.fault_of(state) is not None for state in box.states]
        if box.ill and not all(
            fault or state == Initialize() for fault, state in zip(faults, box.states, strict=True)
        ):
            raise Broken("all in FAULT or none", f"{where}: {box.states}")
        if not box.ill and any(faults):
            raise Broken("all in FAULT or none", f"{where}: {box.states}")
        for place, master in enumerate(masters):
            if bool(box.held >> place & 1) != master:
                raise Broken("addresses if and only if MASTER", f"{where}: {box}")

    def plain(self, host: int, standing: Standing) -> Standing:
        """Return a standing without what no longer matters: that it gave way is forgotten after a while."""
        members = list(map(Seat, self.settings[host], self.off.states))
        over = NOW - memory(members, standing.clashes)
        gave_way_at, clashes = standing.gave_way_at, standing.clashes
        better, weaker = standing.better, standing.weaker
        if gave_way_at <= over:
            gave_way_at, clashes = states.LONG_AGO, 0
        if gave_way_at == states.LONG_AGO and standing.state != syncgroup.MASTER:
            better = weaker = 0
        return replace(
            standing, why="", gave_way_at=gave_way_at, clashes=clashes, better=better, weaker=weaker
        )

    def _age(self, host: int, number: int) -> int:
        """Return a host one quantum later."""
        if (host, number) not in self._later:
            box = self._boxes[number]
            standing = box.standing
            if standing.gave_way_at != states.LONG_AGO:
                standing = replace(standing, gave_way_at=Instant(standing.gave_way_at - self.quantum))
            aged = tuple(shifted(state, self.quantum) for state in box.states)
            box = box._replace(states=aged, standing=self.plain(host, standing))
            self._later[host, number] = self._number(box)
        return self._later[host, number]

    # --- all of them --------------------------------------------------------------------------------

    def _after(self, joint: Joint, host: int, happening: Happening, wire: int) -> Joint:
        hosts, _, faults, losses = joint
        number, sent = self._step(host, hosts[host], happening)
        return replaced(hosts, host, number), wire | sent, faults, losses

    def at_once(self, joint: Joint) -> Iterator[tuple[Joint, bool]]:
        """Yield everything that can happen next without time passing, and whether it is a fault."""
        hosts, wire, *_ = joint
        yield from self._arrivals(joint)
        for host, number in enumerate(hosts):
            for place in self._due[number]:
                yield self._after(joint, host, Happening(place, TICK), wire), False
        if not wire:
            yield from self._faults(joint)

    def instant(self, joint: Joint) -> dict[Joint, bool]:
        """Return every way in which one instant can end; True: without a fault."""
        seen = {(joint, True)}
        waiting = [(joint, True)]
        ends: dict[Joint, bool] = {}
        while waiting:
            here, good = waiting.pop()
            if not here[1] and not any(self._due[number] for number in here[0]):
                ends[here] = ends.get(here, False) or good
            for to, fault in self.at_once(here):
                there = to, good and not fault
                if there not in seen and (to, True) not in seen:
                    seen.add(there)
                    waiting.append(there)
        return ends

    def _arrivals(self, joint: Joint) -> Iterator[tuple[Joint, bool]]:
        hosts, wire, faults, losses = joint
        left = wire
        while left:
            bit = left & -left
            left ^= bit
            flight, advert = self._flights[bit.bit_length() - 1], self._heard[bit.bit_length() - 1]
            box = self._boxes[hosts[flight.receiver]]
            deaf = box.ill >> flight.place & 1 or isinstance(box.states[flight.place], Initialize)
            if advert is None or not box.running or deaf:
                yield (hosts, wire ^ bit, faults, losses), False
                continue
            heard = Happening(flight.place, advert)
            yield self._after(joint, flight.receiver, heard, wire ^ bit), False
            if losses:
                yield (hosts, wire ^ bit, faults, losses if losses == NO_LIMIT else losses - 1), True

    def _faults(self, joint: Joint) -> Iterator[tuple[Joint, bool]]:
        hosts, wire, faults, losses = joint
        for host, number in enumerate(hosts):
            box = self._boxes[number]
            if not box.running:
                yield self._after(joint, host, Happening(-1, START), wire), True
                continue
            for place in self.places:
                if box.ill >> place & 1:
                    yield self._after(joint, host, Happening(place, CLEARED), wire), True
            if not faults:
                continue
            fewer = (hosts, wire, faults - 1, losses)
            yield (replaced(hosts, host, self._number(self.off)), *fewer[1:]), True
            yield self._after(fewer, host, Happening(-1, STOP), wire), True
            for place in self.places if self.ailing else ():
                if not box.ill >> place & 1:
                    yield self._after(fewer, host, Happening(place, IMPEDED), wire), True

    def right(self, joint: Joint) -> bool:
        """Say whether one host has all the addresses, and none that runs would take all of them from it."""
        boxes = [self._boxes[number] for number in joint[0]]
        fit = [host for host, box in enumerate(boxes) if box.running and not box.ill]
        masters = [host for host in fit if boxes[host].held]
        if not fit:
            return not any(box.held for box in boxes)
        if len(masters) != 1 or any(box.held for host, box in enumerate(boxes) if host not in masters):
            return False
        ours = self.settings[masters[0]]
        return not any(
            all(
                theirs.preempt and theirs.priority > us.priority
                for theirs, us in zip(self.settings[host], ours, strict=True)
            )
            for host in fit
            if host != masters[0]
        )

    def explore(self) -> Verdict:
        """Walk through everything.  Raises `Broken`."""
        gc.disable()  # millions of small tuples, and no cycle among them
        try:
            return self._explore()
        finally:
            gc.enable()

    def _explore(self) -> Verdict:
        off = (self._number(self.off),) * len(self.settings)
        joints: list[Joint] = [(off, 0, self.faults, self.losses)]
        numbers = {joints[0]: 0}
        good_days: list[list[Way]] = []
        edges = most = 0
        for joint in joints:  # grows while we walk: breadth first
            ways: list[Way] = []
            for (hosts, wire, faults, losses), good in self.instant(joint).items():
                edges += 1
                most = max(most, sum(bool(self._boxes[number].held) for number in hosts))
                aged = tuple(self._age(host, number) for host, number in enumerate(hosts))
                later = aged, wire, faults, losses
                number = numbers.setdefault(later, len(joints))
                if number == len(joints):
                    joints.append(later)
                if good:
                    ways.append((number, self.quantum))
            good_days.append(ways)
        settled = settling_time(good_days, {n for n, joint in enumerate(joints) if self.right(joint)})
        return Verdict(len(joints), edges, settled, most)


def replaced(hosts: tuple[int, ...], host: int, number: int) -> tuple[int, ...]:
    """Return the hosts with another one in one place."""
    return (*hosts[:host], number, *hosts[host + 1 :])


def quiet(state: State) -> State:
    """Return a state without its announcements, which decide no election."""
    if isinstance(state, Master):
        return replace(state, announce_at=NEVER, refresh_at=NEVER, answered_until=states.LONG_AGO)
    return state
