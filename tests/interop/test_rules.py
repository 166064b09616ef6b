"""Where the two could misunderstand each other: intervals and checksums."""

from __future__ import annotations

import pytest

from bench.daemons import Daemon, Havip, Keepalived
from havip.clock import milliseconds, seconds
from havip.control.client import Client
from havip.errors import Refusal
from tests.interop.lan import PAIRS, V2, V3, V3_IPV6, Dialect, Lan, Player, spell_pair

pytestmark = pytest.mark.root

Pair = tuple[type[Daemon], type[Daemon]]


def refused(player: Player, reason: Refusal) -> int:
    """Return how many packets havip's virtual router has refused for one reason."""
    assert isinstance(player.daemon, Havip)
    (router,) = Client(str(player.daemon.socket)).status().virtual_routers
    return router.counters[f"refused-{reason}"]


@pytest.mark.parametrize("pair", PAIRS, ids=spell_pair)
@pytest.mark.parametrize("dialect", [V3, V3_IPV6], ids=str)
def test_a_backup_learns_the_interval_of_its_master(lan: Lan, dialect: Dialect, pair: Pair) -> None:
    slow = lan.player(pair[0], "r1", dialect.router(200, interval=milliseconds(500)))
    quick = lan.player(pair[1], "r2", dialect.router(100, interval=milliseconds(100)))
    quick.start()
    quick.announces(dialect.vip)
    slow.start()
    slow.announces(dialect.vip)
    quick.holds(dialect.vip, present=False)
    heard = slow.goes_on(1, after=lan.now())

    # Its own Master_Down_Interval would be 361 ms: over at the next advert, and the next but one.
    last = slow.goes_on(3, after=heard.at)
    assert lan.adverts(quick, after=heard.at, before=last.at) == []
    slow.daemon.crash()

    taken = quick.advertises(after=last.at)
    # 3 * 500 ms + 156/256 * 500 ms after the last advert.
    assert taken.at - lan.adverts(slow, after=0, before=taken.at)[-1].at >= 1_804_687_500
    quick.announces(dialect.vip, after=taken.at)
    quick.holds(dialect.vip)


@pytest.mark.parametrize("pair", PAIRS, ids=spell_pair)
def test_version_2_does_not_follow_a_master_of_another_interval(lan: Lan, pair: Pair) -> None:
    slow = lan.player(pair[0], "r1", V2.router(200, interval=seconds(2)))
    quick = lan.player(pair[1], "r2", V2.router(100))
    quick.start()
    taken = quick.announces(V2.vip)
    # Not the other way round: keepalived puts its next advert off with every one that it refuses.
    slow.start()
    slow.announces(V2.vip, after=taken.at)
    spoken = slow.advertises(after=taken.at)
    quick.goes_on(2, after=spoken.at)
    for player in (slow, quick):
        assert V2.vip in player.host.addresses()
        if isinstance(player.daemon, Havip):
            assert refused(player, Refusal.INTERVAL) > 0


def test_the_checksum_of_rfc_9568_is_not_keepalived_s(lan: Lan) -> None:
    ours = lan.player(Havip, "r1", V3.router(200, rfc9568=True))
    theirs = lan.player(Keepalived, "r2", V3.router(100))
    ours.start()
    ours.announces(V3.vip)
    theirs.start()

    taken = theirs.announces(V3.vip)

    theirs.logs("Invalid VRRPv3 checksum")
    ours.goes_on(2, after=taken.at)
    assert refused(ours, Refusal.CHECKSUM_FORM) > 0
    for player in (
        ours,
        theirs,
    ):  # misunderstood, and so both are master: why the setting must be everybody's
        assert V3.vip in player.host.addresses()


def test_over_ipv6_there_is_one_checksum_whatever_the_setting(lan: Lan) -> None:
    ours = lan.player(Havip, "r1", V3_IPV6.router(200, rfc9568=True))
    theirs = lan.player(Keepalived, "r2", V3_IPV6.router(100))
    theirs.start()
    theirs.announces(V3_IPV6.vip)

    ours.start()

    ours.announces(V3_IPV6.vip)
    theirs.holds(V3_IPV6.vip, present=False)
    assert refused(ours, Refusal.CHECKSUM) == 0
    assert refused(ours, Refusal.CHECKSUM_FORM) == 0


def test_an_advert_of_another_version_is_refused_by_name(lan: Lan) -> None:
    ours = lan.player(Havip, "r1", V3.router(100))
    theirs = lan.player(Keepalived, "r2", V2.router(200))
    ours.start()
    ours.announces(V3.vip)
    theirs.start()

    theirs.announces(V2.vip)

    assert refused(ours, Refusal.VERSION) > 0
    assert V3.vip in ours.host.addresses()


def test_a_master_keeps_its_rhythm_among_adverts_that_it_refuses(lan: Lan) -> None:
    """keepalived 2.2 as the VRRPv2 router falls silent: each advert that it refuses puts off its own."""
    ours = lan.player(Havip, "r1", V2.router(200))
    theirs = lan.player(Keepalived, "r2", V3.router(100))
    theirs.start()
    theirs.announces(V3.vip)
    ours.start()
    first = ours.advertises()

    third = ours.goes_on(2, after=first.at)

    assert third.at - first.at < 3_000_000_000
    assert refused(ours, Refusal.VERSION) > 0
    assert len(lan.adverts(theirs, after=first.at, before=third.at)) >= 10
