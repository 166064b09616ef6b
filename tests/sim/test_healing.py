"""A LAN that was cut in parts, or lossy, and is whole again: one master, soon, and everybody finds it."""

from __future__ import annotations

import pytest

from havip.clock import seconds
from tests.sim import judge
from tests.sim.host import Weather
from tests.sim.scene import DELAY, INTERVAL, VARIANTS, lan_of, some_time


@pytest.mark.parametrize(("version", "family"), VARIANTS)
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_a_healed_lan_has_one_master_within_one_interval(count: int, version: int, family: int) -> None:
    for seed in range(10):
        lan, hosts = lan_of(count, seed, version, family)
        lan.partition(*([host] for host in hosts))
        lan.run(seconds(10))
        judge.only_master(lan, *hosts)
        lan.run(some_time(lan))
        lan.heal()
        lan.run(INTERVAL + DELAY)
        judge.only_master(lan, hosts[0])
        healed = lan.now
        lan.run(seconds(10))
        judge.unchanged(lan, healed, hosts[0])


@pytest.mark.parametrize("preempt", [True, False])
def test_of_the_masters_of_a_healed_lan_the_best_one_survives(preempt: bool) -> None:
    for seed in range(20):
        lan, hosts = lan_of(5, seed, 3, 4, preempt=preempt)
        lan.random.shuffle(hosts)
        sides = hosts[:2], hosts[2:]
        lan.partition(*sides)
        lan.run(seconds(10))
        masters = [host for host in hosts if host.is_master]
        assert len(masters) == 2
        lan.run(some_time(lan))
        lan.heal()
        lan.run(INTERVAL + DELAY)
        judge.only_master(lan, max(masters, key=lambda host: host.settings.priority))


@pytest.mark.parametrize("family", [4, 6])
def test_clients_on_every_side_of_a_healed_lan_reach_the_survivor(family: int) -> None:
    for seed in range(30):
        lan, (a, b, c) = lan_of(3, seed, 3, family)
        lan.partition([a], [b, c])
        lan.run(seconds(20))  # every second burst is over
        assert lan.neighbours["c"].cache[c.addresses[0]] == b.mac
        lan.run(some_time(lan))
        lan.heal()
        lan.run(INTERVAL + 4 * DELAY)  # the advert, the answer, the announcement
        judge.only_master(lan, a)
        judge.clients_reach(lan, a)


@pytest.mark.parametrize(("version", "family"), VARIANTS)
def test_dual_mastership_ends_within_one_interval_after_the_loss_stops(version: int, family: int) -> None:
    dual = 0
    for seed in range(20):
        lan, hosts = lan_of(3, seed, version, family)
        lan.weather = Weather(loss=0.3)
        start = lan.now
        lan.run(seconds(60))
        dual += lan.watch.longest(start, lan.now, masters=2)
        lan.weather = Weather()
        lan.run(INTERVAL + DELAY)
        assert len(lan.watch.masters()) <= 1, lan.watch.timeline()
        clear = lan.now
        lan.run(seconds(10))
        judge.never_two(lan, clear, lan.now, longer_than=DELAY)  # a better backup may still take over
        judge.only_master(lan, hosts[0])
    assert dual > seconds(1)  # the loss did make two masters


def test_routers_that_hear_each_other_in_one_direction_only_still_leave_one_master() -> None:
    lan, (a, b) = lan_of(2, 1, 3, 4)
    lan.drops = lambda sender, receiver: sender == "b"  # a hears nobody, b hears a
    start = lan.now
    lan.run(seconds(30))
    judge.unchanged(lan, start, a)
    lan.drops = lambda sender, receiver: sender == "a"  # b hears nobody, and takes over: a answers in vain
    lan.run(seconds(30))
    judge.only_master(lan, a, b)
    lan.drops = lambda sender, receiver: False
    lan.run(INTERVAL + DELAY)
    judge.only_master(lan, a)
