"""The control socket, both ends: a real server in a thread, real clients, and hostile ones."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from havip.config.model import Daemon
from havip.control import server as server_module
from havip.control.client import DEFAULT_SOCKET, Client, Refused
from havip.control.server import LONGEST_REQUEST, MOST_CLIENTS, Handler, Peer, Server
from havip.errors import AlreadyRunning, CannotListen, Unreachable

ROOT = Path(__file__).resolve().parents[2]
Json = dict[str, Any]


async def version(request: Json) -> Json:
    return {"version": "1.2.3", "pid": 4711}


async def echo(request: Json) -> Json:
    return {"heard": request}


async def refuse(request: Json) -> Json:
    return {"ok": False, "reason": "bad-configuration", "errors": [{"line": 3}]}


async def fail(request: Json) -> Json:
    raise RuntimeError("a handler with a bug")


async def long_answer(request: Json) -> Json:
    return {"text": "x" * 8_000_000}


HANDLERS: dict[str, Handler] = {
    "version": version,
    "echo": echo,
    "reload": refuse,
    "fail": fail,
    "long": long_answer,
}


@contextlib.contextmanager
def serving(
    path: str, handlers: Mapping[str, Handler] = HANDLERS, idle_timeout: float = 30.0
) -> Iterator[Server]:
    """Run a server in a thread of its own until the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = Server(path, handlers, idle_timeout)
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        try:
            yield server
        finally:
            asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a path short enough for a socket, which others may enter."""
    path = Path(tempfile.mkdtemp(prefix="havip-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def path(directory: Path) -> Iterator[str]:
    """The path of a socket on which a server listens."""
    path = str(directory / "control.sock")
    with serving(path):
        yield path


def connect(path: str) -> socket.socket:
    """Return a plain connection to the server."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(path)
    return connection


def lines_after(path: str, sent: bytes, half_close: bool = True) -> list[Json]:
    """Send raw bytes and return every answer until the server closes."""
    with connect(path) as connection:
        connection.sendall(sent)
        if half_close:
            connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answers:
            return [json.loads(line) for line in answers]


# --- asking


def test_client_gets_what_the_handler_says(path: str) -> None:
    assert Client(path).version() == {"ok": True, "version": "1.2.3", "pid": 4711}


def test_handler_gets_the_whole_request(path: str) -> None:
    assert Client(path).ask("echo", name="gateway")["heard"] == {"verb": "echo", "name": "gateway"}


def test_requests_follow_each_other_on_one_connection(path: str) -> None:
    answers = lines_after(path, b'{"verb":"version"}\n{"verb":"echo","n":1}\n')
    assert [answer["ok"] for answer in answers] == [True, True]
    assert answers[1]["heard"]["n"] == 1


def test_answer_of_many_megabytes_arrives_whole(path: str) -> None:
    assert len(Client(path).ask("long")["text"]) == 8_000_000


def test_refusal_carries_the_whole_answer(path: str) -> None:
    with pytest.raises(Refused) as refused:
        Client(path).reload()
    assert refused.value.reason == "bad-configuration"
    assert refused.value.answer["errors"] == [{"line": 3}]


def test_clients_are_served_side_by_side(path: str) -> None:
    with connect(path), connect(path):
        assert Client(path).version()["pid"] == 4711


def test_default_socket_is_the_one_of_the_configuration() -> None:
    assert Daemon().control_socket == DEFAULT_SOCKET


# --- bad input


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"\n",
        b"[]\n",
        b'"status"\n',
        b"{}\n",
        b'{"verb": 1}\n',
        b'{"verb": null}\n',
        b"\xff\xfe\n",
        b"\x00\n",
        b"[" * 50_000 + b"\n",
        b'{"verb": ' + b"9" * 5_000 + b"}\n",
        b'{"verb": "version"',
    ],
    ids=[
        "word",
        "empty",
        "list",
        "string",
        "no-verb",
        "number",
        "null",
        "not-utf8",
        "nul",
        "deep",
        "long-number",
        "no-newline",
    ],
)
def test_malformed_request_is_answered_and_the_next_client_served(path: str, line: bytes) -> None:
    answers = lines_after(path, line)
    assert [(answer["ok"], answer["reason"]) for answer in answers] == [(False, "bad-request")]
    assert answers[0]["message"]
    assert Client(path).version()["ok"]


def test_connection_goes_on_after_a_malformed_line(path: str) -> None:
    answers = lines_after(path, b'nonsense\n{"verb":"version"}\n')
    assert [answer["ok"] for answer in answers] == [False, True]


def test_unknown_verb_is_told_the_known_ones(path: str) -> None:
    with pytest.raises(Refused, match=r'no verb "shutdown"; there are: echo, fail, long, reload, version'):
        Client(path).ask("shutdown")


def test_line_past_the_limit_is_refused_and_the_connection_closed(path: str) -> None:
    answers = lines_after(path, b"x" * (LONGEST_REQUEST + 1), half_close=False)
    assert [answer["message"] for answer in answers] == ["longer than 65536 bytes"]


def test_failing_handler_is_answered_logged_and_survived(path: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Refused, match="RuntimeError: a handler with a bug"):
        Client(path).ask("fail")
    assert "the handler of fail failed" in caplog.text
    assert Client(path).version()["ok"]


def test_idle_client_is_let_go(directory: Path) -> None:
    path = str(directory / "control.sock")
    with serving(path, idle_timeout=0.05), connect(path) as connection:
        assert connection.recv(1) == b""


def test_client_that_does_not_read_is_let_go(directory: Path) -> None:
    path = str(directory / "control.sock")
    with serving(path, idle_timeout=0.05), connect(path) as connection:
        connection.sendall(b'{"verb":"long"}\n')
        received = 0
        with contextlib.suppress(ConnectionResetError):
            # Reading begins only after the server has given up: what the kernel held is all there is.
            wait_for_hangup(connection)
            while chunk := connection.recv(1 << 20):
                received += len(chunk)
        assert received < 8_000_000


def wait_for_hangup(connection: socket.socket) -> None:
    """Wait until the other side has closed, without reading."""
    poll = select.poll()
    poll.register(connection, 0)  # POLLHUP is always reported
    assert poll.poll(10_000)


def test_one_client_too_many_is_told_so(path: str) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(MOST_CLIENTS):
            connection = stack.enter_context(connect(path))
            connection.sendall(b'{"verb":"version"}\n')
            assert connection.recv(4096)
        with pytest.raises(Refused, match="32 clients are connected already"):
            Client(path).version()


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


# --- nobody there


def test_no_daemon_is_unreachable_and_says_what_to_do(directory: Path) -> None:
    with pytest.raises(Unreachable, match=r"No such file.*systemctl status havip"):
        Client(str(directory / "none.sock")).status()


def test_silent_daemon_is_unreachable_after_the_timeout(directory: Path) -> None:
    path = str(directory / "control.sock")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(path)
        silent.listen()
        with pytest.raises(Unreachable, match=r"did not answer within 0\.05 s"):
            Client(path, timeout=0.05).version()


@pytest.mark.parametrize("answer", [b"220 mail ESMTP\n", b"[1]\n", b'{"ok": tr', b"", b"[" * 100_000 + b"\n"])
def test_something_else_on_the_socket_is_unreachable(directory: Path, answer: bytes) -> None:
    path = str(directory / "control.sock")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()

        def speak() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=speak)
        thread.start()
        with pytest.raises(Unreachable, match="not a havip"):
            Client(path).version()
        thread.join(10)
