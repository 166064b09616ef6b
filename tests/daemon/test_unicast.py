"""Unicast between two daemons on real interfaces, one of which knows its peer by name only."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.capture import Capture, Frame
from lab.netns import Host
from tests.daemon.conftest import Lan
from tests.daemon.running import Daemon, configuration, router

VIP = "10.77.0.100"
NAME = "r2.havip.test"


class Hosts:
    """The file of names that one namespace has for itself: `ip netns exec` puts it over /etc/hosts."""

    def __init__(self, host: Host) -> None:
        self.folder = Path("/etc/netns") / host.namespace
        self.folder.mkdir(parents=True)
        (self.folder / "nsswitch.conf").write_text("hosts: files\n")
        self.say("")

    def say(self, text: str) -> None:
        """Write the file in place: what has it mounted sees the new text."""
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost\n{text}\n")

    def remove(self) -> None:
        shutil.rmtree(self.folder)


@pytest.fixture
def hosts(lan: Lan) -> Iterator[Hosts]:
    made = Hosts(lan.r1)
    yield made
    made.remove()


def peers(*listed: str, priority: int) -> str:
    """Return a configuration with these unicast peers, as YAML."""
    options = f"{{peers: [{', '.join(listed)}], resolve_every: 1s}}"
    return configuration(gateway=router(priority=priority, down_adverts=10, unicast=options))


def to_the_group(frame: Frame) -> bool:
    """Keep what goes to 224.0.0.18."""
    return frame.data[30:34] == bytes((224, 0, 0, 18))


def test_unicast_peers_take_over_from_each_other(lan: Lan, folder: Path) -> None:
    with (
        ExitStack() as later,
        Capture(lan.r2, keep=to_the_group) as multicast,
        Daemon(lan.r1, folder, peers("10.77.0.2", priority=150)) as better,
    ):
        better.wait_for("gateway: MASTER")
        worse = later.enter_context(Daemon(lan.r2, folder, peers("10.77.0.1", priority=100)))
        worse.wait_for("gateway: BACKUP")
        status = better.router("gateway")
        assert (status.segment, status.peers) == ("unicast", ("10.77.0.2",))
        assert better.stop() == 0
        worse.wait_for("gateway: MASTER: the master resigned")
        lan.r2.wait_for_address(VIP)
        assert multicast.frames == []


def test_a_peers_name_is_enough_and_may_fail_later(lan: Lan, folder: Path, hosts: Hosts) -> None:
    by_name = peers(f"{{name: {NAME}}}", priority=150)
    with (
        Daemon(lan.r2, folder, peers("10.77.0.1", priority=100)) as worse,
        Daemon(lan.r1, folder, by_name) as better,
    ):
        better.wait_for(f"gateway: FAULT: no address of its unicast peers is known: {NAME}")
        better.wait_for(f"cannot look up peer {NAME}")
        worse.wait_for("gateway: MASTER")

        hosts.say(f"10.77.0.2 {NAME}")
        better.wait_for("gateway: MASTER")
        worse.wait_for("gateway: BACKUP", 2)
        assert better.router("gateway").peers == (f"{NAME} (10.77.0.2)",)

        # The name is gone, and the worker too: the next one learns what is still in force.
        hosts.say("")
        better.wait_for(r"10\.77\.0\.2 stays in force")
        os.kill(better.worker(), signal.SIGKILL)
        better.wait_for("gateway: MASTER: resumed")
        assert worse.said("gateway: MASTER") == 1
        assert better.said("gateway: FAULT") == 1

        hosts.say(f"10.77.0.9 {NAME}\n10.77.0.2 {NAME}")
        better.wait_for(r"is 10\.77\.0\.2, 10\.77\.0\.9, no more 10\.77\.0\.2")
        assert better.router("gateway").state == "MASTER"
        assert worse.said("gateway: MASTER") == 1
        assert better.stop() == 0
        worse.wait_for("gateway: MASTER", 2)

        # A whole new daemon, before there is a name server: the last one's answer serves.
        hosts.say("")
        better.start()
        better.wait_for(rf"peer {NAME} .* is taken to be 10\.77\.0\.2, 10\.77\.0\.9 until .* minutes old")
        worse.wait_for("gateway: BACKUP", 3)
        assert better.said("gateway: FAULT") == 1


@pytest.mark.parametrize("family", [4, 6])
def test_signed_unicast_is_believed_by_the_peer(lan: Lan, folder: Path, family: int) -> None:
    """The checksum differs for each peer, and stands before a trailer that is the same for all."""
    net, vip = ("10.77.0.", "10.77.0.100/24") if family == 4 else ("fd77::", "fe80::100/64")
    for number, host in enumerate((lan.r1, lan.r2), 1):
        host.run("ip", "addr", "add", f"fd77::{number}/64", "dev", "eth0", "nodad")

    def signed(number: int, priority: int) -> str:
        unicast = f'{{peers: ["{net}{3 - number}"], source: "{net}{number}"}}'
        keys = {"keys": {1: {"value": "hex:" + "5a" * 32}}, "active_key": 1}
        return configuration(
            gateway=router(priority=priority, down_adverts=10, addresses=[vip], unicast=unicast, hmac=keys)
        )

    with Daemon(lan.r1, folder, signed(1, 150)) as better:
        better.wait_for("gateway: MASTER")
        with Daemon(lan.r2, folder, signed(2, 100)) as worse:
            worse.wait_for("gateway: BACKUP")
            assert better.stop() == 0
            worse.wait_for("gateway: MASTER")
            assert worse.said("gateway: MASTER: the master resigned") == 1
