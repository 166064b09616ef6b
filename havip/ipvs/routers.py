"""The virtual routers that services and the sync daemon go by, and the probes that rest with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from havip.config.balancing import VirtualService

MASTER: Final = "MASTER"


class Routers:
    """``hold`` is told which checks need not run, and which must again (`probe_as_master_of`)."""

    def __init__(self, hold: Callable[[Iterable[str], bool], None]) -> None:
        self._hold = hold
        self._states: dict[str, str] = {}

    def hear(self, name: str, state: str) -> bool:
        """Learn how a router is; say whether it has become MASTER, or is so no more."""
        before, self._states[name] = self.state(name), state
        return (before == MASTER) is not (state == MASTER)

    def state(self, name: str) -> str:
        """Return how a router is; empty: nobody has said."""
        return self._states.get(name, "")

    def rests(self, service: VirtualService) -> bool:
        """Say whether the servers of a service are not probed: another router is MASTER."""
        router = service.probe_as_master_of
        return bool(router) and self.state(router) != MASTER

    def hold(self, service: VirtualService) -> None:
        """Have the probes of a service rest, or run."""
        names = [name for server in service.servers for name in service.probe_names(server)]
        self._hold(names, self.rests(service))
