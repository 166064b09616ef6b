"""A virtual service as the pool knows it, and what follows: its table, its deadlines.  Pure.

Who changes it, and when, is in `havip.ipvs.pool`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final

from havip.clock import NEVER, Duration, Instant
from havip.config.balancing import RealServer, VirtualService, WhenFailed
from havip.ipvs.servers import LONG_AGO, NO_CHECKS, Server, Verdict, grows_at, ramped
from havip.ipvs.wanted import Standing

SORRY_WEIGHT: Final = 1


@dataclass(frozen=True, slots=True)
class Settings:
    """One virtual service as configured."""

    service: VirtualService
    notify_initial: bool = False  # tell of servers that are good from the start

    @property
    def down_below(self) -> int:
        """Return the weight below which the service is lost."""
        return max(1, self.service.quorum - self.service.hysteresis)

    @property
    def up_from(self) -> int:
        """Return the weight from which on it is up again."""
        return max(1, self.service.quorum + self.service.hysteresis)

    def inhibits(self, server: RealServer) -> bool:
        """Say whether a server that fails stays in the table with weight 0."""
        return (server.when_failed or self.service.when_failed) is WhenFailed.INHIBIT

    def slow_start(self, server: RealServer) -> Duration:
        """Return how long the weight of a server that comes back grows."""
        return self.service.slow_start if server.slow_start is None else server.slow_start


class Phase(Enum):
    """How far the service is from its end."""

    RUNNING = auto()
    PARTING = auto()  #: nothing new comes, and what is under way is waited for
    GONE = auto()  #: nothing stands in the table any more
    LEFT = auto()  #: what stands there is left there


@dataclass(frozen=True, slots=True)
class State:
    """What is known of the service; the configured servers first, then those that leave."""

    servers: Mapping[str, Server] = field(default_factory=dict)
    up: bool = True  # it has its quorum, or may have it for all that is known
    told: str = ""  # UP or DOWN; empty: nothing was told yet
    suspended: bool = False
    phase: Phase = Phase.RUNNING
    sorry: int | None = None  # weight of the sorry server in the table; None: it is not there
    part_at: Instant = NEVER  # when a service that parts is waited for no longer
    since: Instant = LONG_AGO
    why: str = ""

    @property
    def alive(self) -> int:
        """Return the weight of the servers that are alive."""
        return sum(server.alive for server in self.servers.values())

    @property
    def seen(self) -> int:
        """Return the weight of those that were seen to be alive."""
        return sum(server.alive for server in self.servers.values() if server.counted.good)

    @property
    def possible(self) -> int:
        """Return the same if all of which nothing is known turn out to be good."""
        return sum(server.possible for server in self.servers.values())


def newcomer(settings: Settings, config: RealServer, now: Instant, cold: bool) -> Server:
    """Return a server of which nothing is known; one without checks is good."""
    verdict = Verdict() if settings.service.checks_of(config) else Verdict(True, NO_CHECKS)
    return Server(config, verdict, verdict, cold=cold, since=now)


def weight_of(settings: Settings, state: State, server: Server, now: Instant) -> int | None:
    """Return the weight that a server has in the table now; None: it does not stand there."""
    if server.drained or state.phase is Phase.GONE:
        return None
    failed = server.counted.good is False
    absent = 0 if settings.inhibits(server.config) else None
    if failed:
        return absent if state.phase is Phase.RUNNING or server.present else None
    if server.drain_until is not None:
        return 0
    if server.counted.good is None and server.kept is None:
        return None
    if not state.up and settings.service.sorry_server is not None:
        return absent  # the sorry server stands in
    if server.counted.good is None:
        return server.kept_weight
    return ramped(server.weight, server.ramp_at, settings.slow_start(server.config), now)


def standing(settings: Settings, state: State, now: Instant) -> Standing:
    """Return what stands in the table now."""
    servers = {}
    for name, server in state.servers.items():
        weight = weight_of(settings, state, server, now)
        if weight is not None:
            servers[name] = weight
    return Standing(servers, state.sorry)


def next_deadline(settings: Settings, state: State, now: Instant) -> Instant:
    """Return when the next `Tick` is due; it lies after ``now`` once a step was made at ``now``."""
    if state.phase in (Phase.GONE, Phase.LEFT):
        return NEVER
    return min((state.part_at, *_deadlines(settings, state, now)))


def _deadlines(settings: Settings, state: State, now: Instant) -> Iterator[Instant]:
    for server in state.servers.values():
        if server.drained:
            continue
        if server.drain_until is not None:
            yield server.drain_until
        elif server.ramp_at is not None and server.present:
            yield grows_at(server.weight, server.ramp_at, settings.slow_start(server.config), now)


def awaited(state: State) -> list[str]:
    """Return the servers whose connections are to be counted; "" stands for the sorry server."""
    names = [name for name, one in state.servers.items() if one.drain_until is not None and not one.drained]
    if state.phase is Phase.PARTING and state.sorry is not None:
        names.append("")
    return names


def finished(state: State) -> bool:
    """Say whether nothing more comes: the service stands empty, or is left in the kernel as it is."""
    return state.phase in (Phase.GONE, Phase.LEFT)


def laid_out(settings: Settings, state: State) -> VirtualService:
    """Return the service with the servers that a reload has taken away and that still drain."""
    leaving = tuple(replace(one.config, name=name) for name, one in state.servers.items() if one.leaving)
    if not leaving:
        return settings.service
    return replace(settings.service, servers=(*settings.service.servers, *leaving))
