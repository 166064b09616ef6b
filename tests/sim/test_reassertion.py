"""After a split has healed, the surviving master calls the clients back, and whoever wants to know is told.

By default, whatever the settings of both are, alone or in a sync group.
"""

from __future__ import annotations

from typing import Any

import pytest

from havip.clock import ZERO, Duration, milliseconds, seconds
from havip.config.model import Announcing
from tests.sim import judge
from tests.sim.band import Site
from tests.sim.host import Host, Weather
from tests.sim.lan import Lan
from tests.sim.scene import DELAY, INTERVAL, some_time

COMBINATIONS: list[tuple[str, dict[str, Any]]] = [
    ("preempting", {}),
    ("not-preempting", {"preempt": False}),
    ("preempt-delay", {"preempt_delay": seconds(7)}),
    ("one-missed-advert", {"down_adverts": 1}),
    ("one-burst", {"announce": Announcing(delay=seconds(0), lower_priority_delay=seconds(0))}),
]
BOTH = pytest.mark.parametrize("settings", [pytest.param(more, id=name) for name, more in COMBINATIONS])
PRIORITIES = pytest.mark.parametrize(("one", "other"), [(200, 100), (100, 200), (100, 100)])


def started(seed: int, one: int, other: int, settings: dict[str, Any]) -> tuple[Lan, Host, Host]:
    """Return a LAN with a router on each side of a cut, both master, and the clients of each with it."""
    lan = Lan(seed)
    a, b = lan.add("a", one, **settings), lan.add("b", other, **settings)
    lan.partition([a], [b])
    lan.start(a, b)
    lan.run(seconds(20))
    judge.only_master(lan, a, b)
    lan.run(some_time(lan))
    return lan, a, b


@BOTH
@PRIORITIES
def test_the_survivor_of_a_healed_split_calls_everybody_and_tells_scripts(
    settings: dict[str, Any], one: int, other: int
) -> None:
    for seed in range(10):
        lan, a, b = started(seed, one, other, settings)
        survivor = a if one > other else b  # of equals the one with the greater address
        lan.heal()
        lan.run(INTERVAL + 4 * DELAY)
        judge.only_master(lan, survivor)
        judge.clients_reach(lan, survivor)
        assert survivor.heard_weaker >= 1


@BOTH
@PRIORITIES
def test_a_master_that_is_not_heard_calls_everybody_once_it_is(
    settings: dict[str, Any], one: int, other: int
) -> None:
    # As between unicast peers of which one cannot reach the other: it is answered in vain, until it can.
    for seed in range(5):
        lan, a, b = started(seed, one, other, settings)
        survivor = a if one > other else b
        lan.heal()
        lan.drops = lambda sender, receiver, deaf=survivor.name: sender == deaf  # type: ignore[misc]
        lan.run(seconds(10))
        judge.only_master(lan, a, b)
        assert 5 <= survivor.heard_weaker <= 11  # at most once an interval
        lan.drops = lambda sender, receiver: False
        lan.run(INTERVAL + 4 * DELAY)
        judge.only_master(lan, survivor)
        judge.clients_reach(lan, survivor)


def test_a_rival_that_is_never_heard_is_made_up_for_by_refreshing_alone() -> None:
    for refresh, reached in ((0, False), (5, True)):
        lan, a, b = started(1, 200, 100, {"announce": Announcing(refresh=seconds(refresh))})
        lan.heal()
        lan.drops = lambda sender, receiver: sender == "b" and receiver == "a"
        lan.run(INTERVAL + 4 * DELAY)
        judge.only_master(lan, a)  # it never heard that there was another
        lan.run(seconds(10))
        believed = lan.neighbours["b"].cache[a.addresses[0]]
        assert (believed == a.mac) is reached
        assert (a.heard_weaker, b.heard_weaker) == (0, 0)


def test_a_farewell_that_is_lost_is_said_again() -> None:
    for lost in (1, 2, 3):
        for seed in range(10):
            lan, a, _ = started(seed, 200, 100, {})
            lan.heal()
            heard = [True] * lost  # frames of b that a does not hear
            lan.drops = lambda sender, receiver, lost=heard: (  # type: ignore[misc]
                (sender, receiver) == ("b", "a") and bool(lost) and lost.pop()
            )
            lan.run((lost + 1) * (INTERVAL + 4 * DELAY))
            judge.only_master(lan, a)
            judge.clients_reach(lan, a)
            quiet = lan.now
            lan.run(seconds(20))
            judge.unchanged(lan, quiet, a)
            assert a.heard_weaker <= 2


def test_a_rival_that_is_never_heard_stops_speaking() -> None:
    lan, a, _ = started(1, 200, 100, {})
    lan.heal()
    lan.drops = lambda sender, receiver: (sender, receiver) == ("b", "a")
    lan.run(seconds(20))
    judge.only_master(lan, a)


def test_a_master_that_stops_beside_another_leaves_no_client_lost() -> None:
    for seed in range(20):
        lan, a, b = started(seed, 200, 100, {})
        lan.heal()
        lan.stop(b)  # before it has heard the other: its priority 0 is all that the other hears of it
        lan.run(INTERVAL)
        judge.only_master(lan, a)
        judge.clients_reach(lan, a)
        assert a.heard_weaker == 1


def healed_group(seed: int, settings: dict[str, Any], pause: Duration) -> Site:
    """Return two hosts with a group, both master on three cut LANs, which then heal one after the other."""
    site = Site(seed, Weather(), 3)
    a = site.add("a", [{"priority": 200, **settings}] * 3)
    b = site.add("b", [{"priority": 100, **settings}] * 3)
    for lan in site.lans:
        lan.partition([lan.hosts["a"]], [lan.hosts["b"]])
    a.start()
    b.start()
    site.run(seconds(20))
    assert site.whole_masters() == [a, b]
    site.run(site.timeline.random.randrange(2 * INTERVAL))
    for lan in site.lans:
        lan.heal()
        site.run(pause)
    site.run(2 * INTERVAL)
    assert site.whole_masters() == [a]
    return site


@BOTH
def test_the_surviving_group_calls_the_clients_of_every_lan(settings: dict[str, Any]) -> None:
    for seed in range(5):
        site = healed_group(seed, settings, ZERO)
        for lan in site.lans:
            judge.clients_reach(lan, lan.hosts["a"])


@pytest.mark.parametrize("pause", [milliseconds(300), seconds(20)])
def test_clients_of_a_lan_that_heals_after_the_group_was_deposed_are_called_back(
    pause: Duration,
) -> None:
    # The rival resigned there while nobody could hear it, and says so again once it hears the other.
    for seed in range(5):
        site = healed_group(seed, {}, pause)
        for lan in site.lans:
            judge.clients_reach(lan, lan.hosts["a"])
