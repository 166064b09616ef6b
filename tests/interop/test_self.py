"""The harness by itself: keepalived on both routers, whose behaviour is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.daemons import Keepalived
from bench.wire import Advert, Silence
from tests.interop.dissect import complaints
from tests.interop.lan import DIALECTS, V3, Dialect, Lan

pytestmark = pytest.mark.root


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_two_keepalived_hand_the_router_over(lan: Lan, dialect: Dialect, tmp_path: Path) -> None:
    better = lan.player(Keepalived, "r1", dialect.router(200))
    worse = lan.player(Keepalived, "r2", dialect.router(100, down_adverts=100))
    better.start()
    worse.start()
    reign = better.announces(dialect.vip)
    lan.client_reaches(dialect.vip, better)
    worse.enters("BACKUP")
    better.goes_on(2, after=reign.at)

    assert better.daemon.stop() == 0

    resigned = better.advertises(lambda advert: advert.priority == 0)
    worse.announces(dialect.vip, after=resigned.at)
    worse.holds(dialect.vip)
    better.holds(dialect.vip, present=False)
    lan.client_reaches(dialect.vip, worse)
    assert complaints(lan.capture.seen, tmp_path / "keepalived.pcap") == []


def test_a_frame_that_never_comes_is_an_error(lan: Lan) -> None:
    with pytest.raises(Silence, match="no such Advert"):
        lan.capture.first(Advert, lambda advert: True, within=0.05)


def test_tshark_finds_one_flipped_bit(lan: Lan, tmp_path: Path) -> None:
    master = lan.player(Keepalived, "r1", V3.router(200))
    master.start()
    good = master.advertises()
    flipped = good.frame[:-1] + bytes((good.frame[-1] ^ 1,))
    bad = Advert(good.at, good.port, good.source, good.version, good.vrid, good.priority, flipped)

    assert len(complaints([good, bad], tmp_path / "flipped.pcap")) == 1
