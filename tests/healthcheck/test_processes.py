"""Real processes that come, go and become another program; with the kernel's news and without."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from havip.clock import seconds
from havip.config.tracking import TrackedProcess
from havip.healthcheck import processes
from havip.healthcheck.connector import COMM, EXEC, EXIT, FORK, SUBSCRIBED, Connector, Happening, parse
from havip.healthcheck.processes import ProcessWatch
from tests.healthcheck.telling import Told, play

NAME = f"hv-{os.getpid()}-tracked"[:15]  # no other process of this machine has it


@pytest.fixture
def sleeper(tmp_path: Path) -> str:
    """Return a program of a name of its own, that sleeps."""
    path = tmp_path / NAME
    shutil.copy("/usr/bin/sleep", path)
    return str(path)


async def come_and_go(sleeper: str, told: Told) -> None:
    """Start and end processes, and await what is told of it."""
    await told.until(lambda result: result.why == "has 0 of 2 processes")
    one, two = (subprocess.Popen([sleeper, "1000"]) for _ in range(2))
    try:
        await told.until(lambda result: result.good)
        two.kill()
        two.wait()
        await told.until(lambda result: result.why == "has 1 of 2 processes", told_before(told, 1))
    finally:
        for process in (one, two):
            process.kill()
            process.wait()
    await told.until(lambda result: result.why == "has 0 of 2 processes", 2)


def told_before(told: Told, count: int) -> int:
    """Return which one it is, if the way up was told as well."""
    return count + sum(result.why == "has 1 of 2 processes" for result in told.results)


def test_the_kernel_tells_of_processes_that_come_and_go(sleeper: str) -> None:
    async def scene() -> None:
        told = Told()
        watch = ProcessWatch(told)
        watch.put(TrackedProcess("it", NAME, quorum=2))
        await come_and_go(sleeper, told)
        assert watch._connector is not None
        watch.stop()

    play(scene)


def test_a_child_that_execs_is_counted_as_what_it_has_become(sleeper: str, tmp_path: Path) -> None:
    async def scene() -> None:
        told = Told()
        watch = ProcessWatch(told)
        watch.put(TrackedProcess("it", NAME, arguments=("1000",)))
        await told.until(lambda result: not result.good)
        shell = subprocess.Popen(["/bin/sh", "-c", f"read line; exec {sleeper} 1000"], stdin=subprocess.PIPE)
        assert shell.stdin is not None
        shell.stdin.write(b"\n")
        shell.stdin.flush()
        await told.until(lambda result: result.good)
        shell.kill()
        shell.wait()
        await told.until(lambda result: not result.good, 2)
        watch.stop()

    play(scene)


def test_without_the_kernels_news_proc_is_read_every_second_and_the_log_says_so(
    sleeper: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(processes, "Connector", refuse)
    monkeypatch.setattr(processes, "POLL_EVERY", 0.02)

    async def scene() -> None:
        told = Told()
        watch = ProcessWatch(told)
        watch.put(TrackedProcess("it", NAME, quorum=2))
        await come_and_go(sleeper, told)
        watch.stop()

    play(scene)
    assert caplog.messages == [
        "the kernel tells nothing of processes here (Connection refused): reading /proc every second"
    ]


def test_a_kernel_that_does_not_answer_is_not_waited_for(
    sleeper: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As in a container with processes of its own: the socket opens, and stays silent."""
    monkeypatch.setattr(Connector, "read", lambda self: ([], False))
    monkeypatch.setattr(processes, "ANSWER_WITHIN", 0.05)
    monkeypatch.setattr(processes, "POLL_EVERY", 0.02)

    async def scene() -> None:
        told = Told()
        watch = ProcessWatch(told)
        watch.put(TrackedProcess("it", NAME, quorum=2))
        await come_and_go(sleeper, told)
        watch.stop()

    play(scene)
    assert "another process or user namespace" in caplog.messages[0]


def test_news_that_were_lost_are_made_up_for(sleeper: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Connector.read
    monkeypatch.setattr(Connector, "read", lambda self: (real(self)[0][:0], True))

    async def scene() -> None:
        told = Told()
        watch = ProcessWatch(told)
        watch.put(TrackedProcess("it", NAME))
        await told.until(lambda result: not result.good)
        process = subprocess.Popen([sleeper, "1000"])
        await told.until(lambda result: result.good)
        process.kill()
        process.wait()
        await told.until(lambda result: not result.good, 2)
        watch.stop()

    play(scene)


def test_a_delay_lets_a_restart_pass(sleeper: str) -> None:
    async def scene() -> None:
        told = Told()
        watch = ProcessWatch(told)
        process = subprocess.Popen([sleeper, "1000"])
        watch.put(TrackedProcess("it", NAME, terminate_delay=seconds(1)))
        await told.until(lambda result: result.good)
        process.kill()
        process.wait()
        process = subprocess.Popen([sleeper, "1000"])
        watch.put(TrackedProcess("other", NAME, quorum=0, quorum_max=0))
        await told.until(lambda result: result.name == "other" and not result.good)
        process.kill()
        process.wait()
        await told.until(lambda result: result.name == "it" and not result.good)
        assert [result.good for result in told.results if result.name == "it"] == [True, False]
        watch.drop("it")
        watch.drop("other")
        await asyncio.sleep(0)
        assert watch._connector is None  # the kernel is asked for nothing any more

    play(scene)


def event(what: int, *pids: int) -> bytes:
    """Return a datagram of the kernel's."""
    data = b"".join(pid.to_bytes(4, "little") for pid in pids).ljust(24, b"\0")
    body = what.to_bytes(4, "little") + bytes(12) + data
    connector = b"\1\0\0\0\1\0\0\0" + bytes(8) + len(body).to_bytes(2, "little") + bytes(2) + body
    return (16 + len(connector)).to_bytes(4, "little") + b"\3\0" + bytes(10) + connector


def test_news_of_processes_are_read_and_those_of_threads_left_out() -> None:
    assert list(parse(event(SUBSCRIBED))) == [Happening(SUBSCRIBED, 0)]
    assert list(parse(event(FORK, 10, 10, 20, 20))) == [Happening(FORK, 20, 10)]
    assert list(parse(event(FORK, 10, 10, 21, 10))) == []
    assert list(parse(event(EXEC, 20, 20))) == [Happening(EXEC, 20)]
    assert list(parse(event(COMM, 21, 20))) == []
    assert list(parse(event(EXIT, 20, 20, 9, 17))) == [Happening(EXIT, 20)]
    assert list(parse(event(4, 20, 20))) == []
    assert list(parse(event(EXEC, 20, 20) + event(EXIT, 20, 20))) == [
        Happening(EXEC, 20),
        Happening(EXIT, 20),
    ]


def test_a_datagram_that_is_cut_short_breaks_nothing() -> None:
    whole = event(FORK, 10, 10, 20, 20)
    for length in range(len(whole)):
        list(parse(whole[:length]))
    list(parse(bytes(200)))
