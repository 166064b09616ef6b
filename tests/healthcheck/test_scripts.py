"""Scripts that are run: what counts as good, what as bad, and that no run ever overlaps the next."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from havip.clock import milliseconds, monotonic
from havip.config.tracking import Script, Start
from havip.healthcheck.scripts import ScriptCheck
from tests.healthcheck.telling import Told, play, program

FAST = milliseconds(20)


def script(*command: str, **more: Any) -> Script:
    return Script("web", command, **{"interval": FAST, "timeout": milliseconds(5000)} | more)


def started(one: Script, told: Told, good: bool | None = None) -> ScriptCheck:
    check = ScriptCheck(one, good, told)
    check.start(monotonic())
    return check


def test_exit_code_0_is_good() -> None:
    async def scene() -> None:
        told = Told()
        check = started(script("/usr/bin/true"), told)
        assert (await told.until(lambda result: True)).good
        check.stop()

    play(scene)


def broken(folder: Path) -> list[tuple[str, str]]:
    """Return commands that are bad, and what is said of each."""
    bad_interpreter = folder / "interpreter"
    bad_interpreter.write_text("#!/nowhere/python\n")
    bad_interpreter.chmod(0o755)
    garbage = folder / "garbage"
    garbage.write_text("what is this\n")
    garbage.chmod(0o755)
    return [
        (program(folder / "three", "exit 3"), "ended with exit code 3"),
        (program(folder / "words", "echo first >&2; echo no answer >&2; exit 1"), "exit code 1: no answer"),
        (program(folder / "killed", "kill -9 $$"), "was killed by SIGKILL"),
        (program(folder / "plain", "exit 0", mode=0o644), "cannot be run: "),
        (str(folder / "nowhere"), "cannot be run: "),
        (str(bad_interpreter), "cannot be run: "),
        (str(garbage), "cannot be run: "),
        (str(folder), "cannot be run: "),
    ]


@pytest.mark.parametrize("number", range(8))
def test_everything_but_exit_code_0_is_bad(tmp_path: Path, number: int) -> None:
    command, why = broken(tmp_path)[number]

    async def scene() -> None:
        told = Told()
        check = started(script(command), told)
        result = await told.until(lambda result: True)
        assert not result.good
        assert why in result.why
        check.stop()

    play(scene)


def test_a_user_that_is_gone_by_now_is_a_failed_run() -> None:
    async def scene() -> None:
        told = Told()
        check = started(script("/usr/bin/true", user="nemo"), told)
        result = await told.until(lambda result: True)
        assert result.why == 'cannot be run: there is no user "nemo"'
        check.stop()

    play(scene)


def test_a_script_runs_as_its_user(tmp_path: Path) -> None:
    async def scene() -> None:
        told = Told()
        command = ("/bin/sh", "-c", 'test "$(id -un)" = nobody && test "$(id -g)" = "$(id -g nobody)"')
        check = started(script(*command, user="nobody"), told)
        assert (await told.until(lambda result: True)).good
        check.stop()

    play(scene)


def test_it_takes_rise_and_fall_runs_to_turn_the_verdict(tmp_path: Path) -> None:
    flag, runs = tmp_path / "flag", tmp_path / "runs"
    flag.touch()
    command = program(tmp_path / "check", f"echo >>{runs}; test -e {flag}")

    async def scene() -> None:
        told = Told()
        check = started(script(command, rise=3, fall=4), told)
        await told.until(lambda result: result.good)
        flag.unlink()
        before = runs.stat().st_size
        await told.until(lambda result: not result.good)
        assert runs.stat().st_size - before >= 4
        flag.touch()
        before = runs.stat().st_size
        await told.until(lambda result: result.good, 2)
        assert runs.stat().st_size - before >= 3
        assert [result.good for result in told.results] == [True, False, True]
        check.stop()

    play(scene)


def test_what_starts_failed_says_so_before_its_first_run(tmp_path: Path) -> None:
    async def scene() -> None:
        told = Told()
        check = started(script("/usr/bin/true", start=Start.FAILED, rise=2), told)
        await told.until(lambda result: result.good)
        assert [result.why for result in told.results] == ["has not been good often enough yet", "is good"]
        check.stop()

    play(scene)


def test_a_verdict_of_an_earlier_life_needs_as_many_runs_to_turn(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    command = program(tmp_path / "check", f"echo >>{runs}; exit 1")

    async def scene() -> None:
        told = Told()
        check = started(script(command, fall=3), told, good=True)
        await told.until(lambda result: not result.good)
        assert [result.good for result in told.results] == [True, False]
        assert runs.stat().st_size >= 3
        check.stop()

    play(scene)


def test_a_script_that_hangs_is_bad_at_its_timeout_and_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    # It heeds no SIGTERM, nor does its child.
    text = f"trap '' TERM; sleep 1000 & echo $$ $! >{pids}.new; mv {pids}.new {pids}; wait; wait; sleep 1000"
    command = program(tmp_path / "check", text)

    async def scene() -> None:
        told = Told()
        check = started(script(command, timeout=milliseconds(300), interval=milliseconds(100)), told)
        result = await told.until(lambda result: True)
        assert result.why == "did not end within 300ms"
        first = [int(pid) for pid in pids.read_text().split()]
        assert alive(first[0])  # SIGTERM did not end it, and SIGKILL comes 2 s later
        command_two = program(tmp_path / "check", f"echo done >{tmp_path}/after")
        assert command_two == command
        await told.until(lambda result: result.good)
        assert [pid for pid in first if alive(pid)] == []
        check.stop()

    play(scene)


def alive(pid: int) -> bool:
    """Say whether a process runs; one that only waits to be noticed by its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_run_that_outlasts_the_interval_is_never_joined_by_another(tmp_path: Path) -> None:
    lock, runs = tmp_path / "lock", tmp_path / "runs"
    text = f"mkdir {lock} || exit 9; sleep 0.1; rmdir {lock}; echo >>{runs}; test $(wc -l <{runs}) -lt 4"
    command = program(tmp_path / "check", text)

    async def scene() -> None:
        told = Told()
        check = started(script(command), told)
        result = await told.until(lambda result: not result.good)
        assert result.why == "ended with exit code 1"
        check.stop()

    play(scene)


def test_a_stopped_check_kills_its_run(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    command = program(tmp_path / "check", f"echo $$ >{fifo}; exec sleep 1000")

    async def scene() -> None:
        told = Told()
        check = started(script(command), told)
        text = await asyncio.to_thread(fifo.read_text)
        pidfd = os.pidfd_open(int(text))
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, gone.set)
        check.stop()
        async with asyncio.timeout(15):
            await gone.wait()
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)
        assert told.results == []

    play(scene)
