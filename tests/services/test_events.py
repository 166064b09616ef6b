"""What is told to whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest

from havip.config.model import Configuration
from havip.config.tracking import TrackerKind
from havip.control.feed import Feed
from havip.control.server import FEED
from havip.control.serviceviews import service_as_dict
from havip.messages import Alive, Notice, TrackResult, Transition
from havip.services import events as module
from havip.services.events import MOST_WATCHERS, Events, present
from tests.control.balanced import WEB
from tests.metrics.sources import CHECKS, STATUS

NOW = 1_700_000_000.0
KINDS = ("service", "server")
MASTER = Transition("router", "gateway", "MASTER", 150, "nobody better", 12.5)
TOLD = {
    "event": "state",
    "kind": "router",
    "name": "gateway",
    "state": "MASTER",
    "priority": 150,
    "why": "nobody better",
    "at": 12.5,
}


class Host:
    """The supervisor, as far as the service sees it; something happens while it gathers its status."""

    def __init__(self) -> None:
        self.service = Events(cast(Any, self))

    async def show(self) -> dict[str, Any]:
        self.service.hear(MASTER)
        return STATUS | {"checks": CHECKS}

    async def watch(self) -> Feed:
        feed = (await self.service.verbs()["watch"]({}))[FEED]
        assert isinstance(feed, Feed)
        return feed


def play(scene: Callable[[Host], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        await scene(Host())

    asyncio.run(run())


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "wall", lambda: NOW)


def test_a_feed_begins_with_how_everything_is_and_misses_nothing_that_happens_meanwhile() -> None:
    async def scene(host: Host) -> None:
        events = await (await host.watch()).take()
        assert [(one["event"], one["kind"], one["name"], one["state"]) for one in events] == [
            ("now", "router", "gateway", "BACKUP"),
            ("now", "group", "fw", "MASTER"),
            ("now", "check", 'web "1"\\\n', "good"),
            ("now", "check", "new", "unknown"),
            ("state", "router", "gateway", "MASTER"),
        ]
        assert (events[0]["priority"], events[0]["at"]) == (140, 1_700_000_000.5)

    play(scene)


def test_a_feed_begins_with_services_and_their_servers_as_well() -> None:
    services = {"shown": [service_as_dict(WEB)]}
    told = [one for one in present(STATUS | {"checks": CHECKS, "services": services}) if one["kind"] in KINDS]
    assert [(one["kind"], one["name"], one["state"]) for one in told] == [
        ("service", "web", "UP"),
        ("server", "web/web1", "UP"),
        ("server", "web/web2", "DOWN"),
        ("server", "web/web3", "DRAINING"),
    ]
    assert (told[2]["why"], told[2]["priority"]) == ("check web/web2/tcp: connection refused", None)


def test_changes_are_told_as_they_come() -> None:
    async def scene(host: Host) -> None:
        feed = await host.watch()
        await feed.take()
        host.service.hear(MASTER)
        host.service.hear(Notice("router", "gateway", "priority", "MASTER", 90, 13.0))
        host.service.hear(Notice("router", "gateway", "rx-lower-priority", "MASTER", 90, 13.0))
        host.service.hear(Alive())
        await host.service.settle(Configuration())
        assert await feed.take() == [
            TOLD,
            TOLD | {"event": "priority", "priority": 90, "why": "", "at": 13.0},
            {"event": "configuration", "state": "in force", "at": NOW},
        ]

    play(scene)


def test_a_verdict_is_told_when_it_turns_and_not_when_it_is_repeated() -> None:
    async def scene(host: Host) -> None:
        feed = await host.watch()
        await feed.take()
        for good, why in ((True, ""), (True, ""), (False, "refused"), (False, "timed out"), (True, "")):
            host.service.hear(TrackResult(TrackerKind.CHECK, "web", good, why=why))
        found = await feed.take()
        assert [(one["kind"], one["state"], one["why"], one["at"]) for one in found] == [
            ("check", "good", "", NOW),
            ("check", "failed", "refused", NOW),
            ("check", "good", "", NOW),
        ]

    play(scene)


def test_only_so_many_may_watch_and_who_leaves_makes_room() -> None:
    async def scene(host: Host) -> None:
        feeds = [await host.watch() for _ in range(MOST_WATCHERS)]
        answer = await host.service.verbs()["watch"]({})
        assert (answer["ok"], answer["reason"]) == (False, "busy")
        feeds[0].close()
        await host.watch()

    play(scene)
