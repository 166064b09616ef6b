"""One sync group at run time, and all of them by name: which routers of this worker move together.

What that means is decided in `syncgroup`.  Here is who belongs to whom, also while a reload changes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from havip import clock
from havip.clock import Instant
from havip.messages import GroupReport
from havip.vrrp import syncgroup
from havip.vrrp.engine import Engine
from havip.vrrp.events import Cleared, Event
from havip.vrrp.router import Router
from havip.vrrp.standing import Group, Standing


class Team:
    """Mutable, and owned by the worker's one thread, like its routers.  A router is known by its place."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.routers: list[Router] = []
        self.group = Group(name, (), ())
        self.standing = Standing(())
        self.since = clock.wall()

    def seat(self, routers: Sequence[Router]) -> None:
        """Consist of these routers from now on."""
        ailments = {router: self.ailment(router) for router in routers}
        self.routers = list(routers)
        for place, router in enumerate(routers):
            router.team, router.place = self, place
        # Hosts may name and order their routers as they like: what all of them share are the addresses.
        ranks = sorted(range(len(routers)), key=lambda place: identity(routers[place]))
        names = tuple(router.config.name for router in routers)
        self.group = Group(self.name, names, tuple(ranks))
        self.standing = self.standing.among(tuple(ailments.values()))

    def step(self, router: Router, event: Event, now: Instant) -> syncgroup.Outcome:
        """Return what an event at one router does to all of them."""
        return syncgroup.step(self.group, self.standing, self.routers, router.place, event, now)

    def ailment(self, router: Router) -> str | None:
        """Return a router's own reason to be in FAULT, which is not that of the group."""
        if router.team is self:
            return self.standing.ailments[router.place]
        return syncgroup.fault_of(router.state)

    def report(self) -> GroupReport:
        """Return what `status` shows."""
        return GroupReport(
            name=self.name,
            state=self.standing.state,
            since=self.since,
            why=self.standing.why,
            members=self.group.members,
            waits_for=syncgroup.waits_for(self.group, self.routers),
        )


class Teams:
    """All sync groups of a worker."""

    def __init__(self, engine: Engine) -> None:
        self.by_name: dict[str, Team] = {}
        self._engine = engine

    def put(self, name: str, routers: Sequence[Router], now: Instant) -> Team:
        """Have this group consist of these routers; what does not change is not touched."""
        team = self.by_name.setdefault(name, Team(name))
        names = tuple(router.config.name for router in routers)
        if team.routers == list(routers) and team.group.members == names:
            return team
        for router in [*team.routers, *routers]:
            if router.team is not None and (router.team is not team or router not in routers):
                self.leave(router, now)
        team.seat(routers)
        self._settle(team, now)
        return team

    def drop(self, name: str, now: Instant) -> None:
        """Let the members of a group go on, each for itself."""
        team = self.by_name.pop(name, None)
        if team is not None:
            for router in list(team.routers):
                self.leave(router, now)

    def leave(self, router: Router, now: Instant, for_good: bool = False) -> None:
        """Take a router out of its group; ``for_good``: it is about to stop."""
        team = router.team
        if team is None:
            return
        kept_by_others = team.ailment(router) is None and syncgroup.fault_of(router.state) is not None
        router.team = None
        team.seat([other for other in team.routers if other is not router])
        if kept_by_others and not for_good:
            self._engine.step(router, Cleared(), now)
        self._settle(team, now)

    def dissolve(self) -> None:
        """Leave every router to itself: all of them are about to stop."""
        for team in self.by_name.values():
            for router in team.routers:
                router.team = None
        self.by_name.clear()

    def _settle(self, team: Team, now: Instant) -> None:
        self._engine.move(team, syncgroup.compose(team.group, team.standing, team.routers, now), now)


def identity(router: Router) -> tuple[int, int, list[bytes]]:
    """Return what a virtual router is on every host."""
    config = router.config
    return config.vrid, config.family, sorted(vip.address.packed for vip in config.addresses)


def objection_to_stepping_down(router: Router) -> str | None:
    """Return in words why a router, and its sync group, cannot give its addresses away; None: it can."""
    if not router.is_master:
        return f"{router.config.name} is {router.state_name}, not MASTER"
    for member in [router] if router.team is None else router.team.routers:
        if member.settings.owner:
            return f"{member.config.name} owns its addresses (priority 255) and may not give them away"
    return None
