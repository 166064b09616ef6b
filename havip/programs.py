"""Runs an operator's own programs: no shell, their own session, a bounded time, the rights they were given.

The one file that starts scripts.  It knows nothing of why they run.  `havip.permission` says in advance
which must not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from typing import IO, Any, Final

from havip.permission import CannotRun, Identity, identify, objection, ourselves
from havip.waiting import happens

__all__ = ["CannotRun", "Identity", "Outcome", "Run", "identify", "objection", "run"]

GRACE: Final = 2.0  # seconds between SIGTERM and SIGKILL
TAIL: Final = 4096  # bytes of its stderr that are kept
LONGEST_LINE: Final = 200  # characters of it that are told

#: what the service manager told us and not them
OURS_ALONE: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID",
                     "LISTEN_FDNAMES", "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    code: int | None = None  # exit code; None: it was killed, or never ran
    killed_by: int = 0  # number of the signal
    timed_out: bool = False
    error: str = ""  # why it never ran
    line: str = ""  # the last that it wrote to stderr

    @property
    def ok(self) -> bool:
        """Say whether it did what it was run for."""
        return self.code == 0 and not self.timed_out

    def __str__(self) -> str:
        if self.error:
            return f"cannot be run: {self.error}"
        if self.timed_out:
            how = "did not end in time and was killed"
        elif self.code is None:
            how = f"was killed by {signal_name(self.killed_by)}"
        else:
            how = f"ended with exit code {self.code}"
        return f"{how}: {self.line}" if self.line else how


def signal_name(number: int) -> str:
    """Return SIGKILL for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Run:
    """One program that runs, in a session of its own, with everything that it starts there."""

    def __init__(
        self, words: Sequence[str], who: Identity | None = None, more: Mapping[str, str] | None = None
    ) -> None:
        """Start it; ``more`` joins its environment.  Raises `CannotRun`."""
        environment = {name: value for name, value in os.environ.items() if name not in OURS_ALONE}
        # Without a change of user the interpreter may use vfork, which does not copy our page tables.
        given: dict[str, Any] = {}
        if who is not None and who != ourselves():
            given = {"user": who.uid, "group": who.gid, "extra_groups": who.groups}
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                list(words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd="/",
                env=environment | dict(more or {}),
                start_new_session=True,
                **given,
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise CannotRun(getattr(error, "strerror", None) or str(error)) from None
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        # A file, which is closed with us where the loop ends before the program does.
        self._pidfd = FileIO(os.pidfd_open(self._process.pid))
        self._loop.add_reader(self._pidfd, self._on_end)
        self._abandoned = False
        assert self._process.stderr is not None
        self._stderr = Tail(self._process.stderr)

    @property
    def pid(self) -> int:
        """Return its process id, which is that of its session too."""
        return self._process.pid

    async def result(self, timeout: float | None = None) -> Outcome:
        """Return how it ended; what has not after ``timeout`` seconds is made to.

        What it left running in the background goes on, unless it had to be killed.  Cancelled, it kills.
        """
        try:
            timed_out = not await happens(self._ended, timeout)
            if timed_out:
                await self.end()
        except asyncio.CancelledError:
            self.abandon()
            raise
        return self._outcome(timed_out)

    async def leave(self, within: float) -> None:
        """Let it end by itself within so many seconds, or make it."""
        if not await happens(self._ended, within):
            await self.end()

    async def ends(self, within: float | None = None) -> bool:
        """Say whether it ends within so many seconds; None: wait for it."""
        return await happens(self._ended, within)

    async def end(self, grace: float = GRACE) -> None:
        """Make the program and all of its session end: SIGTERM, and SIGKILL for what heeds it not."""
        self._signal(signal.SIGTERM)
        await happens(self._ended, grace)
        self._signal(signal.SIGKILL)
        await self._ended.wait()

    def abandon(self) -> None:
        """Kill it if it still runs: nobody waits for it any more."""
        self._abandoned = True
        if self._ended.is_set():
            self._process.wait()
        else:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # Not reaped yet (`_outcome` does that), so its number cannot be somebody else's by now.
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def _on_end(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self._pidfd.close()
        self._ended.set()
        if self._abandoned:
            self._process.wait()

    def _outcome(self, timed_out: bool) -> Outcome:
        code = self._process.wait()
        line = self._stderr.last_line()
        if code < 0:
            return Outcome(killed_by=-code, timed_out=timed_out, line=line)
        return Outcome(code, timed_out=timed_out, line=line)


class Tail:
    """Reads a pipe to its end, however late that comes, and keeps the last of it.

    What a program left running in the background may still write: nobody closes the pipe under it.
    """

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self._kept = b""
        os.set_blocking(pipe.fileno(), False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pipe.fileno(), self._read)

    def _read(self) -> bool:
        """Take what is there; say whether there may be more."""
        try:
            data = os.read(self._pipe.fileno(), 1 << 16)
        except BlockingIOError:
            return False
        if data:
            self._kept = (self._kept + data)[-TAIL:]
            return True
        self._loop.remove_reader(self._pipe.fileno())
        self._pipe.close()
        return False

    def last_line(self) -> str:
        """Return the last line that is not empty so far."""
        for _ in range(16):  # as much as a pipe holds, and no more: somebody may go on writing
            if self._pipe.closed or not self._read():
                break
        lines = self._kept.decode(errors="replace").split("\n")
        line = next((stripped for line in reversed(lines) if (stripped := line.strip())), "")
        return "".join(c if c.isprintable() else " " for c in line)[:LONGEST_LINE]


async def run(
    words: Sequence[str], who: Identity | None, timeout: float, more: Mapping[str, str] | None = None
) -> Outcome:
    """Run a program to its end, which comes after ``timeout`` seconds and a little at the latest."""
    try:
        started = Run(words, who, more)
    except CannotRun as error:
        return Outcome(error=str(error))
    return await started.result(timeout)
