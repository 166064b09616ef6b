"""The owner of the addresses comes back to a backup that holds its address; either is keepalived once."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from bench.daemons import Havip, Keepalived
from havip.config.cast import Multicast
from tests.interop.lan import V2, V3, Dialect, Lan

pytestmark = pytest.mark.root

OWNED = "10.77.0.1"  # r1's own


@pytest.mark.parametrize("dialect", [V2, V3], ids=str)
def test_havip_gives_way_to_an_owner_that_runs_keepalived(lan: Lan, dialect: Dialect) -> None:
    owned = replace(dialect, vip=OWNED)
    # Without it keepalived 2.2.7 finds "no IPv4 address for interface": the one there is virtual.
    itself = Multicast(source=IPv4Address(OWNED))
    owner = lan.player(Keepalived, "r1", owned.router(255, multicast=itself))
    backup = lan.player(Havip, "r2", owned.router(100))
    backup.start()
    backup.enters("MASTER")
    backup.holds(OWNED)

    owner.start()

    owner.advertises()
    backup.enters("BACKUP")
    backup.holds(OWNED, present=False)
    lan.client_reaches(OWNED, owner)


def test_keepalived_does_not_hear_an_owner_whose_address_it_holds(lan: Lan) -> None:
    """As Linux drops what comes from one of its own addresses: keepalived 2.2.7 stays MASTER beside it."""
    owned = replace(V3, vip=OWNED)
    owner = lan.player(Havip, "r1", owned.router(255))
    backup = lan.player(Keepalived, "r2", owned.router(100))
    backup.start()
    backup.holds(OWNED)
    backup.advertises()

    owner.start()

    reign = owner.advertises()
    last = owner.goes_on(20, after=reign.at)
    assert lan.adverts(backup, after=reign.at, before=last.at)[10:] != []
    assert OWNED in backup.host.addresses()
