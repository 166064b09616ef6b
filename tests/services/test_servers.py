"""An order for a server is on the disk before it is carried out, and holds until it is taken back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from havip.balancing import Order, PutOrder, ServerReport
from havip.config.model import Configuration, Daemon
from havip.services import Host
from havip.services.servers import Servers, in_words
from havip.services.servicebook import ServiceBook
from tests.control.balanced import CONFIGURATION, DNS, SORRY, WEB, WEB1, WEB2

Json = dict[str, Any]


class ModelHost:
    """A supervisor with a configuration."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration


class Scene:
    """One life of the daemon upon a state directory."""

    def __init__(self, directory: Path, configuration: Configuration = CONFIGURATION) -> None:
        self.file = directory / "servers.json"
        self.host = ModelHost(replace(configuration, daemon=Daemon(state_directory=str(directory))))
        self.posted: list[Order] = []
        self.servers = Servers(cast(Host, self.host), lambda message: self.posted.append(message.order))
        self.book = ServiceBook(self.refresh, self.servers.shown)
        self.servers.book = self.book
        self.book.put(configuration)
        self.report(WEB1)
        self.book.hear(DNS)

    async def refresh(self) -> str | None:
        return None

    def report(self, *servers: ServerReport) -> None:
        self.book.hear(replace(WEB, servers=(*servers, SORRY)))

    async def start(self) -> list[Order]:
        await self.servers.prepare(self.host.configuration)
        told = list(self.servers.briefing())
        assert all(isinstance(message, PutOrder) for message in told)
        return [message.order for message in told]

    async def ask(self, do: str, *servers: str, **more: object) -> Json:
        request = {"verb": "server", "do": do, "servers": list(servers)} | more
        return await self.servers.verbs()["server"](request)


@pytest.fixture(autouse=True)
def _as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("havip.services.operator.asked_by", lambda: "root")


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def whole() -> None:
        await scene()

    asyncio.run(whole())


def test_an_order_holds_at_once_and_in_every_later_life(tmp_path: Path) -> None:
    async def scene() -> None:
        one = Scene(tmp_path)
        assert await one.start() == []
        answer = await one.ask("drain", "web/web1", reason="new kernel", login="alice")
        assert answer["servers"] == [
            {
                "service": "web",
                "server": "web1",
                "drain": True,
                "order": None,
                "state": "UP",
                "weight": 10,
                "active": 12,
            }
        ]
        assert answer["warnings"] == ["web has no server left that takes new connections"]
        await one.ask("weight", "web1", weight=3)
        assert one.posted == [Order("web", "web1", True), Order("web", "web1", True, 3)]
        again = Scene(tmp_path)
        assert await again.start() == [Order("web", "web1", True, 3)]
        assert again.servers.shown()["orders"][0]["by"] == "root"
        assert again.servers.words_of("web", "web1") == "drain and weight 3 by root"
        await again.ask("ready", "web1")
        await again.ask("weight", "web1", weight="auto")
        assert again.posted == [Order("web", "web1", weight=3), Order("web", "web1")]
        assert await Scene(tmp_path).start() == []

    play(scene)


@pytest.mark.parametrize(
    ("targets", "chosen"),
    [
        (["web/web2"], ["web/web2"]),
        (["web3", "web1", "web1"], ["web/web1", "web/web3"]),
        (["web/*"], ["web/web1", "web/web2", "web/web3"]),
        (["web[12]"], ["web/web1", "web/web2"]),
        (["*/ns?"], ["dns/ns1"]),
        (["10.0.0.8"], ["web/web2"]),
        (["10.0.0.*"], ["web/web1", "web/web2", "web/web3"]),
        (["10.0.0.8:80"], ["web/web2"]),
        (["2001:db8::53"], ["dns/ns1"]),
        (["[2001:db8::53]"], ["dns/ns1"]),
        (["[2001:db8::53]:53"], ["dns/ns1"]),
    ],
)
def test_servers_are_named_by_place_name_pattern_or_address(
    targets: list[str], chosen: list[str], tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Scene(tmp_path)
        await one.start()
        await one.ask("weight", *targets, weight=5)
        assert ["/".join(order.key) for order in one.posted] == chosen

    play(scene)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("web/wep1", "virtual service web has no server 'wep1'; do you mean web/web1?"),
        ("wep/web1", "there is no server 'wep/web1'; do you mean web/web1?"),
        ("ns", "there is no server 'ns'; do you mean ns1?"),
        ("10.0.0.8:81", "there is no server '10.0.0.8:81'"),
        ("x*", "there is no server 'x*'"),
    ],
)
def test_a_name_that_nothing_has_changes_nothing(target: str, message: str, tmp_path: Path) -> None:
    async def scene() -> None:
        one = Scene(tmp_path)
        await one.start()
        answer = await one.ask("drain", "web/web1", target)
        assert answer == {"ok": False, "reason": "no-such-server", "message": message}
        assert (one.posted, one.file.exists()) == ([], False)

    play(scene)


def test_the_log_names_a_few_of_very_many() -> None:
    assert in_words([("web", "a"), ("web", "b")]) == "web/a, web/b"
    many = in_words([("web", str(number)) for number in range(5000)])
    assert many.endswith("web/18, web/19 and 4980 more")


def test_without_services_that_is_said(tmp_path: Path) -> None:
    async def scene() -> None:
        one = Scene(tmp_path, Configuration())
        await one.start()
        answer = await one.ask("drain", "web/web1")
        assert answer["message"] == "there are no virtual services"

    play(scene)


@pytest.mark.parametrize(
    "request_",
    [
        {"do": "stop"},
        {"do": "weight"},
        {"do": "weight", "weight": -1},
        {"do": "weight", "weight": 65536},
        {"do": "weight", "weight": True},
        {"servers": "web"},
        {"servers": []},
        {"servers": [1]},
        {"servers": ["a\nb"]},
        {"wait": -1},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(request_: Json, tmp_path: Path) -> None:
    async def scene() -> None:
        one = Scene(tmp_path)
        await one.start()
        answer = await one.servers.verbs()["server"]({"do": "drain", "servers": ["web1"]} | request_)
        assert (answer["ok"], answer["reason"], one.posted) == (False, "bad-request", [])

    play(scene)


def test_the_wait_ends_with_the_last_connection(tmp_path: Path) -> None:
    async def scene() -> None:
        one = Scene(tmp_path)
        await one.start()
        waiting = asyncio.ensure_future(one.ask("drain", "web/web1", "web/web2", wait=60))
        while not one.posted:
            await asyncio.sleep(0)
        one.report(replace(WEB1, state="DRAINING"), WEB2)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        one.report(replace(WEB1, state="DRAINED", active=0, inactive=0), WEB2)  # WEB2 is DOWN and not there
        assert (await waiting)["servers"][0]["state"] == "DRAINED"

    play(scene)


def test_a_wait_that_was_too_short_says_so_and_the_order_holds(tmp_path: Path) -> None:
    async def scene() -> None:
        one = Scene(tmp_path)
        await one.start()
        answer = await one.ask("drain", "web/web1", wait=0)
        assert (answer["reason"], answer["message"]) == (
            "not-drained",
            "after 0 s web/web1 has 352 connections; the order holds on",
        )
        assert one.posted == [Order("web", "web1", True)]

    play(scene)


def test_what_cannot_be_stored_is_not_carried_out(tmp_path: Path) -> None:
    async def scene() -> None:
        one = Scene(tmp_path / "file" / "below")
        (tmp_path / "file").write_text("")
        one.servers._file = one.file
        answer = await one.ask("drain", "web/web1")
        assert (answer["ok"], answer["reason"], one.posted) == (False, "state-unwritable", [])

    play(scene)


def test_an_order_outlives_its_server_and_can_be_taken_back(tmp_path: Path) -> None:
    async def scene() -> None:
        await (one := Scene(tmp_path)).start()
        await one.ask("drain", "web/web1")
        without = Scene(tmp_path, Configuration())
        assert await without.start() == [Order("web", "web1", True)]
        assert (await without.ask("drain", "web/web1"))["reason"] == "no-such-server"
        assert (await without.ask("ready", "web/web1"))["servers"][0]["state"] is None
        assert without.posted == [Order("web", "web1")]
        assert await Scene(tmp_path).start() == []

    play(scene)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"version": 2, "servers": []}',
        '{"version": 1}',
        '{"version": 1, "servers": [{}]}',
        json.dumps(
            {
                "version": 1,
                "servers": [
                    {
                        "service": "web",
                        "server": "web1",
                        "drain": False,
                        "weight": 70000,
                        "by": "root",
                        "at": 1.0,
                        "reason": "",
                    }
                ],
            }
        ),
    ],
)
def test_a_damaged_record_stops_nothing_is_told_and_is_kept_aside(text: str, tmp_path: Path) -> None:
    async def scene() -> None:
        one = Scene(tmp_path)
        one.file.write_text(text)
        assert await one.start() == []
        assert "servers.json is damaged" in one.book.briefly()["damage"]
        await one.ask("drain", "web/web1")
        assert one.book.briefly()["damage"] is None
        assert (tmp_path / "servers.json.damaged").read_text() == text

    play(scene)
