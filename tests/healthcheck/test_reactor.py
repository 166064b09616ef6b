"""Many probes on one epoll: what each waits for, also when numbers of descriptors are given out again."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from havip.clock import Duration, Instant, milliseconds, monotonic, seconds
from havip.healthcheck.attempt import TimedOut, readable
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthcheck.reactor import Reactor
from tests.healthcheck.telling import PATIENCE, play


async def hear(sock: socket.socket) -> str:
    """Wait for what comes, and never look before it was announced."""
    await readable(sock.fileno())
    return sock.recv(16).decode()


def test_a_probe_that_opens_a_second_socket_of_the_same_number_hears_it() -> None:
    async def scene() -> None:
        reactor = Reactor()
        peers: asyncio.Queue[socket.socket] = asyncio.Queue()

        async def two() -> Outcome:
            words, numbers = "", set()
            for _ in range(2):
                ours, theirs = socket.socketpair()
                peers.put_nowait(theirs)
                numbers.add(ours.fileno())
                with ours:
                    words += await hear(ours)
            assert len(numbers) == 1
            return Outcome(words=words)

        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        reactor.start(two(), seconds(10), monotonic(), ended.set_result)
        for word in (b"first ", b"second"):
            with await peers.get() as peer:
                peer.send(word)
                if word == b"second":
                    break
                await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE):
            assert (await ended).words == "first second"
        reactor.close()

    play(scene)


def test_a_probe_that_ends_takes_no_socket_from_the_one_that_was_given_its_number() -> None:
    async def scene() -> None:
        reactor = Reactor()
        first_ours, first_theirs = socket.socketpair()
        second_ours, second_theirs = socket.socketpair()
        third_ours, third_theirs = socket.socketpair()
        number = first_ours.fileno()
        turn: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        moved = asyncio.Event()

        async def gives_up_its_number() -> Outcome:
            await hear(first_ours)
            first_ours.close()
            moved.set()
            await hear(second_ours)
            return Outcome()

        async def takes_it() -> Outcome:
            ours = third_ours.dup()
            assert ours.fileno() == number
            with ours:
                return Outcome(words=await hear(ours))

        reactor.start(gives_up_its_number(), seconds(10), monotonic(), turn.set_result)
        first_theirs.send(b"go")
        async with asyncio.timeout(PATIENCE):
            await moved.wait()
            reactor.start(takes_it(), seconds(10), monotonic(), ended.set_result)
            second_theirs.send(b"end")
            await turn
            third_theirs.send(b"heard")
            assert (await ended).words == "heard"
        reactor.close()
        for one in (first_theirs, second_ours, second_theirs, third_ours, third_theirs):
            one.close()

    play(scene)


def in_reactor(scene: Callable[[Reactor], Coroutine[Any, Any, None]]) -> None:
    """Play a scene with a reactor, which has nothing under way at its end."""

    async def run() -> None:
        reactor = Reactor()
        try:
            async with asyncio.timeout(PATIENCE):
                await scene(reactor)
            assert reactor.under_way == 0
        finally:
            reactor.close()

    play(run)


def outcome_of(reactor: Reactor, coroutine: Any, timeout: Duration) -> asyncio.Future[Outcome]:
    ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    reactor.start(coroutine, timeout, monotonic(), ended.set_result)
    return ended


def test_thousands_of_probes_at_once_each_get_their_own_answer() -> None:
    count = 2000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    async def scene(reactor: Reactor) -> None:
        pairs = [socket.socketpair() for _ in range(count)]

        async def one(ours: socket.socket) -> Outcome:
            return Outcome(words=await hear(ours))

        ended = [outcome_of(reactor, one(ours), seconds(100)) for ours, _ in pairs]
        assert reactor.under_way == count
        for number, (_, theirs) in enumerate(pairs):
            theirs.send(str(number).encode())
        outcomes = await asyncio.gather(*ended)
        assert [outcome.words for outcome in outcomes] == [str(number) for number in range(count)]
        for ours, theirs in pairs:
            ours.close()
            theirs.close()

    try:
        in_reactor(scene)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_probe_has_its_time_and_no_more_whatever_the_others_have() -> None:
    async def scene(reactor: Reactor) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            long, short = (outcome_of(reactor, wait(ours.dup()), seconds(time)) for time in (3600, 0.02))
            assert (await short).failure is Failure.TIMED_OUT
            assert not long.done()
            theirs.send(b"x")
            assert (await long).passed

    async def wait(sock: socket.socket) -> Outcome:
        with sock:
            await readable(sock.fileno())
            return Outcome()

    in_reactor(scene)


def test_what_has_arrived_is_heard_however_late_we_are() -> None:
    """A process that stood still must not take every server for dead."""

    async def scene(reactor: Reactor) -> None:
        pairs = [socket.socketpair() for _ in range(600)]
        now = monotonic()

        async def one(ours: socket.socket) -> Outcome:
            return Outcome(words=await hear(ours))

        ended: list[asyncio.Future[Outcome]] = []
        for ours, theirs in pairs:
            theirs.send(b"in time")
            ended.append(asyncio.get_running_loop().create_future())
            past = Instant(now - 10**9)  # its time is over before anything could be heard
            reactor.start(one(ours), seconds(0.5), past, ended[-1].set_result)
        reactor._expire()
        assert {(await one).words for one in ended} == {"in time"}
        for ours, theirs in pairs:
            ours.close()
            theirs.close()

    in_reactor(scene)


def test_a_probe_that_does_not_heed_its_end_is_ended() -> None:
    async def scene(reactor: Reactor) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:

            async def deaf() -> Outcome:
                while True:
                    with contextlib.suppress(TimedOut):
                        await readable(ours.fileno())

            assert (await outcome_of(reactor, deaf(), milliseconds(10))).failure is Failure.TIMED_OUT

    in_reactor(scene)


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_probe_that_breaks_ends_nobody_elses(when: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scene(reactor: Reactor) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:

            async def broken() -> Outcome:
                if when == "later":
                    await readable(ours.fileno())
                raise KeyError("a fault")

            ended = outcome_of(reactor, broken(), seconds(10))
            theirs.send(b"x")
            found = await ended
            assert (found.failure, found.words) == (Failure.INTERNAL, "KeyError: 'a fault'")

    in_reactor(scene)
    assert "a probe broke" in caplog.messages


def test_a_descriptor_that_cannot_be_waited_for_is_a_failure() -> None:
    async def scene(reactor: Reactor) -> None:
        ours, theirs = socket.socketpair()
        number = ours.fileno()
        ours.close()
        theirs.close()

        async def lost() -> Outcome:
            await readable(number)
            return Outcome()

        assert (await outcome_of(reactor, lost(), seconds(10))).failure is Failure.LOCAL

    in_reactor(scene)


def test_a_cancelled_probe_lets_go_and_tells_nothing() -> None:
    async def scene(reactor: Reactor) -> None:
        ours, theirs = socket.socketpair()
        told: list[Outcome] = []
        closed = []

        async def one() -> Outcome:
            try:
                await readable(ours.fileno())
            finally:
                closed.append(True)
            return Outcome()

        with ours, theirs:
            run = reactor.start(one(), seconds(10), monotonic(), told.append)
            run.cancel()
            run.cancel()
            assert (run.over, closed, told) == (True, [True], [])

    in_reactor(scene)


def test_an_event_of_a_number_that_was_given_out_again_in_the_same_turn_wakes_nobody() -> None:
    """Both probes have an event; the first one ends the second, and a third gets its number."""

    async def scene(reactor: Reactor) -> None:
        first, first_peer = socket.socketpair()
        second, second_peer = socket.socketpair()
        third, third_peer = socket.socketpair()
        number, woken = second.fileno(), []
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        async def waits(sock: socket.socket) -> Outcome:
            await readable(sock.fileno())
            woken.append(sock)
            return Outcome()

        def first_done(_: Outcome) -> None:
            victim.cancel()
            second.close()
            again.append(third.dup())
            assert again[0].fileno() == number
            reactor.start(waits(again[0]), seconds(10), monotonic(), ended.set_result)

        again: list[socket.socket] = []
        reactor.start(waits(first), seconds(10), monotonic(), first_done)
        victim = reactor.start(waits(second), seconds(10), monotonic(), lambda _: None)
        first_peer.send(b"x")
        second_peer.send(b"x")
        reactor._turn()
        assert woken == [first]
        third_peer.send(b"x")
        await ended
        assert woken == [first, again[0]]
        for sock in (first, first_peer, second_peer, third, third_peer, *again):
            sock.close()

    in_reactor(scene)


def test_what_is_over_is_not_kept() -> None:
    """A probe that hangs for an hour must not keep a million that ended since."""

    async def scene(reactor: Reactor) -> None:
        hangs, peer = socket.socketpair()
        with hangs, peer:

            async def long() -> Outcome:
                await readable(hangs.fileno())
                return Outcome()

            async def short() -> Outcome:
                ours, theirs = socket.socketpair()
                with ours, theirs:
                    theirs.send(b"x")
                    return Outcome(words=await hear(ours))

            last = outcome_of(reactor, long(), seconds(3600))
            for _ in range(50):
                assert (await outcome_of(reactor, short(), seconds(3600))).passed
            assert [len(runs) for runs in reactor._patience.values()] == [1]
            assert len(reactor._waiting) == 1
            peer.send(b"x")
            await last
            assert not any(reactor._patience.values())

    in_reactor(scene)
