"""The firewall's service: in force before the routers are told, and FAULT where it cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

import pytest

from havip.config.model import Configuration
from havip.messages import Impede, Message
from havip.services import Host, nfttable
from havip.services.firewall import Firewall
from havip.services.nftwatch import NftWatch
from tests.config.reading import read

WEB, MAIL = ("eth0", 1, 4, ""), ("eth0", 2, 4, "")


def configuration(**accepts: bool) -> Configuration:
    """Return virtual routers web (vrid 1) and mail (vrid 2), as far as they are named."""
    lines = "".join(
        f"  {name}: {{interface: eth0, vrid: {vrid}, addresses: [192.0.2.{vrid}/24], "
        f"accept: {str(accepts[name]).lower()}}}\n"
        for vrid, name in enumerate(("web", "mail"), 1)
        if name in accepts
    )
    return read(f"virtual_routers:\n{lines}")


class Scene:
    """A firewall, its host, and an nft that does as the test has it."""

    def __init__(self, begin: Configuration) -> None:
        self.configuration = begin
        self.posted: list[Message] = []
        self.scripts: list[str] = []
        self.answer: str | None = None
        self.tasks: list[asyncio.Task[Any]] = []
        self.service = Firewall(cast(Host, self), self.run)

    async def run(self, text: str) -> str | None:
        self.scripts.append(text)
        return self.answer

    def post(self, message: Message) -> None:
        self.posted.append(message)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))
        return self.tasks[-1]

    def dropped(self) -> str:
        """Return the IPv4 set of the last script."""
        line = self.scripts[-1].partition("set ipv4 ")[2].partition("\n")[0]
        return line.partition("elements = ")[2].removesuffix("; }")

    async def reload(self, new: Configuration) -> list[Message]:
        """Do as the supervisor does, up to the moment when all is in force; return what was posted."""
        self.posted.clear()
        await self.service.prepare(new)
        self.configuration = new
        return [*self.posted, *self.service.briefing(new)]


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


def test_the_table_is_complete_before_anybody_is_told_and_gone_at_the_end() -> None:
    async def scene() -> None:
        one = Scene(configuration(web=False, mail=True))
        await one.service.prepare(one.configuration)
        assert one.dropped() == "{ 192.0.2.1 }"
        assert list(one.service.briefing(one.configuration)) == []
        await one.service.leave()
        assert one.scripts[-1] == "add table inet havip\ndelete table inet havip\n"

    play(scene)


def test_a_reload_drops_the_old_and_the_new_until_the_new_is_in_force() -> None:
    async def scene() -> None:
        one = Scene(configuration(web=False, mail=True))
        await one.service.prepare(one.configuration)
        await one.reload(configuration(web=True, mail=False))
        assert one.dropped() == "{ 192.0.2.1, 192.0.2.2 }"
        await one.service.settle(one.configuration)
        assert one.dropped() == "{ 192.0.2.2 }"
        await one.reload(one.configuration)
        await one.service.settle(one.configuration)
        assert len(one.scripts) == 3  # nothing else has changed

    play(scene)


def test_where_nothing_is_dropped_only_a_killed_daemons_table_is_looked_for() -> None:
    async def scene() -> None:
        one = Scene(configuration(web=True))
        one.answer = "there is no nft here"
        await one.service.prepare(one.configuration)
        assert list(one.service.briefing(one.configuration)) == []
        await asyncio.gather(*one.tasks)
        assert one.scripts == ["add table inet havip\ndelete table inet havip\n"]
        assert one.service.status() == {}
        await one.service.leave()
        assert len(one.scripts) == 1

    play(scene)


def test_who_needs_a_table_that_cannot_be_had_is_in_fault_until_it_can() -> None:
    async def scene() -> None:
        one = Scene(configuration(web=False, mail=True))
        one.answer = "there is no nft here (Debian package nftables)"
        await one.service.prepare(one.configuration)
        why = "accept: false needs nftables: there is no nft here (Debian package nftables)"
        assert list(one.service.briefing(one.configuration)) == [Impede(WEB, "firewall", why)]
        assert one.service.status()["firewall"]["refused"] == one.answer
        one.posted.clear()
        one.answer = None
        await asyncio.gather(*one.tasks)
        assert one.posted == [Impede(WEB, "firewall", None)]

    play(scene)


def test_a_refusal_at_a_reload_stops_only_who_lacks_something_and_before_it_is_told_anything() -> None:
    async def scene() -> None:
        one = Scene(configuration(web=False, mail=True))
        await one.service.prepare(one.configuration)
        one.answer = "Operation not permitted"
        told = await one.reload(configuration(web=False, mail=False))
        assert one.posted == [
            Impede(MAIL, "firewall", "accept: false needs nftables: Operation not permitted")
        ]
        assert {message.key for message in told if isinstance(message, Impede)} == {MAIL}
        assert await one.reload(configuration(web=False, mail=True)) == [Impede(MAIL, "firewall", None)]

    play(scene)


def event(kind: int, table: bytes) -> bytes:
    """Return one netlink event of nftables, laid out by hand: header, nfgenmsg, the table's name."""
    name = table + b"\0"
    attribute = (4 + len(name)).to_bytes(2, "little") + b"\x01\x00" + name
    attribute += bytes(-len(attribute) % 4)
    body = b"\x01\x00\x00\x00" + attribute
    return (16 + len(body)).to_bytes(4, "little") + bytes((kind, 10)) + bytes(10) + body


@pytest.mark.parametrize(
    ("events", "intact"),
    [
        ([], True),
        ([(2, b"havip")], False),
        ([(8, b"havip")], False),  # a rule
        ([(14, b"havip")], False),  # an element of a set
        ([(2, b"havip"), (0, b"havip"), (3, b"havip"), (6, b"havip")], True),  # replaced in one transaction
        ([(2, b"havip-blue"), (2, b"filter"), (15, b"")], True),
        ([(0, b"havip"), (2, b"filter"), (5, b"havip")], False),
    ],
)
def test_only_a_deletion_of_ours_spoils_the_table(events: list[tuple[int, bytes]], intact: bool) -> None:
    watch = NftWatch.__new__(NftWatch)
    watch.intact, watch._table = True, b"havip"
    watch.take_note(b"".join(event(*one) for one in events))
    assert watch.intact is intact


@pytest.mark.parametrize("data", [b"", b"\x00" * 40, b"\xff" * 64, event(2, b"havip")[:18]])
def test_what_is_no_event_changes_nothing(data: bytes) -> None:
    watch = NftWatch.__new__(NftWatch)
    watch.intact, watch._table = True, b"havip"
    watch.take_note(data)
    assert watch.intact
