"""Keeps a worker running: starts it, hears it, restarts it with back-off, ends it.

Knows processes and the channel; what the messages mean belongs to the supervisor.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Final

import havip
from havip.backoff import pause_after
from havip.channel import Channel, pair
from havip.clock import wall
from havip.config.model import Estate
from havip.errors import KernelRefused
from havip.healthcheck import runs
from havip.messages import Alive, Message, Resign
from havip.plain import Unfit
from havip.vrrp import blackbox
from havip.vrrp.kernel import Kernel
from havip.waiting import happens

log = logging.getLogger("havip.supervisor")

#: The VRRP worker needs the standard library and havip alone: `-S` spares it the search of site-packages.
BOOT: Final = (
    "import sys; sys.path.append({root!r}); from havip.vrrp.worker import main; main({channel}, {box})"
)
CHECKER_BOOT: Final = (
    "import sys; sys.path.append({root!r}); from havip.checker import main; main({channel}, {runs})"
)
CHECK_EVERY: Final = 1.0  # seconds between two looks at whether the worker still turns
ALIVE_WITHIN: Final = 2  # looks without a sign of life that are still no reason to worry
HUNG_AFTER: Final = 5  # looks without a sign of life before it is killed
SECOND_THOUGHT: Final = 0.5  # seconds in which to learn that a worker which ended in order was to end
SETTLED_AFTER: Final = 60.0  # seconds of life after which the count of restarts in a row begins again
LEAVE_WITHIN: Final = 5.0  # seconds that a worker gets to resign


class Worker:
    """One process, and our end of its channel.  A subclass says what it runs and what its end means."""

    name = ""
    title = ""  # for the log

    def __init__(
        self,
        on_start: Callable[[], None],
        on_message: Callable[[Message], None],
        on_end: Callable[[], None],
    ) -> None:
        self._on_start = on_start
        self._on_message = on_message
        self._on_end = on_end
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._pidfd = -1
        self._writing = False
        self._in_a_row = 0
        self._looks_without_life = 0
        self._leaving = False
        self._ended = asyncio.Event()
        self._ended_well = False
        self._started_at = 0.0  # by the loop's clock, which nobody sets
        self.restarts = 0
        self.since = 0.0  # by the wall's, for people

    def command(self, root: str, channel: int) -> list[str]:
        """Return what to run: havip is in the directory ``root``, the descriptor is the other end."""
        raise AssertionError(f"{type(self).__name__} runs nothing")

    def descriptors(self) -> tuple[int, ...]:
        """Return what the process inherits beside its end of the channel."""
        return ()

    def after_death(self) -> None:
        """Clean up what no next life may find."""

    def nobody_resumes(self) -> None:
        """Clean up after a process that nothing follows, or not soon enough."""

    @property
    def pid(self) -> int | None:
        """Return the process id, or None between two lives."""
        return self._process.pid if self._process is not None else None

    @property
    def alive(self) -> bool:
        """Say whether the worker has lately said so itself."""
        return self._process is not None and self._looks_without_life <= ALIVE_WITHIN

    @property
    def between_lives(self) -> bool:
        """Say whether the worker is dead and about to be started again."""
        return self._process is None and not self._leaving

    def start(self) -> None:
        """Start the process.  It waits for messages and touches nothing before they come.

        Raises OSError where the machine has no room for another process.
        """
        root = str(Path(havip.__file__).resolve().parent.parent)
        with ExitStack() as undo:
            channel, theirs = pair()
            undo.callback(channel.close)
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-I", *self.command(root, theirs.fileno())],
                    pass_fds=(theirs.fileno(), *self.descriptors()),
                    stdin=subprocess.DEVNULL,
                )
            undo.callback(process.wait)
            undo.callback(process.kill)
            self._pidfd = os.pidfd_open(process.pid)
            undo.pop_all()
        self._process, self._channel = process, channel
        self._looks_without_life = 0
        self.since = wall()
        loop = asyncio.get_running_loop()
        self._started_at = loop.time()
        self._ended.clear()
        loop.add_reader(channel.fileno(), self._readable)
        loop.add_reader(self._pidfd, self._died)
        self._on_start()

    def restart_soon(self) -> None:
        """Try again to start what could not be started."""
        self._schedule_restart("cannot be started")

    def post(self, message: Message) -> None:
        """Send a message; between two lives it is dropped: a new life begins with everything anyway."""
        if self._channel is not None:
            self._channel.post(message)
            self._mind_backlog()

    async def watch(self) -> None:
        """Kill a worker whose loop no longer turns.  Runs until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY)
            if self._process is None:
                continue
            self._looks_without_life += 1
            if self._looks_without_life > HUNG_AFTER:
                log.error("%s (pid %d) does not answer: killing it", self.title, self._process.pid)
                self._process.kill()
                self._looks_without_life = 0

    async def leave(self, farewell: Message | None = None, within: float | None = None) -> bool:
        """Have the worker give everything up and end; see to it that nothing stays behind.

        Say whether it has ended as it was told to.
        """
        self._leaving = True
        if self._process is None:
            self.nobody_resumes()
            return False
        self.post(farewell or Resign())
        within = LEAVE_WITHIN if within is None else within
        if not await happens(self._ended, within):
            log.error("%s did not resign within %g s: killing it", self.title, within)
            if self._process is not None:
                self._process.kill()
            await self._ended.wait()
            return False
        return self._ended_well

    def _readable(self) -> None:
        channel = self._channel
        assert channel is not None
        try:
            while received := channel.receive():
                for message in received:
                    if isinstance(message, Alive):
                        self._looks_without_life = 0
                    self._on_message(message)
                if not channel.has_input:
                    break
        except Unfit as error:
            log.error("%s sent what it should not: %s", self.title, error)
            channel.give_up()  # nothing behind it can be told apart
            if self._process is not None:
                self._process.kill()
        if channel.closed:
            asyncio.get_running_loop().remove_reader(channel.fileno())
        self._mind_backlog()

    def _mind_backlog(self) -> None:
        """Ask the loop to go on writing when the worker takes more."""
        channel = self._channel
        if channel is None or channel.wants_write == self._writing:
            return
        loop = asyncio.get_running_loop()
        self._writing = channel.wants_write
        if self._writing:
            loop.add_writer(channel.fileno(), self._writable)
        else:
            loop.remove_writer(channel.fileno())

    def _writable(self) -> None:
        assert self._channel is not None
        self._channel.flush()
        self._mind_backlog()

    def _died(self) -> None:
        channel, process = self._channel, self._process
        assert channel is not None
        assert process is not None
        channel.end_input()
        while not channel.closed:
            self._readable()  # its last words
        loop = asyncio.get_running_loop()
        loop.remove_reader(channel.fileno())
        loop.remove_reader(self._pidfd)
        channel.close()
        os.close(self._pidfd)
        code = process.wait()
        self._process = self._channel = None
        self.after_death()
        self._ended_well = code == 0
        self._ended.set()
        self._on_end()
        if self._leaving:
            if code != 0:
                self.nobody_resumes()
        elif code == 0:
            # SIGTERM to the whole control group, as systemd sends it, has reached the worker before us.
            loop.call_later(SECOND_THOUGHT, self._schedule_restart, "ended (exit code 0)")
        elif code < 0:
            self._schedule_restart(f"ended (killed by {signal.Signals(-code).name})")
        else:
            self._schedule_restart(f"ended (exit code {code})")

    def _schedule_restart(self, what: str) -> None:
        """Start the next life soon, later if the last ones were short; ``what`` happened, for the log."""
        if self._leaving:
            return
        loop = asyncio.get_running_loop()
        if loop.time() - self._started_at > SETTLED_AFTER:
            self._in_a_row = 0
        delay = pause_after(self._in_a_row) if self._in_a_row else 0.0
        self._in_a_row += 1
        log.error("%s %s; starting it again in %g s", self.title, what, delay)
        if delay:
            self.nobody_resumes()  # too late: a peer has the addresses by then
        loop.call_later(delay, self._restart)

    def _restart(self) -> None:
        if self._leaving:
            return
        self.restarts += 1
        try:
            self.start()
        except OSError as error:
            self._schedule_restart(f"cannot be started: {error}")


class VrrpWorker(Worker):
    """The process that speaks VRRP, and its black box, which outlives it."""

    name = "vrrp"
    title = "the VRRP worker"

    #: what of the kernel's things with our mark is ours to remove; empty until the supervisor says so
    leftovers: Collection[Estate] = ()

    @cached_property
    def _blackbox(self) -> int:
        return blackbox.create()

    def command(self, root: str, channel: int) -> list[str]:
        """Return what to run."""
        return ["-S", "-c", BOOT.format(root=root, channel=channel, box=self._blackbox)]

    def descriptors(self) -> tuple[int, ...]:
        """Return the black box."""
        return (self._blackbox,)

    def nobody_resumes(self) -> None:
        """Remove the addresses that it held."""
        sweep(self.leftovers)


class CheckerWorker(Worker):
    """The process that runs checks: it may be slow, hang or be killed, and no advert is late for it."""

    name = "checker"
    title = "the checker worker"

    @cached_property
    def _runs(self) -> int:
        return runs.create()

    def command(self, root: str, channel: int) -> list[str]:
        """Return what to run."""
        return ["-c", CHECKER_BOOT.format(root=root, channel=channel, runs=self._runs)]

    def descriptors(self) -> tuple[int, ...]:
        """Return the list of scripts that run."""
        return (self._runs,)

    def after_death(self) -> None:
        """End the scripts that it left running: the next life runs them anew."""
        for pid in runs.end_leftovers(self._runs):
            log.warning("killed a script (pid %d) that the checker worker left running", pid)

    async def leave(self, farewell: Message | None = None, within: float | None = None) -> bool:
        """Have the worker end, and give its memory back."""
        well = await super().leave(farewell, within)
        os.close(self._runs)
        return well


def sweep(among: Collection[Estate]) -> None:
    """Remove every address that carries our mark and is claimed by us: no worker is there to hold it."""
    if not among:
        return
    try:
        kernel = Kernel()
        try:
            for address in kernel.sweep((), among):
                log.warning("removed %s, which no worker holds any more", address)
        finally:
            kernel.close()
    except (KernelRefused, OSError) as error:
        log.error("cannot look for addresses left behind: %s", error)
