"""Runs an operator's own programs: no shell, their own session, a bounded time, the rights they were given.

The one file that starts scripts.  It knows nothing of why they run.  `objection` says in advance what
would keep one from running, or would let somebody else decide what it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
import signal
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

from havip.config.commands import Program
from havip.errors import HavipError

GRACE: Final = 2.0  # seconds between SIGTERM and SIGKILL
TAIL: Final = 4096  # bytes of its stderr that are kept
LONGEST_LINE: Final = 200  # characters of it that are told
MOST_LINKS: Final = 40  # symbolic links on the way to one file, as in the kernel

#: what the service manager told us and not them
OURS_ALONE: Final = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID",
                     "LISTEN_FDNAMES", "JOURNAL_STREAM", "CREDENTIALS_DIRECTORY")  # fmt: skip


class CannotRun(HavipError):
    """A program cannot be run, or must not be."""

    reason = "cannot-run"


@dataclass(frozen=True, slots=True)
class Identity:
    """The rights that a program runs with."""

    uid: int
    gid: int
    groups: tuple[int, ...]  # supplementary ones


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


def identify(user: str, group: str = "") -> Identity | None:
    """Return the rights that the names stand for; None: those that we have.  Raises `CannotRun`."""
    if not user and not group:
        return None
    try:
        if not user:
            entry = pwd.getpwuid(os.geteuid())
        else:
            entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    except KeyError:
        raise CannotRun(f'there is no user "{user}"') from None
    gid = entry.pw_gid
    if group:
        try:
            gid = (grp.getgrgid(int(group)) if group.isdigit() else grp.getgrnam(group)).gr_gid
        except KeyError:
            raise CannotRun(f'there is no group "{group}"') from None
    return Identity(entry.pw_uid, gid, tuple(os.getgrouplist(entry.pw_name, gid)))


def objection(program: Program) -> str | None:
    """Return why a program cannot be run as it is configured, or must not be; None: it can."""
    try:
        who = identify(program.user, program.group) or ourselves()
        if who.uid != os.geteuid() and os.geteuid() != 0:
            raise CannotRun("only root can run a program as another user")
        examine(program.words[0], who)
    except CannotRun as error:
        return str(error)
    return None


def ourselves() -> Identity:
    """Return the rights that we have."""
    return Identity(os.geteuid(), os.getegid(), tuple(os.getgroups()))


def examine(path: str, who: Identity, interprets: str = "") -> None:
    """Check a program, its way in the file system, and its interpreter.  Raises `CannotRun`."""
    last = path
    for step, status, parent in way_to(path):
        if who.uid == 0:
            must_be_roots_alone(step, status, parent)
        if stat.S_ISDIR(status.st_mode) and not may(who, status, 0o1):
            raise CannotRun(f"{step} may not be searched by user {who.uid}")
        last, final = step, status
    if not stat.S_ISREG(final.st_mode):
        raise CannotRun(f"{path} is not a file")
    if not may(who, final, 0o1):
        raise CannotRun(f"{path} is not executable" + (f" for user {who.uid}" if who.uid else ""))
    if who.uid == os.geteuid() and not os.access(last, os.X_OK):
        raise CannotRun(f"{path} is on a file system that allows no execution")
    interpreter = interpreter_of(last)
    if interpreter:
        if interprets:
            raise CannotRun(f"the interpreter of {interprets}, {path}, is itself a script")
        try:
            examine(interpreter, who, interprets=path)
        except CannotRun as error:
            raise CannotRun(f"its interpreter: {error}") from None


def way_to(path: str) -> Iterator[tuple[str, os.stat_result, os.stat_result | None]]:
    """Yield every directory, symbolic link and at last the file on the way to ``path``.

    Each with what lstat(2) says of it and of the directory that holds it.  Raises `CannotRun`.
    """
    here, rest, links = "/", [part for part in path.split("/") if part], 0
    parent: os.stat_result | None = None
    try:
        status = os.lstat(here)
        yield here, status, parent
        while rest:
            part = rest.pop(0)
            if part in (".", ".."):
                here = os.path.dirname(here) if part == ".." else here
                status = os.lstat(here)
                continue
            step, parent = os.path.join(here, part), status
            entry = os.lstat(step)
            yield step, entry, parent
            if stat.S_ISLNK(entry.st_mode):
                links += 1
                if links > MOST_LINKS:
                    raise CannotRun(f"{path} leads through too many symbolic links")
                target = os.readlink(step)
                rest = [piece for piece in target.split("/") if piece] + rest
                if target.startswith("/"):
                    here, status = "/", os.lstat("/")
            else:
                here, status = step, entry
    except OSError as error:
        raise CannotRun(f"{path}: {(error.strerror or str(error)).lower()}") from None


def must_be_roots_alone(step: str, status: os.stat_result, parent: os.stat_result | None) -> None:
    """Refuse what others could replace or rewrite, since it is to run as root.  Raises `CannotRun`.

    In a directory with the sticky bit others cannot touch what is root's.
    """
    if status.st_uid != 0:
        raise CannotRun(f"{step} belongs to user {status.st_uid}, and the program is to run as root")
    if stat.S_ISLNK(status.st_mode):
        return  # its mode means nothing: what it points to is on the way as well
    others = status.st_mode & stat.S_IWOTH or (status.st_mode & stat.S_IWGRP and status.st_gid != 0)
    if others and not (stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX):
        raise CannotRun(f"{step} can be written by others than root, and the program is to run as root")


def may(who: Identity, status: os.stat_result, bit: int) -> bool:
    """Say whether the permission bits let ``who`` in; ``bit`` is 1 to execute, 4 to read."""
    if who.uid == 0:
        return stat.S_ISDIR(status.st_mode) or bool(status.st_mode & 0o111) or bit != 0o1
    if who.uid == status.st_uid:
        return bool(status.st_mode & bit << 6)
    if status.st_gid == who.gid or status.st_gid in who.groups:
        return bool(status.st_mode & bit << 3)
    return bool(status.st_mode & bit)


def interpreter_of(path: str) -> str:
    """Return the path behind ``#!``, empty for a compiled program.  Raises `CannotRun` for anything else."""
    try:
        with open(path, "rb") as file:
            head = file.read(256)
    except OSError as error:
        raise CannotRun(f"{path} cannot be read: {error.strerror}") from None
    if head.startswith(b"\x7fELF"):
        return ""
    if not head.startswith(b"#!"):
        raise CannotRun(f"{path} is neither a compiled program nor does it begin with #!")
    words = head[2:].split(b"\n", 1)[0].split()
    interpreter = os.fsdecode(words[0]) if words else ""
    if not interpreter.startswith("/"):
        raise CannotRun(f'{path} names its interpreter "{interpreter}" without an absolute path')
    return interpreter


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
        self._pidfd = os.pidfd_open(self._process.pid)
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
        os.close(self._pidfd)
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


async def happens(event: asyncio.Event, within: float | None) -> bool:
    """Say whether an event comes within so many seconds; None: wait for it."""
    try:
        await asyncio.wait_for(event.wait(), within)
    except TimeoutError:
        return False
    return True


async def run(
    words: Sequence[str], who: Identity | None, timeout: float, more: Mapping[str, str] | None = None
) -> Outcome:
    """Run a program to its end, which comes after ``timeout`` seconds and a little at the latest."""
    try:
        started = Run(words, who, more)
    except CannotRun as error:
        return Outcome(error=str(error))
    return await started.result(timeout)
