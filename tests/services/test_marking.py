"""The table that marks packets stands before IPVS is told and after it has forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, cast

import pytest

from havip.balancing import PacketsMarked
from havip.config.balancing import Block, LoadBalancer, OnStop, ServiceGroup, VirtualService
from havip.config.model import Configuration
from havip.messages import Message
from havip.services import Host, nfttable
from havip.services.marking import PacketMarks
from havip.services.nftwatch import NftWatch
from tests.config.reading import read

GONE = "add table inet havip_ipvs\ndelete table inet havip_ipvs\n"


def configuration(*services: int, settings: LoadBalancer | None = None) -> Configuration:
    """Return services at 192.0.2.N with mark N."""
    plain = read("virtual_routers:\n  a: {interface: eth0, vrid: 1, addresses: [192.0.2.250/24]}\n")
    addresses = {number: ip_address("192.0.2.0") + number for number in services}
    return replace(
        plain,
        load_balancer=settings or LoadBalancer(),
        service_groups=tuple(ServiceGroup(f"g{n}", (Block(one, one),)) for n, one in addresses.items()),
        virtual_services=tuple(
            VirtualService(f"s{n}", group=f"g{n}", port=80, nftables_mark=n) for n in services
        ),
    )


class Scene:
    """The service, its host, and an nft that does as the test has it."""

    def __init__(self) -> None:
        self.configuration = configuration()
        self.spoken: list[Message] = []
        self.scripts: list[str] = []
        self.answer: str | None = None
        self.tasks: list[asyncio.Task[Any]] = []
        self.service = PacketMarks(cast(Host, self), self.run)

    async def run(self, text: str) -> str | None:
        self.scripts.append(text)
        return self.answer

    def spread(self, message: Message) -> None:
        self.spoken.append(message)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))
        return self.tasks[-1]

    @property
    def marked(self) -> str:
        """Return the elements for IPv4 of the last script."""
        line = self.scripts[-1].partition("map ipv4_port ")[2].partition("\n")[0]
        return line.partition("elements = ")[2].removesuffix("; }")

    async def prepare(self, new: Configuration) -> None:
        await self.service.prepare(new)
        self.configuration = new


@pytest.fixture(autouse=True)
def _no_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: NftWatch, table: str) -> None:
        raise PermissionError(1, "not in this test")

    monkeypatch.setattr(NftWatch, "__init__", refuse)
    monkeypatch.setattr(nfttable, "RETRY_EVERY", 0.0)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scene()

    asyncio.run(whole())


def test_the_table_stands_before_ipvs_is_told_and_what_goes_is_marked_until_it_has_gone() -> None:
    async def scene() -> None:
        one = Scene()
        await one.prepare(configuration(1))
        assert one.marked == "{ 192.0.2.1 . tcp . 80 : 1 }"
        await one.prepare(configuration(2))
        assert one.marked == "{ 192.0.2.1 . tcp . 80 : 1, 192.0.2.2 . tcp . 80 : 2 }"
        await one.service.settle(one.configuration)
        assert one.marked == "{ 192.0.2.2 . tcp . 80 : 2 }"
        await one.prepare(one.configuration)
        await one.service.settle(one.configuration)
        assert len(one.scripts) == 3  # nothing else has changed
        await one.service.leave()
        assert one.scripts[-1] == GONE
        assert one.spoken == []

    play(scene)


def test_where_nothing_is_marked_only_a_killed_daemons_table_is_looked_for() -> None:
    async def scene() -> None:
        one = Scene()
        one.answer = "there is no nft here"
        await one.prepare(configuration())
        await asyncio.gather(*one.tasks)
        assert one.scripts == [GONE]
        assert (one.service.status(), one.spoken) == ({}, [])

    play(scene)


def test_it_is_told_when_the_table_cannot_be_had_and_when_it_can_again() -> None:
    async def scene() -> None:
        one = Scene()
        one.answer = "Operation not permitted"
        await one.prepare(configuration(1))
        assert one.spoken == [PacketsMarked("nftables_mark needs nftables: Operation not permitted")]
        assert one.service.status()["packet_marks"]["refused"] == one.answer
        one.answer = None
        await asyncio.gather(*one.tasks)
        assert one.spoken[1:] == [PacketsMarked()]
        assert one.service.status() == {"packet_marks": {"table": "inet havip_ipvs", "refused": None}}

    play(scene)


def test_services_that_stay_when_the_daemon_ends_stay_marked() -> None:
    async def scene() -> None:
        one = Scene()
        await one.prepare(configuration(1, settings=LoadBalancer(on_stop=OnStop.LEAVE)))
        await one.service.leave()
        assert len(one.scripts) == 1

    play(scene)


def test_another_namespace_of_ipvs_waits_for_the_next_start() -> None:
    async def scene() -> None:
        one = Scene()
        await one.prepare(configuration(1))
        await one.prepare(configuration(1, settings=LoadBalancer(network_namespace="lb")))
        assert len(one.scripts) == 1
        assert one.marked == "{ 192.0.2.1 . tcp . 80 : 1 }"

    play(scene)


def test_a_namespace_that_is_not_there_is_a_reason_in_words() -> None:
    async def scene() -> None:
        one = Scene()
        one.service = PacketMarks(cast(Host, one))  # with the real nft
        await one.prepare(configuration(1, settings=LoadBalancer(network_namespace="hv-none")))
        (told,) = one.spoken
        assert isinstance(told, PacketsMarked)
        assert "no network namespace /run/netns/hv-none" in told.why
        for task in one.tasks:
            task.cancel()

    play(scene)
