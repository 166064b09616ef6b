"""A better router comes back: who is master then, when, and who never notices."""

from __future__ import annotations

import pytest

from havip.clock import Duration, seconds
from tests.sim import judge
from tests.sim.scene import DELAY, INTERVAL, VARIANTS, lan_of, some_time

DOWN_OF_A = seconds(3.25)  # Master_Down_Interval of priority 192: 3 * 1 s + 64 / 256 * 1 s


@pytest.mark.parametrize(("version", "family"), VARIANTS)
@pytest.mark.parametrize("count", [2, 3, 5])
def test_with_preemption_the_best_router_ends_as_master(count: int, version: int, family: int) -> None:
    for seed in range(10):
        lan, (a, b, *_) = lan_of(count, seed, version, family)
        lan.kill(a)
        lan.run(5 * INTERVAL + some_time(lan))
        judge.only_master(lan, b)
        lan.start(a)
        back = lan.now
        lan.run(DOWN_OF_A - 1)
        judge.unchanged(lan, back, b)
        lan.run(DELAY + 1)
        judge.only_master(lan, a)
        judge.clients_reach(lan, a)
        judge.never_two(lan, back, lan.now, longer_than=DELAY)
        judge.never_none(lan, back, lan.now)
        lan.run(seconds(20))
        judge.only_master(lan, a)


@pytest.mark.parametrize(("version", "family"), VARIANTS)
def test_without_preemption_nothing_changes_when_a_better_router_comes(version: int, family: int) -> None:
    for seed in range(10):
        lan, (a, b, c) = lan_of(3, seed, version, family, preempt=False)
        lan.stop(a)
        lan.run(5 * INTERVAL + some_time(lan))
        judge.only_master(lan, b)
        calm = lan.now
        lan.start(a)
        lan.run(seconds(60))
        judge.unchanged(lan, calm, b)
        lan.stop(b)
        lan.run(seconds(0.25) + DELAY)  # a is the better backup of the two
        judge.only_master(lan, a)
        assert not c.is_master


def test_only_the_router_that_may_not_preempt_holds_back() -> None:
    lan, (a, b, c) = lan_of(3, preempt=False)
    lan.stop(a)
    lan.stop(b)
    lan.run(seconds(5))
    judge.only_master(lan, c)
    lan.start(a, b)
    lan.run(seconds(20))
    judge.only_master(lan, c)
    lan.reload(b, preempt=True)
    lan.run(seconds(3.5) + DELAY)
    judge.only_master(lan, b)
    lan.run(seconds(20))
    judge.only_master(lan, b)


def test_preemption_waits_for_its_delay_counted_from_the_first_weaker_advert() -> None:
    for seed in range(10):
        lan, (a, b) = lan_of(2, seed, preempt_delay=seconds(30))
        judge.only_master(lan, a)  # no master was heard at the start: no delay
        lan.kill(a)
        lan.run(5 * INTERVAL + some_time(lan))
        lan.start(a)
        back = lan.now
        # At the earliest: an advert at once, 30 s, and Master_Down_Interval after the last one followed,
        # which is up to one interval old.
        lan.run(seconds(30) + DOWN_OF_A - INTERVAL)
        judge.unchanged(lan, back, b)
        lan.run(2 * INTERVAL)
        judge.only_master(lan, a)
        judge.never_two(lan, back, lan.now, longer_than=DELAY)


def test_a_preemption_delay_does_not_hold_up_the_takeover_from_a_dead_master() -> None:
    lan, (a, b) = lan_of(2, preempt_delay=seconds(1000))
    lan.kill(a)
    lan.run(seconds(5))
    lan.start(a)
    lan.run(seconds(100))
    judge.only_master(lan, b)
    lan.kill(b)
    lan.run(DOWN_OF_A + DELAY)
    judge.only_master(lan, a)


def test_a_reload_that_raises_a_priority_moves_the_mastership_without_a_gap() -> None:
    lan, (a, b, _) = lan_of(3)
    lan.run(some_time(lan))
    lan.reload(b, priority=224)
    raised = lan.now
    lan.run(seconds(4))
    judge.only_master(lan, b)
    judge.never_two(lan, raised, lan.now, longer_than=DELAY)
    judge.never_none(lan, raised, lan.now)
    lan.reload(b, priority=96)  # and back
    lan.run(seconds(3.25) + 2 * DELAY)
    judge.only_master(lan, a)
    judge.never_two(lan, raised, lan.now, longer_than=DELAY)
    judge.never_none(lan, raised, lan.now)


def test_reloads_do_not_postpone_a_takeover() -> None:
    lan, (a, b) = lan_of(2)
    lan.kill(a)
    died = lan.now
    for _ in range(100):
        lan.run(INTERVAL // 10)
        lan.reload(b)
    judge.only_master(lan, b)
    judge.never_none(lan, died, lan.now, longer_than=Duration(seconds(3.5) + DELAY))


def test_reloads_do_not_make_a_master_miss_its_adverts() -> None:
    lan, (a, b) = lan_of(2)
    before = lan.now
    for _ in range(100):
        lan.run(some_time(lan) // 10)
        lan.reload(a)
        lan.reload(b)
    judge.unchanged(lan, before, a)


@pytest.mark.parametrize("version", [2, 3])
def test_a_changed_interval_reloaded_on_one_router_after_the_other_makes_no_second_master(
    version: int,
) -> None:
    for before, after in ((1, 4), (4, 1)):
        lan, (a, b) = lan_of(2, 0, version, interval=seconds(before))
        lan.run(seconds(20))
        judge.only_master(lan, a)
        calm = lan.now
        for host in (b, a):
            lan.reload(host, interval=seconds(after))
            lan.run(seconds(0.5))
        lan.run(seconds(40))
        judge.unchanged(lan, calm, a)
