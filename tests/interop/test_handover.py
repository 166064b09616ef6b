"""havip and keepalived as peers: they hand one virtual router to each other, in every role and dialect."""

from __future__ import annotations

import pytest

from bench.daemons import Daemon
from tests.interop.lan import DIALECTS, PAIRS, V3, V3_IPV6, Dialect, Lan, spell_pair

pytestmark = [
    pytest.mark.root,
    pytest.mark.parametrize("pair", PAIRS, ids=spell_pair),
]

Pair = tuple[type[Daemon], type[Daemon]]
ENDLESS = 100  # missed adverts until a silent master is replaced: 10 s at 100 ms, 100 s at 1 s


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_better_router_takes_over_from_a_living_master(lan: Lan, dialect: Dialect, pair: Pair) -> None:
    better = lan.player(pair[0], "r1", dialect.router(200))
    worse = lan.player(pair[1], "r2", dialect.router(100))
    worse.start()
    worse.announces(dialect.vip)
    worse.holds(dialect.vip)
    lan.client_reaches(dialect.vip, worse)

    better.start()

    reign = better.announces(dialect.vip)
    better.holds(dialect.vip)
    worse.holds(dialect.vip, present=False)
    lan.client_reaches(dialect.vip, better)
    # Whatever the two said to each other at the change, from the second advert on one alone speaks.
    second, fourth = better.goes_on(2, after=reign.at), better.goes_on(4, after=reign.at)
    assert lan.adverts(worse, after=second.at, before=fourth.at) == []
    assert dialect.vip not in worse.host.addresses()


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_resignation_is_followed_after_the_skew_alone(lan: Lan, dialect: Dialect, pair: Pair) -> None:
    better = lan.player(pair[0], "r1", dialect.router(200))
    worse = lan.player(pair[1], "r2", dialect.router(100, down_adverts=ENDLESS))
    better.start()
    worse.start()
    better.announces(dialect.vip)
    worse.enters("BACKUP")
    lan.client_reaches(dialect.vip, better)
    better.goes_on(2, after=lan.now())  # the backup has heard it

    assert better.daemon.stop() == 0

    resigned = better.advertises(lambda advert: advert.priority == 0)
    taken = worse.advertises(after=resigned.at)
    # The skew is 61 ms at 100 ms and 610 ms at 1 s; Master_Down_Interval would be 10 s and 100 s.
    assert taken.at - resigned.at < 5_000_000_000
    worse.announces(dialect.vip, after=resigned.at)
    worse.holds(dialect.vip)
    assert dialect.vip not in better.host.addresses()
    lan.client_reaches(dialect.vip, worse)
    assert lan.adverts(better, after=resigned.at, before=lan.now()) == []


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_a_silent_master_is_replaced_and_comes_back(lan: Lan, dialect: Dialect, pair: Pair) -> None:
    better = lan.player(pair[0], "r1", dialect.router(200))
    worse = lan.player(pair[1], "r2", dialect.router(100))
    better.start()
    worse.start()
    better.announces(dialect.vip)
    worse.enters("BACKUP")
    better.goes_on(2, after=lan.now())

    with lan.silent(better.host.name):
        worse.announces(dialect.vip, after=lan.now())
        worse.holds(dialect.vip)
        lan.client_reaches(dialect.vip, worse)
        healed = lan.now()

    better.announces(dialect.vip, after=healed)  # it heard a weaker master and calls the client back
    worse.holds(dialect.vip, present=False)
    better.holds(dialect.vip)
    lan.client_reaches(dialect.vip, better)


@pytest.mark.parametrize("dialect", [V3, V3_IPV6], ids=str)
def test_a_killed_master_is_replaced(lan: Lan, dialect: Dialect, pair: Pair) -> None:
    better = lan.player(pair[0], "r1", dialect.router(200))
    worse = lan.player(pair[1], "r2", dialect.router(100))
    better.start()
    worse.start()
    better.announces(dialect.vip)
    worse.enters("BACKUP")
    last = better.goes_on(2, after=lan.now())

    better.daemon.crash()

    taken = worse.announces(dialect.vip, after=last.at)
    worse.holds(dialect.vip)
    assert lan.resignations(better) == []
    # Never before 3 * 100 ms + 156/256 * 100 ms after the last word of the dead.
    assert taken.at - lan.adverts(better, after=0, before=taken.at)[-1].at >= 360_937_500


@pytest.mark.parametrize("dialect", [V3, V3_IPV6], ids=str)
def test_a_better_router_that_may_not_preempt_stays_backup(lan: Lan, dialect: Dialect, pair: Pair) -> None:
    better = lan.player(pair[0], "r1", dialect.router(200, preempt=False))
    worse = lan.player(pair[1], "r2", dialect.router(100))
    worse.start()
    worse.announces(dialect.vip)

    better.start()

    better.enters("BACKUP")
    # Twice its Master_Down_Interval of 3.2 intervals.
    worse.goes_on(7, after=lan.now())
    assert lan.adverts(better, after=0, before=lan.now()) == []
    assert dialect.vip not in better.host.addresses()
    lan.client_reaches(dialect.vip, worse)


@pytest.mark.parametrize("dialect", [V3, V3_IPV6], ids=str)
def test_preemption_waits_for_its_delay(lan: Lan, dialect: Dialect, pair: Pair) -> None:
    better = lan.player(pair[0], "r1", dialect.router(200, preempt_delay=2_000_000_000))
    worse = lan.player(pair[1], "r2", dialect.router(100))
    worse.start()
    worse.announces(dialect.vip)
    before = lan.now()

    better.start()

    taken = better.advertises()
    assert taken.at - before >= 2_000_000_000
    better.holds(dialect.vip)
    worse.holds(dialect.vip, present=False)


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_of_two_equal_masters_the_higher_address_stays(lan: Lan, dialect: Dialect, pair: Pair) -> None:
    lower = lan.player(pair[0], "r1", dialect.router(100))
    higher = lan.player(pair[1], "r2", dialect.router(100))
    with lan.silent("r1"):
        lower.start()
        higher.start()
        lower.announces(dialect.vip)
        higher.announces(dialect.vip)
        lower.holds(dialect.vip)
        higher.holds(dialect.vip)
        healed = lan.now()

    lower.holds(dialect.vip, present=False)
    second, fourth = higher.goes_on(2, after=healed), higher.goes_on(4, after=healed)
    assert dialect.vip in higher.host.addresses()
    assert lan.adverts(lower, after=second.at, before=fourth.at) == []
