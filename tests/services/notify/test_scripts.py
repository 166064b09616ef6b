"""Notify scripts as real processes: in order, side by side, slow, failing, never in the way of the end."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from havip.clock import milliseconds, seconds
from havip.config.notify import Notify
from havip.services.notify import scripts as module
from havip.services.notify.news import News
from havip.services.notify.scripts import Scripts
from tests.services.notify.conftest import PATIENCE

Make = Callable[..., News]


@pytest.fixture
def record(tmp_path: Path) -> tuple[str, Path]:
    """Return a script that writes down its arguments, and the file in which it does."""
    script, out = tmp_path / "record", tmp_path / "out"
    script.write_text(f'#!/bin/sh\necho "$@" >> {out}\n')
    script.chmod(0o755)
    return str(script), out


def test_each_change_runs_its_own_program_and_then_the_general_one(
    record: tuple[str, Path], news: Make
) -> None:
    script, out = record
    settings = Notify(master=(script, "m"), backup=(script, "b"), any=(script, "any"))

    async def main() -> Scripts:
        scripts = Scripts()
        for event in ("BACKUP", "MASTER", "FAULT"):
            scripts.tell(news(event), settings)
        await scripts.finish(PATIENCE)
        return scripts

    status = asyncio.run(main()).status()
    assert out.read_text().splitlines() == [
        "b", "any INSTANCE gateway BACKUP 100", "m", "any INSTANCE gateway MASTER 100",
        "any INSTANCE gateway FAULT 100",
    ]  # fmt: skip
    assert (status["done"], status["failed"], status["queued"], status["running"]) == (3, 0, 0, 0)


def test_a_slow_script_holds_up_its_own_router_only(
    tmp_path: Path, record: tuple[str, Path], news: Make
) -> None:
    script, out = record
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    slow = Notify(master=("/bin/sh", "-c", f"read x < {gate}; echo slow >> {out}"), any=(script,))

    async def main() -> None:
        scripts = Scripts()
        scripts.tell(news("MASTER"), slow)
        scripts.tell(news("BACKUP"), Notify(any=(script,)))
        other = Scripts()
        scripts.tell(news("MASTER", "far"), Notify(any=(script,)))
        while not out.exists():
            await asyncio.sleep(0.01)
        assert out.read_text() == "INSTANCE far MASTER 100\n"
        gate_fd = os.open(gate, os.O_WRONLY)
        os.write(gate_fd, b"go\n")
        await scripts.finish(PATIENCE)
        os.close(gate_fd)
        await other.finish(PATIENCE)

    asyncio.run(main())
    assert out.read_text().splitlines() == [
        "INSTANCE far MASTER 100", "slow", "INSTANCE gateway MASTER 100", "INSTANCE gateway BACKUP 100",
    ]  # fmt: skip


def test_a_failing_or_hanging_script_is_logged_and_the_next_one_runs(
    record: tuple[str, Path], news: Make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    script, out = record
    failing = Notify(master=("/bin/sh", "-c", "echo 'no route' >&2; exit 3"), any=(script,))
    hanging = Notify(backup=("/bin/sleep", "1000"), any=(script,), timeout=milliseconds(100))

    async def main() -> Scripts:
        scripts = Scripts()
        scripts.tell(news("MASTER"), failing)
        scripts.tell(news("BACKUP"), hanging)
        scripts.tell(news("FAULT"), Notify(any=("/nowhere/script",)))
        await scripts.finish(PATIENCE)
        return scripts

    status = asyncio.run(main()).status()
    assert "gateway: MASTER: notify script /bin/sh ended with exit code 3: no route" in caplog.messages
    hung = "gateway: BACKUP: notify script /bin/sleep did not end in time and was killed"
    assert hung in caplog.messages
    lost = "gateway: FAULT: notify script /nowhere/script cannot be run: No such file or directory"
    assert lost in caplog.messages
    assert out.read_text().splitlines() == ["INSTANCE gateway MASTER 100", "INSTANCE gateway BACKUP 100"]
    assert (status["done"], status["failed"]) == (0, 3)
    assert status["last"]["result"] == "cannot be run: No such file or directory"


def test_superseded_changes_are_skipped_and_counted_and_the_newest_runs(
    record: tuple[str, Path], news: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    script, out = record
    monkeypatch.setattr(module, "MOST_WAITING", 2)

    async def main() -> Scripts:
        scripts = Scripts()
        for event in ("MASTER", "BACKUP", "MASTER", "BACKUP", "FAULT"):
            scripts.tell(news(event), Notify(any=(script,)))
        await scripts.finish(PATIENCE)
        return scripts

    status = asyncio.run(main()).status()
    told = [line.split()[2] for line in out.read_text().splitlines()]
    assert told == ["MASTER", "BACKUP", "FAULT"]
    assert (status["done"], status["dropped"]) == (3, 2)
    assert sum("too many changes wait" in line for line in caplog.messages) == 2


def test_a_thousand_routers_do_not_mean_a_thousand_processes(
    news: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_RUNNING", 3)

    async def main() -> list[int]:
        scripts = Scripts()
        seen = []
        for number in range(12):
            scripts.tell(news("MASTER", f"gw{number}"), Notify(any=("/bin/sh", "-c", "exit 0")))
            seen.append(scripts.status()["running"])
        await scripts.finish(PATIENCE)
        assert scripts.status()["done"] == 12
        return seen

    assert max(asyncio.run(main())) == 3


def test_the_end_waits_a_bounded_time_and_kills_what_is_left(
    tmp_path: Path, news: Make, caplog: pytest.LogCaptureFixture
) -> None:
    pid = tmp_path / "pid"
    stubborn = Notify(any=("/bin/sh", "-c", f"trap '' TERM; echo $$ > {pid}; sleep 1000"))

    async def main() -> None:
        scripts = Scripts()
        scripts.tell(news("STOP"), stubborn)
        scripts.tell(news("STOP"), stubborn)
        while not pid.exists() or not pid.read_text():
            await asyncio.sleep(0.01)
        process, dead = os.pidfd_open(int(pid.read_text())), asyncio.Event()
        asyncio.get_running_loop().add_reader(process, dead.set)
        await scripts.finish(0.05)
        assert scripts.status()["dropped"] == 1
        async with asyncio.timeout(PATIENCE):
            await dead.wait()
        asyncio.get_running_loop().remove_reader(process)
        os.close(process)

    asyncio.run(main())
    assert "gateway: STOP: notify script /bin/sh was killed: the daemon ends" in caplog.messages


def test_scripts_find_what_happened_in_their_environment(tmp_path: Path, news: Make) -> None:
    out = tmp_path / "out"

    async def main() -> None:
        scripts = Scripts()
        scripts.tell(news("MASTER"), Notify(any=("/bin/sh", "-c", f"env | grep ^HAVIP | sort > {out}")))
        await scripts.finish(PATIENCE)

    asyncio.run(main())
    assert out.read_text().splitlines() == [
        "HAVIP_EVENT=MASTER", "HAVIP_KIND=router", "HAVIP_NAME=gateway", "HAVIP_PREVIOUS_STATE=BACKUP",
        "HAVIP_PRIORITY=100", "HAVIP_STATE=MASTER", "HAVIP_WHY=why",
    ]  # fmt: skip


def test_a_script_gets_the_rights_that_the_router_names(news: Make) -> None:
    script = ("/bin/sh", "-c", "test $(id -u) = 65534 || exit 9")

    async def main() -> Scripts:
        scripts = Scripts()
        scripts.tell(news("MASTER"), Notify(master=script, user="nobody", timeout=seconds(10)))
        await scripts.finish(PATIENCE)
        return scripts

    assert asyncio.run(main()).status()["done"] == 1
