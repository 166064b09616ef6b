"""The file in which the VRRP worker keeps the sequences of signed adverts, and its copy on the disk.

The file lies beside the control socket, in memory: it outlives every process, but not the machine.  The copy
in the state directory outlives that too.  It is taken when the daemon ends, and once a minute while a router
counts without a clock (`anti_replay: monotonic`), whose peers would not hear a machine that has lost power
and the time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from havip.config.authentication import AntiReplay
from havip.config.model import Configuration
from havip.messages import KeepSequences, Message
from havip.services import Host, Service
from havip.vrrp import sequences
from havip.vrrp.sequences import OURS, Record, Unusable

log = logging.getLogger("havip.supervisor")

SUFFIX: Final = ".sequences"
COPY: Final = "sequences"  # in the state directory
COPY_EVERY: Final = 60.0  # seconds
#: How far our own sequences of a copy are moved on, in seconds: more than were sent since it was taken.
AHEAD: Final = 120


class Sequences(Service):
    """Makes the file before the worker is told of it, and takes copies."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._first = True  # nothing has been made ready yet
        self._path: Path | None = None  # None: no router has signed so far
        self._copy = Path()
        self._copying: asyncio.Task[None] | None = None

    async def prepare(self, new: Configuration) -> None:
        """Have the file as soon as a router signs."""
        first, self._first = self._first, False
        if self._path is None and any(router.hmac is not None for router in new.virtual_routers):
            self._path = Path(self._host.socket or new.daemon.control_socket).with_suffix(SUFFIX)
            self._copy = Path(new.daemon.state_directory) / COPY
            await asyncio.to_thread(make, self._path, self._copy)
            if not first:  # routers that run are told to sign before the briefing comes: they must not wait
                self._host.post(KeepSequences(str(self._path)))

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Tell where the file is."""
        return () if self._path is None else (KeepSequences(str(self._path)),)

    async def settle(self, new: Configuration) -> None:
        """Take copies while they are of use."""
        without_clock = any(
            router.hmac is not None and router.hmac.anti_replay is AntiReplay.MONOTONIC
            for router in new.virtual_routers
        )
        if without_clock and self._copying is None:
            self._copying = self._host.spawn(self._copy_now_and_then())
        elif not without_clock and self._copying is not None:
            self._copying.cancel()
            self._copying = None

    async def leave(self) -> None:
        """Take the last copy."""
        if self._path is not None:
            await asyncio.to_thread(copy, self._path, self._copy)

    async def _copy_now_and_then(self) -> None:
        assert self._path is not None  # made ready before
        while True:
            await asyncio.to_thread(copy, self._path, self._copy)
            await asyncio.sleep(COPY_EVERY)


def make(path: Path, copy: Path) -> None:
    """Have the file at ``path``, from the copy if there is none; the worker says what it cannot use."""
    import hashlib  # noqa: F401 - from the disk now, so that the worker will find it in memory

    try:
        sequences.read(str(path))
        return
    except FileNotFoundError:
        pass
    except (OSError, Unusable) as error:
        log.warning("the sequences of signed adverts in %s are unusable, and begin anew: %s", path, error)
    try:
        sequences.create(str(path), moved_on(records(copy)))
    except OSError as error:
        log.error("cannot make %s: %s", path, error.strerror)


def records(copy: Path) -> list[Record]:
    """Return what a copy holds, nothing if there is none."""
    try:
        return sequences.read(str(copy))
    except FileNotFoundError:
        return []
    except (OSError, Unusable) as error:
        log.warning("the copy of sequences in %s is unusable: %s", copy, error)
        return []


def moved_on(found: Iterable[Record]) -> list[Record]:
    """Return records of a copy, our own moved on: we may have sent more after it was taken."""
    return [
        record._replace(sequence=(record.sequence + (AHEAD << 32)) % (1 << 64))
        if record.sender == OURS and record.sequence
        else record
        for record in found
    ]


def copy(path: Path, copy: Path) -> None:
    """Copy the file to the disk."""
    try:
        found = sequences.read(str(path))
        copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        sequences.create(str(copy), found, room=len(found))
    except (OSError, Unusable) as error:
        log.warning("cannot copy the sequences of signed adverts to %s: %s", copy, error)
