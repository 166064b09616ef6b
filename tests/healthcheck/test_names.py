"""Hosts by name: looked up beside the probes, whatever the resolver does; and which address is asked."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from havip.clock import Duration, Instant, after, milliseconds, monotonic, seconds
from havip.config.probes import Expected, Tcp
from havip.healthcheck import names
from havip.healthcheck.names import AGAIN_AFTER, FRESH_FOR, SLOW_THREADS, SWIFT_THREADS, Names
from havip.healthcheck.outcome import Failure
from havip.healthcheck.runner import Result, Runner, way_of
from tests.healthcheck.probing import LOCAL, check, serving
from tests.healthcheck.telling import PATIENCE, play
from tests.healthcheck.test_tcp import say_nothing

LATER = after(monotonic(), seconds(1_000_000))
OTHER, THIRD = "127.0.0.2", "127.0.0.3"


class Book:
    """A resolver that knows what it is told, and hangs where it is told to."""

    def __init__(self, **known: tuple[str, ...]) -> None:
        self.known = known
        self.asked: list[str] = []
        self.hangs: set[str] = set()
        self.go_on = threading.Event()

    def __call__(self, host: str) -> tuple[str, ...]:
        """Answer as `look_up` does."""
        self.asked.append(host)
        if host in self.hangs:
            self.go_on.wait(PATIENCE)
        if host not in self.known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.known[host]


async def settled(book: Names, host: str, now: Instant, version: int | None = None) -> tuple[str, ...]:
    """Return the addresses after the look-up that this begins has ended."""
    book.addresses(host, version, now)
    async with asyncio.timeout(PATIENCE):
        while book._entries[host].under_way:
            await asyncio.sleep(0.001)
    return book.addresses(host, version, monotonic())


async def result_of(runner: Runner, **more: object) -> Result:
    """Run a check of the name web."""
    ended: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    runner.start(way_of(check(**{"tcp": Tcp(), "host": "web"} | more)), monotonic(), ended.set_result)
    async with asyncio.timeout(PATIENCE):
        return await ended


def runner_with(book: Callable[[str], tuple[str, ...]]) -> Runner:
    """Return a runner whose names come from a book."""
    runner = Runner()
    runner.names = Names(book)
    return runner


def test_a_name_is_looked_up_once_a_minute_and_sooner_if_that_failed() -> None:
    async def scene() -> None:
        book = Book(web=(LOCAL,))
        known = Names(book)
        begun = monotonic()
        assert await settled(known, "web", begun) == (LOCAL,)
        stale_at = known._entries["web"].stale_at
        assert after(begun, FRESH_FOR) <= stale_at <= after(monotonic(), FRESH_FOR)
        assert await settled(known, "web", Instant(stale_at - 1)) == (LOCAL,)
        assert book.asked == ["web"]
        del book.known["web"]
        assert await settled(known, "web", stale_at) == (LOCAL,)
        assert book.asked == ["web", "web"]
        assert known._entries["web"].stale_at <= after(monotonic(), AGAIN_AFTER)
        known.close()

    play(scene)


def test_a_name_that_cannot_be_looked_up_any_more_keeps_its_addresses_and_says_so() -> None:
    async def scene() -> None:
        book = Book(web=(LOCAL,))
        runner = runner_with(book)
        async with serving(say_nothing) as port:
            assert (await result_of(runner, port=port)).outcome.warning == ""
            del book.known["web"]
            await settled(runner.names, "web", LATER)
            outcome = (await result_of(runner, port=port)).outcome
        assert outcome.passed
        assert outcome.warning == (
            "the name web cannot be resolved any more (Name or service not known): it keeps its addresses"
        )
        book.known["web"] = (OTHER,)
        assert await settled(runner.names, "web", LATER) == (OTHER,)
        assert runner.names.warning("web") == ""
        runner.close()

    play(scene)


def test_what_was_first_stays_first_while_the_name_has_it() -> None:
    async def scene() -> None:
        book = Book(web=(LOCAL, OTHER))
        known = Names(book)
        assert await settled(known, "web", LATER) == (LOCAL, OTHER)
        book.known["web"] = (THIRD, OTHER, LOCAL)
        assert await settled(known, "web", LATER) == (LOCAL, OTHER, THIRD)
        book.known["web"] = (THIRD, OTHER)
        assert await settled(known, "web", LATER) == (OTHER, THIRD)
        known.close()

    play(scene)


def test_with_a_source_addresses_of_its_family_count() -> None:
    async def scene() -> None:
        known = Names(Book(web=("::1", LOCAL, OTHER)))
        await settled(known, "web", LATER)
        assert known.addresses("web", 4, monotonic()) == (LOCAL, OTHER)
        assert known.addresses("web", 6, monotonic()) == ("::1",)
        known.close()
        single = Names(Book(web=(LOCAL,)))
        assert await settled(single, "web", LATER, 6) == ()
        assert single.why_none("web") == "the name web has no address of the family that is wanted"
        single.close()

    play(scene)


def test_a_run_waits_for_the_first_look_up() -> None:
    async def scene() -> None:
        book = Book(web=(LOCAL,))
        book.hangs = {"web"}
        runner = runner_with(book)
        async with serving(say_nothing) as port:
            runs = [asyncio.ensure_future(result_of(runner, port=port)) for _ in range(3)]
            while not book.asked:
                await asyncio.sleep(0.001)
            assert not any(run.done() for run in runs)
            book.go_on.set()
            for result in await asyncio.gather(*runs):
                assert result.outcome.passed
                assert result.peer == f"{LOCAL}:{port}"
        assert book.asked == ["web"]
        runner.close()

    play(scene)


def test_a_run_waits_for_no_look_up_longer_than_its_timeout() -> None:
    async def scene() -> None:
        book = Book()
        book.hangs = {"web"}
        runner = runner_with(book)
        result = await result_of(runner, port=80, timeout=milliseconds(100))
        assert result.outcome.failure is Failure.TIMED_OUT
        assert str(result).startswith("looking up the name web took longer than 100ms in ")
        book.go_on.set()
        runner.close()

    play(scene)


def test_a_name_without_addresses_has_failed_and_says_why() -> None:
    async def scene() -> None:
        runner = runner_with(Book())
        result = await result_of(runner, port=80)
        assert result.outcome.failure is Failure.NAME
        assert result.outcome.words == "the name web cannot be resolved: Name or service not known"
        assert result.peer == ""
        assert (await result_of(runner, port=80)).outcome.words == result.outcome.words
        runner.close()

    play(scene)


def test_an_address_is_never_looked_up() -> None:
    async def scene() -> None:
        book = Book()
        runner = runner_with(book)
        async with serving(say_nothing) as port:
            assert (await result_of(runner, host=LOCAL, port=port)).outcome.passed
        assert book.asked == []
        runner.close()

    play(scene)


def test_the_next_address_is_tried_at_once_if_one_refuses() -> None:
    async def scene() -> None:
        runner = runner_with(Book(web=(OTHER, LOCAL)))
        async with serving(say_nothing) as port:
            result = await result_of(runner, port=port)
            assert result.outcome.passed
            assert result.peer == f"{LOCAL}:{port}"
            assert result.outcome.warning == f"{OTHER}:{port}: connection refused"
        runner.close()
        alone = runner_with(Book(web=(OTHER, THIRD)))
        outcome = (await result_of(alone, port=port)).outcome
        assert outcome.failure is Failure.REFUSED
        assert outcome.words == f"connection refused, as were all before: {OTHER}:{port}: connection refused"
        alone.close()

    play(scene)


def test_an_address_that_answers_wrongly_is_not_passed_over() -> None:
    async def scene() -> None:
        async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.close()

        runner = runner_with(Book(web=(LOCAL, OTHER)))
        async with serving(hang_up) as port:
            result = await result_of(runner, port=port, tcp=Tcp(expect=Expected(contains=b"x")))
            assert result.outcome.failure is Failure.CLOSED
            assert result.peer == f"{LOCAL}:{port}"
        runner.close()

    play(scene)


def test_names_that_hang_keep_neither_others_nor_their_own_next_look_up_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(names, "SLOW", Duration(0))  # every look-up so far was slow

    async def scene() -> None:
        bad = [f"bad{number}" for number in range(SWIFT_THREADS + SLOW_THREADS)]
        book = Book(web=(LOCAL,), **dict.fromkeys(bad, (OTHER,)))
        known = Names(book)
        for name in bad:
            await settled(known, name, LATER)
        book.hangs = set(bad)
        for name in bad:  # all at once: more than there are threads in the lane of the slow
            assert known.addresses(name, None, LATER) == (OTHER,)
        assert await settled(known, "web", LATER) == (LOCAL,)
        assert len([name for name in book.asked if name in bad]) <= len(bad) + SLOW_THREADS
        book.go_on.set()
        known.close()

    play(scene)


def test_a_resolver_that_hangs_does_not_hold_up_the_end_of_the_process() -> None:
    program = (
        "import asyncio, threading\n"
        "from havip.clock import monotonic\n"
        "from havip.healthcheck.names import Names\n"
        "async def main():\n"
        "    asked = threading.Event()\n"
        "    def hang(host):\n"
        "        asked.set()\n"
        "        threading.Event().wait()\n"
        "    names = Names(hang)\n"
        "    names.addresses('web', None, monotonic())\n"
        "    await asyncio.get_running_loop().run_in_executor(None, asked.wait)\n"
        "    names.close()\n"
        "asyncio.run(main())\n"
        "print('ended')\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert ended.stdout == "ended\n"


def test_a_look_up_that_ends_after_the_loop_hurts_nobody() -> None:
    book = Book(web=(LOCAL,))
    book.hangs = {"web"}

    async def scene() -> None:
        known = Names(book)
        known.addresses("web", None, LATER)
        while not book.asked:
            await asyncio.sleep(0.001)
        known.close()

    play(scene)
    book.go_on.set()
    for thread in threading.enumerate():
        if thread.name == "look-up":
            thread.join(PATIENCE)
            assert not thread.is_alive()


def test_the_systems_resolver_knows_this_host() -> None:
    assert set(names.look_up("localhost")) <= {"127.0.0.1", "::1"}
