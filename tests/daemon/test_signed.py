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
from tests.daemon.hearing import adverts
from tests.daemon.running import PATIENCE, Daemon, configuration, router

pytestmark = pytest.mark.root

#: a window longer than the test, so that nothing but its mark keeps an old advert out
HMAC = {"keys": {1: {"value": "hex:" + "5a" * 32}}, "active_key": 1, "time_window": "300s"}
REPLAY = "refused-hmac-replay"


def gateway(priority: int) -> str:
    return configuration(gateway=router(priority=priority, hmac=HMAC))


def signed(frame: Frame) -> bool:
    """Keep VRRPv3 adverts over IPv4 with a trailer."""
    return adverts(frame) and len(frame.data) >= 14 + 20 + 12 + 28


def until(daemon: Daemon, wanted: Callable[[Router], bool], name: str = "gateway") -> None:
    """Return once the daemon's router is as ``wanted``."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with suppress(Unreachable):  # it has only just been started
            if wanted(daemon.router(name)):
                return
        assert time.monotonic() < deadline, daemon.router(name)


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
        captured = wire.wait_for(lambda frame: not frame.outgoing)
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


def test_every_dialect_is_signed_and_believed(lan: Lan, folder: Path) -> None:
    def every(priority: int, peer: str) -> str:
        common: dict[str, object] = {"priority": priority, "hmac": HMAC}
        return configuration(
            old=router(1, **common, version=2, interval="1s", addresses=["10.77.0.101/24"]),
            six=router(2, **common, addresses=["fe80::100/64", "fd77::100/64"]),
            other_form=router(3, **common, rfc9568=True, addresses=["10.77.0.103/24"]),
            unicast=router(4, **common, addresses=["10.77.0.104/24"], unicast=[peer]),
        )

    with (
        Daemon(lan.r1, folder, every(200, "10.77.0.2")) as better,
        Daemon(lan.r2, folder, every(100, "10.77.0.1")) as worse,
    ):
        for name in ("old", "six", "other_form", "unicast"):
            better.wait_for(f"{name}: MASTER")
            until(worse, lambda one: one.state == "BACKUP" and one.counters["adverts-received"] > 1, name)
            counters = worse.router(name).counters
            assert {
                key: count for key, count in counters.items() if key.startswith("refused-") and count
            } == {}


def test_a_master_that_begins_to_sign_stays_master(lan: Lan, folder: Path) -> None:
    with (
        Capture(lan.r2, "eth0", keep=signed) as wire,
        Daemon(lan.r1, folder, configuration(gateway=router(priority=200))) as daemon,
    ):
        until(daemon, lambda router: router.state == "MASTER")
        since = daemon.router("gateway").since
        daemon.configure(gateway(200))
        daemon.client.reload()
        first = wire.wait_for(lambda frame: True)
        wire.wait_for(lambda frame: frame.at > first.at)
        assert (daemon.router("gateway").state, daemon.router("gateway").since) == ("MASTER", since)
        assert all(frame.data[14 + 20 + 2] == 200 for frame in wire.frames)  # it never resigned


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
