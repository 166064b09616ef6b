"""What hears a daemon's notifications: a FIFO that is read at once, a script that keeps its arguments."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

PATIENCE = 15.0


class Fifo:
    """A FIFO that is there before the daemon; ``lines`` are those read so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path, 0o600)
        self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # so no writer's end is the end of file
        self._rest = b""
        self.lines: list[str] = []

    def wait_for(self, line: str) -> None:
        """Return once ``line`` has come after all that was waited for before."""
        seen = len(self.lines)
        deadline = time.monotonic() + PATIENCE
        while line not in self.lines[seen:]:
            ready, _, _ = select.select([self._fd], [], [], deadline - time.monotonic())
            if not ready:
                raise AssertionError(f"{line!r} never came, but {self.lines}")
            *whole, self._rest = (self._rest + os.read(self._fd, 65536)).split(b"\n")
            for one in whole:
                self.lines.append(one.decode())
                if one.decode() == line:
                    seen = min(seen, len(self.lines) - 1)

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
