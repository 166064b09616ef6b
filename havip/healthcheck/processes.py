"""Tracked processes: the kernel tells of each that begins, ends or becomes another program.

Where it does not, in a container or a network namespace, /proc is read once a second, and the log says so.
What the kernel could not tell for want of room is made up for by reading /proc once.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Final

from havip.clock import NEVER, Instant, monotonic, to_seconds
from havip.config.tracking import TrackedProcess
from havip.healthcheck.census import Census, matches, needs_words
from havip.healthcheck.connector import EXIT, FORK, SUBSCRIBED, Connector
from havip.messages import TrackResult

log = logging.getLogger("havip.checker")

POLL_EVERY: Final = 1.0  # seconds
ANSWER_WITHIN: Final = 1.0  # seconds for the kernel to confirm that it will tell us
LARGEST_COMMAND: Final = 1 << 16  # bytes of a command line that are compared

Tell = Callable[[TrackResult], None]


class ProcessWatch:
    """All tracked processes."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._tracked: dict[str, TrackedProcess] = {}
        self._census = Census(self._tracked)
        self._told: dict[str, TrackResult] = {}
        self._connector: Connector | None = None
        self._subscribed = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def put(self, tracked: TrackedProcess) -> None:
        """Track processes."""
        if self._task is None:
            self._open()
        self._tracked[tracked.name] = tracked
        self._told.pop(tracked.name, None)
        self._census.begin(tracked.name)
        self._scan()

    def drop(self, name: str) -> None:
        """Track them no more."""
        if self._tracked.pop(name, None) is not None:
            self._told.pop(name, None)
            self._census.begin(name)
            if self._tracked:
                self._scan()
            else:
                self.stop()  # the kernel tells us of every process there is: not for nothing

    def stop(self) -> None:
        """Track nothing any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._timer is not None:
            self._timer.cancel()
        self._close()

    def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._subscribed = False
        try:
            self._connector = Connector()
            loop.add_reader(self._connector.fileno(), self._hear)
        except OSError as error:
            self._without_news(error.strerror or str(error))
        self._task = loop.create_task(self._poll(), name="processes")

    def _close(self) -> None:
        if self._connector is not None:
            asyncio.get_running_loop().remove_reader(self._connector.fileno())
            self._connector.close()
            self._connector = None

    def _without_news(self, why: str) -> None:
        log.warning("the kernel tells nothing of processes here (%s): reading /proc every second", why)

    async def _poll(self) -> None:
        """See to it that the kernel tells us, or read /proc for as long as we track."""
        if self._connector is not None:
            await asyncio.sleep(ANSWER_WITHIN)
            if not self._subscribed:
                self._close()
                self._without_news("another process or user namespace")
        while self._connector is None:
            await asyncio.sleep(POLL_EVERY)
            self._scan()

    def _hear(self) -> None:
        assert self._connector is not None
        try:
            happenings, lost = self._connector.read()
        except OSError as error:
            self._close()
            self._without_news(error.strerror or str(error))
            if self._task is not None:
                self._task.cancel()
            self._task = asyncio.get_running_loop().create_task(self._poll(), name="processes")
            return
        news = False
        for what, pid, parent in happenings:
            if what == SUBSCRIBED:
                self._subscribed = True
                lost = True  # look once more: what happened until now was told to nobody
            elif what == FORK:
                news |= self._census.saw(pid, self._census.of(parent))
            elif what == EXIT:
                news |= self._census.saw(pid, frozenset())
            elif not lost:
                news |= self._census.saw(pid, self._look(pid))
        if lost:
            self._scan()
        elif news:
            self._judge()

    def _scan(self) -> None:
        """Read all of /proc."""
        pids = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
        self._census.replace({pid: self._look(pid) for pid in pids})
        self._judge()

    def _look(self, pid: int) -> frozenset[str]:
        """Return the trackers that a process counts for."""
        name = name_of(pid)
        if name is None:
            return frozenset()
        words: list[bytes] | None = None
        found = []
        for tracked in self._tracked.values():
            if words is None and needs_words(tracked):
                words = words_of(pid)
            if matches(tracked, name, words or ()):
                found.append(tracked.name)
        return frozenset(found)

    def _judge(self) -> None:
        now = monotonic()
        for result in self._census.judge(now):
            if self._told.get(result.name) != result:
                self._told[result.name] = result
                self._tell(result)
        self._set_timer(self._census.next_deadline(), now)

    def _set_timer(self, deadline: Instant, now: Instant) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline != NEVER:
            delay = max(0.0, to_seconds(deadline - now)) + 0.001  # asyncio may be a moment early
            self._timer = asyncio.get_running_loop().call_later(delay, self._judge)


def name_of(pid: int) -> bytes | None:
    """Return what the kernel calls a process; None for one that has ended, noticed by its parent or not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read(4096)
    except OSError:
        return None
    start, end = text.find(b"("), text.rfind(b")")
    if text[end + 2 : end + 3] in (b"Z", b"X"):
        return None
    return text[start + 1 : end]


def words_of(pid: int) -> list[bytes]:
    """Return the command line of a process; none for a kernel thread and for one that has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            text = file.read(LARGEST_COMMAND)
    except OSError:
        return []
    return text.removesuffix(b"\0").split(b"\0") if text else []
