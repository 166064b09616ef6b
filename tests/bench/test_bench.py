"""The bench is alive: one row is measured for real, without judging the figure."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.probing import ANSWERS, Checker, checks_of, floor, serving
from havip.clock import milliseconds

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.root


def test_quick_bench_measures_the_start_of_both_daemons(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "startup", "--quick", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr

    (row,) = json.loads((tmp_path / "report.json").read_text())["rows"]

    assert row["what"] == "start-up to the first advert"
    assert {kind: len(values) for kind, values in row["samples"].items()} == {"keepalived": 2, "havip": 2}
    assert all(0 < value < 10_000 for values in row["samples"].values() for value in values)  # ms
    assert done.stdout == (tmp_path / "report.md").read_text()


def test_an_unknown_bench_is_refused_with_the_list_of_those_that_exist() -> None:
    command = [sys.executable, "-m", "bench", "takeovr"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    assert done.returncode == 2
    assert "no such bench: takeovr; there are takeover, fleet" in done.stderr


def test_the_bench_of_checks_drives_a_real_checker_and_its_servers_count() -> None:
    with serving() as server, Checker() as checker:
        checker.put(checks_of("TCP", 20, server.port, milliseconds(50)))
        assert set(checker.results.values()) == {True}
        account = checker.measure(milliseconds(300))
        assert account.probes > 20
        assert account.cpu > 0
        assert account.memory > 1 << 20
        assert server.connections >= account.probes
        assert floor(server.port, 50) > 0


def test_the_bench_of_checks_asks_over_http() -> None:
    answer, request = ANSWERS["HTTP"]
    with serving(answer) as server, Checker() as checker:
        checker.put(checks_of("HTTP", 5, server.port, milliseconds(100)))
        assert set(checker.results.values()) == {True}
        assert floor(server.port, 20, request) > 0
