"""Signed adverts between real daemons, and what a captured one is worth after every kind of restart."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from havip.control.views import Router
from havip.errors import Unreachable
from lab.capture import Capture, Frame
from lab.netns import Host
from tests.daemon.conftest import Lan
from tests.daemon.running import PATIENCE, Daemon, configuration, router

pytestmark = pytest.mark.root

#: a window longer than the test, so that nothing but its mark keeps an old advert out
HMAC = {"keys": {1: {"value": "hex:" + "5a" * 32}}, "active_key": 1, "time_window": "300s"}
REPLAY = "refused-hmac-replay"


def gateway(priority: int) -> str:
    return configuration(gateway=router(priority=priority, hmac=HMAC))


def signed(frame: Frame) -> bool:
    """Keep VRRPv3 adverts over IPv4 with a trailer."""
    return frame.data[12:14] == b"\x08\x00" and frame.data[23] == 112 and len(frame.data) >= 14 + 20 + 12 + 28


def until(daemon: Daemon, wanted: Callable[[Router], bool]) -> None:
    """Return once the daemon's router is as ``wanted``."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with suppress(Unreachable):  # it has only just been started
            if wanted(daemon.router("gateway")):
                return
        assert time.monotonic() < deadline, daemon.router("gateway")


def repeat(frame: Frame, host: Host) -> None:
    """Send a captured frame again."""
    with host.entered(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as attacker:
        attacker.bind(("eth0", 0))
        attacker.send(frame.data)


def refuses(daemon: Daemon, frame: Frame, host: Host) -> None:
    """Check that a daemon which believes nobody at present does not believe a captured frame either."""
    until(daemon, lambda router: router.state == "MASTER")
    before = daemon.router("gateway").counters
    repeat(frame, host)
    until(daemon, lambda router: router.counters[REPLAY] == before[REPLAY] + 1)
    after = daemon.router("gateway")
    assert (after.state, after.counters["adverts-received"]) == ("MASTER", before["adverts-received"])


def kill(daemon: Daemon) -> None:
    """Kill all of a daemon at once: nobody resigns, nothing is put in order."""
    worker = daemon.worker()
    os.kill(worker, signal.SIGSTOP)  # or else it would notice the end of the other
    daemon.process.kill()
    os.kill(worker, signal.SIGKILL)
    daemon.process.wait(PATIENCE)


def test_a_captured_advert_is_worth_nothing_after_any_restart(lan: Lan, folder: Path) -> None:
    with (
        Capture(lan.r2, "eth0", keep=signed) as wire,
        Daemon(lan.r1, folder, gateway(200)) as peer,
        Daemon(lan.r2, folder, gateway(100)) as ours,
    ):
        until(ours, lambda router: router.counters["adverts-received"] > 0)
        worker = peer.worker()
        peer.signal(signal.SIGSTOP)
        os.kill(worker, signal.SIGSTOP)  # the master falls silent, and nothing newer is heard from it
        captured = [frame for frame in wire.frames if not frame.outgoing][-1]
        refuses(ours, captured, lan.r1)

        ours.configure(gateway(101))
        assert ours.client.reload()["change"][0]["name"] == "gateway"
        refuses(ours, captured, lan.r1)

        os.kill(ours.worker(), signal.SIGKILL)
        ours.wait_for("starting it again")
        refuses(ours, captured, lan.r1)

        kill(ours)
        ours.start()
        refuses(ours, captured, lan.r1)

        assert ours.stop() == 0
        ours.socket.with_suffix(".sequences").unlink()  # as if the machine had been off meanwhile
        ours.start()
        refuses(ours, captured, lan.r1)
        os.kill(worker, signal.SIGKILL)


def test_the_files_of_sequences_are_private(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, gateway(200)) as daemon:
        until(daemon, lambda router: router.state == "MASTER")
        assert daemon.stop() == 0
        for path in (daemon.socket.with_suffix(".sequences"), daemon.state / "sequences"):
            assert path.stat().st_mode & 0o777 == 0o600


def test_a_daemon_that_cannot_keep_sequences_takes_no_part_and_says_why(lan: Lan, folder: Path) -> None:
    (folder / "r1.sequences").mkdir()
    (folder / "r1.sequences" / "in the way").touch()
    both = configuration(
        signed=router(priority=200, hmac=HMAC), plain=router(52, addresses=["10.77.0.101/24"])
    )
    with Daemon(lan.r1, folder, both) as daemon:
        daemon.wait_for("FAULT: cannot keep the sequences of signatures in .*: Is a directory")
        daemon.wait_for("plain: MASTER")
        assert daemon.router("signed").state == "FAULT"


def test_no_log_and_no_answer_shows_a_key(lan: Lan, folder: Path) -> None:
    with Daemon(lan.r1, folder, gateway(200)) as daemon:
        until(daemon, lambda router: router.state == "MASTER")
        rekeyed = {**HMAC, "keys": {1: {"value": "hex:" + "6b" * 32}}}
        daemon.configure(configuration(gateway=router(priority=200, hmac=rekeyed)))
        done = daemon.client.reload()
        daemon.wait_for(r"gateway \(hmac.keys.1.value: changed\)")
        shown = "\n".join([*daemon.lines, repr(done), repr(daemon.client.status())])
        assert "5a5a" not in shown
        assert "6b6b" not in shown
