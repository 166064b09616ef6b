"""Who may use the control socket, and what becomes of its file."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from havip.control import server as server_module
from havip.control.client import Client
from havip.control.server import Peer
from havip.errors import AlreadyRunning, CannotListen
from tests.control.serving import serving

ROOT = Path(__file__).resolve().parents[2]


# --- who may ask


def test_only_root_ourselves_and_the_group_may_ask() -> None:
    assert Peer(1, 0, frozenset()).may_ask(None)
    assert Peer(1, os.geteuid(), frozenset()).may_ask(None)
    assert Peer(1, 1000, frozenset({100, 77})).may_ask(77)
    assert not Peer(1, 1000, frozenset({100})).may_ask(77)
    assert not Peer(1, 1000, frozenset({100})).may_ask(None)


def test_peer_is_known_by_pid_user_and_every_group(path: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert Peer.of(ours) == Peer(os.getpid(), os.geteuid(), frozenset((os.getegid(), *os.getgroups())))


def ask_as_nobody(path: str) -> str:
    """Ask as an unprivileged user in another process; return what came of it."""
    code = (
        "import os, sys; from havip.control.client import Client\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "try: print(Client(sys.argv[1]).version())\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def test_socket_is_closed_to_other_users_by_its_mode(path: str) -> None:
    status = os.stat(path)
    assert stat.S_IMODE(status.st_mode) == 0o660
    assert (status.st_uid, status.st_gid) == (0, server_module.group_id("havip") or 0)
    assert ask_as_nobody(path).startswith("NotPermitted no permission")


def test_other_user_is_refused_even_through_an_open_mode(path: str) -> None:
    os.chmod(path, 0o666)
    assert ask_as_nobody(path) == "NotPermitted user 65534 may not talk to this daemon\n"


def test_socket_is_never_open_to_others_even_for_a_moment(directory: Path) -> None:
    before = os.umask(0)
    try:
        listening = server_module.listen(str(directory / "control.sock"), None)
    finally:
        os.umask(before)
    with listening:
        assert stat.S_IMODE(os.stat(directory / "control.sock").st_mode) == 0o660


# --- the socket's file


def test_missing_directories_are_made_readable_whatever_the_umask(directory: Path) -> None:
    path = directory / "run" / "havip" / "control.sock"
    before = os.umask(0o077)
    try:
        with serving(str(path)):
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
            assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o755
    finally:
        os.umask(before)


def test_socket_of_a_dead_daemon_is_replaced(directory: Path) -> None:
    path = str(directory / "control.sock")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
        dead.listen()
    with serving(path):
        assert Client(path).version()["ok"]


def test_socket_of_a_living_daemon_is_left_alone(path: str) -> None:
    with pytest.raises(AlreadyRunning, match="another daemon answers"), serving(path):
        pass
    assert Client(path).version()["ok"]


def test_file_that_is_no_socket_is_left_alone(directory: Path) -> None:
    path = directory / "control.sock"
    path.write_text("precious")
    with pytest.raises(CannotListen, match="not a socket"), serving(str(path)):
        pass
    assert path.read_text() == "precious"


@pytest.mark.parametrize("path", ["relative.sock", "/tmp/" + "x" * 103, "/proc/havip/control.sock", ""])
def test_path_that_cannot_hold_a_socket_is_one_clear_sentence(path: str) -> None:
    with pytest.raises(CannotListen) as refused, serving(path):
        pass
    assert "control socket" in str(refused.value)


def test_longest_path_that_the_kernel_takes_is_accepted(directory: Path) -> None:
    path = str(directory / ("x" * (107 - len(str(directory)) - 1)))
    assert len(path) == 107
    with serving(path):
        assert Client(path).version()["ok"]


def test_file_goes_with_the_server(directory: Path) -> None:
    path = directory / "control.sock"
    with serving(str(path)):
        assert path.exists()
    assert not path.exists()


def test_file_of_a_later_daemon_is_not_removed_by_the_earlier_one(directory: Path) -> None:
    path = directory / "control.sock"
    with serving(str(path)):
        path.unlink()
        path.write_text("another's")
    assert path.read_text() == "another's"
