"""The password of VRRPv2 between havip and keepalived.

Debian's keepalived 2.2 knows no signatures (`auth_hmac` came with 2.4): for those `tests/vrrp/test_auth.py`
holds both of keepalived's test vectors against ours.
"""

from __future__ import annotations

import pytest

from bench.daemons import Daemon, Havip, Keepalived
from havip.config.authentication import Authentication, AuthType, Secret, SecretSource
from havip.control.client import Client
from havip.errors import Refusal
from tests.interop.lan import PAIRS, V2, Lan, Player, spell_pair

pytestmark = pytest.mark.root


def password(text: bytes) -> Authentication:
    return Authentication(AuthType.PASS, SecretSource(Secret(text)))


def refused(player: Player, reason: Refusal) -> int:
    """Return how many packets havip's virtual router has refused for one reason."""
    assert isinstance(player.daemon, Havip)
    (router,) = Client(str(player.daemon.socket)).status().virtual_routers
    return router.counters[f"refused-{reason}"]


@pytest.mark.parametrize("text", [b"t0psecr8", b"pw"], ids=["whole field", "padded"])
@pytest.mark.parametrize("pair", PAIRS, ids=spell_pair)
def test_routers_with_one_password_believe_each_other(
    lan: Lan, pair: tuple[type[Daemon], type[Daemon]], text: bytes
) -> None:
    better = lan.player(pair[0], "r1", V2.router(200, authentication=password(text)))
    worse = lan.player(pair[1], "r2", V2.router(100, authentication=password(text)))
    better.start()
    better.announces(V2.vip)
    worse.start()
    worse.enters("BACKUP")
    better.goes_on(2, after=lan.now())
    assert better.daemon.stop() == 0
    resigned = better.advertises(lambda advert: advert.priority == 0)
    assert lan.adverts(worse, after=0, before=resigned.at) == []
    worse.announces(V2.vip, after=resigned.at)


def test_routers_with_two_passwords_do_not(lan: Lan) -> None:
    ours = lan.player(Havip, "r1", V2.router(100, authentication=password(b"one")))
    theirs = lan.player(Keepalived, "r2", V2.router(200, authentication=password(b"other")))
    ours.start()
    ours.announces(V2.vip)
    theirs.start()
    theirs.announces(V2.vip)
    theirs.logs("invalid passwd")
    assert refused(ours, Refusal.PASSWORD) > 0
    assert V2.vip in ours.host.addresses()
