"""Many probes on one epoll: what each waits for, also when numbers of descriptors are given out again."""

from __future__ import annotations

import asyncio
import socket

from havip.clock import monotonic, seconds
from havip.healthcheck.attempt import readable
from havip.healthcheck.outcome import Outcome
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
