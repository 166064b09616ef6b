"""Keeping a worker running: whatever it dies of, the next one is started, and nothing is left behind.

The worker is a few lines of Python in a process of its own, in place of the real one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from havip import workers
from havip.config.model import Estate
from havip.errors import KernelRefused
from havip.messages import Alive, Commit, LogLine, Message
from havip.workers import VrrpWorker

OBEDIENT = """
import select, sys; sys.path.append({root!r})
import socket
from havip.channel import Channel
from havip.messages import Alive, Resign
channel = Channel(socket.socket(fileno={channel}))
channel.post(Alive())
while not channel.closed:
    select.select([channel], [], [])
    if Resign() in channel.receive():
        break
"""
CRASHING = "raise SystemExit(3)"
DEAF = "import signal; signal.pause()"
TALKATIVE = """
import sys; sys.path.append({root!r})
import socket
from havip.messages import LogLine, encode
sock = socket.socket(fileno={channel})
for number in range(40):
    body = encode(LogLine(20, str(number) + " " + "x" * 4000))
    sock.sendall(len(body).to_bytes(4, "big") + body)
raise SystemExit(1)
"""


class Watched(VrrpWorker):
    """A worker whose starts, ends and messages a test can await."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.starts = self.ends = 0
        self.heard: list[Message] = []
        super().__init__(self._started, self._message, self._over)

    def _started(self) -> None:
        self.starts += 1
        self.news.set()

    def _over(self) -> None:
        self.ends += 1
        self.news.set()

    def _message(self, message: Message) -> None:
        self.heard.append(message)
        self.news.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not holds():
                self.news.clear()
                await self.news.wait()


def live(
    monkeypatch: pytest.MonkeyPatch, program: str, scene: Callable[[Watched], Awaitable[None]], **more: Any
) -> list[str]:
    """Play a scene with workers that run ``program``; return what was swept meanwhile."""
    swept: list[str] = []
    constants = {
        "BOOT": program,
        "pause_after": lambda failures: min(failures, 2) / 1000,
        "sweep": lambda among: swept.append("swept"),
    }
    for name, value in (constants | more).items():
        monkeypatch.setattr(workers, name, value)

    async def play() -> None:
        worker = Watched()
        worker.leftovers = (Estate("eth0", ()),)
        try:
            await scene(worker)
        finally:
            await worker.leave()
            os.close(worker._blackbox)

    asyncio.run(play())
    return swept


def test_a_worker_that_crashes_on_and_on_is_started_again_with_growing_pauses(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(worker: Watched) -> None:
        worker.start()
        await worker.until(lambda: worker.starts == 5)

    swept = live(monkeypatch, CRASHING, scene)
    said = [message for message in caplog.messages if "starting it again" in message]
    assert said[:4] == [
        f"the VRRP worker ended (exit code 3); starting it again in {pause} s"
        for pause in ("0", "0.001", "0.002", "0.002")
    ]
    assert len(swept) >= 3  # but not before the first restart, which may resume


def test_twenty_lives_leave_no_descriptor_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int] = []

    async def scene(worker: Watched) -> None:
        worker.start()
        await worker.until(lambda: bool(worker.heard))
        counts.append(len(os.listdir("/proc/self/fd")))
        for life in range(2, 22):
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
            await worker.until(lambda life=life: worker.starts == life)
            worker.post(Commit(life))
        counts.append(len(os.listdir("/proc/self/fd")))

    live(monkeypatch, OBEDIENT, scene)
    assert counts[1] <= counts[0]  # less: what an earlier test had left was collected meanwhile


def test_a_kernel_that_refuses_to_sweep_does_not_end_the_restarts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise KernelRefused("cannot read interfaces and addresses")

    async def scene(worker: Watched) -> None:
        worker.start()
        await worker.until(lambda: worker.starts == 4)

    monkeypatch.setattr(workers, "Kernel", refuse)
    live(monkeypatch, CRASHING, scene, sweep=workers.sweep)
    assert "cannot look for addresses left behind: cannot read interfaces and addresses" in caplog.messages


def test_a_machine_without_room_for_a_process_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, refusals = subprocess.Popen, [BlockingIOError(11, "Resource temporarily unavailable")] * 3

    def popen(*args: Any, **options: Any) -> Any:
        if worker_was_up and refusals:
            raise refusals.pop()
        return real(*args, **options)

    worker_was_up: list[int] = []

    async def scene(worker: Watched) -> None:
        worker.start()
        await worker.until(lambda: worker.heard == [Alive()])
        before = len(os.listdir("/proc/self/fd"))
        assert worker.pid is not None
        worker_was_up.append(worker.pid)
        os.kill(worker.pid, signal.SIGKILL)
        await worker.until(lambda: worker.heard == [Alive(), Alive()])
        assert len(os.listdir("/proc/self/fd")) == before

    monkeypatch.setattr(subprocess, "Popen", popen)
    live(monkeypatch, OBEDIENT, scene)
    said = [message for message in caplog.messages if "cannot be started" in message]
    assert [message.rpartition(" in ")[2] for message in said] == ["0.001 s", "0.002 s", "0.002 s"]


def test_the_last_words_of_a_worker_are_all_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(worker: Watched) -> None:
        worker.start()
        await worker.until(lambda: worker.ends == 1)
        lines = [message for message in worker.heard if isinstance(message, LogLine)]
        assert [line.text.split()[0] for line in lines] == [str(number) for number in range(40)]

    live(monkeypatch, TALKATIVE, scene)


def test_leaving_between_two_lives_sweeps_and_starts_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(worker: Watched) -> None:
        worker.start()
        await worker.until(lambda: worker.ends == 2)
        await worker.leave()
        await asyncio.sleep(0.01)  # longer than the pause before the next start
        assert worker.starts == 2

    swept = live(monkeypatch, CRASHING, scene)
    assert swept[-2:] == ["swept"] * 2


def test_a_worker_that_does_not_resign_is_killed_and_swept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene(worker: Watched) -> None:
        worker.start()

    assert live(monkeypatch, DEAF, scene, LEAVE_WITHIN=0.05) == ["swept"]
    assert "the VRRP worker did not resign within 0.05 s: killing it" in caplog.messages


def test_a_worker_that_ended_in_order_has_nothing_to_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(worker: Watched) -> None:
        worker.start()
        await worker.until(lambda: bool(worker.heard))

    assert live(monkeypatch, OBEDIENT, scene) == []


def test_a_message_that_is_none_costs_the_worker_its_life_and_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    babbling = "import os, signal; os.write({channel}, b'\\0\\0\\0\\4null'); signal.pause()"

    async def scene(worker: Watched) -> None:
        worker.start()
        await worker.until(lambda: worker.ends == 1)
        errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len([error for error in errors if "sent what it should not" in error.message]) == 1

    live(monkeypatch, babbling, scene)
