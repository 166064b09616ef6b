"""havip and keepalived as unicast peers, and in a group of their own, in both roles."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from bench.daemons import Daemon
from havip.config.cast import Multicast, Peer, Unicast
from havip.config.model import VirtualRouter
from tests.interop.lan import DIALECTS, PAIRS, V3, V3_IPV6, Dialect, Lan, Player, spell_pair

pytestmark = [pytest.mark.root, pytest.mark.parametrize("pair", PAIRS, ids=spell_pair)]

Pair = tuple[type[Daemon], type[Daemon]]
GROUPS = {4: "239.77.0.18", 6: "ff02::77"}


def unicast(dialect: Dialect, number: int, priority: int) -> VirtualRouter:
    """Return what runs on router 1 or 2; its peer is the other, with no router between them."""
    net = "fd77::" if dialect.family == 6 else "10.77.0."
    own, other = (ip_address(f"{net}{one}") for one in (number, 3 - number))
    peers = (Peer(other, min_ttl=255),)
    return dialect.router(priority, unicast=Unicast(peers, source=own))


def handed_over(lan: Lan, dialect: Dialect, better: Player, worse: Player) -> None:
    """See the better one take over from the worse one, and resign to it."""
    worse.start()
    worse.announces(dialect.vip)
    better.start()
    reign = better.announces(dialect.vip)
    better.holds(dialect.vip)
    worse.holds(dialect.vip, present=False)
    lan.client_reaches(dialect.vip, better)
    second, fourth = better.goes_on(2, after=reign.at), better.goes_on(4, after=reign.at)
    assert lan.adverts(worse, after=second.at, before=fourth.at) == []
    assert better.daemon.stop() == 0
    resigned = better.advertises(lambda advert: advert.priority == 0)
    worse.announces(dialect.vip, after=resigned.at)
    worse.holds(dialect.vip)
    lan.client_reaches(dialect.vip, worse)


def destinations(lan: Lan) -> set[str]:
    """Return where all adverts so far went to."""
    lan.capture.read()
    frames = [sight.frame for sight in lan.capture.seen if hasattr(sight, "priority")]
    packed = [frame[30:34] if frame[12:14] == b"\x08\x00" else frame[38:54] for frame in frames]
    return {str(ip_address(one)) for one in packed}


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_unicast_peers_hand_the_addresses_to_each_other(lan: Lan, dialect: Dialect, pair: Pair) -> None:
    better = lan.player(pair[0], "r1", unicast(dialect, 1, 200))
    worse = lan.player(pair[1], "r2", unicast(dialect, 2, 100))
    handed_over(lan, dialect, better, worse)
    both = {"fd77::1", "fd77::2"} if dialect.family == 6 else {"10.77.0.1", "10.77.0.2"}
    assert destinations(lan) == both


@pytest.mark.parametrize("dialect", [V3, V3_IPV6], ids=str)
def test_a_group_of_their_own_is_understood(lan: Lan, dialect: Dialect, pair: Pair) -> None:
    group = GROUPS[dialect.family]
    special = replace(dialect.router(200), multicast=Multicast(group=ip_address(group)))
    better = lan.player(pair[0], "r1", special)
    worse = lan.player(pair[1], "r2", replace(special, priority=100))
    handed_over(lan, dialect, better, worse)
    assert destinations(lan) == {group}
