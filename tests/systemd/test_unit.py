"""The systemd unit: systemd itself reads it without a complaint, and its command lines are ours."""

from __future__ import annotations

import shlex
import subprocess
from argparse import Namespace
from configparser import ConfigParser
from pathlib import Path

import pytest

from havip import __main__ as command
from havip.cli import BAD, NOT_PERMITTED, USAGE
from havip.config.model import Daemon

UNIT = Path(__file__).resolve().parents[2] / "systemd" / "havip.service"


@pytest.fixture
def unit() -> ConfigParser:
    """The unit by section and key; the parser refuses a key given twice."""
    parser = ConfigParser(interpolation=None, comment_prefixes="#", delimiters="=")
    parser.optionxform = str  # type: ignore[assignment]
    parser.read_string(UNIT.read_text())
    return parser


def options_given_to(verb: str, monkeypatch: pytest.MonkeyPatch) -> list[Namespace]:
    """Have a verb do nothing but note its options; return where it notes them."""
    given: list[Namespace] = []

    def note(options: Namespace) -> int:
        given.append(options)
        return 0

    monkeypatch.setattr(f"havip.cli.{verb}.run", note)
    return given


def test_systemd_has_no_complaint(tmp_path: Path) -> None:
    # havip itself need not be installed where the tests run.
    installed = tmp_path / "havip.service"
    installed.write_text(
        UNIT.read_text().replace("=havip run", "=/bin/true run").replace("=havip reload", "=/bin/true")
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", installed], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_misspelt_key_would_have_been_a_complaint(tmp_path: Path) -> None:
    broken = tmp_path / "havip.service"
    broken.write_text("[Service]\nExecStart=/bin/true\nWatchdogSeconds=30s\n")
    done = subprocess.run(["systemd-analyze", "verify", broken], capture_output=True, text=True, timeout=60)
    assert "WatchdogSeconds" in done.stderr


@pytest.mark.parametrize("key", ["ExecStart", "ExecReload"])
def test_command_line_is_one_that_havip_takes(
    key: str, unit: ConfigParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(unit["Service"][key])
    given = options_given_to(words[1], monkeypatch)
    assert words[0] == "havip"
    assert command.main(words[1:]) == 0
    assert len(given) == 1


def test_reload_finds_the_socket_of_an_unchanged_configuration(
    unit: ConfigParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = options_given_to("reload", monkeypatch)
    command.main(shlex.split(unit["Service"]["ExecReload"])[1:])
    assert (
        given[0].socket == Daemon().control_socket == f"/run/{unit['Service']['RuntimeDirectory']}/havip.sock"
    )


def test_worker_can_resign_when_the_supervisor_dies_or_hangs(unit: ConfigParser) -> None:
    # With KillMode=mixed systemd sends SIGKILL to what is left as soon as the main process has gone.
    assert unit["Service"]["KillMode"] == "control-group"
    assert unit["Service"]["WatchdogSignal"] == "SIGTERM"


def test_only_an_error_that_a_restart_may_cure_leads_to_one(unit: ConfigParser) -> None:
    assert unit["Service"]["Restart"] == "on-failure"
    assert unit["Service"]["RestartPreventExitStatus"].split() == [str(BAD), str(USAGE), str(NOT_PERMITTED)]


def test_an_error_in_havip_itself_leads_to_a_restart(
    unit: ConfigParser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise RuntimeError("of all things")

    monkeypatch.setattr("havip.supervisor.main", fail)
    assert command.main(["run"]) == 70
    assert "70" not in unit["Service"]["RestartPreventExitStatus"].split()
    assert "of all things" in caplog.text


def test_worker_may_have_any_priority_that_a_configuration_can_ask_for(unit: ConfigParser) -> None:
    assert unit["Service"]["LimitRTPRIO"] == "99"
    assert unit["Service"]["LimitMEMLOCK"] == "infinity"
