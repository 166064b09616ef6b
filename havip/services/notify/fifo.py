"""One FIFO that gets a line for each change, and the program that may read it.

Nothing here waits for a reader: the kernel keeps 64 KiB, this keeps a bounded number of lines, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
from collections import deque
from typing import Any, Final

from havip.backoff import LONGEST_PAUSE, pause_after
from havip.config.notify import Fifo
from havip.programs import CannotRun, Run, identify
from havip.waiting import happens

log = logging.getLogger("havip.notify")

MOST_WAITING: Final = 4096  # lines that no reader has taken, beside what the kernel keeps
MODE: Final = 0o600


class Pipe:
    """The FIFO of one entry of the configuration."""

    def __init__(self, spec: Fifo) -> None:
        self.spec = spec
        self._fd = -1
        self._made = False
        self._waiting: deque[bytes] = deque()
        self._drained = asyncio.Event()
        self._drained.set()
        self._reader: Run | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._trouble = ""
        self.written = 0
        self.dropped = 0
        self.restarts = 0

    def open(self) -> None:
        """Make the FIFO if it is not there, open it, and start its reader."""
        try:
            self._open()
        except (OSError, CannotRun) as error:
            self._complain(f"cannot be used: {getattr(error, 'strerror', None) or error}")
            return
        if self.spec.script and self._keeper is None:
            self._keeper = asyncio.get_running_loop().create_task(self._keep_reader())

    def write(self, line: bytes) -> None:
        """Write a line, or keep it until the reader has made room."""
        if self._fd < 0 or not self._is_ours():
            self._shut()
            self.open()
        if self._fd < 0:
            self.dropped += 1
        elif self._waiting or not self._push(line):
            self._keep(line)

    def status(self) -> dict[str, Any]:
        """Return what `status` shows."""
        return {
            "path": self.spec.path,
            "about": str(self.spec.about),
            "queued": len(self._waiting),
            "written": self.written,
            "dropped": self.dropped,
            "reader": None if self._reader is None else self._reader.pid,
            "reader_restarts": self.restarts,
            "trouble": self._trouble or None,
        }

    def remove(self) -> None:
        """Remove the FIFO itself if we made it; who holds it open still gets what is in it."""
        if self._made:
            with contextlib.suppress(OSError):
                os.unlink(self.spec.path)
            self._made = False

    async def close(self, within: float) -> None:
        """Give the reader so many seconds to take what waits, end it, and remove the FIFO if we made it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within
        if self._fd >= 0:
            await happens(self._drained, within)
        reader = self._reader
        self._shut()  # the end of file, once everything was read
        self.remove()
        if self._keeper is not None:
            keeper, self._keeper = self._keeper, None
            if reader is not None:
                await reader.leave(max(0.0, deadline - loop.time()))
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
        self.dropped += len(self._waiting)
        self._waiting.clear()

    def _open(self) -> None:
        spec = self.spec
        who = identify(spec.user, spec.group)
        try:
            os.mkfifo(spec.path, MODE)
            self._made = True
            if who is not None:
                os.chown(spec.path, who.uid, who.gid)
        except FileExistsError:
            pass
        # Open for both: no reader need be there, and none that leaves takes unread lines with it.
        fd = os.open(spec.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        found = os.fstat(fd)
        if not stat.S_ISFIFO(found.st_mode) or found.st_uid not in {0, os.geteuid(), who.uid if who else 0}:
            os.close(fd)
            raise CannotRun("what is there is not a FIFO of ours")
        self._fd = fd
        if self._trouble:
            log.info("FIFO %s can be used again", spec.path)
            self._trouble = ""

    def _is_ours(self) -> bool:
        """Say whether the path still leads to what we hold open."""
        try:
            return os.path.samestat(os.stat(self.spec.path), os.fstat(self._fd))
        except OSError:
            return False

    def _push(self, line: bytes) -> bool:
        """Write a line if there is room; lines are shorter than PIPE_BUF, so never in part."""
        try:
            os.write(self._fd, line)
        except BlockingIOError:
            return False
        except OSError as error:
            self._complain(f"cannot be written: {error.strerror}")
            self.dropped += 1
            return True
        self.written += 1
        return True

    def _keep(self, line: bytes) -> None:
        if not self._waiting:
            asyncio.get_running_loop().add_writer(self._fd, self._go_on)
            self._drained.clear()
        self._waiting.append(line)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self.dropped += 1
            self._complain(f"nobody reads it: the oldest of {MOST_WAITING} waiting lines are dropped")

    def _go_on(self) -> None:
        while self._waiting and self._push(self._waiting[0]):
            self._waiting.popleft()
        if not self._waiting:
            asyncio.get_running_loop().remove_writer(self._fd)
            self._drained.set()

    def _shut(self) -> None:
        if self._fd >= 0:
            asyncio.get_running_loop().remove_writer(self._fd)
            os.close(self._fd)
            self._fd = -1

    def _complain(self, what: str) -> None:
        if self._trouble != what:
            self._trouble = what
            log.error("FIFO %s %s", self.spec.path, what)

    async def _keep_reader(self) -> None:
        """Run the reader, again and again: at once, and later the more often it has failed."""
        loop = asyncio.get_running_loop()
        words = (*self.spec.script, self.spec.path)
        failures = 0
        while True:
            started_at = loop.time()
            try:
                self._reader = Run(words, identify(self.spec.user, self.spec.group))
                outcome = str(await self._reader.result())
            except CannotRun as error:
                outcome = f"cannot be run: {error}"
            self._reader = None
            if self._keeper is None:
                return  # it was to end
            failures = 1 if loop.time() - started_at > LONGEST_PAUSE else failures + 1
            pause = pause_after(failures)
            log.error("the reader %s of FIFO %s %s; starting it again in %g s", words[0], words[-1], outcome,
                      pause)  # fmt: skip
            await asyncio.sleep(pause)
            self.restarts += 1
