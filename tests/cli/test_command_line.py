"""The command line as a whole: what it imports, how it ends, what it says when it is used wrongly."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from importlib import import_module
from pathlib import Path

import pytest

import havip
from havip import __main__ as command
from havip.cli import VERBS, module_of
from havip.errors import AlreadyRunning, HavipError, NoNamespace, NotPermitted, Unreachable
from tests.control.serving import serving

ROOT = Path(__file__).resolve().parents[2]

GOOD_FILE = """\
virtual_routers:
  gateway: {interface: eth0, vrid: 51, addresses: [192.0.2.1/24]}
"""

#: what no verb but `run` has any use for
DAEMON_ONLY = {
    "asyncio",
    "ctypes",
    "httptools",
    "multiprocessing",
    "prometheus_client",
    "pyroute2",
    "scapy",
    "ssl",
    "subprocess",
    "systemd",
    "havip.channel",
    "havip.control.server",
    "havip.journal",
    "havip.messages",
    "havip.supervisor",
    "havip.vrrp",
    "havip.workers",
}


def imported_by(*words: str) -> set[str]:
    """Run one command line in a new interpreter and return every module that it imported."""
    code = (
        "import sys\nfrom havip.__main__ import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "import json; print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    # -S, and the packages by path: what .pth files import into every interpreter is not our doing.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(ROOT), sysconfig.get_path("purelib")))}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    modules: list[str] = json.loads(done.stderr.splitlines()[-1])
    return set(modules)


def test_help_imports_nothing_of_the_daemon_and_no_verb() -> None:
    modules = imported_by("--help")
    assert {name for name in modules if name.split(".")[0] == "havip"} == {
        "havip",
        "havip.__main__",
        "havip.cli",
        "havip.errors",
        "havip.instance",
    }
    assert not modules & (DAEMON_ONLY | {"dataclasses", "ipaddress", "logging", "socket", "yaml"})


def test_check_imports_what_reads_a_file_and_no_more(tmp_path: Path) -> None:
    file = tmp_path / "havip.yaml"
    file.write_text(GOOD_FILE)
    modules = imported_by("check", "-c", str(file))
    assert "yaml" in modules
    assert not modules & (
        DAEMON_ONLY | {"logging", "socket", "havip.control", "havip.cli.status", "havip.cli.run"}
    )


def test_status_imports_what_asks_and_prints_and_no_more(tmp_path: Path) -> None:
    modules = imported_by("status", "--socket", str(tmp_path / "none.sock"))
    assert "havip.control.client" in modules
    assert not modules & (DAEMON_ONLY | {"ipaddress", "logging", "yaml", "havip.config", "havip.cli.check"})


def test_every_verb_has_its_module_and_the_one_help_line() -> None:
    assert list(VERBS) == [
        "run",
        "check",
        "convert",
        "schema",
        "status",
        "watch",
        "checks",
        "services",
        "server",
        "check-now",
        "reload",
        "failover",
        "maintenance",
        "priority",
        "version",
    ]
    assert {verb: import_module(module_of(verb)).HELP for verb in VERBS} == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_gives_an_exit_code_and_fits_a_terminal(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main([verb, "--help"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert "exit " in shown
    assert max(map(len, shown.splitlines())) <= 110


def test_no_verb_shows_the_help_and_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "first steps:" in shown.err


@pytest.mark.parametrize("words", [["ststus"], ["--frobnicate"], ["status", "--jsn"], ["run", "extra"]])
def test_wrong_usage_exits_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(words)
    assert ended.value.code == 2
    assert "usage: havip" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HavipError("x"), 1),
        (AlreadyRunning("x"), 1),
        (Unreachable("x"), 3),
        (NotPermitted("x"), 4),
        (NoNamespace("x"), 69),
    ],
)
def test_errors_are_one_sentence_and_an_exit_code(
    error: HavipError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_: object) -> int:
        raise error

    monkeypatch.setattr("havip.cli.version.run", fail)
    assert command.main(["version"]) == code
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "havip: x\n")


@pytest.mark.parametrize("words", [["version", "--socket", "/none"], ["--help"], ["schema"]])
def test_reader_that_leaves_early_is_no_error(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # gone before the first byte is written
    try:
        command_line = [sys.executable, "-m", "havip", *words]
        done = subprocess.run(
            command_line, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


# --- version


def test_version_without_a_daemon_prints_ours_and_pythons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = str(tmp_path / "none.sock")
    assert command.main(["version", "--socket", nowhere]) == 0
    python = ".".join(map(str, sys.version_info[:3]))
    assert (
        capsys.readouterr().out
        == f"havip {havip.__version__}\nPython {python}\ndaemon: none answers on {nowhere}\n"
    )


@pytest.mark.parametrize("spelling", ["version", "--version", "-V"])
def test_version_of_another_daemon_is_told_with_what_to_do(
    spelling: str, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(socket_path):
        assert command.main([spelling, "--socket", socket_path]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "daemon 1.2.3, pid 4711 (not this one: restart it to run this version)"
