"""Writes what keepalived writes on a signal, for the programs that watch it: state, statistics, JSON.

A file is replaced as a whole under its name, so that its readers, who wait for a fixed time, see the old one
or the new.  It is made under a name that nobody can have taken, in a folder that is not another user's to
change, and no link is followed: who may write beside it can lead us nowhere.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import stat
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from havip import signals
from havip.config.model import Configuration
from havip.permission import CannotRun, identify
from havip.services import Host, Json, Service, dumptext
from havip.services.dumped import Counts, as_json, counted

log = logging.getLogger("havip.supervisor")

OURS_ALONE: Final = 0o600
AND_A_GROUPS: Final = 0o640
FOR_EVERYBODY: Final = 0o644  # a process id is no secret


@dataclass(frozen=True, slots=True)
class Kind:
    """One dump: the suffix of its file, and what is in it."""

    suffix: str
    make: Callable[[Configuration, Json, Mapping[str, Counts]], str]


def state(configuration: Configuration, status: Json, cleared: Mapping[str, Counts]) -> str:
    """Return the text of the state."""
    return dumptext.state(configuration, status, socket.gethostname(), time.ctime)


STATE: Final = Kind(".data", state)
STATS: Final = Kind(".stats", dumptext.stats)
JSON: Final = Kind(".json", as_json)


class Dumps(Service):
    """Answers the signals of `havip.signals`."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._cleared: dict[str, Counts] = {}  # the counters of each router when they were last cleared
        self._failing: dict[str, str] = {}  # what cannot be written, and why: said once
        self._one_at_a_time = asyncio.Lock()
        self._pid_file: Path | None = None

    async def prepare(self, new: Configuration) -> None:
        """Say who takes the signals."""
        wanted = Path(new.daemon.dumps.pid_file) if new.daemon.dumps.pid_file else None
        if wanted == self._pid_file:
            return
        await self.leave()
        if wanted is not None and await self._put(wanted, ourselves(), FOR_EVERYBODY):
            self._pid_file = wanted

    async def leave(self) -> None:
        """Take the file away that says who takes the signals."""
        if self._pid_file is not None:
            with suppress(OSError, ValueError):
                if self._pid_file.read_text() == ourselves():  # and not another daemon's by now
                    self._pid_file.unlink()
            self._pid_file = None

    def signals(self) -> Mapping[int, Callable[[], None]]:
        """Write a dump for each; one of them has the counting begin again."""
        return {
            signals.STATE: partial(self._asked, STATE),
            signals.STATS: partial(self._asked, STATS),
            signals.JSON: partial(self._asked, JSON),
            signals.STATS_AND_CLEAR: partial(self._asked, STATS, clear=True),
        }

    def _asked(self, kind: Kind, clear: bool = False) -> None:
        self._host.spawn(self._dump(kind, clear))

    async def _dump(self, kind: Kind, clear: bool) -> None:
        async with self._one_at_a_time:
            status = await self._host.show()
            configuration = self._host.configuration
            if configuration.virtual_services:  # all of them, and not those in trouble alone
                status |= await self._host.ask({"verb": "services", "fresh": False})
            dumps = configuration.daemon.dumps
            text = kind.make(configuration, status, self._cleared)
            mode = AND_A_GROUPS if dumps.group else OURS_ALONE
            written = await self._put(self._path(kind), text, mode, dumps.group)
            if clear and written:  # nothing is cleared that nobody can read any more
                self._cleared = {shown["name"]: counted(shown) for shown in status["virtual_routers"]}

    def _path(self, kind: Kind) -> Path:
        daemon = self._host.configuration.daemon
        given = {STATE: daemon.dumps.state, STATS: daemon.dumps.stats, JSON: daemon.dumps.json}[kind]
        beside = Path(self._host.socket or daemon.control_socket)
        return Path(given) if given else beside.with_suffix(kind.suffix)

    async def _put(self, path: Path, text: str, mode: int, group: str = "") -> bool:
        """Write a file; say whether that could be done, and log once why not."""
        try:
            await asyncio.to_thread(put, path, text.encode(), mode, group)
        except (OSError, CannotRun) as error:
            why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
            if self._failing.get(str(path)) != why:
                self._failing[str(path)] = why
                log.error("cannot write %s: %s", path, why)
            return False
        self._failing.pop(str(path), None)
        return True


def ourselves() -> str:
    """Return what a file says that names this process."""
    return f"{os.getpid()}\n"


def put(path: Path, data: bytes, mode: int, group: str = "") -> None:
    """Replace a file as a whole; ``group`` has it instead of our own.  Raises OSError, `CannotRun`."""
    identity = identify("", group)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fresh = f".{path.name[:200]}.{os.urandom(8).hex()}"
    try:
        examine(folder)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(fresh, flags, OURS_ALONE, dir_fd=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
                if identity is not None:
                    os.fchown(descriptor, -1, identity.gid)
                os.fchmod(descriptor, mode)
            os.replace(fresh, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            os.unlink(fresh, dir_fd=folder)
            raise
    finally:
        os.close(folder)


def examine(folder: int) -> None:
    """Raise OSError for a folder in which others could take our file away, or put theirs in its place."""
    status = os.fstat(folder)
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX
    if status.st_uid not in (0, os.geteuid()) or shared:
        raise OSError("its folder is not root's alone to change")
