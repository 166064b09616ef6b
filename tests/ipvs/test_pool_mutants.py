"""The walk would notice: one rule of a virtual service is broken on purpose, and an invariant says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from havip.clock import Instant
from havip.ipvs import pool, servers, states
from tests.ipvs.test_pool_properties import Walk

Mutant = Callable[[pytest.MonkeyPatch], None]

#: no shrinking: that there is an offence is enough
SEARCH = settings(
    max_examples=2000,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.generate],
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


def instead(module: Any, name: str, mutant: Callable[..., Any]) -> Mutant:
    """Return a mutant that gets the real function before its arguments."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        real = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *given: mutant(real, *given))

    return patch


def weights(mutant: Callable[..., int | None]) -> Mutant:
    """Return a mutant of the weight in the table, wherever it is asked for."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        real = states.weight_of
        for module in (states, pool):
            monkeypatch.setattr(module, "weight_of", lambda *given: mutant(real, *given))

    return patch


def of_server(name: str, value: Any) -> Mutant:
    """Return a mutant that has another property of servers."""
    return lambda monkeypatch: monkeypatch.setattr(servers.Server, name, value)


def failed_ones_stay(real: Any, settings: Any, state: Any, server: Any, now: Instant) -> int | None:
    weight: int | None = real(settings, state, server, now)
    return server.weight if server.counted.good is False and not server.drained else weight


def nobody_is_pulled(real: Any, settings: Any, state: Any, server: Any, now: Instant) -> int | None:
    weight: int | None = real(settings, replace(state, up=True), server, now)
    return weight


def a_reload_s_leavers_go_on(real: Any, settings: Any, state: Any, server: Any, now: Instant) -> int | None:
    return 1 if server.leaving and not server.drained else real(settings, state, server, now)


def told_again(real: Any, *given: Any) -> Any:
    return replace(real(*given), told="")


def service_told_again(real: Any, settings: Any, state: Any, now: Instant, told: Any) -> Any:
    return real(settings, replace(state, told=""), now, told)


def weight_without_order(server: Any) -> int:
    return server.config.weight if server.counted.weight is None else server.counted.weight


MUTANTS: dict[str, Mutant] = {
    "the band is ignored on the way up": instead(
        pool,
        "has_quorum",
        lambda real, settings, state: real(settings, state) or state.alive >= settings.service.quorum,
    ),
    "the band is ignored on the way down": instead(
        pool,
        "has_quorum",
        lambda real, settings, state: real(settings, state) and state.possible >= settings.up_from,
    ),
    "a quorum is lost by silence": instead(
        pool,
        "has_quorum",
        lambda real, settings, state: real(settings, state) and state.alive >= settings.down_below,
    ),
    "a quorum is never lost": instead(pool, "has_quorum", lambda real, settings, state: True),
    "no sorry server": instead(pool, "weight_of_sorry", lambda real, settings, state: None),
    "a sorry server always": instead(
        pool, "weight_of_sorry", lambda real, settings, state: settings.service.sorry_server and 1
    ),
    "failed servers keep their weight": weights(failed_ones_stay),
    "nobody is pulled for the sorry server": weights(nobody_is_pulled),
    "servers that leave go on": weights(a_reload_s_leavers_go_on),
    "nobody drains": instead(pool, "aside", lambda real, settings, state, server, now: server),
    "an operator drains nothing": of_server("set_aside", property(lambda server: server.leaving)),
    "an operator's weight counts nothing": of_server("weight", property(weight_without_order)),
    "a suspended service is judged": instead(
        servers.Server, "judged", lambda real, server, verdict, suspended: real(server, verdict, False)
    ),
    "a weight grows from 0": instead(
        states, "ramped", lambda real, weight, at, length, now: 0 if at is not None else weight
    ),
    "a weight grows beyond itself": instead(
        states, "ramped", lambda real, weight, at, length, now: weight + 1 if at is not None else weight
    ),
    "nobody waits for the next step": instead(
        states,
        "grows_at",
        lambda real, weight, at, length, now: now if at is not None else real(weight, at, length, now),
    ),
    "there is no deadline": instead(states, "_deadlines", lambda real, *given: iter(())),
    "servers are told again": instead(pool, "labelled", told_again),
    "the service is told again": instead(pool, "tell_of_service", service_told_again),
    "the end leaves weights": instead(
        pool, "end", lambda real, settings, state, now, why, until: (state, [])
    ),
}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS.keys())
def test_the_walk_notices(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Walk, settings=SEARCH)  # type: ignore[no-untyped-call]
