"""What systemd hears from the daemon, read from a socket that stands in for its own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from havip.clock import Instant, seconds
from havip.systemd import Notifier, watchdog_interval

ABSTRACT = f"havip.test.notify.{os.getpid()}"


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket that a service manager would listen on, and its NOTIFY_SOCKET."""
    address = str(tmp_path / "notify") if request.param == "path" else f"@{ABSTRACT}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1))
        listening.settimeout(10)
        yield listening, address


def test_every_message_has_the_form_of_sd_notify(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    notifier = Notifier({"NOTIFY_SOCKET": address})
    assert notifier.ready("2 virtual routers: 1 MASTER, 1 BACKUP")
    assert listening.recv(4096) == b"READY=1\nSTATUS=2 virtual routers: 1 MASTER, 1 BACKUP"
    assert notifier.reloading(Instant(123_456_789_999))
    assert listening.recv(4096) == b"RELOADING=1\nMONOTONIC_USEC=123456789"
    assert notifier.ready()
    assert listening.recv(4096) == b"READY=1"
    assert notifier.status("reload refused")
    assert listening.recv(4096) == b"STATUS=reload refused"
    assert notifier.watchdog()
    assert listening.recv(4096) == b"WATCHDOG=1"
    assert notifier.stopping("resigning")
    assert listening.recv(4096) == b"STOPPING=1\nSTATUS=resigning"
    notifier.close()


def test_status_cannot_smuggle_in_another_line(manager: tuple[socket.socket, str]) -> None:
    listening, address = manager
    notifier = Notifier({"NOTIFY_SOCKET": address})
    notifier.status("eth0\nMAINPID=1\r\n gone")
    assert listening.recv(4096) == b"STATUS=eth0 MAINPID=1 gone"
    notifier.close()


def test_outside_systemd_every_call_does_nothing() -> None:
    notifier = Notifier({})
    assert not notifier.ready()
    assert not notifier.watchdog()
    notifier.close()


def test_unknown_kind_of_address_is_left_alone() -> None:
    assert not Notifier({"NOTIFY_SOCKET": "vsock:2:1234"}).ready()


def test_manager_that_went_away_raises_nothing(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert not notifier.ready()
    notifier.close()
    assert not notifier.ready()


def test_children_inherit_neither_the_socket_nor_the_watchdog() -> None:
    environment = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "2", "PATH": "/bin"}
    Notifier(environment).close()
    watchdog_interval(environment)
    assert environment == {"PATH": "/bin"}


def test_watchdog_interval_is_read_in_microseconds() -> None:
    assert watchdog_interval({"WATCHDOG_USEC": "30000000"}) == seconds(30)
    assert watchdog_interval({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "77"}, pid=77) == seconds(30)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-1"},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "78"},
    ],
    ids=["absent", "empty", "zero", "word", "negative", "for-another-process"],
)
def test_no_watchdog_where_systemd_asks_this_process_for_none(environment: dict[str, str]) -> None:
    assert watchdog_interval(environment, pid=77) is None
