"""What the log is told of virtual services and their servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from typing import Any, cast

import pytest

from havip.config.balancing import VirtualService
from havip.config.model import Configuration
from havip.messages import Transition
from havip.services import service_log as module
from havip.services.service_log import ServiceLog
from havip.services.sparing import MOST_LINES


class Host:
    """The supervisor, as far as the service sees it."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any]] = []
        self.service = ServiceLog(cast(Any, self))

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))
        return self.tasks[-1]

    def say(self, kind: str, name: str, state: str) -> None:
        self.service.hear(Transition(kind, name, state, 0, "why", 1.0))


def play(scene: Callable[[Host], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        host = Host()
        try:
            await scene(host)
        finally:
            for task in host.tasks:
                task.cancel()

    asyncio.run(run())


def test_what_turns_is_in_the_log_once_with_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "havip.services")

    async def scene(host: Host) -> None:
        host.say("router", "gateway", "MASTER")  # another log's
        host.say("server", "web/a", "DOWN")
        host.say("server", "web/a", "DOWN")  # the checker worker was started again
        host.say("service", "web", "DOWN")
        host.say("server", "web/a", "DRAINED")

    play(scene)
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "server web/a: DOWN: why"),
        ("WARNING", "service web: DOWN: why"),
        ("INFO", "server web/a: DRAINED: why"),
    ]
    assert [vars(record)["fields"] for record in caplog.records][:2] == [
        {"HAVIP_SERVICE": "web", "HAVIP_SERVER": "a", "HAVIP_STATE": "DOWN"},
        {"HAVIP_SERVICE": "web", "HAVIP_STATE": "DOWN"},
    ]


def test_a_thousand_servers_at_once_are_a_hundred_lines_and_their_service_has_its_own(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PERIOD", 0.001)
    caplog.set_level(logging.INFO, "havip.services")

    async def scene(host: Host) -> None:
        for number in range(1000):
            host.say("server", f"web/{number}", "DOWN")
        host.say("server", "web/0", "UP")
        host.say("server", "web/1", "DRAINED")
        host.say("service", "web", "DOWN")
        await host.tasks[0]

    play(scene)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == MOST_LINES + 2
    assert lines[-2] == "service web: DOWN: why"
    assert lines[-1] == (
        "servers: 902 more have changed their state in 0.001s: 900 DOWN, 1 UP, 1 others; "
        "`havip services --failed` shows what is wrong now"
    )


def test_what_was_taken_away_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "havip.services")

    async def scene(host: Host) -> None:
        host.say("service", "web", "UP")
        host.say("service", "old", "UP")
        web = VirtualService("web", (), ip_address("192.0.2.1"), 80)
        await host.service.settle(Configuration(virtual_services=(web,)))
        host.say("service", "web", "UP")
        host.say("service", "old", "UP")

    play(scene)
    names = [record.getMessage().split(":")[0] for record in caplog.records]
    assert names == ["service web", "service old", "service old"]
