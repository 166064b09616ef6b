"""Tracked files: read when they are closed after writing, replaced, removed, or come into being.

Every directory on the way to a file is watched, those of symbolic links too, so that it does not matter
what is replaced.  A look at all files every few seconds makes up for file systems without such news.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import Callable, Iterable
from typing import Final

from havip.config.tracking import TrackedFile, TrackerKind
from havip.healthcheck.content import meaning
from havip.healthcheck.inotify import CLOSE_WRITE, Inotify
from havip.messages import TrackResult
from havip.paths import way_to

log = logging.getLogger("havip.checker")

LOOK_EVERY: Final = 10.0  # seconds between two looks at all files
LOOK_EVERY_WITHOUT_NEWS: Final = 1.0  # where the kernel gives no news
LARGEST: Final = 64  # bytes of a file that holds a number

Tell = Callable[[TrackResult], None]


class FileWatch:
    """All tracked files."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._files: dict[str, TrackedFile] = {}
        self._told: dict[str, TrackResult] = {}
        self._inotify: Inotify | None = None
        self._matters: dict[int, dict[str, set[str]]] = {}  # by watch and entry: the files it may concern
        self._task: asyncio.Task[None] | None = None

    def put(self, file: TrackedFile, fresh: bool) -> None:
        """Track a file; ``fresh``: the daemon begins to, so its initial value is written."""
        if fresh and file.initial is not None:
            write_initial(file)
        if self._task is None:
            self._open()
        self._files[file.name] = file
        self._told.pop(file.name, None)
        self._arm()
        self._look((file.name,))

    def drop(self, name: str) -> None:
        """Track a file no more."""
        if self._files.pop(name, None) is not None:
            self._told.pop(name, None)
            self._arm()

    def stop(self) -> None:
        """Track nothing any more."""
        if self._task is not None:
            self._task.cancel()
        self._close()

    def _open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._inotify = Inotify()
            loop.add_reader(self._inotify.fileno(), self._hear)
        except OSError as error:
            log.warning("no news of files (%s): looking at them every second", error)
        self._task = loop.create_task(self._look_again(), name="files")

    def _close(self) -> None:
        if self._inotify is not None:
            asyncio.get_running_loop().remove_reader(self._inotify.fileno())
            self._inotify.close()
            self._inotify = None

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_WITHOUT_NEWS if self._inotify is None else LOOK_EVERY)
            self._arm()
            self._look(self._files)

    def _hear(self) -> None:
        assert self._inotify is not None
        touched: set[str] = set()
        moved = False
        for watch, mask, name in self._inotify.read():
            entries = self._matters.get(watch)
            if watch < 0 or (entries is not None and not name):
                touched.update(self._files)  # news were lost, or a directory is gone
                moved = True
            elif entries is not None and name in entries:
                touched |= entries[name]
                moved |= mask & CLOSE_WRITE == 0
        if moved:
            self._arm()  # before the look, which then misses nothing
        self._look(touched)

    def _arm(self) -> None:
        """Watch every directory on the way to a file, as they are now."""
        if self._inotify is None:
            return
        matters: dict[int, dict[str, set[str]]] = {}
        try:
            for file in self._files.values():
                for step in way_to(file.path):
                    watch = self._inotify.watch(step.directory)
                    if watch is not None:
                        matters.setdefault(watch, {}).setdefault(step.entry, set()).add(file.name)
        except OSError as error:
            log.warning("no more directories can be watched (%s): looking at files every second", error)
            self._close()
            return
        for watch in self._matters.keys() - matters.keys():
            self._inotify.forget(watch)
        self._matters = matters

    def _look(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            result = look(self._files[name])
            if self._told.get(name) != result:
                self._told[name] = result
                self._tell(result)


def look(file: TrackedFile) -> TrackResult:
    """Read a file and say what it means."""
    try:
        # A FIFO must not hold us up, and nothing is followed or changed by opening it.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (FileNotFoundError, NotADirectoryError):
        return TrackResult(TrackerKind.FILE, file.name, True, 0, why="is not there, and counts as 0")
    except OSError as error:
        return TrackResult(TrackerKind.FILE, file.name, False, why=f"cannot be read: {error.strerror}")
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return TrackResult(TrackerKind.FILE, file.name, False, why="is not a file")
        return meaning(file.name, os.read(descriptor, LARGEST + 1))
    except OSError as error:
        return TrackResult(TrackerKind.FILE, file.name, False, why=f"cannot be read: {error.strerror}")
    finally:
        os.close(descriptor)


def write_initial(file: TrackedFile) -> None:
    """Write a file's initial value, if there is no file or it is to be overwritten; never through a link."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    flags |= os.O_TRUNC if file.overwrite else os.O_EXCL
    with contextlib.suppress(FileExistsError):
        try:
            descriptor = os.open(file.path, flags, 0o644)
        except FileExistsError:
            raise
        except OSError as error:
            log.warning("cannot write the initial value of %s: %s: %s", file.name, file.path, error.strerror)
            return
        with open(descriptor, "w", encoding="ascii") as opened:
            opened.write(f"{file.initial}\n")
