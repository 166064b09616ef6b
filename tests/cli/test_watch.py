"""`havip watch` against a daemon that streams what the test has it stream."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from havip import __main__ as command
from havip.cli.watch import names_of
from havip.control.feed import LOST, Feed
from havip.control.server import FEED
from tests.control.serving import serving

GATEWAY = {
    "event": "now",
    "kind": "router",
    "name": "gateway",
    "state": "BACKUP",
    "priority": 100,
    "why": "started",
    "at": 1_700_000_000.0,
}
FAILED = {"state": "failed", "why": "refused", "priority": None}
EVENTS: list[dict[str, Any]] = [
    GATEWAY,
    GATEWAY | {"event": "state", "state": "MASTER", "why": "nobody better"},
    GATEWAY | {"event": "priority", "state": "MASTER", "priority": 40, "why": ""},
    GATEWAY | {"event": "state", "kind": "check", "name": "web"} | FAILED,
    {"event": "configuration", "state": "in force", "at": 1_700_000_000.0},
    LOST,
]


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch, socket_path: str) -> Iterator[str]:
    async def watch(request: Any) -> dict[str, Any]:
        feed = Feed(lambda feed: None)
        feed.begin(EVENTS)
        return {FEED: feed}

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    with serving(socket_path, {"watch": watch}):
        yield socket_path
    monkeypatch.undo()
    time.tzset()


def test_events_are_lines(daemon: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["watch", "--socket", daemon]) == 1
    assert (
        capsys.readouterr().out
        == """\
2023-11-14 22:13:20  router gateway: is BACKUP, priority 100: started
2023-11-14 22:13:20  router gateway: MASTER, priority 100: nobody better
2023-11-14 22:13:20  router gateway: still MASTER, priority 40
2023-11-14 22:13:20  check web: FAILED: refused
2023-11-14 22:13:20  a configuration has been put in force
more has happened than could be shown
"""
    )


def test_names_choose_and_json_is_what_came(daemon: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["watch", "web", "--json", "--socket", daemon]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == [EVENTS[3], LOST]


def test_without_a_daemon_it_says_so(socket_path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["watch", "--socket", socket_path]) == 3
    assert "no daemon answers" in capsys.readouterr().err


def test_a_service_is_asked_for_with_its_servers() -> None:
    service, server = (
        GATEWAY | {"kind": "service", "name": "web"},
        GATEWAY | {"kind": "server", "name": "web/a"},
    )
    assert (names_of(service), names_of(server)) == ({"web"}, {"web", "web/a"})
    assert names_of(GATEWAY | {"kind": "check", "name": "web/a/tcp"}) == {"web/a/tcp"}
