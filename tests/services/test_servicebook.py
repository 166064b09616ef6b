"""What the supervisor knows of virtual services, and how it answers for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from havip.balancing import ServiceReport
from havip.config.model import Configuration
from havip.control.serviceviews import Services
from havip.services import servicebook as module
from havip.services.servicebook import ServiceBook
from tests.control.balanced import BALANCER, CONFIGURATION, DNS, NO_IPVS, NOW, WEB, WEB1, WEB2

Json = dict[str, Any]


class Scene:
    """A book, and the worker that fills it when it is asked."""

    def __init__(self) -> None:
        self.book = ServiceBook(self.refresh, lambda: {"orders": [], "damage": None})
        self.reports: list[ServiceReport] = [WEB, DNS]
        self.asked = 0
        self.stale: str | None = None
        self.book.put(CONFIGURATION)

    async def refresh(self) -> str | None:
        self.asked += 1
        for report in self.reports:
            self.book.hear(report)
        return self.stale

    async def services(self, **request: object) -> Json:
        answer = await self.book.answer({"verb": "services"} | request)
        assert isinstance(answer["services"], dict)
        return answer["services"]


def play(scene: Callable[[Scene], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        await scene(Scene())

    asyncio.run(run())


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "wall", lambda: NOW)


def test_before_the_first_report_every_service_is_there_with_what_the_file_says() -> None:
    async def scene(scene: Scene) -> None:
        shown = scene.book.briefly()
        assert (shown["total"], shown["down"], shown["servers"]) == (2, 2, {"UNKNOWN": 4})
        web, dns = Services.of(shown).shown
        assert (web.state, web.why, web.quorum) == ("DOWN", "the checker worker has not told yet", 1)
        assert (dns.endpoints, dns.scheduler) == (("udp [2001:db8::1]:53", "fwmark 7 (IPv6)"), "sh")
        (server,) = dns.servers
        assert (server.address, server.port, server.method, server.configured) == (
            "2001:db8::53",
            53,
            "direct",
            10,
        )

    play(scene)


def test_what_was_reported_is_shown_in_the_order_of_the_file_and_in_numbers() -> None:
    async def scene(scene: Scene) -> None:
        scene.reports.reverse()
        scene.book.hear(BALANCER)
        shown = await scene.services()
        assert [one["name"] for one in shown["shown"]] == ["web", "dns"]
        assert {key: shown[key] for key in ("total", "up", "down", "fault", "sorry", "stale")} == {
            "total": 2,
            "up": 1,
            "down": 1,
            "fault": 0,
            "sorry": 1,
            "stale": None,
        }
        assert shown["servers"] == {
            "UP": 1,
            "DOWN": 1,
            "DRAINING": 1,
            "UNKNOWN": 1,
        }  # without the sorry server
        assert shown["ipvs"] == {
            "why": None,
            "version": "1.2.1",
            "foreign": ["tcp 198.51.100.1:25"],
            "sync": ["master on eth0, id 51"],
            "timeouts": {"tcp": 900, "tcp_fin": 120, "udp": 300},
            "messages": 42,
            "refused": 1,
            "repaired": 2,
        }
        assert scene.book.in_words() == "2 virtual services: 1 UP, 1 DOWN"
        back = Services.of(shown)
        assert back.shown[0].servers[0].counts["connections_rate"] == 12
        assert back.shown[0].servers[1].failed == ("web/web2/tcp",)
        scene.book.hear(NO_IPVS)
        scene.stale = "the checker worker is not running"
        shown = await scene.services()
        assert shown["ipvs"]["why"] == "the kernel has no IPVS: modprobe ip_vs"
        assert shown["stale"] == "the checker worker is not running"

    play(scene)


def test_names_patterns_and_trouble_choose_what_is_shown() -> None:
    async def scene(scene: Scene) -> None:
        async def names(**request: object) -> list[tuple[str, list[str]]]:
            shown = (await scene.services(**request))["shown"]
            return [(one["name"], [server["name"] for server in one["servers"]]) for one in shown]

        assert [name for name, _ in await names(names=["d*"])] == ["dns"]
        assert [name for name, _ in await names(names=["dns", "web", "dns"])] == ["dns", "web"]
        assert await names(failed=True) == [("web", ["web2", "web3"]), ("dns", ["ns1"])]
        scene.reports = [replace(WEB, servers=(WEB1,)), DNS]
        assert await names(failed=True) == [("dns", ["ns1"])]
        asked = scene.asked
        await scene.services(fresh=False)
        assert scene.asked == asked

    play(scene)


@pytest.mark.parametrize(
    ("request_", "reason", "message"),
    [
        ({"names": ["wed"]}, "no-such-service", "no virtual service named 'wed'; do you mean web?"),
        ({"names": ["x*"]}, "no-such-service", "no virtual service named 'x*'"),
        ({"names": "web"}, "bad-request", '"names" must be a list of texts'),
        ({"names": [1]}, "bad-request", '"names" must be a list of texts'),
        ({"failed": 1}, "bad-request", '"failed" must be true or false'),
    ],
)
def test_a_request_for_nothing_there_is_is_refused(request_: Json, reason: str, message: str) -> None:
    async def scene(scene: Scene) -> None:
        answer = await scene.book.answer({"verb": "services"} | request_)
        assert answer == {"ok": False, "reason": reason, "message": message}

    play(scene)


def test_a_reload_keeps_the_reports_of_what_stays_and_forgets_the_others() -> None:
    async def scene(scene: Scene) -> None:
        await scene.services()
        web, _ = CONFIGURATION.virtual_services
        scene.book.put(Configuration(virtual_services=(web,)))
        scene.book.hear(DNS)  # on its way when it was dropped
        assert [(one["name"], one["state"]) for one in scene.book.briefly()["shown"]] == [("web", "UP")]
        scene.book.put(CONFIGURATION)
        assert [(one["name"], one["alive"]) for one in scene.book.briefly()["shown"]] == [
            ("web", 10),
            ("dns", 0),
        ]

    play(scene)


def test_of_very_many_servers_the_status_shows_those_in_trouble() -> None:
    async def scene(scene: Scene) -> None:
        many = tuple(replace(WEB1 if n % 50 else WEB2, name=f"web{n}") for n in range(5000))
        scene.book.hear(replace(WEB, servers=many))
        scene.book.hear(replace(DNS, state="UP", sorry=False, servers=(WEB1,)))
        shown = scene.book.briefly()
        assert [one["name"] for one in shown["shown"]] == ["web"]
        assert [one["name"] for one in shown["shown"][0]["servers"]][:2] == ["web0", "web50"]
        assert len(shown["shown"][0]["servers"]) == 100
        assert (shown["up"], shown["servers"]) == (2, {"UP": 4901, "DOWN": 100})

    play(scene)


def test_a_daemon_without_services_asks_nobody() -> None:
    async def scene(scene: Scene) -> None:
        scene.book.put(Configuration())
        shown = await scene.services()
        assert (shown["total"], shown["shown"], shown["ipvs"], scene.asked) == (0, [], None, 0)
        assert scene.book.in_words() == ""

    play(scene)
