"""One virtual service: which of its servers stand in the kernel's table, with which weight.  Pure.

`step` takes (settings, state, event, now) and returns the state after it and what is to be told, in order.
What stands in the table (`standing`) and when the next `Tick` is due (`next_deadline`) follow from the state.

Quorum: a service is lost when the weight of its servers that are alive is 0 or below quorum - hysteresis, and
up again from quorum + hysteresis on.  While it is lost a sorry server, if it has one, stands in for all.
A server of which nothing is known yet is not in the table, and its silence loses no quorum.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias, assert_never

from havip.balancing import DOWN, DRAINED, DRAINING, UNKNOWN, UP, Order
from havip.clock import Instant, after
from havip.config.balancing import OnStop, RealServer
from havip.config.health import FirstState
from havip.ipvs.events import (
    Configured,
    Counted,
    Ended,
    Event,
    Judged,
    Ordered,
    Removed,
    Suspended,
    Tell,
    Tick,
)
from havip.ipvs.servers import Server, Verdict, together
from havip.ipvs.states import (
    SORRY_WEIGHT,
    Phase,
    Settings,
    State,
    awaited,
    finished,
    laid_out,
    newcomer,
    next_deadline,
    standing,
    weight_of,
)
from havip.ipvs.succession import TAKEN_AWAY, free, succeed
from havip.ipvs.wanted import Standing

__all__ = [
    "Configured", "Counted", "Ended", "Event", "Judged", "Ordered", "Removed", "Server", "Settings", "State",
    "Suspended", "Tell", "Tick", "Verdict", "awaited", "begin", "finished", "laid_out", "next_deadline",
    "standing", "step", "together", "weight_of",
]  # fmt: skip

Step: TypeAlias = tuple[State, list[Tell]]

ENDS: Final = "the daemon ends"


def begin(
    settings: Settings,
    now: Instant,
    before: Standing | None = None,
    orders: Mapping[str, Order] | None = None,
    suspended: bool = False,
    leaving: Iterable[RealServer] = (),
) -> Step:
    """Return a service that begins, and what is to be told.

    ``before`` is what stands in the kernel of a former life, of the servers that there are now: it stays as
    it is until something is known, and says whether the service had its quorum.  Who is ``leaving`` stands
    there too: a reload of that life has taken it away, and it drains on.
    """
    before = before or Standing()
    orders = orders or {}
    servers = {}
    for config in settings.service.servers:
        kept = before.servers.get(config.name)
        one = newcomer(settings, config, now, cold=False)
        servers[config.name] = replace(
            one, kept=kept, order=orders.get(config.name), present=kept is not None
        )
    for config in leaving:
        servers[free(config.name, servers)] = Server(config, leaving=True, present=True, told=DOWN, since=now)
    up = not settings.service.start_failed
    if any(before.servers.values()):
        up = True
    elif before.sorry:
        up = False
    state = State(servers, up, suspended=suspended, since=now, sorry=before.sorry)
    return settle(settings, state, now)


def step(settings: Settings, state: State, event: Event, now: Instant) -> Step:
    """Return the state after ``event``, and what is to be told, in order."""
    if finished(state) and not isinstance(event, Configured):
        return state, []
    match event:
        case Judged(verdicts=verdicts):
            judged = {
                name: state.servers[name].judged(verdict, state.suspended)
                for name, verdict in verdicts.items()
                if name in state.servers
            }
            return settle(settings, with_servers(state, judged), now)
        case Ordered(orders=orders):
            ordered = {
                name: replace(state.servers[name], order=order)
                for name, order in orders.items()
                if name in state.servers
            }
            return settle(settings, with_servers(state, ordered), now)
        case Counted(left=left, sorry=sorry):
            return settle(settings, counted(state, left, sorry), now)
        case Suspended(suspended=suspended):
            state = replace(state, suspended=suspended)
            if not suspended:
                state = with_servers(state, {name: one.resumed() for name, one in state.servers.items()})
            return settle(settings, state, now)
        case Configured(old=old, orders=orders):
            state, gone = succeed(settings, old, state, orders, now)
            state, told = settle(settings, state, now)
            return state, [*gone, *told]
        case Removed():
            until = after(now, settings.service.drain_timeout)
            return end(settings, state, now, TAKEN_AWAY, until if settings.service.drain else None)
        case Ended(on_stop=OnStop.LEAVE) if state.phase is Phase.RUNNING:
            state, told = farewell(settings, state, ENDS)
            return replace(state, phase=Phase.LEFT), told
        case Ended(on_stop=on_stop, drain_timeout=timeout):
            return end(settings, state, now, ENDS, after(now, timeout) if on_stop is OnStop.DRAIN else None)
        case Tick():
            return settle(settings, state, now)
        case _:
            assert_never(event)


def with_servers(state: State, changed: Mapping[str, Server]) -> State:
    """Return the state with other servers in the place of those of the same names."""
    return replace(state, servers={**state.servers, **changed})


def counted(state: State, left: Mapping[str, int], sorry: int) -> State:
    """Note how many connections are left; who has none is waited for no longer."""
    changed = {}
    for name, number in left.items():
        one = state.servers.get(name)
        if one is not None and one.drain_until is not None and not one.drained:
            changed[name] = replace(one, left=number, drained=number == 0)
    if state.phase is Phase.PARTING and sorry == 0:
        state = replace(state, sorry=None)
    return with_servers(state, changed)


# What follows from what is known.


def settle(settings: Settings, state: State, now: Instant) -> Step:
    """Put everything in its place, and say what is news: of the servers first, then of the service."""
    servers = {name: aside(settings, state, one, now) for name, one in state.servers.items()}
    state = replace(state, servers=servers)
    if state.phase is Phase.RUNNING:
        state = replace(state, up=has_quorum(settings, state))
        state = replace(state, sorry=weight_of_sorry(settings, state))
    told: list[Tell] = []
    settled = {}
    for name, one in state.servers.items():
        one = placed(settings, state, one, now)
        one = labelled(settings, state, name, one, now, told)
        if not (one.leaving and (one.drained or not one.present)):
            settled[name] = one
    state = replace(state, servers=settled)
    if state.phase is Phase.PARTING:
        return parted(state, now), []
    return tell_of_service(settings, state, now, told), told


def aside(settings: Settings, state: State, server: Server, now: Instant) -> Server:
    """Begin to drain a server that is to get nothing new, end that, or take it back."""
    if not server.set_aside and state.phase is Phase.RUNNING:
        if server.drain_until is None and not server.drained:
            return server
        # One that had left the table comes back as after a failure; one that drained never went cold.
        return replace(
            server,
            drain_until=None,
            drained=False,
            left=None,
            cold=server.drained,
            kept=None if server.drained else server.kept,
        )
    if server.drained:
        return server
    if not server.present:
        return replace(server, drained=True)
    if server.drain_until is None:
        timeout = settings.service.drain_timeout
        until = state.part_at if state.phase is Phase.PARTING else after(now, timeout)
        return replace(server, drain_until=until, drained=now >= until, ramp_at=None, left=None)
    if now >= server.drain_until:
        return replace(server, drained=True)
    return server


def has_quorum(settings: Settings, state: State) -> bool:
    """Say whether the service is up: what is not known yet loses no quorum, and gains none."""
    if state.up:
        return state.possible >= settings.down_below
    return state.alive >= settings.up_from


def weight_of_sorry(settings: Settings, state: State) -> int | None:
    """Return the weight of the sorry server; None: it is not in the table."""
    sorry = settings.service.sorry_server
    if sorry is None:
        return None
    if not state.up:
        return SORRY_WEIGHT
    return 0 if sorry.inhibit else None


def placed(settings: Settings, state: State, server: Server, now: Instant) -> Server:
    """Note whether a server stands in the table, and have its weight grow from its first moment there."""
    weight = weight_of(settings, state, server, now)
    length = settings.slow_start(server.config)
    good = server.counted.good
    ramp_at = server.ramp_at
    cold = server.cold or bool(good and server.state == server.told == DOWN)
    if good is False:
        ramp_at = None
    elif good and weight and cold:
        ramp_at, cold = now if length else None, False
    elif ramp_at is not None and now - ramp_at >= length:
        ramp_at = None
    present = weight is not None
    drained = server.drained or (server.drain_until is not None and not present)
    if (present, cold, ramp_at, drained) == (server.present, server.cold, server.ramp_at, server.drained):
        return server
    return replace(server, present=present, cold=cold, ramp_at=ramp_at, drained=drained)


def labelled(
    settings: Settings, state: State, name: str, server: Server, now: Instant, told: list[Tell]
) -> Server:
    """Give a server its state in words, and tell what is news of it."""
    what, why = server.what()
    if what == server.state:
        return server if why == server.why else replace(server, why=why)
    news = what != UNKNOWN and not server.leaving
    if server.state == UNKNOWN and not server.told:
        starts_failed = settings.service.start_failed
        if what == UP:
            news = settings.notify_initial or starts_failed
        elif what == DOWN:
            news = not (starts_failed or presumed(settings, server))
    if news and state.phase is Phase.RUNNING and what != server.told:
        told.append(Tell(name, what, why))
        server = replace(server, told=what)
    return replace(server, state=what, since=now, why=why)


def presumed(settings: Settings, server: Server) -> bool:
    """Say whether a server counts as failed since its checks are to before their first run (`start`)."""
    starts = {check.name: check.start for check in settings.service.probes_of(server.config)}
    return all(starts.get(name) is FirstState.FAILED for name in server.counted.failed)


def tell_of_service(settings: Settings, state: State, now: Instant, told: list[Tell]) -> State:
    """Tell that the service is up or down if that is news, and known."""
    alive, service = state.alive, settings.service
    if state.up:
        if not state.told and state.seen < settings.down_below:
            return state  # for all that is known it may be up
        what, why = UP, f"the weight {alive} is alive, and the quorum is {service.quorum}"
    else:
        if not state.told and service.start_failed:
            return replace(state, why=f"the weight {alive} is alive: not up yet")
        what, why = DOWN, f"the weight {alive} is alive of the quorum of {service.quorum}"
    if what == state.told:
        return state if why == state.why else replace(state, why=why)
    told.append(Tell(None, what, why))
    return replace(state, told=what, since=now, why=why)


# The end.


def farewell(settings: Settings, state: State, why: str) -> Step:
    """Say the last words of a service that ends; at the daemon's end only where that is wanted."""
    if state.phase is not Phase.RUNNING:
        return state, []
    if why == ENDS and not settings.service.announce_stop:
        return replace(state, told=""), []
    told = [
        Tell(name, DOWN, why)
        for name, one in state.servers.items()
        if one.state in (UP, DRAINING, DRAINED) and not one.leaving
    ]
    if state.told == UP:
        return replace(state, told=DOWN), [*told, Tell(None, DOWN, why)]
    return replace(state, told=""), told


def end(settings: Settings, state: State, now: Instant, why: str, until: Instant | None) -> Step:
    """Let nothing new come; wait until ``until`` for what is under way, or for nothing."""
    state, told = farewell(settings, state, why)
    if until is None:
        return replace(state, servers={}, sorry=None, phase=Phase.GONE), told
    sorry = None if state.sorry is None else 0
    until = min(until, state.part_at)
    state = replace(state, phase=Phase.PARTING, part_at=until, sorry=sorry, up=False, since=now, why=why)
    return settle(settings, state, now)[0], told


def parted(state: State, now: Instant) -> State:
    """Return a service that parts, gone once nothing stands in the table any more."""
    waiting = now < state.part_at and (
        state.sorry is not None or any(one.present for one in state.servers.values())
    )
    return state if waiting else replace(state, servers={}, sorry=None, phase=Phase.GONE)
