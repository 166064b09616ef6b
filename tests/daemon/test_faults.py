"""Faults at awkward moments: signals during the start, deaths between two lives, ends that nobody reads."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from lab.capture import Capture
from tests.daemon.conftest import Lan
from tests.daemon.hearing import adverts
from tests.daemon.running import PATIENCE, Daemon, NotifySocket, configuration, router

OWNER = configuration(gateway=router(priority=255))
GATEWAY = configuration(gateway=router(priority=150))
VIP = "10.77.0.100"


class Hesitant(Daemon):
    """A daemon whose configuration is a pipe: it is in the middle of its start until `tell`."""

    def configure(self, configuration: str) -> None:
        self._configuration = configuration
        os.mkfifo(self.file)

    def start(self) -> None:
        super().start()
        self._pipe = os.open(self.file, os.O_WRONLY)  # waits until the daemon reads

    def tell(self) -> None:
        """Let it read its configuration, and find a file there from now on."""
        self.file.unlink()
        self.file.write_text(self._configuration)
        os.write(self._pipe, self._configuration.encode())
        os.close(self._pipe)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_again_and_again(daemon: Daemon, times: int) -> None:
    """Kill one worker after the other as soon as each of them is there."""
    for number in range(1, times + 1):
        deadline = time.monotonic() + PATIENCE
        while not (found := children(daemon.process.pid)):
            assert time.monotonic() < deadline, "no worker came"
            time.sleep(0.005)
        os.kill(found[0], signal.SIGKILL)
        daemon.wait_for("starting it again", number)


# Signals during the start.


def test_a_hangup_during_the_start_is_a_reload_and_no_end(lan: Lan, folder: Path) -> None:
    with Hesitant(lan.r1, folder, OWNER) as daemon:
        daemon.signal(signal.SIGHUP)
        daemon.tell()
        daemon.wait_for("reloaded .*: 1 kept")
        daemon.wait_for("gateway: MASTER")


def test_a_hangup_during_the_start_does_not_tell_systemd_that_it_is_over(lan: Lan, folder: Path) -> None:
    manager = NotifySocket(folder / "notify")
    with Hesitant(lan.r1, folder, OWNER, NOTIFY_SOCKET=str(manager.path)) as daemon:
        daemon.signal(signal.SIGHUP)
        daemon.tell()
        assert "STATUS=1 virtual routers: 1 MASTER" in manager.wait_for("READY=1")
    manager.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_daemon_told_to_end_during_its_start_never_speaks(
    lan: Lan, folder: Path, number: signal.Signals
) -> None:
    with Capture(lan.r2, keep=adverts) as wire, Hesitant(lan.r1, folder, OWNER) as daemon:
        daemon.signal(number)
        daemon.tell()
        assert daemon.process.wait(PATIENCE) == 0
        assert wire.frames == []
        assert daemon.said("gateway") == 0
    assert VIP not in lan.r1.addresses("eth0")


def test_a_control_socket_that_cannot_be_opened_ends_the_daemon_before_it_speaks(
    lan: Lan, folder: Path
) -> None:
    (folder / "r1.sock").write_text("in the way")
    with Capture(lan.r2, keep=adverts) as wire, Daemon(lan.r1, folder, OWNER) as daemon:
        assert daemon.process.wait(PATIENCE) == 1
        daemon.wait_for("r1.sock is in the way of the control socket, and it is not a socket")
        assert wire.frames == []
        assert daemon.said("gateway") == 0
    assert VIP not in lan.r1.addresses("eth0")


# A worker that dies again and again.


def test_between_two_lives_no_address_stays_and_nobody_is_called_master(lan: Lan, folder: Path) -> None:
    manager = NotifySocket(folder / "notify")
    with Daemon(lan.r1, folder, GATEWAY, NOTIFY_SOCKET=str(manager.path)) as daemon:
        daemon.wait_for("gateway: MASTER")
        kill_again_and_again(daemon, 2)  # the second time it rests for a second
        lan.r1.wait_for_address(VIP, present=False)
        found = daemon.router("gateway")
        assert (found.state, found.why, found.master) == ("INIT", "the VRRP worker has ended", None)
        manager.wait_for("STATUS=1 virtual routers: none in a state")
        daemon.wait_for("gateway: MASTER", 2)
        assert VIP in lan.r1.addresses("eth0")
    manager.close()


def test_a_reload_between_two_lives_is_what_the_next_life_begins_with(lan: Lan, folder: Path) -> None:
    both = configuration(gateway=router(priority=150), old=router(52, addresses=["10.77.0.101/24"]))
    with Daemon(lan.r1, folder, both) as daemon:
        daemon.wait_for("old: MASTER")
        kill_again_and_again(daemon, 2)
        daemon.configure(
            configuration(gateway=router(priority=77), new=router(53, addresses=["10.77.0.102/24"]))
        )
        assert daemon.client.reload()["drop"] == ["old"]
        daemon.wait_for("new: MASTER")
        status = daemon.client.status()
        assert [(found.name, found.priority) for found in status.virtual_routers] == [
            ("gateway", 77),
            ("new", 100),
        ]
        assert "10.77.0.101" not in lan.r1.addresses("eth0")


def test_ending_between_two_lives_is_an_orderly_end(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, GATEWAY) as daemon:
        daemon.wait_for("gateway: MASTER")
        kill_again_and_again(daemon, 2)
        assert daemon.stop() == 0
    assert VIP not in lan.r1.addresses("eth0")


def test_a_reload_while_a_worker_is_being_born_reaches_it(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, GATEWAY) as daemon:
        daemon.wait_for("gateway: MASTER")
        daemon.configure(configuration(gateway=router(priority=77)))
        kill_again_and_again(daemon, 1)
        daemon.signal(signal.SIGHUP)
        daemon.wait_for("reloaded")
        assert daemon.router("gateway").priority == 77


def test_hangups_without_number_end_in_the_last_file(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, GATEWAY) as daemon:
        daemon.wait_for("gateway: MASTER")
        for priority in range(1, 51):
            daemon.configure(configuration(gateway=router(priority=priority)))
            daemon.signal(signal.SIGHUP)
        daemon.client.reload()
        assert daemon.router("gateway").priority == 50
        assert daemon.said("gateway: MASTER") == 1


# A supervisor that does not turn.


def test_a_stuck_supervisor_costs_no_advert_and_learns_the_truth_later(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, GATEWAY) as daemon:
        daemon.wait_for("gateway: MASTER")
        daemon.signal(signal.SIGSTOP)
        with Capture(lan.r2, keep=adverts) as wire:
            for _ in range(30):
                lan.r1.run("ip", "addr", "del", f"{VIP}/24", "dev", "eth0")
                lan.r1.wait_for_address(VIP)
            wire.wait_for(lambda frame: frame.data[36] == 150, since=len(wire.frames))
        daemon.signal(signal.SIGCONT)
        found = daemon.router("gateway")
        assert (found.state, found.counters["addresses-put-back"]) == ("MASTER", 30)
