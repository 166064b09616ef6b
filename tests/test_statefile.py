"""What is stored is there after a crash at any moment, and what is damaged is never taken for nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from havip import statefile
from havip.statefile import Unreadable, Unwritable


class PowerLoss(BaseException):
    """The machine stops here."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lib" / "havip" / "operator.json"


def test_no_file_is_no_state(file: Path) -> None:
    assert statefile.read(file) is None


def test_what_was_written_is_read_back_and_nobody_else_can_read_it(file: Path) -> None:
    statefile.write(file, {"a": [1, "two"]})
    assert statefile.read(file) == {"a": [1, "two"]}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["operator.json"]


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_crash_between_write_and_rename_leaves_the_old_state(
    moment: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statefile.write(file, {"old": True})

    def crash(*_: object) -> None:
        raise PowerLoss

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "fsync") if moment == "fsync" else (Path, "replace")), crash)
        with pytest.raises(PowerLoss):
            statefile.write(file, {"new": True})
    assert (file.parent / "operator.json.new").exists()  # as a crash leaves it
    assert statefile.read(file) == {"old": True}
    statefile.write(file, {"new": True})
    assert statefile.read(file) == {"new": True}


def test_the_data_is_on_the_disk_before_the_name_and_the_name_before_the_end(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    sync, replace = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        order.append("directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        sync(descriptor)

    def note_replace(path: Path, target: Path) -> Path:
        order.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_replace)
    statefile.write(file, {})
    assert order == ["file", "rename", "directory"]


@pytest.mark.parametrize("text", [b"", b"{", b'{"a": 1', b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_file_is_not_taken_for_an_empty_one(text: bytes, file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(text)
    with pytest.raises(Unreadable, match=r"operator\.json is damaged"):
        statefile.read(file)


def test_a_file_that_cannot_be_read_is_not_taken_for_none(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(Unreadable, match="cannot be read: Is a directory"):
        statefile.read(file)


def test_what_cannot_be_stored_is_said_and_changes_nothing(file: Path) -> None:
    statefile.write(file, {"old": True})
    (file.parent / "operator.json.new").mkdir()
    with pytest.raises(Unwritable, match=r"operator\.json cannot be written"):
        statefile.write(file, {"new": True})
    assert statefile.read(file) == {"old": True}


def test_a_link_in_the_way_is_replaced_and_not_followed(file: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    file.parent.mkdir(parents=True)
    (file.parent / "operator.json.new").symlink_to(victim)
    statefile.write(file, {"new": True})
    assert victim.read_text() == "untouched"
    assert statefile.read(file) == {"new": True}
