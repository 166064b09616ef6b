"""Where log records go, and in which form they arrive."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest

from havip import journal
from havip.journal import JournalHandler, choose_handler, is_journal, journal_fields, syslog_priority

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[TextIO]:
    """A file in the place of stderr."""
    with open(tmp_path / "stderr", "w+") as file:
        yield file


@pytest.fixture
def no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make systemd-python absent, installed or not."""
    monkeypatch.setitem(sys.modules, "systemd.journal", None)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Stand in for systemd-python; holds what it was given."""
    calls: list[dict[str, Any]] = []
    module = types.ModuleType("systemd.journal")
    module.send = lambda MESSAGE, **fields: calls.append({"MESSAGE": MESSAGE, **fields})  # type: ignore[attr-defined]  # noqa: N803
    monkeypatch.setitem(sys.modules, "systemd", types.ModuleType("systemd"))
    monkeypatch.setitem(sys.modules, "systemd.journal", module)
    return calls


def journal_stream(stream: TextIO) -> dict[str, str]:
    """Return the environment that systemd gives when it connects ``stream`` to the journal."""
    status = os.fstat(stream.fileno())
    return {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}


def logger_into(handler: logging.Handler) -> logging.Logger:
    """Return a logger of its own that writes to ``handler`` only."""
    logger = logging.Logger("havip.test")
    logger.addHandler(handler)
    return logger


def written(stream: TextIO) -> str:
    """Return everything that was written to the file in the place of stderr."""
    stream.flush()
    stream.seek(0)
    return stream.read()


def test_away_from_systemd_lines_carry_time_and_level(stream: TextIO) -> None:
    logger_into(choose_handler(stream, {})).warning("gateway: no %s", "carrier")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} warning gateway: no carrier\n", written(stream)
    )


@pytest.mark.usefixtures("no_systemd")
def test_in_the_journal_without_systemd_python_every_line_carries_its_priority(stream: TextIO) -> None:
    logger_into(choose_handler(stream, journal_stream(stream))).error("one\ntwo")
    assert written(stream) == "<3>one\n<3>two\n"


@pytest.mark.usefixtures("no_systemd")
def test_a_traceback_in_the_journal_keeps_its_priority_on_every_line(stream: TextIO) -> None:
    logger = logger_into(choose_handler(stream, journal_stream(stream)))
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("cannot go on")
    lines = written(stream).splitlines()
    assert lines[0] == "<3>cannot go on"
    assert lines[-1] == "<3>ValueError: broken"
    assert all(line.startswith("<3>") for line in lines)


def test_journal_gets_the_record_and_its_fields(stream: TextIO, sent: list[dict[str, Any]]) -> None:
    logger = logger_into(choose_handler(stream, journal_stream(stream)))
    logger.info("gateway: MASTER", extra={"fields": {"HAVIP_ROUTER": "gateway", "HAVIP_STATE": "MASTER"}})
    assert len(sent) == 1
    entry = sent[0]
    assert entry["CODE_FILE"].endswith("test_journal.py")
    assert isinstance(entry["CODE_LINE"], int)
    assert entry["CODE_FUNC"] == "test_journal_gets_the_record_and_its_fields"
    assert {name: entry[name] for name in entry if not name.startswith("CODE_")} == {
        "MESSAGE": "gateway: MASTER",
        "PRIORITY": "6",
        "SYSLOG_IDENTIFIER": "havip",
        "LOGGER": "havip.test",
        "HAVIP_ROUTER": "gateway",
        "HAVIP_STATE": "MASTER",
    }
    assert written(stream) == ""


def test_inherited_variable_does_not_make_another_stderr_the_journal(stream: TextIO, tmp_path: Path) -> None:
    with open(tmp_path / "other", "w") as other:
        assert is_journal(other, journal_stream(other))
        assert not is_journal(stream, journal_stream(other))
        assert not is_journal(stream, {"JOURNAL_STREAM": "nonsense"})
        assert not is_journal(io.StringIO(), journal_stream(other))


def test_journal_that_refuses_a_record_does_not_stop_the_daemon(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(90, "Message too long")

    logger_into(JournalHandler(refuse)).info("gateway: MASTER")
    assert "Message too long" in capsys.readouterr().err


def test_field_names_are_made_fit_for_the_journal_and_cannot_replace_the_record() -> None:
    fields = {"havip-router": "a", "_PID": "b", "9LIVES": "c", "MESSAGE": "d", "priority": "e", "ä": "f"}
    assert journal_fields(fields) == {"HAVIP_ROUTER": "a", "PID": "b", "LIVES": "c"}
    assert list(journal_fields({"X" * 70: "y"})) == ["X" * 64]


def test_levels_map_to_syslog_priorities() -> None:
    # RFC 5424 section 6.2.1: 2 critical, 3 error, 4 warning, 6 informational, 7 debug.
    levels = (logging.CRITICAL, logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)
    assert [syslog_priority(level) for level in levels] == [2, 3, 4, 6, 7]


def test_configuring_twice_logs_once(monkeypatch: pytest.MonkeyPatch, stream: TextIO) -> None:
    root = logging.Logger("root")
    monkeypatch.setattr(logging, "getLogger", lambda: root)
    monkeypatch.setattr(sys, "stderr", stream)
    journal.configure(logging.WARNING)
    journal.configure(logging.WARNING)
    root.info("not this")
    root.warning("this")
    assert written(stream).count("this") == 1


PRIVATE_JOURNAL = """
import logging, os, socket, sys
from havip import journal
os.makedirs("/run/systemd/journal")
listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
listening.bind("/run/systemd/journal/socket")
status = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{status.st_dev}:{status.st_ino}"
journal.configure()
logging.getLogger("havip.vrrp").warning("gateway: FAULT", extra={"fields": {"HAVIP_ROUTER": "gateway"}})
sys.stdout.buffer.write(listening.recv(65536))
"""


@pytest.mark.root
def test_systemd_python_delivers_the_fields_to_a_listening_journal() -> None:
    # The real module (installed by the extra `systemd`) against a socket in the place of journald's, in a
    # mount namespace of its own.
    mounted = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]
    command = [*mounted, 'mount -t tmpfs none /run && exec "$0" -c "$1"', sys.executable, PRIVATE_JOURNAL]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert {"MESSAGE=gateway: FAULT", "PRIORITY=4", "HAVIP_ROUTER=gateway"} <= set(lines)
    assert {"SYSLOG_IDENTIFIER=havip", "LOGGER=havip.vrrp", "CODE_FUNC=<module>"} <= set(lines)
