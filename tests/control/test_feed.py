"""Event streams over the control socket, to clients that read and to clients that do not."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from havip.control.client import Client
from havip.control.feed import MOST, Feed
from havip.control.server import FEED, refusal
from havip.errors import Unreachable
from tests.control.serving import serving

Json = dict[str, Any]


@pytest.fixture
def feed_path(directory: Path) -> str:
    """The path of a socket on which nobody listens yet."""
    return str(directory / "feed.sock")


class Source:
    """What is streamed: three events, and then what a test adds."""

    def __init__(self) -> None:
        self.feeds: list[Feed] = []
        self.closed = 0
        self.endless = False

    def close(self, feed: Feed) -> None:
        self.closed += 1

    async def watch(self, request: Json) -> Json:
        feed = Feed(self.close)
        self.feeds.append(feed)
        feed.begin({"event": "now", "name": name} for name in ("a", "b", "c"))
        if self.endless:
            for _ in range(MOST * 2):
                feed.put({"event": "state", "why": "x" * 2000})
        return {FEED: feed}

    async def refuse(self, request: Json) -> Json:
        return refusal("busy", "16 clients watch already")

    async def put(self, request: Json) -> Json:
        for feed in self.feeds:
            feed.put({"event": "state", "name": request["name"]})
        return {"closed": self.closed}


def test_a_client_gets_what_there_is_and_then_what_happens(feed_path: str) -> None:
    source = Source()
    with serving(feed_path, {"watch": source.watch, "put": source.put}):
        events = Client(feed_path).watch()
        assert [next(events)["name"] for _ in range(3)] == ["a", "b", "c"]
        Client(feed_path).ask("put", name="d")
        assert next(events) == {"event": "state", "name": "d"}
        events.close()
        while Client(feed_path).ask("put", name="e")["closed"] == 0:
            pass
    assert source.closed == 1


def test_a_client_that_does_not_keep_up_is_told_so_and_given_up(feed_path: str) -> None:
    source = Source()
    source.endless = True
    with serving(feed_path, {"watch": source.watch}):
        events: list[Json] = []
        with pytest.raises(Unreachable, match="has ended the stream"):
            events.extend(Client(feed_path).watch())
    assert len(events) == MOST + 1
    assert events[-1] == {"event": "lost"}
    assert source.closed == 1


def test_the_answer_before_the_events_says_yes_or_no(feed_path: str) -> None:
    source = Source()
    with serving(feed_path, {"watch": source.watch, "refused": source.refuse}):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(feed_path)
            client.sendall(b'{"verb": "watch"}\n')
            assert json.loads(client.makefile("rb").readline()) == {"ok": True}
        with pytest.raises(Exception, match="16 clients watch already"):
            Client(feed_path).ask("refused")


def test_whoever_says_more_while_watching_has_left(feed_path: str) -> None:
    source = Source()
    with serving(feed_path, {"watch": source.watch}), socket.socket(socket.AF_UNIX) as client:
        client.connect(feed_path)
        client.sendall(b'{"verb": "watch"}\n')
        lines = client.makefile("rb")
        assert len([lines.readline() for _ in range(4)]) == 4
        client.sendall(b"x")
        assert lines.readline() == b""
    assert source.closed == 1


def test_a_feed_keeps_the_order_and_what_was_put_before_its_beginning_comes_later() -> None:
    async def scene() -> None:
        feed = Feed(lambda feed: None)
        feed.put({"event": "2"})
        feed.begin([{"event": "0"}, {"event": "1"}])
        assert [event["event"] for event in await feed.take()] == ["0", "1", "2"]
        assert not feed.ended

    asyncio.run(scene())
