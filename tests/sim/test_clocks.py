"""Clocks that run fast or slow, hosts that freeze, timers that fire late, and intervals that differ."""

from __future__ import annotations

from itertools import cycle

import pytest

from havip.clock import Duration, milliseconds, seconds
from tests.sim import judge
from tests.sim.host import Weather
from tests.sim.lan import Lan
from tests.sim.scene import DELAY, INTERVAL, QUIET, VARIANTS, lan_of, some_time

SLOW, FAST = -50_000, 50_000  # ppm


@pytest.mark.parametrize(("version", "family"), VARIANTS)
@pytest.mark.parametrize("every_other_lost", [False, True])
def test_clocks_five_percent_apart_make_no_false_takeover(
    every_other_lost: bool, version: int, family: int
) -> None:
    # Three missed adverts of a backup that runs 5 % fast are 2.86 s; two of a master 5 % slow are 2.1 s.
    lan = Lan(0, Weather(late=0.05, latest=milliseconds(50)), version, family)
    a = lan.add("a", 254, ppm=SLOW, lateness=milliseconds(20), announce=QUIET)
    b = lan.add("b", 253, ppm=FAST, lateness=milliseconds(20), announce=QUIET)
    c = lan.add("c", 1, ppm=0, announce=QUIET)
    lan.start(a, b, c)
    lan.run(seconds(10))
    judge.only_master(lan, a)
    turns = {"b": cycle([True, False]), "c": cycle([False, True])}
    if every_other_lost:
        lan.drops = lambda sender, receiver: next(turns[receiver]) if receiver in turns else False
    calm = lan.now
    lan.run(seconds(300))
    judge.unchanged(lan, calm, a)


def test_a_master_that_was_frozen_gives_way_before_it_does_anything_else() -> None:
    for seed in range(10):
        lan, (a, b, c) = lan_of(3, seed, preempt=False)
        lan.reload(c, priority=224)  # the best one now, but nobody preempts
        lan.run(some_time(lan))
        lan.freeze(a)
        lan.run(seconds(30) + some_time(lan))
        judge.only_master(lan, c)
        calm = lan.now
        lan.thaw(a)
        assert not a.is_master  # its packets were waiting
        assert not a.held
        lan.run(seconds(20))
        judge.unchanged(lan, calm, c)
        judge.clients_reach(lan, c)
        assert not b.is_master


def test_a_master_that_was_frozen_and_lost_its_packets_gives_way_within_one_interval() -> None:
    for seed in range(10):
        lan, (a, b) = lan_of(2, seed, preempt=False)
        lan.reload(b, priority=224)
        lan.freeze(a, deaf=True)
        lan.run(seconds(30) + some_time(lan))
        judge.only_master(lan, b)
        lan.thaw(a)
        lan.run(2 * DELAY)  # it speaks at once, and is answered
        judge.only_master(lan, b)
        lan.run(seconds(5) + DELAY)  # it may have called the clients before: b's second burst calls them back
        judge.only_master(lan, b)
        judge.clients_reach(lan, b)


@pytest.mark.parametrize("deaf", [False, True])
def test_the_best_router_frozen_as_master_takes_its_place_back_at_once(deaf: bool) -> None:
    for seed in range(10):
        lan, (a, b, _) = lan_of(3, seed)
        lan.run(some_time(lan))
        lan.freeze(a, deaf=deaf)
        lan.run(seconds(3.5) + DELAY)
        judge.only_master(lan, b)
        lan.run(seconds(20) + some_time(lan))
        lan.thaw(a)
        lan.run(4 * DELAY)
        judge.only_master(lan, a)
        judge.clients_reach(lan, a)


def test_a_backup_that_was_frozen_hears_what_waits_before_it_judges() -> None:
    for seed in range(10):
        lan, (a, b, _) = lan_of(3, seed)
        calm = lan.now
        for _ in range(5):
            lan.freeze(b)
            lan.run(seconds(40) + some_time(lan))
            lan.thaw(b)
            lan.run(some_time(lan))
        judge.unchanged(lan, calm, a)


def test_timers_that_fire_late_make_no_false_takeover() -> None:
    lan = Lan(3)
    hosts = [lan.add(f"p{p}", p, lateness=milliseconds(900), announce=QUIET) for p in (254, 253, 252)]
    lan.start(*hosts)
    lan.run(seconds(10))
    judge.only_master(lan, hosts[0])
    calm = lan.now
    lan.run(seconds(300))
    judge.unchanged(lan, calm, hosts[0])


def test_backups_learn_the_masters_interval_and_do_not_flap() -> None:
    lan = Lan(1)
    a = lan.add("a", 192, interval=seconds(1))
    b = lan.add("b", 128, interval=milliseconds(100))
    c = lan.add("c", 64, interval=seconds(40))
    lan.start(a)
    lan.run(seconds(4))
    lan.start(b, c)
    lan.run(INTERVAL)  # b's own Master_Down_Interval would be 0.35 s: it has heard nothing until a speaks
    lan.run(milliseconds(100))
    judge.only_master(lan, a)
    calm = lan.now
    lan.run(seconds(120))
    judge.unchanged(lan, calm, a)
    lan.kill(a)
    lan.run(seconds(3.5) + DELAY)  # three of a's intervals and b's skew in a's interval
    judge.only_master(lan, b)
    calm = lan.now
    lan.run(seconds(30))
    judge.unchanged(lan, calm, b)
    lan.kill(b)
    died = lan.now
    lan.run(seconds(5))
    judge.only_master(lan, c)  # 0.3 s + 0.75 * 0.1 s of b's interval, not 150 s of its own
    judge.never_none(lan, died, lan.now, longer_than=Duration(milliseconds(375) + DELAY))
