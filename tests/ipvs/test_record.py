"""What is ours in the kernel outlives us by a record, and no two daemons program one service."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import weakref
from ipaddress import ip_address
from pathlib import Path

import pytest

from havip import process
from havip.claims import Claims, lock_of_life
from havip.ipvs.model import Protocol, ServiceKey, Sync, SyncRole
from havip.ipvs.record import Ownership
from tests.config.reading import read

WEB = ServiceKey(4, Protocol.TCP, ip_address("192.0.2.1"), 80)
DNS = ServiceKey(4, Protocol.UDP, ip_address("192.0.2.1"), 53)
SIX = ServiceKey(6, Protocol.TCP, ip_address("2001:db8::1"), 80)
MARK = ServiceKey(6, fwmark=7)
SYNC = Sync(SyncRole.MASTER, "eth1", 51)


class Life:
    """A supervisor's lock, held as long as it lives."""

    def __init__(self, folder: Path, name: str = "havip", namespace: str = "net1") -> None:
        self.path = folder / f"{namespace}.{name}.lock"
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        self.end = weakref.finalize(self, os.close, descriptor)  # it dies, at the latest with the test
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.folder, self.name = folder / "ipvs", name

    def ownership(self, where: str = "net9") -> Ownership:
        """Start what programs IPVS: the first time, or once more after it was killed."""
        return Ownership(where, None if self.name == "havip" else self.name, self.folder, self.path)


def test_what_a_former_life_has_left_is_known(tmp_path: Path) -> None:
    first = Life(tmp_path)
    first.ownership().take([WEB, SIX, MARK])
    first.end()
    left = Life(tmp_path).ownership()
    assert left.services == {WEB, SIX, MARK}
    assert left.unrecorded == ""


def test_what_is_given_up_is_forgotten_once_it_is_gone_and_not_before(tmp_path: Path) -> None:
    life = Life(tmp_path)
    ours = life.ownership()
    ours.take([WEB])
    ours.take([DNS])
    assert life.ownership().services == {WEB, DNS}
    ours.settle([DNS])
    assert life.ownership().services == {DNS}
    ours.leave()
    assert life.ownership().services == frozenset()
    assert [*(tmp_path / "ipvs").glob("*.json")] == []


def test_what_another_living_daemon_has_is_refused_by_name_and_the_rest_is_ours(tmp_path: Path) -> None:
    blue, unnamed = Life(tmp_path, "blue"), Life(tmp_path)
    blue.ownership().take([WEB])
    ours = unnamed.ownership()
    assert ours.take([WEB, DNS]) == {WEB: "it belongs to instance blue, which programs the same IPVS"}
    assert ours.services == {DNS}
    assert ours.others() == {WEB}
    assert blue.ownership().take([DNS]) == {
        DNS: "it belongs to the daemon without an instance, which programs the same IPVS"
    }


def test_a_killed_checker_loses_nothing_while_its_supervisor_lives(tmp_path: Path) -> None:
    blue, green = Life(tmp_path, "blue"), Life(tmp_path, "green")
    blue.ownership().take([WEB])  # and is killed
    assert green.ownership().take([WEB]).keys() == {WEB}
    assert blue.ownership().services == {WEB}


def test_a_dead_daemon_has_nothing_and_does_not_get_it_back_from_who_took_it(tmp_path: Path) -> None:
    blue, green = Life(tmp_path, "blue"), Life(tmp_path, "green")
    blue.ownership().take([WEB, DNS])
    blue.end()
    assert green.ownership().take([WEB]) == {}
    revived = Life(tmp_path, "blue")
    assert green.ownership().services == {WEB}
    assert green.ownership().take([WEB]) == {}
    again = revived.ownership()
    assert again.services == {DNS}  # WEB is green's: it must not be swept
    assert again.take([WEB]).keys() == {WEB}
    assert green.ownership().take([WEB]) == {}


def test_daemons_that_program_the_ipvs_of_different_namespaces_do_not_meet(tmp_path: Path) -> None:
    blue, green = Life(tmp_path, "blue"), Life(tmp_path, "green")
    blue.ownership("net8").take([WEB])
    assert green.ownership("net9").take([WEB]) == {}


def test_daemons_of_one_name_in_different_namespaces_meet_in_the_ipvs_that_both_program(
    tmp_path: Path,
) -> None:
    here, there = Life(tmp_path), Life(tmp_path, namespace="net2")
    here.ownership().take([WEB])
    assert there.ownership().take([WEB]).keys() == {WEB}


def test_one_daemon_alone_has_the_sync_daemons_of_one_ipvs(tmp_path: Path) -> None:
    blue, green = Life(tmp_path, "blue"), Life(tmp_path, "green")
    ours = blue.ownership()
    assert ours.take_sync([SYNC]) is None
    assert blue.ownership().syncs == (SYNC,)
    assert green.ownership().take_sync([SYNC]) == (
        "the sync daemon belongs to instance blue, which programs the same IPVS"
    )
    assert green.ownership().take_sync([]) is None
    assert (green.ownership().others_have_sync(), ours.others_have_sync()) == (True, False)
    assert ours.take_sync([]) is None
    assert green.ownership().take_sync([SYNC]) is None


def test_without_a_record_everything_wanted_is_ours_and_it_is_said_why(tmp_path: Path) -> None:
    life = Life(tmp_path)
    (tmp_path / "ipvs").write_text("no directory")
    ours = life.ownership()
    assert ours.take([WEB]) == {}
    assert ours.take_sync([SYNC]) is None
    assert (ours.services, ours.syncs) == ({WEB}, (SYNC,))
    assert "cannot be used" in ours.unrecorded
    (tmp_path / "ipvs").unlink()
    ours.take([DNS])
    assert ours.unrecorded == ""
    assert life.ownership().services == {WEB, DNS}
    ours.leave()
    assert ours.services == frozenset()


@pytest.mark.parametrize(
    "damage", ["", "[]", '{"ipvs": 7}', '{"ipvs": ["blue", "", [[4, 6, "nonsense", 80, 0]], []]}']
)
def test_a_damaged_record_names_nothing_and_is_written_anew(damage: str, tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.ownership().take([WEB])
    (path,) = (tmp_path / "ipvs").glob("*.json")
    path.write_text(damage)
    assert life.ownership().services == frozenset()
    life.ownership().take([WEB])
    assert life.ownership().services == {WEB}


def test_a_record_that_is_right_is_not_written_again(tmp_path: Path) -> None:
    ours = Life(tmp_path).ownership()
    ours.take([WEB])
    (path,) = (tmp_path / "ipvs").glob("*.json")
    inode = path.stat().st_ino
    ours.take([WEB])
    ours.settle([WEB])
    ours.take_sync([])
    assert path.stat().st_ino == inode
    ours.settle([])
    assert path.stat().st_ino != inode
    assert json.loads(path.read_text())["ipvs"][2] == []


def test_the_lock_is_that_of_the_daemons_claims(tmp_path: Path) -> None:
    claims = Claims("blue", tmp_path)
    claims.take(read("virtual_routers:\n  a: {interface: eth0, vrid: 1, addresses: [192.0.2.1/24]}\n"))
    blue = Ownership("net9", "blue", tmp_path / "ipvs", lock_of_life("blue", tmp_path))
    blue.take([WEB])
    green = Ownership("net9", "green", tmp_path / "ipvs", lock_of_life("green", tmp_path))
    assert green.take([WEB]).keys() == {WEB}
    claims.leave()
    assert green.take([WEB]) == {}


@pytest.mark.root
def test_a_socket_tells_in_which_network_namespace_it_was_made() -> None:
    ours = process.name_of_network_namespace()
    found: list[str] = []

    def elsewhere() -> None:
        os.unshare(os.CLONE_NEWNET) if hasattr(os, "unshare") else process.libc.unshare(0x40000000)
        sockets.append(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 16))
        found.append(process.name_of_network_namespace())

    sockets: list[socket.socket] = []
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    with sockets[0] as there:
        assert process.name_of_network_namespace(there) == found[0] != ours
    assert process.name_of_network_namespace() == ours
