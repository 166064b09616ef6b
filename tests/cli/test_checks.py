"""`havip checks` against a daemon that says what the test has it say, and the section of `havip status`."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from havip import __main__ as command
from havip.cli import checks as checks_verb
from havip.cli import status as status_verb
from tests.cli.test_status import NOW, STATUS
from tests.control.serving import serving

Json = dict[str, Any]

WEB: Json = {
    "name": "web1",
    "kind": "tcp",
    "where": "10.0.0.7:80",
    "state": "good",
    "since": NOW - 7_380,
    "why": "is good",
    "changes": 2,
    "last": {
        "words": "took the connection, from 10.0.0.7:80 in 1.2 ms",
        "failure": None,
        "warning": "the certificate ends in 3 days",
        "took": 0.0012,
        "at": NOW - 1,
    },
    "runs": {"passed": 90, "timed-out": 2},
    "response_times": {"sum": 0.1, "buckets": [[0.001, 0], [None, 90]]},
    "weight": 7,
    "against": 2,
}
DOWN: Json = WEB | {
    "name": "db",
    "kind": "postgresql",
    "where": "10.0.0.9:5432",
    "state": "failed",
    "since": NOW - 192,
    "why": "connection refused, from 10.0.0.9:5432 in 0.3 ms",
    "last": WEB["last"] | {"words": "connecting took longer than 3s", "took": 3.0, "warning": None},
    "weight": None,
}
NEW: Json = DOWN | {
    "name": "new",
    "state": "unknown",
    "since": NOW - 2,
    "why": "waits for its first result",
    "last": None,
    "runs": {},
}
ALL: Json = {
    "good": 1,
    "failed": 1,
    "unknown": 1,
    "warned": 1,
    "stale": None,
    "counters": {"runs": 92},
    "shown": [WEB, DOWN, NEW],
}


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch, socket_path: str) -> Iterator[Json]:
    """What the daemon answers; a test may change it.  ``asked`` is what it was asked last."""
    daemon: Json = {"checks": copy.deepcopy(ALL), "asked": None}

    async def checks(request: Json) -> Json:
        daemon["asked"] = request
        return {"checks": daemon["checks"]}

    async def status(request: Json) -> Json:
        return {"status": STATUS | {"checks": daemon["checks"]}}

    for verb in (checks_verb, status_verb):
        monkeypatch.setattr(verb, "wall", lambda: NOW)
    monkeypatch.setattr(status_verb, "terminal_width", lambda: None)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    with serving(socket_path, {"checks": checks, "status": status}):
        yield daemon
    monkeypatch.undo()
    time.tzset()


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert command.main(list(words)) == 0
    return capsys.readouterr().out


TABLE = """\
CHECK  KIND        WHERE          STATE    FOR    TOOK   LAST
web1   tcp         10.0.0.7:80    good     2h03m  1.2ms  took the connection, from 10.0.0.7:80 in 1.2 ms{}
db     postgresql  10.0.0.9:5432  FAILED   3m12s  3s     connecting took longer than 3s
new    postgresql  10.0.0.9:5432  unknown  2s            waits for its first result
""".format("; WARNING: the certificate ends in 3 days")


def test_checks_are_a_table_and_a_summary(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, "checks", "--socket", socket_path)
    assert shown == TABLE + "3 checks: 1 good, 1 FAILED, 1 with a WARNING, 1 without a verdict yet\n"
    assert says["asked"] == {"verb": "checks", "names": [], "failed": False}


def test_the_summary_says_that_checks_wait_for_a_place(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """3000 checks with 1024 descriptors: nearly every run was late, and nothing but a counter said so."""
    says["checks"]["counters"] = {"runs": 92, "waiting": 1352}
    shown = printed(capsys, "checks", "--socket", socket_path)
    assert shown.endswith("1 without a verdict yet, 1352 LATE: they wait until others have ended\n")


def test_names_and_failed_go_to_the_daemon(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["checks"]["shown"] = [DOWN]
    shown = printed(capsys, "checks", "db", "--failed", "--socket", socket_path)
    assert [line.split()[0] for line in shown.splitlines()] == ["CHECK", "db"]
    assert says["asked"] == {"verb": "checks", "names": ["db"], "failed": True}


def test_verbose_shows_runs_warning_weight_and_why(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["checks"]["shown"] = [WEB]
    assert (
        printed(capsys, "checks", "web1", "-v", "--socket", socket_path)
        == """\
web1  good  for 2h03m, since 2023-11-14 20:10:20
  check      tcp 10.0.0.7:80
  why        is good
  against it 2 of the latest runs
  last run   1s ago, in 1.2ms: took the connection, from 10.0.0.7:80 in 1.2 ms
  WARNING    the certificate ends in 3 days
  weight     7, as the server asked for
  runs       passed 90, timed-out 2
  changes    2 of the verdict
"""
    )


def test_what_is_old_is_said_to_be_old(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["checks"]["stale"] = "the checker worker has not answered within 2 s"
    shown = printed(capsys, "checks", "--socket", socket_path)
    assert shown.startswith("OLD: the checker worker has not answered within 2 s\nCHECK")
    assert "\n  OLD: the checker worker has not" in printed(capsys, "status", "--socket", socket_path)


def test_json_is_what_the_daemon_sent(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert json.loads(printed(capsys, "checks", "--json", "--socket", socket_path)) == ALL


def test_a_daemon_without_checks_says_so(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    says["checks"] = {"good": 0, "failed": 0, "unknown": 0, "shown": []}
    assert printed(capsys, "checks", "--socket", socket_path) == "there are no health checks\n"
    assert "health check" not in printed(capsys, "status", "--socket", socket_path)


def test_the_status_ends_with_the_checks(
    says: Json, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = printed(capsys, "status", "--socket", socket_path)
    assert shown.endswith(
        "\n3 checks: 1 good, 1 FAILED, 1 with a WARNING, 1 without a verdict yet\n"
        + "".join(f"  {line}\n" for line in TABLE.splitlines())
    )
    assert "web1" not in printed(capsys, "status", "gateway", "--socket", socket_path)
