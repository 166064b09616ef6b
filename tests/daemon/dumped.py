"""Waits for the dumps of a daemon by the kernel's word that a file is in place."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from havip.healthcheck.inotify import MOVED_TO, Inotify

PATIENCE = 15.0


class Folder:
    """A folder whose files come one by one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inotify = Inotify()
        assert self._inotify.watch(str(path)) is not None

    def ask(self, pid: int, number: int, name: str, part: str = "", how: int = MOVED_TO) -> str:
        """Signal a process, and return what is in the file ``name`` once that has ``part`` in it."""
        for _ in self._inotify.read():
            pass
        os.kill(pid, number)
        while True:
            ready, _, _ = select.select([self._inotify], [], [], PATIENCE)
            assert ready, f"signal {number} had no file {name} written"
            if any(news.name == name and news.mask & how for news in self._inotify.read()):
                text = (self.path / name).read_text()
                if part in text:
                    return text

    def close(self) -> None:
        """Look no more."""
        self._inotify.close()


@contextmanager
def watched(path: Path) -> Iterator[Folder]:
    """Watch a folder for the length of a block."""
    path.mkdir(exist_ok=True)
    folder = Folder(path)
    try:
        yield folder
    finally:
        folder.close()
