"""FIFOs: no reader, a slow one, one that is started and ends, and what becomes of the file."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from havip.config.notify import Fifo
from havip.services.notify import fifo as module
from havip.services.notify.fifo import Pipe
from tests.services.notify.conftest import PATIENCE

LINE = b'INSTANCE "gateway" MASTER 100\n'


def test_a_fifo_is_made_for_its_owner_alone_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "fifo"

    async def main() -> None:
        pipe = Pipe(Fifo(str(path), user="nobody"))
        pipe.open()
        found = path.stat()
        assert stat.S_ISFIFO(found.st_mode)
        assert (stat.S_IMODE(found.st_mode), found.st_uid) == (0o600, 65534)
        await pipe.close(0.0)

    asyncio.run(main())
    assert not path.exists()


def test_lines_wait_in_the_fifo_until_a_reader_comes(tmp_path: Path) -> None:
    path = tmp_path / "fifo"

    async def main() -> None:
        pipe = Pipe(Fifo(str(path)))
        pipe.open()
        pipe.write(LINE)
        pipe.write(b'INSTANCE "gateway" BACKUP 100\n')
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        assert os.read(reader, 4096) == LINE + b'INSTANCE "gateway" BACKUP 100\n'
        os.close(reader)
        pipe.write(LINE)  # a reader that has left is no error
        assert pipe.status()["written"] == 3
        await pipe.close(0.0)

    asyncio.run(main())


def test_a_slow_reader_gets_every_line_in_order(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    count = 3000  # more than the kernel keeps in 64 KiB

    async def main() -> bytes:
        pipe = Pipe(Fifo(str(path)))
        pipe.open()
        for number in range(count):
            pipe.write(b'INSTANCE "gateway" MASTER_PRIORITY %d\n' % number)
        assert pipe.status()["queued"] > 0
        assert pipe.status()["dropped"] == 0
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        heard = b""
        while heard.count(b"\n") < count:
            try:
                heard += os.read(reader, 1 << 16)
            except BlockingIOError:
                await asyncio.sleep(0)
        os.close(reader)
        assert pipe.status()["queued"] == 0
        await pipe.close(0.0)
        return heard

    heard = asyncio.run(main())
    assert heard.splitlines() == [
        b'INSTANCE "gateway" MASTER_PRIORITY %d' % number for number in range(count)
    ]


def test_without_any_reader_the_oldest_lines_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 10)
    path = tmp_path / "fifo"

    async def main() -> int:
        pipe = Pipe(Fifo(str(path)))
        pipe.open()
        while pipe.status()["dropped"] < 3:
            pipe.write(LINE)
        assert pipe.status()["queued"] == 10
        await pipe.close(0.0)
        return int(pipe.status()["dropped"])

    assert asyncio.run(main()) == 13
    assert [line for line in caplog.messages if "nobody reads it" in line] == [
        f"FIFO {path} nobody reads it: the oldest of 10 waiting lines are dropped"
    ]


def test_a_fifo_that_is_there_already_is_used_and_left(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path, 0o640)

    async def main() -> None:
        pipe = Pipe(Fifo(str(path)))
        pipe.open()
        pipe.write(LINE)
        assert pipe.status()["written"] == 1
        await pipe.close(0.0)

    asyncio.run(main())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("what", ["file", "link", "foreign"])
def test_what_is_no_fifo_of_ours_is_not_written_to(
    tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "fifo"
    if what == "file":
        path.write_text("precious")
    elif what == "link":
        os.mkfifo(tmp_path / "real")
        path.symlink_to(tmp_path / "real")
    else:
        os.mkfifo(path)
        os.chown(path, 65534, 65534)

    async def main() -> None:
        pipe = Pipe(Fifo(str(path)))
        pipe.open()
        pipe.write(LINE)
        assert (pipe.status()["written"], pipe.status()["dropped"]) == (0, 1)
        await pipe.close(0.0)

    asyncio.run(main())
    assert any("cannot be used" in line for line in caplog.messages)
    if what == "file":
        assert path.read_text() == "precious"


def test_a_fifo_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "fifo"

    async def main() -> None:
        pipe = Pipe(Fifo(str(path)))
        pipe.open()
        path.unlink()
        pipe.write(LINE)
        assert pipe.status()["written"] == 1
        assert stat.S_ISFIFO(path.stat().st_mode)
        await pipe.close(0.0)

    asyncio.run(main())


@pytest.mark.usefixtures("_quick_retries")
def test_the_reader_is_started_started_again_and_reads_to_the_end(tmp_path: Path) -> None:
    path, out = tmp_path / "fifo", tmp_path / "out"
    script = tmp_path / "reader"
    # The first life reads one line and dies; the second reads what follows until the end of file.
    script.write_text(
        f'#!/bin/sh\nif [ ! -e {out} ]; then read line < "$1"; echo "$line" > {out}; exit 1; fi\n'
        f'while read line; do echo "$line" >> {out}; done < "$1"\necho end >> {out}\n'
    )
    script.chmod(0o755)

    async def main() -> None:
        pipe = Pipe(Fifo(str(path), script=(str(script),)))
        pipe.open()
        pipe.write(b"one\n")
        while not pipe.status()["reader_restarts"] or pipe.status()["reader"] is None:
            await asyncio.sleep(0.01)
        pipe.write(b"two\n")
        pipe.write(b"three\n")
        while "three" not in out.read_text():
            await asyncio.sleep(0.01)
        await pipe.close(PATIENCE)

    asyncio.run(main())
    assert out.read_text().splitlines() == ["one", "two", "three", "end"]
    assert not path.exists()


def test_a_reader_that_does_not_end_is_ended(tmp_path: Path) -> None:
    path, pid = tmp_path / "fifo", tmp_path / "pid"
    script = tmp_path / "reader"
    script.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 1000\n")
    script.chmod(0o755)

    async def main() -> None:
        pipe = Pipe(Fifo(str(path), script=(str(script),)))
        pipe.open()
        while not pid.exists() or not pid.read_text():
            await asyncio.sleep(0.01)
        await pipe.close(0.05)

    asyncio.run(main())
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)
