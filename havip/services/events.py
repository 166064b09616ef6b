"""Tells whoever watches what changes: virtual routers, virtual services, health checks, the configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from havip.clock import wall
from havip.config.model import Configuration
from havip.config.tracking import TrackerKey
from havip.control.checkviews import state_of
from havip.control.feed import Feed
from havip.control.server import FEED, refusal
from havip.messages import Message, Notice, TrackResult, Transition
from havip.services import Handler, Host, Json, Service

MOST_WATCHERS: Final = 16  # half of the clients that the control socket has room for


class Events(Service):
    """One feed a client; what nobody watches costs a look at an empty list."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._feeds: set[Feed] = set()
        self._good: dict[TrackerKey, bool] = {}

    def verbs(self) -> Mapping[str, Handler]:
        """Answer `watch`."""
        return {"watch": self._watch}

    def hear(self, message: Message) -> None:
        """Hand on what changed."""
        match message:
            case Transition():
                self._tell(
                    {
                        "event": "state",
                        "kind": message.kind,
                        "name": message.name,
                        "state": message.state,
                        "priority": message.priority or None,
                        "why": message.why,
                        "at": message.at,
                    }
                )
            case Notice(event="priority"):
                self._tell(
                    {
                        "event": "priority",
                        "kind": message.kind,
                        "name": message.name,
                        "state": message.state,
                        "priority": message.priority,
                        "why": "",
                        "at": message.at,
                    }
                )
            case TrackResult():
                self._heard_result(message)
            case _:
                pass

    def _heard_result(self, result: TrackResult) -> None:
        """Tell a verdict that turned, not one that is repeated."""
        if self._good.get(result.key) is result.good:
            return
        self._good[result.key] = result.good
        self._tell(
            {
                "event": "state",
                "kind": str(result.kind),
                "name": result.name,
                "state": state_of(result.good),
                "priority": None,
                "why": result.why,
                "at": wall(),
            }
        )

    async def settle(self, new: Configuration) -> None:
        """Tell that a configuration is in force, and forget what is no longer tracked."""
        there = {key for key, _ in new.tracked.definitions()}
        self._good = {key: good for key, good in self._good.items() if key in there}
        self._tell({"event": "configuration", "state": "in force", "at": wall()})

    def _tell(self, event: Json) -> None:
        for feed in self._feeds:
            feed.put(event)

    async def _watch(self, request: Json) -> Json:
        """Begin a feed: how everything is, and then what changes; nothing falls in between."""
        if len(self._feeds) >= MOST_WATCHERS:
            return refusal("busy", f"{MOST_WATCHERS} clients watch already")
        feed = Feed(self._feeds.discard)
        self._feeds.add(feed)
        try:
            feed.begin(present(await self._host.show()))
        except BaseException:
            feed.close()
            raise
        return {FEED: feed}


def present(status: Json) -> Iterator[Json]:
    """Yield how everything is as a feed begins: events that have happened already."""
    sections = (
        ("router", status["virtual_routers"]),
        ("group", status["sync_groups"]),
        ("check", status["checks"]["shown"]),
    )
    for kind, section in sections:
        for one in section:
            yield now_of(kind, one["name"], one)
    for service in status.get("services", {}).get("shown", ()):
        yield now_of("service", service["name"], service)
        for server in service["servers"]:
            if not server["sorry"]:
                yield now_of("server", f"{service['name']}/{server['name']}", server)


def now_of(kind: str, name: str, one: Json) -> Json:
    """Return the event of how something is."""
    priority = one.get("effective_priority")
    return {
        "event": "now",
        "kind": kind,
        "name": name,
        "state": one["state"],
        "priority": priority,
        "why": one["why"],
        "at": one["since"],
    }
