"""The owner of the addresses (priority 255) comes back while a backup holds its address.

Linux drops IPv4 packets that come from one of its own addresses before a raw socket hears them.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.daemon.conftest import Lan
from tests.daemon.running import Daemon, configuration, router

OWNED, OWNED6 = "10.77.0.1", "fe80::1"
GIVES_WAY = "gateway: BACKUP: a better master advertises with priority 255"

#: what the backup, and what both, say beside the usual
CASES: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "plain": ({}, {}),
    "virtual-mac": ({"virtual_mac": True}, {}),
    "another-device": ({"addresses": f"[{{address: {OWNED}/24, device: other}}]"}, {}),
    "signed": ({}, {"hmac": {"keys": {1: {"value": "hex:" + "5a" * 32}}, "active_key": 1}}),
}


def both(case: str) -> tuple[str, str]:
    """Return the owner's and the backup's configuration."""
    alone, common = CASES[case]
    usual: dict[str, object] = {"addresses": [f"{OWNED}/24"]}
    owner = configuration(gateway=router(priority=255, **(usual | common)))
    return owner, configuration(gateway=router(**(usual | common | alone)))


@pytest.mark.parametrize("case", CASES)
def test_a_backup_gives_way_to_the_owner_of_the_addresses(lan: Lan, folder: Path, case: str) -> None:
    owner, backup = both(case)
    if case == "another-device":
        lan.r2.run("ip", "link", "add", "other", "type", "veth", "peer", "name", "far")
        lan.r2.run("ip", "link", "set", "other", "up")
    with Daemon(lan.r2, folder, backup) as other:
        other.wait_for("gateway: MASTER")
        lan.r2.wait_for_address(OWNED)
        for times in (1, 2):  # the second time the tap is open already
            with Daemon(lan.r1, folder, owner) as returning:
                other.wait_for(GIVES_WAY, times)
                lan.r2.wait_for_address(OWNED, present=False)
                assert returning.stop() == 0
            other.wait_for("gateway: MASTER", times + 1)
            lan.r2.wait_for_address(OWNED)
        assert other.said("refused|cannot hear") == 0


def test_a_router_of_the_owner_with_another_vrid_is_heard_from_the_same_address(
    lan: Lan, folder: Path
) -> None:
    """It sends from the address that the backup of the first router holds."""
    second = {"addresses": ["10.77.0.200/24"]}
    backups = configuration(
        gateway=router(addresses=[f"{OWNED}/24"]), second=router(52, priority=50, **second)
    )
    with ExitStack() as later:
        other = later.enter_context(Daemon(lan.r2, folder, backups))
        other.wait_for("gateway: MASTER")
        other.wait_for("second: MASTER")
        ordinary = configuration(second=router(52, priority=150, **second))
        later.enter_context(Daemon(lan.r1, folder, ordinary))
        other.wait_for("second: BACKUP: a better master advertises with priority 150")
        assert other.router("gateway").state == "MASTER"


def test_over_ipv6_a_backup_hears_the_owner_whose_address_it_holds(lan: Lan, folder: Path) -> None:
    """Linux drops nothing there; but duplicate address detection must be off for the owner's address."""
    lan.r1.sysctl("net/ipv6/conf/eth0/accept_dad", 0)
    lan.r1.run("ip", "addr", "flush", "dev", "eth0", "scope", "link")
    usual: dict[str, object] = {"addresses": [f"{OWNED6}/64"]}
    with Daemon(lan.r2, folder, configuration(gateway=router(**usual))) as other:
        other.wait_for("gateway: MASTER")
        lan.r2.wait_for_address(OWNED6)
        lan.r1.run("ip", "addr", "add", f"{OWNED6}/64", "dev", "eth0")
        with Daemon(lan.r1, folder, configuration(gateway=router(priority=255, **usual))):
            other.wait_for(GIVES_WAY)
            lan.r2.wait_for_address(OWNED6, present=False)
