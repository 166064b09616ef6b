"""Checks that run a program, or read a file: keepalived's MISC_CHECK and FILE_CHECK."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from havip import programs
from havip.clock import milliseconds, monotonic, seconds
from havip.config.health import Check
from havip.config.probes import File, Script
from havip.healthcheck import runs
from havip.healthcheck.checks import Checks
from havip.healthcheck.errand import meaning
from havip.healthcheck.outcome import Failure
from havip.healthcheck.probes import file as file_probe
from havip.healthcheck.runner import Result, Runner, way_of
from havip.healthcheck.runs import Runs
from tests.healthcheck.probing import result_of
from tests.healthcheck.telling import PATIENCE, Told, play, program


def scripted(*command: str, dynamic: bool = False, user: str = "") -> Check:
    return Check("web", script=Script(command, user, dynamic=dynamic), timeout=seconds(10))


@pytest.mark.parametrize(
    ("code", "dynamic", "failure", "weight"),
    [
        (0, False, None, None),
        (1, False, Failure.STATUS, None),
        (2, False, Failure.STATUS, None),
        (0, True, None, None),
        (1, True, Failure.STATUS, None),
        (2, True, None, 0),
        (10, True, None, 8),
        (255, True, None, 253),
    ],
)
def test_the_exit_code_is_the_verdict_and_with_dynamic_a_weight(
    code: int, dynamic: bool, failure: Failure | None, weight: int | None
) -> None:
    found = meaning(Script(("/x",), dynamic=dynamic), programs.Outcome(code))
    assert (found.failure, found.weight) == (failure, weight)


def test_a_program_that_was_killed_asks_for_no_weight() -> None:
    found = meaning(Script(("/x",), dynamic=True), programs.Outcome(killed_by=9))
    assert (found.failure, found.words) == (Failure.STATUS, "was killed by SIGKILL")


def test_a_program_is_run_and_its_last_line_told(tmp_path: Path) -> None:
    command = program(tmp_path / "ask", "echo the queue is full >&2; exit 3")

    async def scene() -> None:
        result = await result_of(scripted(command))
        assert str(result).startswith("ended with exit code 3: the queue is full in ")

    play(scene)


@pytest.mark.parametrize("user", ["", "nemo"])
def test_what_cannot_be_run_has_failed(user: str) -> None:
    async def scene() -> None:
        result = await result_of(scripted("/nowhere/ask", user=user))
        assert result.outcome.failure is Failure.LOCAL
        assert result.outcome.words.startswith("cannot be run: ")

    play(scene)


def test_a_program_that_hangs_has_failed_at_its_timeout_and_is_not_run_again_before_it_ended(
    tmp_path: Path,
) -> None:
    pids = tmp_path / "pids"
    text = f"trap '' TERM; echo $$ >>{pids}; while :; do sleep 0.05; done"
    command = program(tmp_path / "ask", text)
    page = runs.create()

    async def scene() -> None:
        told = Told()
        checks = Checks(told, Runner(Runs(page)))
        hangs = Script((command,))
        check = Check("web", script=hangs, interval=milliseconds(100), timeout=milliseconds(300), fall=1)
        checks.put(check, None)
        checks.begin()
        result = await told.until(lambda result: True)
        assert result.why.startswith("did not end within 300ms in ")
        (first,) = pids.read_text().split()
        pidfd = os.pidfd_open(int(first))  # SIGTERM did not end it, and SIGKILL comes 2 s later
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, gone.set)
        async with asyncio.timeout(PATIENCE):
            await gone.wait()
        assert pids.read_text().split() == [first]
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        checks.stop()
        await asyncio.sleep(0)

    play(scene)
    assert runs.end_leftovers(page) == []
    os.close(page)


def test_more_programs_than_there_are_places_wait_in_turn(tmp_path: Path) -> None:
    running = tmp_path / "running"
    running.mkdir()
    most = tmp_path / "most"
    text = f"touch {running}/$$; ls {running} | wc -l >>{most}; sleep 0.02; rm {running}/$$"
    command = program(tmp_path / "ask", text)

    async def scene() -> None:
        told = Told()
        checks = Checks(told, programs=3)
        for number in range(12):
            one = Check(f"c{number}", script=Script((command, str(number))), timeout=seconds(10))
            checks.put(one, None)
        checks.begin()
        for number in range(12):
            await told.until(lambda result, name=f"c{number}": result.name == name)  # type: ignore[misc]
        checks.stop()

    play(scene)
    assert 1 <= max(int(line) for line in most.read_text().split()) <= 3


def test_a_cancelled_run_is_killed_and_tells_nothing(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = program(tmp_path / "ask", f"echo $$ >{fifo}; exec sleep 1000")
    page = runs.create()

    async def scene() -> None:
        told: list[Result] = []
        runner = Runner(Runs(page))
        run = runner.start(way_of(scripted(command)), monotonic(), told.append)
        assert run is not None
        pidfd = os.pidfd_open(int(await asyncio.to_thread(fifo.read_text)))
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, gone.set)
        run.cancel()
        async with asyncio.timeout(PATIENCE):
            await gone.wait()
            while not run.over:
                await asyncio.sleep(0)
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        assert (told, runner.programs_under_way) == ([], 0)
        runner.close()

    play(scene)
    assert runs.end_leftovers(page) == []
    os.close(page)


@pytest.mark.parametrize(
    ("factor", "reverse", "value", "failed", "weight"),
    [
        (0, False, 0, False, None),
        (0, False, 3, True, None),
        (0, False, -1, True, None),
        (0, True, 0, True, None),
        (0, True, 7, False, None),
        (1, False, 20, False, 20),
        (2, False, -20, False, -40),
        (1, True, 20, False, -20),
        (1, False, -253, False, -253),
        (1, False, -254, True, None),
        (-1, False, 254, True, None),
        (100, False, 50, False, 253),
    ],
)
def test_a_files_number_is_a_verdict_or_a_weight(
    factor: int, reverse: bool, value: int, failed: bool, weight: int | None
) -> None:
    found = file_probe.meaning(File("/run/x", factor, reverse), value, f"holds {value}")
    assert (not found.passed, found.weight) == (failed, weight)


def test_a_file_is_read_and_counts_as_0_while_it_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "drain"
    notes: list[str] = []

    async def scene() -> None:
        check = Check("web", file=File(str(path)))
        assert (await result_of(check, notes)).outcome.passed
        path.write_text("1\n")
        found = await result_of(check)
        assert (found.outcome.failure, found.outcome.words) == (Failure.CONTENT, f"{path} holds 1")
        path.write_text("many\n")
        assert (await result_of(check)).outcome.words == f'{path} holds no whole number: "many"'

    play(scene)
    assert notes == [f"{path} is not there, and counts as 0"]
