"""What hears a daemon's notifications: a FIFO that is read at once, a script that keeps its arguments."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from pathlib import Path

PATIENCE = 15.0


class Fifo:
    """A FIFO that is there before the daemon; ``lines`` are those read so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path, 0o600)
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # so no writer's end is the end of file
        self._rest = b""
        self._waited = 0  # lines up to the one that was last waited for
        self.lines: list[str] = []

    def wait_for(self, line: str) -> None:
        """Return once ``line`` has come after the one that was last waited for."""
        self.wait_until(lambda: line in self.lines[self._waited :], repr(line))
        self._waited = self.lines.index(line, self._waited) + 1

    def wait_until(self, come: Callable[[], bool], what: str) -> None:
        """Return once the lines are such."""
        deadline = time.monotonic() + PATIENCE
        while not come():
            ready, _, _ = select.select([self._fd], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"{what} never came, but {self.lines}")
            *whole, self._rest = (self._rest + os.read(self._fd, 65536)).split(b"\n")
            self.lines += [one.decode() for one in whole]

    def close(self) -> None:
        """Stop reading."""
        os.close(self._fd)


class Recorder:
    """A script that writes down what it was called with, a line for each run."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "record"
        self._out = folder / "recorded"
        self._out.touch()
        self.path.write_text(f'#!/bin/sh\necho "$@" >> {self._out}\n')
        self.path.chmod(0o755)

    @property
    def runs(self) -> list[str]:
        """Return the arguments of each run so far."""
        return self._out.read_text().splitlines()
