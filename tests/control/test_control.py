"""The control socket, both ends: a real server in a thread, real clients, and hostile ones."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from havip.config.model import Daemon
from havip.control.client import DEFAULT_SOCKET, Client, Refused
from havip.control.server import LONGEST_REQUEST, MOST_CLIENTS
from havip.errors import Unreachable
from tests.control.serving import serving

Json = dict[str, Any]


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
