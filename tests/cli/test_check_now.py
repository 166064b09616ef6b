"""`havip check-now`: one run of a check, as the daemon would make it, told step by step."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from havip import __main__ as command
from havip.healthcheck.outcome import Failure
from tests.control.serving import serving

BOOK = (Path(__file__).parents[2] / "docs" / "health-checks.md").read_text()
ROUTER = "virtual_routers: {g: {interface: eth0, vrid: 1, addresses: [192.0.2.1/24]}}\n"
TIME = re.compile(r"[0-9.]+ ms")


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture
def file(tmp_path: Path, port: int, socket_path: str) -> Path:
    path = tmp_path / "havip.yaml"
    path.write_text(
        ROUTER
        + f"daemon: {{control_socket: {socket_path}}}\n"
        + f"""\
checks:
  open: {{tcp: {{}}, host: 127.0.0.1, port: {port}}}
  shut: {{tcp: {{}}, host: 127.0.0.1, port: 1}}
  program: {{script: {{command: [/usr/bin/false]}}}}
  weighs: {{script: {{command: [/bin/sh, -c, exit 12], dynamic: true}}}}
  slow: {{script: {{command: [/usr/bin/sleep, 60]}}, timeout: 20ms}}
  every: {{all: [open, shut]}}
  some: {{any: [shut, open]}}
  child: {{tcp: {{}}, host: 127.0.0.1, port: {port}, parent: shut}}
"""
    )
    return path


def told(capsys: pytest.CaptureFixture[str], file: Path, *words: str) -> tuple[int, str]:
    """Return the exit code and what was printed, its times taken out."""
    code = command.main(["check-now", *words, "-c", str(file)])
    return code, TIME.sub("T ms", re.sub(r" +([0-9.]+ ms)", r" \1", capsys.readouterr().out))


def test_a_check_that_passes_tells_its_steps_and_the_daemons_absence(
    file: Path, port: int, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, file, "open") == (
        0,
        f"""\
open: tcp 127.0.0.1:{port}
 T ms  connected to 127.0.0.1:{port}
 T ms  passed: took the connection
open PASSED: took the connection, from 127.0.0.1:{port} in T ms
the daemon's verdict is not known: no daemon answers on {socket_path}
""",
    )


def test_the_daemons_verdict_stands_beside_it(
    file: Path, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def checks(request: dict[str, Any]) -> dict[str, Any]:
        assert request["names"] == ["shut"]
        return {"checks": {"shown": [{"state": "failed", "since": 1_700_000_000.0, "why": "refused"}]}}

    with serving(socket_path, {"checks": checks}):
        code, text = told(capsys, file, "shut")
    assert code == 1
    assert "\nshut FAILED: connection refused, from 127.0.0.1:1 in T ms\n" in text
    assert re.search(r"the daemon's verdict is failed for \S+, since \S+ \S+: refused\n$", text)


@pytest.mark.parametrize(
    ("name", "code", "last"),
    [
        ("program", 1, "program FAILED: ended with exit code 1 in T ms"),
        ("slow", 1, "slow FAILED: did not end within 20ms in T ms"),
        ("every", 1, "every FAILED: shut: connection refused, from 127.0.0.1:1 in T ms"),
        ("some", 0, "some PASSED: is good"),
        (
            "child",
            1,
            "child FAILED: is not probed while its parent shut has failed: "
            "connection refused, from 127.0.0.1:1 in T ms",
        ),
    ],
)
def test_programs_and_checks_of_several_are_run_as_well(
    file: Path, capsys: pytest.CaptureFixture[str], name: str, code: int, last: str
) -> None:
    found, text = told(capsys, file, name)
    assert (found, text.splitlines()[-2]) == (code, last)


def test_a_weight_that_is_asked_for_is_a_line(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = told(capsys, file, "weighs")
    assert code == 0
    assert "\n T ms  passed: ended with exit code 12\n T ms  asks for the weight 10\n" in text


def test_json_has_every_run_with_its_steps(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["check-now", "every", "--json", "-c", str(file)]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert (shown["check"], shown["passed"], shown["daemon"]) == ("every", False, None)
    assert [(run["check"], run["passed"], run["failure"]) for run in shown["runs"]] == [
        ("open", True, None),
        ("shut", False, "refused"),
    ]
    (step,) = shown["runs"][0]["steps"]
    assert step["text"].startswith("connected to 127.0.0.1:")
    assert 0 < step["at"] <= shown["runs"][0]["took"]


def test_an_unknown_name_and_a_bad_file_are_no_failure_of_the_check(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["check-now", "opne", "-c", str(file)]) == 2
    assert capsys.readouterr().err == "havip: no check named 'opne'; do you mean open?\n"
    file.write_text(ROUTER + "checks: {web: {tcp: {}}}\n")
    assert command.main(["check-now", "web", "-c", str(file)]) == 2
    assert f'{file}:2:10: checks.web: expected the key "host"' in capsys.readouterr().err


def test_a_credential_of_systemds_stops_only_the_checks_that_need_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = (
        "  cache: {redis: {password: {credential: redis}}, host: 127.0.0.1}\n"
        "  both: {any: [cache, fine]}\n"
        "  fine: {file: {path: /nowhere/number}}\n"
    )
    file.write_text(file.read_text() + more)
    assert told(capsys, file, "fine")[0] == 0
    for name in ("cache", "both"):
        assert command.main(["check-now", name, "-c", str(file)]) == 2
        assert capsys.readouterr().err == (
            'havip: check cache needs the credential "redis", which systemd hands to the daemon alone\n'
        )


def test_the_namespace_of_the_daemon_must_be_there_unless_one_stays_here(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = file.read_text().replace("daemon: {", "daemon: {network_namespace: hv-none, ")
    file.write_text(text)
    assert command.main(["check-now", "open", "-c", str(file)]) == 69
    assert "no network namespace" in capsys.readouterr().err
    assert command.main(["check-now", "open", "--here", "-c", str(file)]) == 0


def test_every_failure_is_in_the_book() -> None:
    assert re.findall(r"^\| `([a-z-]+)` \|", BOOK.partition("| failure |")[2], re.MULTILINE) == list(Failure)
