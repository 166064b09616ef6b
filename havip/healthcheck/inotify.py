"""The kernel's news of files: inotify, called through libc."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

CLOSE_WRITE: Final = 0x8
MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
OVERFLOW: Final = 0x4000
ONLY_DIRECTORY: Final = 0x01000000

WANTED: Final = CLOSE_WRITE | MOVED_FROM | MOVED_TO | CREATE | DELETE | DELETE_SELF | MOVE_SELF
READ_SIZE: Final = 1 << 16
HEADER: Final = struct.Struct("iIII")

libc: Final = ctypes.CDLL(None, use_errno=True)


class News(NamedTuple):
    """Something happened in a watched directory, to the entry ``name``; empty: to the directory itself."""

    watch: int  # -1: some news were lost
    mask: int
    name: str


class Inotify:
    """One inotify descriptor."""

    def __init__(self) -> None:
        """Open it.  Raises OSError: a user may have only so many."""
        self._fd: int = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._fd < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._fd

    def watch(self, directory: str) -> int | None:
        """Watch a directory and return the number of the watch; None: there is no such directory.

        The same directory has the same number.  Raises OSError if no more can be watched.
        """
        number: int = libc.inotify_add_watch(self._fd, os.fsencode(directory), WANTED | ONLY_DIRECTORY)
        if number >= 0:
            return number
        code = ctypes.get_errno()
        error = OSError(code, os.strerror(code))
        if isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError):
            return None
        raise error

    def forget(self, watch: int) -> None:
        """Watch a directory no more; nothing happens if the watch is gone already."""
        libc.inotify_rm_watch(self._fd, watch)

    def read(self) -> Iterator[News]:
        """Yield what has happened since the last look, without waiting."""
        try:
            data = os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return
        offset = 0
        while offset < len(data):
            watch, mask, _, length = HEADER.unpack_from(data, offset)
            offset += HEADER.size
            name = data[offset : offset + length].rstrip(b"\0")
            offset += length
            yield News(watch, mask, os.fsdecode(name))

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._fd)
