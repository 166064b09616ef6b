"""What the log is told of health checks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from havip.config import probes
from havip.config.health import Check
from havip.config.model import Configuration
from havip.config.tracking import TrackerKind
from havip.messages import TrackResult
from havip.services import check_log as module
from havip.services.check_log import CheckLog
from havip.services.sparing import MOST_LINES

WHY = "connection refused, from 192.0.2.10:80 in 0.4 ms"


class Host:
    """The supervisor, as far as the service sees it."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any]] = []
        self.service = CheckLog(cast(Any, self))

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))
        return self.tasks[-1]

    def say(self, name: str, good: bool, kind: TrackerKind = TrackerKind.CHECK) -> None:
        self.service.hear(TrackResult(kind, name, good, why="is good" if good else WHY))


def play(scene: Callable[[Host], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        host = Host()
        try:
            await scene(host)
        finally:
            for task in host.tasks:
                task.cancel()

    asyncio.run(run())


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    caplog.set_level(logging.INFO, "havip.checks")
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_verdict_that_turns_is_in_the_log_with_its_reason(
    lines: Callable[[], list[str]], caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(host: Host) -> None:
        for good in (True, True, False, False, True):
            host.say("web", good)
        host.say("dead", False)
        host.say("script", False, TrackerKind.SCRIPT)

    play(scene)
    assert lines() == [
        f"check web: FAILED: {WHY}",
        "check web: good again, after 0s",
        f"check dead: FAILED: {WHY}",
    ]
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
    assert vars(caplog.records[0])["fields"] == {"HAVIP_CHECK": "web", "HAVIP_STATE": "failed"}


def test_ten_thousand_verdicts_at_once_are_a_hundred_lines_and_one_that_counts(
    lines: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PERIOD", 0.001)

    async def scene(host: Host) -> None:
        for number in range(10_000):
            host.say(f"s{number}", False)
        host.say("s0", True)
        await host.tasks[0]
        assert len(lines()) == MOST_LINES + 1
        assert lines()[-1].startswith(
            "checks: 9901 more verdicts have turned in 0.001s: 9900 FAILED, 1 good;"
        )
        host.say("s1", True)  # and another period begins
        await host.tasks[1]
        assert len(lines()) == MOST_LINES + 2

    play(scene)


def test_a_check_that_was_dropped_is_forgotten(lines: Callable[[], list[str]]) -> None:
    async def scene(host: Host) -> None:
        host.say("web", False)
        host.say("old", False)
        await host.service.settle(Configuration(checks=(Check("web", tcp=probes.Tcp()),)))
        host.say("web", True)
        host.say("old", True)

    play(scene)
    assert lines() == [f"check {name}: FAILED: {WHY}" for name in ("web", "old")] + [
        "check web: good again, after 0s"
    ]
