"""Scripts that a killed checker leaves running are ended before its successor runs them again."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from havip.clock import milliseconds, monotonic
from havip.config.tracking import Script
from havip.healthcheck import runs
from havip.healthcheck.runs import Runs
from havip.healthcheck.scripts import ScriptCheck
from tests.healthcheck.telling import Told, play, program


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/usr/bin/sleep", "1000"], start_new_session=True)


def test_what_was_not_struck_out_is_killed_and_nothing_else() -> None:
    page = runs.create()
    ended, left, foreign = sleeper(), sleeper(), sleeper()
    try:
        written = Runs(page)
        for process in (ended, left):
            written.begin(process.pid)
        written.end(ended.pid)
        assert runs.end_leftovers(page) == [left.pid]
        assert left.wait(15) == -9
        assert (ended.poll(), foreign.poll()) == (None, None)
        assert runs.end_leftovers(page) == []
    finally:
        for process in (ended, left, foreign):
            process.kill()
            process.wait()
        os.close(page)


def test_a_number_that_is_somebody_elses_by_now_is_left_alone() -> None:
    page = runs.create()
    process = sleeper()
    try:
        os.pwrite(page, runs.RECORD.pack(process.pid, 1), 0)  # began at another time
        os.pwrite(page, runs.RECORD.pack(1, runs.began_at(1) or 0), runs.RECORD.size)
        assert runs.end_leftovers(page) == []
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        os.close(page)


def test_a_run_is_written_down_while_it_lasts(tmp_path: Path) -> None:
    page = runs.create()
    command = program(tmp_path / "check", "exit 0")

    async def scene() -> None:
        told = Told()
        script = Script("web", (command,), interval=milliseconds(10), timeout=milliseconds(5000))
        check = ScriptCheck(script, None, told, Runs(page))
        check.start(monotonic())
        await told.until(lambda result: result.good)
        check.stop()

    play(scene)
    assert os.fstat(page).st_size == runs.RECORD.size  # one place, used again and again
    assert runs.end_leftovers(page) == []
    os.close(page)
