"""Tracked files: whatever happens to them on their way is noticed, and nothing is read half-written."""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from havip.config.tracking import TrackedFile
from havip.healthcheck import files, inotify
from havip.healthcheck.files import FileWatch
from tests.healthcheck.telling import Told, play

Scene = Callable[[FileWatch, Told], Coroutine[Any, Any, None]]


def watched(path: Path, scene: Scene, fresh: bool = True, **more: Any) -> Told:
    """Play a scene with one tracked file."""
    kept: list[Told] = []

    async def run() -> None:
        told = Told()
        kept.append(told)
        watch = FileWatch(told)
        watch.put(TrackedFile("load", str(path), **more), fresh)
        try:
            await scene(watch, told)
        finally:
            watch.stop()

    play(run)
    return kept[0]


async def holds(told: Told, value: int) -> None:
    await told.until(lambda result: result.good and result.why == f"holds {value}")


async def absent(told: Told, count: int = 1) -> None:
    result = await told.until(lambda result: result.why == "is not there, and counts as 0", count)
    assert (result.good, result.value) == (True, 0)


def test_a_file_is_read_when_it_comes_changes_is_replaced_and_goes(tmp_path: Path) -> None:
    path = tmp_path / "load"

    async def scene(watch: FileWatch, told: Told) -> None:
        await absent(told)
        path.write_text("5\n")
        await holds(told, 5)
        path.write_text("6\n")
        await holds(told, 6)
        (tmp_path / "new").write_text("7\n")
        (tmp_path / "new").rename(path)
        await holds(told, 7)
        path.unlink()
        await absent(told, 2)
        path.write_text("abc")
        result = await told.until(lambda result: not result.good)
        assert result.why == 'holds no whole number: "abc"'
        path.rename(tmp_path / "old")
        await absent(told, 3)

    told = watched(path, scene)
    # A writer empties the file first: that was never taken for its content.
    assert "is empty" not in [result.why for result in told.results]


def test_a_directory_may_come_later_go_and_come_again(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    path = deep / "load"

    async def scene(watch: FileWatch, told: Told) -> None:
        await absent(told)
        deep.mkdir(parents=True)
        path.write_text("1\n")
        await holds(told, 1)
        (tmp_path / "a").rename(tmp_path / "away")
        await absent(told, 2)
        deep.mkdir(parents=True)
        path.write_text("2\n")
        await holds(told, 2)
        path.unlink()
        deep.rmdir()
        await absent(told, 3)
        (tmp_path / "away").rename(tmp_path / "was")
        (tmp_path / "a").rmdir()
        (tmp_path / "was").rename(tmp_path / "a")
        await told.until(lambda result: result.why == "holds 1", 2)

    watched(path, scene)


def test_symbolic_links_are_followed_and_a_changed_one_is_noticed(tmp_path: Path) -> None:
    """As Kubernetes publishes a file: load -> ..data/load, and ..data is replaced."""
    for number in (1, 2):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "load").write_text(f"{number}\n")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "load").symlink_to("..data/load")

    async def scene(watch: FileWatch, told: Told) -> None:
        await holds(told, 1)
        (tmp_path / "..tmp").symlink_to("..2")
        (tmp_path / "..tmp").rename(tmp_path / "..data")
        await holds(told, 2)
        (tmp_path / "..2" / "load").write_text("3\n")
        await holds(told, 3)

    watched(tmp_path / "load", scene)


def test_a_file_that_cannot_be_read_is_bad_and_holds_nobody_up(tmp_path: Path) -> None:
    path = tmp_path / "load"
    os.mkfifo(path)

    async def scene(watch: FileWatch, told: Told) -> None:
        await told.until(lambda result: not result.good and result.why == "is not a file")
        path.unlink()
        await absent(told)
        path.mkdir()
        await told.until(lambda result: not result.good, 2)
        path.rmdir()
        path.symlink_to(path)
        await told.until(lambda result: "Too many levels" in result.why)

    watched(path, scene)


@pytest.mark.parametrize(
    ("before", "overwrite", "after"), [(None, False, "7\n"), ("3\n", False, "3\n"), ("3\n", True, "7\n")]
)
def test_an_initial_value_is_written_once(
    tmp_path: Path, before: str | None, overwrite: bool, after: str
) -> None:
    path = tmp_path / "load"
    if before is not None:
        path.write_text(before)

    async def scene(watch: FileWatch, told: Told) -> None:
        await holds(told, int(after))

    watched(path, scene, initial=7, overwrite=overwrite)
    assert path.read_text() == after
    path.write_text("9\n")
    watched(path, lambda watch, told: holds(told, 9), fresh=False, initial=7, overwrite=overwrite)
    assert path.read_text() == "9\n"


def test_an_initial_value_is_not_written_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("3\n")
    (tmp_path / "load").symlink_to(target)
    watched(tmp_path / "load", lambda watch, told: holds(told, 3), initial=7, overwrite=True)
    assert target.read_text() == "3\n"


def test_a_dropped_file_is_told_no_more(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"

    async def scene(watch: FileWatch, told: Told) -> None:
        await absent(told)
        watch.put(TrackedFile("other", str(other)), fresh=False)
        watch.drop("load")
        one.write_text("1\n")
        other.write_text("2\n")
        await holds(told, 2)
        assert {result.name for result in told.results if result.value} == {"other"}

    watched(one, scene)


def test_without_inotify_files_are_looked_at_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(files, "Inotify", refuse)
    monkeypatch.setattr(files, "LOOK_EVERY_WITHOUT_NEWS", 0.01)
    path = tmp_path / "load"

    async def scene(watch: FileWatch, told: Told) -> None:
        await absent(told)
        path.write_text("5\n")
        await holds(told, 5)

    watched(path, scene)
    assert (
        "no news of files ([Errno 24] Too many open files): looking at them every second" in caplog.messages
    )


def test_what_inotify_could_not_keep_is_made_up_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "load"
    lost = [inotify.News(-1, inotify.OVERFLOW, "")]

    async def scene(watch: FileWatch, told: Told) -> None:
        await absent(told)
        real = watch._inotify
        assert real is not None
        monkeypatch.setattr(real, "read", lambda: (list(inotify.Inotify.read(real)), lost)[1])
        path.write_text("5\n")
        await holds(told, 5)

    watched(path, scene)
