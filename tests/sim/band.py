"""A host with several virtual routers that move together, each on a LAN of its own.

A band is what one worker keeps for a sync group; its members are the `Host`s of the simulated LANs.  What an
event at one of them does to all is decided by the real `syncgroup`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from havip.clock import Duration, Instant, seconds
from havip.vrrp import syncgroup
from havip.vrrp.events import Cleared, Event, Impeded, Start, StepDown, Stop
from havip.vrrp.standing import MOST_CLASHES, Group, Standing, memory
from tests.sim.host import Host, Weather
from tests.sim.lan import Lan, Timeline


class Band:
    """One host's members, in the order of its LANs."""

    def __init__(self, name: str, lans: Sequence[Lan], members: Sequence[Host]) -> None:
        self.name = name
        self.lans = lans
        self.members = members
        places = range(len(members))
        self.group = Group("G", tuple(f"{name}{place}" for place in places), tuple(places))
        self.standing = self._afresh()
        self.weights = [member.settings.priority for member in members]  # without what trackers take
        self.changes: list[tuple[Instant, str]] = []  # of the group's state
        self.trackers: list[str | None] = [None] * len(members)  # why a tracker has a member in FAULT
        self.together = True  # it has not dissolved in order to stop
        for member in members:
            member.group = self
            member.clock = members[0].clock

    def _afresh(self) -> Standing:
        return Standing((None,) * len(self.members))

    @property
    def running(self) -> bool:
        """Say whether the daemon runs."""
        return self.members[0].running

    @property
    def masters(self) -> list[bool]:
        """Say of each member whether it is MASTER."""
        return [member.is_master for member in self.members]

    @property
    def fit(self) -> bool:
        """Say whether it runs and nothing keeps a member from taking part."""
        return self.running and not any(map(self.fault, range(len(self.members))))

    def fault(self, place: int) -> str | None:
        """Return why a member cannot take part."""
        return self.trackers[place] if self.members[place].link else "no carrier"

    def longest_pause(self) -> Duration:
        """Return by how much a group may lengthen a wait."""
        return memory(self.members, MOST_CLASHES)

    def step(self, host: Host, event: Event) -> None:
        """Let an event happen to one member, and to the others what follows."""
        place = next(place for place, member in enumerate(self.members) if member is host)
        now = host.clock.read(self.lans[0].now)
        if isinstance(event, Stop):
            self.together = False
        if not self.together:
            state, actions = syncgroup.machine.step(host.settings, host.state, event, now)
            self.lans[place].enter(host, event, state, actions)
            return
        before = self.standing.state
        self.standing, moves = syncgroup.step(self.group, self.standing, self.members, place, event, now)
        for at, state, actions in moves:
            self.lans[at].enter(self.members[at], event, state, actions)
        for at, *_ in moves:
            if at != place:
                self.lans[at].set_timer(self.members[at])
        if self.standing.state != before:
            self.changes.append((self.lans[0].now, self.standing.state))
            self.lans[0].watch.note(self.name, f"GROUP {self.standing.state}: {self.standing.why}")

    # --- what happens to it -------------------------------------------------------------------------

    def start(self, resume: bool = False) -> None:
        """Start the daemon."""
        if self.running or self.members[0].frozen:
            return
        self.standing, self.together = self._afresh(), True
        self.changes.append((self.lans[0].now, "START"))
        resume &= not any(map(self.fault, range(len(self.members))))
        for member in self.members:
            member.powered = member.running = True
            if not resume:
                member.held.clear()
        for place, (lan, member) in enumerate(zip(self.lans, self.members, strict=True)):
            fault = self.fault(place)
            member.settings = member.configured
            event: Event = Start(resume) if fault is None else Impeded(fault)
            lan.tell(member, event, "starts")

    def each(self, what: str, **options: Any) -> None:
        """Have something that concerns the whole host happen to each member."""
        for lan, member in zip(self.lans, self.members, strict=True):
            getattr(lan, what)(member, **options)

    def judge(self, place: int) -> None:
        """Tell a member whether it may take part."""
        fault = self.fault(place)
        self.lans[place].tell(
            self.members[place], Cleared() if fault is None else Impeded(fault), f"{fault or 'fit'}"
        )

    def set_link(self, place: int, up: bool) -> None:
        """Change a member's carrier."""
        self.members[place].link = up
        self.judge(place)

    def track(self, place: int, reason: str | None) -> None:
        """Have a tracker without a weight fail or recover."""
        self.trackers[place] = reason
        self.judge(place)

    def weigh(self, priorities: Sequence[int]) -> None:
        """Have trackers with a weight give the members other priorities."""
        for lan, member, priority in zip(self.lans, self.members, priorities, strict=True):
            lan.reload(member, priority=priority)

    def fail_over(self) -> None:
        """Have an operator ask for another master."""
        self.lans[0].tell(self.members[0], StepDown("failover"), "is asked to step down")


class Site:
    """Several LANs, and hosts with a member on each of them."""

    def __init__(self, seed: int, weather: Weather, lans: int, version: int = 3) -> None:
        self.timeline = Timeline(seed)
        self.lans = [Lan(0, weather, version, timeline=self.timeline) for _ in range(lans)]
        self.bands: list[Band] = []
        self.timeline.watches.append(self.look)

    def add(self, name: str, settings: Sequence[dict[str, Any]]) -> Band:
        """Plug in a host with these settings on the LANs; it takes no part until `Band.start`."""
        members = []
        for lan, more in zip(self.lans, settings, strict=True):
            members.append(lan.add(name, **more))
        band = Band(name, self.lans, members)
        self.bands.append(band)
        return band

    def look(self) -> None:
        """Check what holds for groups at every instant."""
        watch = self.lans[0].watch
        for band in self.bands:
            if band.members[0].powered and any(band.masters) != all(band.masters):
                raise watch.broken("a group is never split", f"{band.name} is MASTER in part: {band.masters}")
            faults = [syncgroup.fault_of(member.state) is not None for member in band.members]
            if any(faults) != all(faults):
                raise watch.broken("all in FAULT or none", f"{band.name}: {faults}")

    def at(self, when: Instant, do: Any, *arguments: Any) -> None:
        """Do something at a true instant."""
        self.timeline.at(when, do, *arguments)

    def run(self, length: int) -> None:
        """Let ``length`` of true time pass."""
        self.timeline.run(length)

    def whole_masters(self) -> list[Band]:
        """Return who has all the addresses."""
        return [band for band in self.bands if all(band.masters)]

    def changes_since(self, start: Instant) -> int:
        """Return how many members became MASTER."""
        return sum(len(lan.watch.takeovers_since(start)) for lan in self.lans)

    @property
    def longest_interval(self) -> Duration:
        """Return the longest interval of any member so far."""
        return max((lan.watch.longest_interval for lan in self.lans), default=seconds(0))


def alternating(changes: Sequence[tuple[Instant, str]]) -> bool:
    """Say whether no state is told twice in a row."""
    return all(one[1] != other[1] for one, other in pairwise(changes))
