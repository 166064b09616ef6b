"""Names of peers: looked up beside everything, kept when a name server fails, told when they change."""

from __future__ import annotations

import asyncio
import logging
import queue
import socket
import threading
from collections.abc import Callable, Coroutine
from ipaddress import ip_address
from pathlib import Path
from typing import Any, cast

import pytest

from havip.config.cast import Address, Peer, Unicast
from havip.config.model import Configuration
from havip.messages import Message, Resolved
from havip.services import resolver as module
from havip.services.answers import Answers
from havip.services.resolver import Resolver, look_up, questions, usable
from tests.vrrp.model import router

NAME = "r2.example.com"
SECONDS = 10.0  # patience


class Server:
    """A name server that a test speaks for, and the host of the service."""

    def __init__(self, answers: Answers | None = None) -> None:
        self.asked: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.naps: asyncio.Queue[float] = asyncio.Queue()
        self.posted: list[Message] = []
        self.tasks: list[asyncio.Task[Any]] = []
        self.resolver = Resolver(cast(Any, self), self.look_up, self.nap, answers or Answers(None))
        self._loop = asyncio.get_running_loop()
        self._answers: queue.Queue[list[str] | OSError] = queue.Queue()
        self._morning = asyncio.Event()

    def look_up(self, name: str, version: int) -> list[Address]:
        """Wait, in the service's thread, for the test to answer."""
        self._loop.call_soon_threadsafe(self.asked.put_nowait, (name, version))
        answer = self._answers.get(timeout=SECONDS)
        if isinstance(answer, OSError):
            raise answer
        return [ip_address(one) for one in answer]

    async def nap(self, wake: asyncio.Event, seconds: float) -> None:
        """Sleep until the test says it is morning, or the service is woken."""
        self.naps.put_nowait(seconds)
        woken = [asyncio.ensure_future(event.wait()) for event in (wake, self._morning)]
        await asyncio.wait(woken, return_when=asyncio.FIRST_COMPLETED)
        for one in woken:
            one.cancel()
        self._morning.clear()

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        self.tasks.append(asyncio.get_running_loop().create_task(coroutine))
        return self.tasks[-1]

    def post(self, message: Message) -> None:
        self.posted.append(message)

    async def answer(self, *addresses: str) -> float:
        """Answer the next question, and return for how long the service goes to sleep."""
        return await self._answer(list(addresses))

    async def fail(self, error: int = socket.EAI_AGAIN) -> float:
        """Let the next look-up fail, and return for how long the service goes to sleep."""
        return await self._answer(socket.gaierror(error, "Temporary failure in name resolution"))

    async def _answer(self, answer: list[str] | OSError) -> float:
        await asyncio.wait_for(self.asked.get(), SECONDS)
        self._answers.put(answer)
        return await asyncio.wait_for(self.naps.get(), SECONDS)

    def wake(self) -> None:
        self._morning.set()

    async def end(self) -> None:
        await self.resolver.leave()
        self._answers.put(OSError("the test is over"))
        await asyncio.gather(*self.tasks, return_exceptions=True)


def run(test: Callable[[Server], Coroutine[Any, Any, None]], file: Path | None = None) -> None:
    async def whole() -> None:
        answers = Answers(file)
        await answers.read()
        server = Server(answers)
        try:
            await test(server)
        finally:
            await server.end()

    asyncio.run(whole())


def configured(*names: str, every: float = 60) -> Configuration:
    """Return a configuration whose one router has peers of these names."""
    peers = tuple(Peer(name=name) for name in names)
    unicast = Unicast(peers, resolve_every=cast(Any, round(every * 1e9)))
    return Configuration((router(unicast=unicast if names else None),))


def found(*addresses: str, name: str = NAME) -> Resolved:
    return Resolved(name, 4, tuple(map(ip_address, addresses)))


def test_a_name_is_asked_for_in_the_family_of_its_routers_and_as_often_as_the_keenest_wants() -> None:
    six = router("six", address="fe80::9", unicast=Unicast((Peer(name=NAME), Peer(ip_address("fe80::2")))))
    keen = router("keen", vrid=52, unicast=Unicast((Peer(name=NAME),), resolve_every=cast(Any, 5 * 10**9)))
    whole = Configuration((*configured(NAME, "r3").virtual_routers, six, keen, router("plain", vrid=53)))
    assert questions(whole) == {(NAME, 4): 5 * 10**9, ("r3", 4): 60 * 10**9, (NAME, 6): 60 * 10**9}


def test_addresses_that_no_other_host_can_have_are_left_out_and_the_rest_is_in_order() -> None:
    given = ["192.0.2.9", "127.0.1.1", "192.0.2.3", "192.0.2.9", "0.0.0.0", "224.0.0.18"]
    assert usable(map(ip_address, given)) == (ip_address("192.0.2.3"), ip_address("192.0.2.9"))


def test_the_hosts_own_rules_are_asked() -> None:
    assert look_up("localhost", 4) == [ip_address("127.0.0.1")]
    with pytest.raises(OSError, match=r"."):
        look_up("::1", 4)  # an address of the other family, which needs no name server to be refused


def test_a_start_waits_for_an_answer_and_tells_it_before_the_routers_start() -> None:
    async def test(server: Server) -> None:
        start = asyncio.ensure_future(server.resolver.prepare(configured(NAME)))
        assert await server.answer("192.0.2.2") == 60
        await asyncio.wait_for(start, SECONDS)
        assert list(server.resolver.briefing(configured(NAME))) == [found("192.0.2.2")]

    run(test)


def test_a_start_does_not_wait_long_for_a_silent_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.0)

    async def test(server: Server) -> None:
        await server.resolver.prepare(configured(NAME))
        assert list(server.resolver.briefing(configured(NAME))) == []
        await server.answer("192.0.2.2")
        assert server.posted == [found("192.0.2.2")]

    run(test)


def test_a_change_is_told_once_and_the_same_again_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(server: Server) -> None:
        start = asyncio.ensure_future(server.resolver.prepare(configured(NAME)))
        await server.answer("192.0.2.2")
        await start
        for addresses in (["192.0.2.2"], ["192.0.2.4", "192.0.2.3"], ["192.0.2.3", "192.0.2.4"]):
            server.wake()
            await server.answer(*addresses)
        assert server.posted == [found("192.0.2.2"), found("192.0.2.3", "192.0.2.4")]

    run(test)


def test_failures_leave_the_last_addresses_in_force_and_are_tried_again_later_and_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def test(server: Server) -> None:
        start = asyncio.ensure_future(server.resolver.prepare(configured(NAME, every=6)))
        await server.answer("192.0.2.2")
        await start
        pauses = []
        for _ in range(5):
            server.wake()
            pauses.append(await server.fail())
        assert pauses == [1, 2, 4, 6, 6]
        assert list(server.resolver.briefing(configured(NAME))) == [found("192.0.2.2")]
        server.wake()
        assert await server.answer("192.0.2.2") == 6
        server.wake()
        assert await server.fail() == 1  # from the beginning
        assert server.posted == [found("192.0.2.2")]

    with caplog.at_level(logging.INFO):
        run(test)
    failure = (
        f"cannot look up peer {NAME} (IPv4): Temporary failure in name resolution; 192.0.2.2 stays in force"
    )
    assert [record.message for record in caplog.records if record.name == "havip.resolver"] == [
        f"peer {NAME} (IPv4) is 192.0.2.2",
        failure,
        f"peer {NAME} (IPv4) can be looked up again, and is still 192.0.2.2",
        failure,
    ]


def test_a_name_that_was_never_known_is_asked_for_every_few_seconds() -> None:
    """At boot the name server may be there half a minute after us."""

    async def test(server: Server) -> None:
        server.spawn(server.resolver.prepare(configured(NAME)))
        pauses = [await server.fail()]
        for _ in range(4):
            server.wake()
            pauses.append(await server.fail())
        assert pauses == [1, 2, 4, 5, 5]

    run(test)


def test_a_name_of_the_loopback_alone_is_no_peer(caplog: pytest.LogCaptureFixture) -> None:
    async def test(server: Server) -> None:
        start = asyncio.ensure_future(server.resolver.prepare(configured(NAME)))
        await server.answer("127.0.1.1")
        await start
        assert server.posted == []

    run(test)
    assert [record.message for record in caplog.records] == [
        f"cannot look up peer {NAME} (IPv4): it has no address that another host could have; "
        "no address of it is known"
    ]


def test_a_reload_asks_anew_and_forgets_names_that_are_gone() -> None:
    async def test(server: Server) -> None:
        start = asyncio.ensure_future(server.resolver.prepare(configured(NAME)))
        await server.answer("192.0.2.2")
        await start
        both = configured(NAME, "r3")
        again = asyncio.ensure_future(server.resolver.prepare(both))
        for _ in range(2):  # whichever comes first
            await server.answer("192.0.2.3")
        await asyncio.wait_for(again, SECONDS)
        await server.resolver.settle(both)
        assert set(server.resolver.briefing(both)) == {found("192.0.2.3"), found("192.0.2.3", name="r3")}
        await server.resolver.prepare(configured())
        await server.resolver.settle(configured())
        assert list(server.resolver.briefing(both)) == []
        await asyncio.wait_for(asyncio.gather(*server.tasks, return_exceptions=True), SECONDS)

    run(test)


def test_a_look_up_that_hangs_does_not_hold_up_the_end() -> None:
    async def test(server: Server) -> None:
        before = threading.enumerate()  # a test before this one may have left some that are about to end
        server.spawn(server.resolver.prepare(configured(NAME)))
        await asyncio.wait_for(server.asked.get(), SECONDS)
        new = [one for one in threading.enumerate() if one not in before]
        hanging = [one for one in new if one.name == f"look up {NAME}"]
        assert [one.daemon for one in hanging] == [True]

    run(test)
