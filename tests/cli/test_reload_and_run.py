"""`havip reload` against a daemon that answers as the test has it, and `havip run` without permission."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from havip import __main__ as command
from tests.control.serving import serving

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]


def reload_with(answer: Json, socket_path: str) -> int:
    """Run `havip reload` against a daemon that answers this."""

    async def reload(request: Json) -> Json:
        return answer

    with serving(socket_path, {"reload": reload}):
        return command.main(["reload", "--socket", socket_path])


def test_reload_tells_the_plan_in_words(socket_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    plan = {
        "drop": ["old"],
        "change": [{"name": "web", "changes": ["priority: 100 -> 150", "interval: 1s -> 100ms"]}],
        "add": ["mail"],
        "keep": ["gateway", "dns"],
        "restart": ["daemon.realtime_priority: 50 -> 0"],
    }
    assert reload_with({"plan": plan}, socket_path) == 0
    assert (
        capsys.readouterr().out
        == """\
dropped old
changed web: priority: 100 -> 150; interval: 1s -> 100ms
added mail
kept gateway, dns, untouched
not before a restart: daemon.realtime_priority: 50 -> 0
"""
    )


def test_reload_does_not_list_hundreds_of_kept_routers(
    socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = [f"r{number}" for number in range(250)]
    assert (
        reload_with({"plan": {"drop": [], "change": [], "add": [], "keep": keep, "restart": []}}, socket_path)
        == 0
    )
    assert capsys.readouterr().out == "kept r0, r1, r2, r3, r4, r5, r6, r7 and 242 more, untouched\n"


def test_refused_reload_shows_every_problem_where_it_stands_and_exits_with_1(
    socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = [
        {
            "file": "a.yaml",
            "line": 3,
            "column": 5,
            "path": "virtual_routers.x.vrid",
            "message": "expected 1..255, found 0",
        },
        {"file": "a.yaml", "line": 0, "column": 0, "path": "", "message": "no such file"},
    ]
    answer = {"ok": False, "reason": "bad-configuration", "errors": errors}
    assert reload_with(answer, socket_path) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert (
        shown.err
        == """\
a.yaml:3:5: virtual_routers.x.vrid: expected 1..255, found 0
a.yaml: no such file
havip: reload refused: nothing changed, the daemon runs on as before
"""
    )


def test_reload_refused_for_another_reason_says_it_and_exits_with_1(
    socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reload_with({"ok": False, "reason": "busy", "message": "another reload runs"}, socket_path) == 1
    assert capsys.readouterr().err == "havip: reload refused: another reload runs\n"


# --- run


def test_run_without_the_capabilities_is_one_sentence_and_4() -> None:
    code = (
        "import sys; from havip import process; from havip.__main__ import main\n"
        "process.keep_capabilities(['CAP_NET_RAW']); sys.exit(main(['run', '-c', 'none.yaml']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 4
    assert done.stderr == "havip: havip run needs root, or the capabilities that it lacks: CAP_NET_ADMIN\n"
