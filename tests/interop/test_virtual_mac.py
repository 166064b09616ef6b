"""havip and keepalived share one virtual MAC address: a client's packets to it reach whoever is master."""

from __future__ import annotations

import socket

import pytest

from bench.daemons import Daemon
from havip.config.devices import VirtualMac
from tests.interop.lan import CLOSED_PORT, PAIRS, PATIENCE, V3, V3_IPV6, Dialect, Lan, family_of, spell_pair

pytestmark = [
    pytest.mark.root,
    pytest.mark.parametrize("pair", PAIRS, ids=spell_pair),
]

MAC = {4: "00:00:5e:00:01:33", 6: "00:00:5e:00:02:33"}  # RFC 9568 section 7.3, VRID 51


def pin(lan: Lan, dialect: Dialect) -> None:
    """Let the client know the virtual MAC address and believe no other.

    keepalived's ARP requests, which name the virtual address beside the interface's MAC address, would
    teach it that one.
    """
    words = ("replace", dialect.vip, "lladdr", MAC[dialect.family], "dev", "eth0", "nud", "permanent")
    lan.hosts["client"].run("ip", "neigh", *words)


def client_reaches(lan: Lan, vip: str) -> None:
    with lan.hosts["client"].entered(), socket.socket(family_of(vip), socket.SOCK_STREAM) as call:
        call.settimeout(PATIENCE)
        with pytest.raises(ConnectionRefusedError):  # nobody listens there, and somebody says so
            call.connect((vip, CLOSED_PORT))


@pytest.mark.parametrize("dialect", [V3, V3_IPV6], ids=str)
def test_a_virtual_mac_goes_from_one_to_the_other_and_back(
    lan: Lan, dialect: Dialect, pair: tuple[type[Daemon], type[Daemon]]
) -> None:
    better = lan.player(pair[0], "r1", dialect.router(200, virtual_mac=VirtualMac()))
    worse = lan.player(pair[1], "r2", dialect.router(100, virtual_mac=VirtualMac()))
    worse.start()
    worse.announces(dialect.vip)
    worse.holds(dialect.vip)
    pin(lan, dialect)
    client_reaches(lan, dialect.vip)

    better.start()  # its adverts come from the other one's own virtual MAC address, and are heard

    better.announces(dialect.vip)
    better.holds(dialect.vip)
    worse.holds(dialect.vip, present=False)
    client_reaches(lan, dialect.vip)
    reign = lan.now()
    better.goes_on(4, after=reign)
    assert lan.adverts(worse, after=reign, before=lan.now()) == []

    assert better.daemon.stop() == 0

    worse.holds(dialect.vip)
    client_reaches(lan, dialect.vip)


def test_adverts_from_the_interface_itself_are_heard_too(
    lan: Lan, pair: tuple[type[Daemon], type[Daemon]]
) -> None:
    on_parent = VirtualMac(transmit_on_parent=True)
    better = lan.player(pair[0], "r1", V3.router(200, virtual_mac=on_parent))
    worse = lan.player(pair[1], "r2", V3.router(100, virtual_mac=on_parent))
    better.start()
    better.announces(V3.vip)
    worse.start()
    worse.enters("BACKUP")
    better.goes_on(6, after=lan.now())
    assert lan.adverts(worse, after=0, before=lan.now()) == []
    pin(lan, V3)
    client_reaches(lan, V3.vip)
