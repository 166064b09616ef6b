"""What the routers of this worker track, by what is tracked: a result touches those that use it and no other.

It keeps the results, its own of interfaces and routers among them, and adds them up when asked to.  What a
standing does to a router belongs to the roster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from havip.clock import Instant
from havip.config.tracking import TrackerKey, TrackerKind
from havip.messages import TrackResult
from havip.vrrp.router import Router
from havip.vrrp.tracking import Standing, standing


class Trackers:
    """Results by tracker, and who uses each.

    ``link_fault`` says in words why an interface cannot be used, None if it can; ``state_of`` gives the
    state of the router of a name, None if there is none.
    """

    def __init__(
        self, link_fault: Callable[[str, Instant], str | None], state_of: Callable[[str], str | None]
    ) -> None:
        self._link_fault = link_fault
        self._state_of = state_of
        self._results: dict[TrackerKey, TrackResult] = {}
        self._users: dict[TrackerKey, dict[Router, None]] = {}
        self._due: dict[Router, None] = {}

    @property
    def busy(self) -> bool:
        """Say whether some router's standing may be another one."""
        return bool(self._due)

    def watch(self, router: Router, now: Instant) -> None:
        """Take up what a router tracks."""
        for tracker in router.trackers:
            self._users.setdefault(tracker.key, {})[router] = None
            if tracker.kind is TrackerKind.INTERFACE:
                self._saw_link(tracker.name, now)
            elif tracker.kind is TrackerKind.ROUTER:
                self._saw_router(tracker.name)

    def unwatch(self, router: Router) -> None:
        """Let go of what a router tracks."""
        self._due.pop(router, None)
        for tracker in router.trackers:
            users = self._users.get(tracker.key, {})
            users.pop(router, None)
            if not users:
                self._users.pop(tracker.key, None)

    def hear(self, result: TrackResult) -> None:
        """Take the newest result of a tracker."""
        if self._results.get(result.key) != result:
            self._results[result.key] = result
            self._due |= self._users.get(result.key, {})

    def drop(self, key: TrackerKey) -> None:
        """Forget the result of a tracker."""
        if self._results.pop(key, None) is not None:
            self._due |= self._users.get(key, {})

    def saw_links(self, interfaces: Iterable[str], now: Instant) -> None:
        """Look again at those of ``interfaces`` that are tracked."""
        for interface in interfaces:
            if (TrackerKind.INTERFACE, interface) in self._users:
                self._saw_link(interface, now)

    def _saw_link(self, interface: str, now: Instant) -> None:
        fault = self._link_fault(interface, now)
        why = "is up" if fault is None else fault.removeprefix(f"interface {interface} ")
        self.hear(TrackResult(TrackerKind.INTERFACE, interface, fault is None, why=why))

    def moved(self, router: Router) -> None:
        """Take note of a router's new state, if it is tracked."""
        if (TrackerKind.ROUTER, router.config.name) in self._users:
            self._saw_router(router.config.name)

    def foresee(self, router: Router, state: str) -> None:
        """Take a router that is about to start for what it is about to be, if it is tracked."""
        name = router.config.name
        if (TrackerKind.ROUTER, name) in self._users:
            self.hear(TrackResult(TrackerKind.ROUTER, name, True, state=state, why=f"is {state}"))

    def gone(self, router: Router) -> None:
        """Take note of a router that was dropped."""
        self.drop((TrackerKind.ROUTER, router.config.name))

    def _saw_router(self, name: str) -> None:
        state = self._state_of(name)
        if state is not None:
            self.hear(TrackResult(TrackerKind.ROUTER, name, True, state=state, why=f"is {state}"))

    def assess(self, router: Router) -> Standing:
        """Return where a router stands by the results of now."""
        return standing(router.config.priority, router.trackers, self._results, router.override)

    def take_due(self) -> list[tuple[Router, Standing]]:
        """Return every router whose standing has become another one."""
        due, self._due = self._due, {}
        judged = [(router, self.assess(router)) for router in due]
        return [(router, now) for router, now in judged if now != router.standing]
