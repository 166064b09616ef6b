"""An order is on the disk before it is carried out, and what cannot be read keeps everybody out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from havip.config.model import Configuration
from havip.control.client import Client
from havip.messages import Impede, Message, Override
from havip.services import Host
from havip.services.operator import Operator
from tests.config.reading import read

Json = dict[str, Any]

ROUTERS = """\
virtual_routers:
  web: {interface: eth0, vrid: 1, addresses: [192.0.2.1/24]}
  mail: {interface: eth0, vrid: 2, addresses: [192.0.2.2/24]}
"""
WEB, MAIL = ("eth0", 1, 4, ""), ("eth0", 2, 4, "")


class ModelHost:
    """A supervisor that keeps what the worker would be told."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.posted: list[Message] = []

    def post(self, message: Message) -> None:
        self.posted.append(message)


class Scene:
    """An operator's service upon one state directory."""

    def __init__(self, directory: Path, text: str = ROUTERS) -> None:
        self.file = directory / "operator.json"
        text += f"daemon: {{state_directory: {directory}}}\n"
        self.host = ModelHost(read(text))
        self.service = Operator(cast(Host, self.host))

    async def start(self) -> list[Message]:
        """Begin a life, and return what the worker is told of it."""
        await self.service.prepare(self.host.configuration)
        return list(self.service.briefing(self.host.configuration))

    async def ask(self, verb: str, **request: object) -> Json:
        return await self.service.verbs()[verb](dict(request))


@pytest.fixture(autouse=True)
def _as_alice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("havip.services.operator.asked_by", lambda: "root")


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scene()

    asyncio.run(whole())


def test_maintenance_impedes_at_once_and_in_every_later_life(tmp_path: Path) -> None:
    async def scene() -> None:
        first = Scene(tmp_path)
        assert await first.start() == []
        answer = await first.ask("maintenance", state="on", router="web", reason="new disk", login="alice")
        assert answer == {}
        told = Impede(WEB, "maintenance", "maintenance (alice (root): new disk)")
        assert first.host.posted == [told]
        again = Scene(tmp_path)
        assert await again.start() == [told]
        assert again.service.status_of(WEB)["maintenance"]["reason"] == "new disk"
        assert again.service.status_of(MAIL)["maintenance"] is None
        await again.ask("maintenance", state="off", router="web")
        assert again.host.posted == [Impede(WEB, "maintenance", None)]
        assert await Scene(tmp_path).start() == []

    play(scene)


def test_a_priority_is_told_at_once_and_in_every_later_life(tmp_path: Path) -> None:
    async def scene() -> None:
        first = Scene(tmp_path)
        await first.start()
        await first.ask("priority", router="mail", priority=200)
        assert first.host.posted == [Override(MAIL, 200)]
        again = Scene(tmp_path)
        assert await again.start() == [Override(MAIL, 200)]
        assert again.service.status_of(MAIL)["priority_override"]["value"] == 200
        await again.ask("priority", router="mail", priority="auto")
        assert again.host.posted == [Override(MAIL, None)]

    play(scene)


def test_a_reload_that_renames_a_router_keeps_it_out(tmp_path: Path) -> None:
    async def scene() -> None:
        one = Scene(tmp_path)
        await one.start()
        await one.ask("maintenance", state="on", router="web")
        renamed = Scene(tmp_path, ROUTERS.replace("web:", "site:")).host.configuration
        await one.service.prepare(renamed)
        assert [(m.key, m.reason) for m in one.service.briefing(renamed) if isinstance(m, Impede)] == [
            (WEB, "maintenance (root)")
        ]
        await one.service.settle(renamed)
        assert json.loads(one.file.read_text())["routers"][0]["name"] == "site"

    play(scene)


@pytest.mark.parametrize("text", ["", "{}", '{"version": 1, "everywhere": null}'])
def test_a_record_that_cannot_be_read_keeps_every_router_out_until_somebody_decides(
    text: str, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Scene(tmp_path)
        one.file.write_text(text)
        told = await one.start()
        assert [message.key for message in told if isinstance(message, Impede)] == [WEB, MAIL]
        assert "its record cannot be read" in str(told[0])
        refused = await one.ask("maintenance", state="off", router="web")
        assert (refused["ok"], refused["reason"]) == (False, "state-unreadable")
        assert "havip maintenance off" in refused["message"]
        assert (await one.ask("priority", router="web", priority=9))["reason"] == "state-unreadable"
        assert await one.ask("maintenance", state="off") == {}
        assert (
            one.host.posted == [Impede(key, "maintenance", None) for key in sorted((WEB, MAIL))]
            or len(one.host.posted) == 2
        )
        assert (tmp_path / "operator.json.damaged").read_text() == text
        assert await Scene(tmp_path).start() == []

    play(scene)


def test_what_cannot_be_stored_is_refused_and_not_carried_out(tmp_path: Path) -> None:
    async def scene() -> None:
        one = Scene(tmp_path / "state")
        await one.start()
        (tmp_path / "state").write_text("in the way")
        refused = await one.ask("maintenance", state="on")
        assert (refused["ok"], refused["reason"]) == (False, "state-unwritable")
        assert one.host.posted == []
        assert one.service.status_of(WEB)["maintenance"] is None

    play(scene)


@pytest.mark.parametrize(
    ("verb", "request_", "reason"),
    [
        ("maintenance", {}, "bad-request"),
        ("maintenance", {"state": "maybe"}, "bad-request"),
        ("maintenance", {"state": "on", "router": 7}, "bad-request"),
        ("maintenance", {"state": "on", "router": "none"}, "no-such-router"),
        ("maintenance", {"state": "on", "reason": "a\nb"}, "bad-request"),
        ("maintenance", {"state": "on", "reason": "x" * 201}, "bad-request"),
        ("priority", {"priority": 9}, "bad-request"),
        ("priority", {"router": "web"}, "bad-request"),
        ("priority", {"router": "web", "priority": 0}, "bad-request"),
        ("priority", {"router": "web", "priority": 255}, "bad-request"),
        ("priority", {"router": "web", "priority": True}, "bad-request"),
        ("priority", {"router": "web", "priority": "200"}, "bad-request"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(
    verb: str, request_: Json, reason: str, tmp_path: Path
) -> None:
    async def scene() -> None:
        one = Scene(tmp_path)
        await one.start()
        answer = await one.ask(verb, **request_)
        assert (answer["ok"], answer["reason"]) == (False, reason)
        assert not one.file.exists()

    play(scene)


def test_only_roots_word_is_taken_for_who_is_behind_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("havip.services.operator.asked_by", lambda: "bob")

    async def scene() -> None:
        one = Scene(tmp_path)
        await one.start()
        await one.ask("maintenance", state="on", login="alice")
        assert json.loads(one.file.read_text())["everywhere"]["by"] == "bob"

    play(scene)


def test_the_client_says_who_is_behind_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Json] = []
    monkeypatch.setattr(Client, "ask", lambda self, verb, **more: asked.append({"verb": verb, **more}) or {})
    monkeypatch.setenv("SUDO_USER", "alice")
    client = Client("/none")
    client.maintenance(True, reason="why")
    client.priority("web", None)
    client.failover("web", 3.0)
    assert asked == [
        {"verb": "maintenance", "state": "on", "reason": "why", "login": "alice"},
        {"verb": "priority", "router": "web", "priority": "auto", "reason": "", "login": "alice"},
        {"verb": "failover", "router": "web", "login": "alice", "wait": 3.0},
    ]
