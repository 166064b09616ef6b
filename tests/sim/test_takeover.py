"""After the master's end: exactly one new master, the best backup, when its timer says so, and no other."""

from __future__ import annotations

import pytest

from havip.clock import Duration, Instant, milliseconds, seconds
from tests.sim import judge
from tests.sim.host import Weather
from tests.sim.lan import Lan
from tests.sim.scene import BEGINNING, DELAY, INTERVAL, QUIET, VARIANTS, lan_of, some_time

DOWN_OF_B = seconds(3.5)  # Master_Down_Interval of priority 128: 3 * 1 s + 128 / 256 * 1 s
SKEW_OF_B = seconds(0.5)


@pytest.mark.parametrize(("version", "family"), VARIANTS)
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_after_the_masters_death_the_best_backup_alone_takes_over_in_its_time(
    count: int, version: int, family: int
) -> None:
    for seed in range(10):
        lan, (a, b, *_) = lan_of(count, seed, version, family)
        judge.only_master(lan, a)
        lan.run(some_time(lan))
        lan.kill(a)
        died = lan.now
        lan.run(DOWN_OF_B - INTERVAL - DELAY)  # its last advert may have been one interval ago
        judge.only_master(lan)
        lan.run(INTERVAL + 2 * DELAY)
        judge.never_two(lan, died, lan.now)
        judge.only_master(lan, b)
        judge.never_none(lan, died, lan.now, longer_than=Duration(DOWN_OF_B + DELAY))
        judge.clients_reach(lan, b)
        taken_over = lan.now
        lan.run(seconds(20))
        judge.unchanged(lan, taken_over, b)
        judge.never_two(lan, died, lan.now)


@pytest.mark.parametrize(("version", "family"), VARIANTS)
def test_a_resignation_leaves_a_gap_of_the_skew_alone(version: int, family: int) -> None:
    for seed in range(10):
        lan, (a, b, _) = lan_of(3, seed, version, family)
        lan.run(some_time(lan))
        lan.stop(a)
        stopped = lan.now
        lan.run(SKEW_OF_B + DELAY)
        judge.only_master(lan, b)
        lan.run(seconds(20))
        judge.never_none(lan, stopped, lan.now, longer_than=Duration(SKEW_OF_B + DELAY))
        judge.never_two(lan, stopped, lan.now)
        judge.clients_reach(lan, b)


def test_one_after_the_other_each_backup_has_its_turn_in_the_order_of_priority() -> None:
    lan, hosts = lan_of(5)
    for host in hosts:
        judge.only_master(lan, host)
        lan.kill(host)
        lan.run(seconds(5))
    judge.only_master(lan)
    judge.never_two(lan, BEGINNING, lan.now)
    lan.start(*reversed(hosts))
    lan.run(seconds(5))
    judge.only_master(lan, hosts[0])
    judge.never_two(lan, BEGINNING, lan.now)


def test_backups_two_priorities_apart_never_collide_even_at_ten_milliseconds() -> None:
    # The skews of priorities 254 and 252 differ by 2 / 256 of 10 ms = 78 us, in centiseconds by nothing.
    # The master's last advert may reach them 30 us apart, the new master's first one takes up to 40 us.
    for seed in range(20):
        lan = Lan(seed, Weather(least=Duration(10_000), most=Duration(40_000)))
        a, b, c = (lan.add(f"p{p}", p, interval=milliseconds(10), announce=QUIET) for p in (254, 252, 250))
        lan.start(a, b, c)
        lan.run(seconds(0.1) + lan.random.randrange(milliseconds(20)))
        lan.kill(a)
        lan.run(milliseconds(100))
        judge.only_master(lan, b)
        lan.stop(b)
        lan.run(milliseconds(100))
        judge.only_master(lan, c)
        judge.never_two(lan, BEGINNING, lan.now)


def test_fewer_missed_adverts_make_a_faster_takeover() -> None:
    lan, (a, b) = lan_of(2, down_adverts=2)
    lan.run(some_time(lan))
    lan.kill(a)
    died = lan.now
    lan.run(seconds(5))
    judge.never_none(lan, died, lan.now, longer_than=Duration(seconds(2.5) + DELAY))
    judge.only_master(lan, b)


@pytest.mark.parametrize(("version", "family"), VARIANTS)
def test_the_address_owner_is_master_from_the_start_and_the_other_gives_way(
    version: int, family: int
) -> None:
    lan, (a, b) = lan_of(2, 0, version, family)
    owner = lan.add("o", 255)
    judge.only_master(lan, a)
    lan.start(owner)
    assert owner.is_master
    lan.run(DELAY)
    judge.only_master(lan, owner)
    judge.clients_reach(lan, owner)
    crowned = lan.now
    lan.run(seconds(30))
    judge.unchanged(lan, crowned, owner)
    lan.kill(owner)
    lan.run(seconds(3.25) + DELAY)
    judge.only_master(lan, a)
    assert not b.is_master


def test_of_equal_priorities_one_is_left_within_the_delay_and_it_has_the_greater_address() -> None:
    for seed in range(10):
        lan, _ = lan_of(0, seed)
        hosts = [lan.add(name, 100) for name in "abcd"]  # 192.0.2.11 to .14
        lan.start(*hosts)
        lan.run(seconds(5))
        judge.only_master(lan, hosts[-1])  # all four took over in one instant
        judge.never_two(lan, BEGINNING, lan.now, longer_than=DELAY)
        lan.kill(hosts[-1])
        died = lan.now
        lan.run(seconds(5))
        tried = {name for reign in lan.watch.reigns(died, lan.now) for name in reign.masters}
        survivor = lan.hosts[max(tried)]
        judge.only_master(lan, survivor)
        judge.never_two(lan, died, lan.now, longer_than=DELAY)
        # Several called the clients in one millisecond.  Whoever believed a loser hears the second burst.
        lan.run(seconds(5))
        judge.unchanged(lan, Instant(lan.now - seconds(5)), survivor)
        judge.clients_reach(lan, survivor)


def test_a_stopped_router_says_nothing_until_it_is_started() -> None:
    lan, (a, b) = lan_of(2)
    lan.stop(a)
    spoken = a.sent
    lan.run(seconds(30))
    assert a.sent == spoken  # the watcher would stop the run, too
    assert b.sent >= 29
    lan.start(a)
    lan.run(seconds(4))
    judge.only_master(lan, a)
    assert not b.held


def test_a_link_that_goes_down_resigns_and_comes_back_by_itself() -> None:
    lan, (a, b) = lan_of(2)
    lan.set_link(a, up=False)
    down = lan.now
    assert not a.held
    lan.run(DOWN_OF_B + DELAY)  # a's priority 0 could not leave
    judge.only_master(lan, b)
    lan.run(seconds(60))
    lan.set_link(a, up=True)
    lan.run(seconds(3.25) + DELAY)
    judge.only_master(lan, a)
    judge.never_two(lan, down, lan.now, longer_than=DELAY)
    judge.clients_reach(lan, a)


def test_addresses_that_somebody_removes_are_put_back_without_a_change_of_master() -> None:
    lan, (a, _) = lan_of(2)
    before = lan.now
    for _ in range(100):
        lan.run(some_time(lan))
        lan.strip(a)
        assert len(a.held) == 2
    judge.unchanged(lan, before, a)


def test_a_router_whose_kernel_refuses_the_addresses_lets_another_have_them() -> None:
    lan, (a, b) = lan_of(2)
    lan.stop(a)
    lan.run(seconds(5))
    a.refusing = True
    lan.start(a)
    lan.run(seconds(3.25) + DELAY)
    judge.only_master(lan, a)
    lan.run(seconds(3) - 10 * DELAY)  # it asks again three times, one interval apart
    judge.only_master(lan, a)
    lan.run(SKEW_OF_B + 20 * DELAY)
    judge.only_master(lan, b)
    judge.clients_reach(lan, b)
    a.refusing = False
    lan.run(seconds(55))
    judge.only_master(lan, b)
    lan.run(seconds(10))  # a minute after it stood aside it took part again
    judge.only_master(lan, a)
    judge.clients_reach(lan, a)


def test_a_kernel_that_refuses_now_and_then_costs_nobody_the_mastership() -> None:
    lan, (a, _) = lan_of(2)
    before = lan.now
    for _ in range(10):
        a.refusing = True
        lan.strip(a)
        a.refusing = False
        lan.run(seconds(600))
        assert len(a.held) == 2
    judge.unchanged(lan, before, a)


def test_a_worker_that_comes_back_in_time_resumes_and_nobody_else_becomes_master() -> None:
    for seed in range(10):
        lan, (a, b, c) = lan_of(3, seed)
        lan.run(some_time(lan))
        crashed = lan.now
        lan.crash(a)
        lan.run(2 * INTERVAL - DELAY)  # three after its last advert at the most
        assert len(a.held) == 2  # clients never lost it
        lan.start(a, resume=True)
        lan.run(seconds(20))
        assert lan.watch.takeovers_since(crashed) == ["a"]
        judge.only_master(lan, a)
        judge.clients_reach(lan, a)
        assert not b.held
        assert not c.held


def test_a_worker_that_comes_back_too_late_starts_without_the_addresses() -> None:
    lan, (a, b) = lan_of(2, preempt=False)
    lan.crash(a)
    lan.run(DOWN_OF_B + DELAY)
    judge.only_master(lan, b)
    calm = lan.now
    lan.start(a)
    assert not a.held
    lan.run(seconds(20))
    judge.unchanged(lan, calm, b)


def test_a_worker_that_resumes_wrongly_is_corrected_by_the_first_answer() -> None:
    for seed in range(10):
        lan, (a, b) = lan_of(2, seed, preempt=False)
        lan.reload(b, priority=224)
        lan.crash(a)
        lan.run(seconds(10) + some_time(lan))
        judge.only_master(lan, b)
        lan.start(a, resume=True)
        lan.run(2 * DELAY)
        judge.only_master(lan, b)
        lan.run(seconds(5) + DELAY)
        judge.clients_reach(lan, b)
