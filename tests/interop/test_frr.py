"""havip and FRRouting's vrrpd, which shares no code with keepalived and uses virtual MAC addresses."""

from __future__ import annotations

import pytest

from bench.daemons import Havip
from havip.clock import seconds
from havip.config.devices import VirtualMac
from tests.interop.frr import Frr
from tests.interop.lan import DIALECTS, V3, Dialect, Lan

pytestmark = pytest.mark.root


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_havip_takes_over_from_frr_and_resigns_to_it(lan: Lan, dialect: Dialect) -> None:
    theirs = Frr(lan, "r1", dialect, 100)
    ours = lan.player(Havip, "r2", dialect.router(200, interval=seconds(1)))
    theirs.start()
    theirs.advertises()

    ours.start()

    reign = ours.announces(dialect.vip)
    ours.holds(dialect.vip)
    second, third = ours.goes_on(2, after=reign.at), ours.goes_on(3, after=reign.at)
    assert lan.spoken_on("r1", after=second.at, before=third.at) == []
    assert ours.daemon.stop() == 0
    resigned = ours.advertises(lambda advert: advert.priority == 0)
    taken = theirs.advertises(after=resigned.at)
    # The skew of priority 100 at 1 s is 0.61 s; Master_Down_Interval would be 3.61 s.
    assert taken.at - resigned.at < 3_000_000_000


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_havip_follows_frr_and_hears_it_resign(lan: Lan, dialect: Dialect) -> None:
    theirs = Frr(lan, "r1", dialect, 200)
    ours = lan.player(Havip, "r2", dialect.router(100, down_adverts=100))
    theirs.start()
    theirs.advertises()
    ours.start()
    ours.enters("BACKUP")
    heard = theirs.advertises(after=lan.now())
    theirs.advertises(after=heard.at)

    theirs.stop()

    resigned = theirs.advertises(priority=0)
    taken = ours.announces(dialect.vip, after=resigned.at)
    assert taken.at - resigned.at < 5_000_000_000  # Master_Down_Interval would be 10 s, or 100 s
    ours.holds(dialect.vip)


def test_both_have_the_virtual_mac(lan: Lan) -> None:
    """FRR's adverts come from the MAC address that our own macvlan has, and are heard all the same."""
    theirs = Frr(lan, "r1", V3, 200)
    ours = lan.player(Havip, "r2", V3.router(100, down_adverts=100, virtual_mac=VirtualMac()))
    theirs.start()
    theirs.advertises()
    ours.start()
    ours.enters("BACKUP")
    heard = theirs.advertises(after=lan.now())
    theirs.advertises(after=heard.at)
    theirs.stop()
    theirs.advertises(priority=0)
    ours.holds(V3.vip)  # Master_Down_Interval would be 10 s
