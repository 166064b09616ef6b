"""What becomes of the servers of a virtual service when a reload changes them.  Pure.

A server is the same as long as its address and port are, whatever its name: it keeps what is known of it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from itertools import count
from typing import Final

from havip.balancing import DOWN, DRAINED, DRAINING, UP, Order
from havip.clock import NEVER, Instant
from havip.config.balancing import RealServer
from havip.config.cast import Address
from havip.ipvs.events import Tell
from havip.ipvs.servers import NO_CHECKS, Server, Verdict
from havip.ipvs.states import Phase, Settings, State, newcomer

TAKEN_AWAY: Final = "a reload has taken it away"

Endpoint = tuple[Address, int]


def succeed(
    settings: Settings, old: Settings, state: State, orders: Mapping[str, Order], now: Instant
) -> tuple[State, list[Tell]]:
    """Return the state with the servers of the settings that are in force now, and what is told of others."""
    if state.phase is not Phase.RUNNING:  # it was taken away, and is there again before it was gone
        state = replace(state, phase=Phase.RUNNING, part_at=NEVER, told="", sorry=None)
        state = replace(state, up=not settings.service.start_failed)
    there = {endpoint(old, one.config): name for name, one in state.servers.items()}
    servers: dict[str, Server] = {}
    taken = set()
    for config in settings.service.servers:
        name = there.get(endpoint(settings, config))
        if name is None:
            one = newcomer(settings, config, now, cold=True)
        else:
            taken.add(name)
            one = changed(settings, state.servers[name], config)
        servers[config.name] = replace(one, order=orders.get(config.name))
    told = []
    for name, one in state.servers.items():
        if name in taken:
            continue
        if not one.leaving and one.state in (UP, DRAINING, DRAINED):
            told.append(Tell(name, DOWN, TAKEN_AWAY))
        if one.leaving or (settings.service.drain and one.present and one.counted.good is not False):
            servers[free(one.config.name, servers)] = replace(one, leaving=True, told=DOWN)
    return replace(state, servers=servers), told


def endpoint(settings: Settings, server: RealServer) -> Endpoint:
    """Return what makes a server itself."""
    return server.address, settings.service.port_of(server)


def changed(settings: Settings, server: Server, config: RealServer) -> Server:
    """Return a server that goes on with other settings."""
    was = server.config
    kept = config.weight if server.kept and config.weight != was.weight else server.kept
    server = replace(server, config=config, leaving=False, kept=kept)
    if not settings.service.checks_of(config):
        return server.judged(Verdict(True, NO_CHECKS), False)
    return server


def free(name: str, taken: Container[str]) -> str:
    """Return a name for a server that leaves: another one may have its own by now."""
    names = (f"{name} (leaving{f' {number}' if number > 1 else ''})" for number in count(1))
    return next(one for one in names if one not in taken)
