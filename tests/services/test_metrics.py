"""When metrics are served, from what, and how often they are made."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, cast

from havip.config.metrics import Endpoint
from havip.config.metrics import Metrics as Where
from havip.config.model import Configuration
from havip.messages import Transition
from havip.services.metrics import Metrics
from tests.control.balanced import CONFIGURATION
from tests.metrics.sources import CHECKS, SERVICES, STATUS
from tests.metrics.test_server import GET, OURS, free_port
from tests.vrrp.model import router

LOCAL = ip_address(OURS)


class Host:
    """The supervisor, as far as the service sees it."""

    def __init__(self) -> None:
        self.shown = 0
        self.asked: list[Any] = []
        self.service = Metrics(cast(Any, self))
        self.spawn = asyncio.get_running_loop().create_task

    async def show(self) -> dict[str, Any]:
        self.shown += 1
        await asyncio.sleep(0)
        return STATUS

    async def ask(self, request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return {"checks": CHECKS, "services": SERVICES}

    async def serve(self, *ports: int) -> None:
        endpoints = tuple(Endpoint(LOCAL, port) for port in ports)
        await self.service.prepare(Configuration(metrics=Where(endpoints)))


async def scraped(port: int) -> str:
    reader, writer = await asyncio.open_connection(OURS, port)
    writer.write(GET)
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(OURS, port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


def play(scene: Callable[[Host], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        host = Host()
        async with asyncio.timeout(30):
            try:
                await scene(host)
            finally:
                await host.service.leave()

    asyncio.run(run())


def test_everybody_who_asks_within_a_second_gets_the_same_answer() -> None:
    async def scene(host: Host) -> None:
        port = free_port()
        await host.serve(port)
        answers = await asyncio.gather(*(scraped(port) for _ in range(8)))
        assert "\nhavip_router_priority" in answers[0]
        assert len(set(answers)) == 1
        assert await scraped(port) == answers[0]
        assert host.shown == 1
        assert host.asked == [{"verb": verb, "fresh": False} for verb in ("checks", "services")]

    play(scene)


def test_transitions_are_counted_and_those_of_a_dropped_router_forgotten() -> None:
    async def scene(host: Host) -> None:
        port = free_port()
        for name in ("gateway", "gateway", "gone"):
            host.service.hear(Transition("router", name, "MASTER", 100, "", 0.0))
        for name in ("web/web1", "web/gone"):
            host.service.hear(Transition("server", name, "DOWN", 0, "", 0.0))
        host.service.hear(Transition("service", "web", "DOWN", 0, "", 0.0))
        routers = (replace(router(), name="gateway"),)
        await host.service.settle(replace(CONFIGURATION, virtual_routers=routers))
        await host.serve(port)
        text = await scraped(port)
        assert 'havip_router_transitions_total{router="gateway",state="MASTER"} 2.0' in text
        assert 'havip_server_transitions_total{server="web1",service="web",state="DOWN"} 1.0' in text
        assert 'havip_service_transitions_total{service="web",state="DOWN"} 1.0' in text
        assert '="gone"' not in text

    play(scene)


def test_a_reload_begins_moves_and_ends_it() -> None:
    async def scene(host: Host) -> None:
        one, two = free_port(), free_port()
        assert host.service.status() == {"metrics": {"listen": [], "scrapes": {}}}
        await host.serve(one)
        assert [await listens(one), await listens(two)] == [True, False]
        await host.serve(two)
        assert [await listens(one), await listens(two)] == [False, True]
        assert host.service.status()["metrics"]["listen"] == [{"on": f"{OURS}:{two}", "trouble": None}]
        await host.serve()
        assert [await listens(one), await listens(two)] == [False, False]

    play(scene)


def test_a_port_that_is_taken_is_said_to_be_and_tried_again() -> None:
    async def scene(host: Host) -> None:
        with socket.socket() as other:
            other.bind((OURS, 0))
            other.listen()
            port = int(other.getsockname()[1])
            await host.serve(port)
            trouble = {"on": f"{OURS}:{port}", "trouble": "Address already in use"}
            assert host.service.status()["metrics"]["listen"] == [trouble]
        while host.service.status()["metrics"]["listen"] == [trouble]:
            await asyncio.sleep(0.02)
        assert "havip_info" in await scraped(port)

    play(scene)
