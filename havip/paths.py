"""The way to a file: every directory, every symbolic link, and at last the file itself.  Changes nothing."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import Final, NamedTuple

MOST_LINKS: Final = 40  # symbolic links on the way to one file, as in the kernel


class Step(NamedTuple):
    """One entry of a directory on the way, and what lstat(2) says of it or why it says nothing."""

    directory: str
    entry: str
    status: os.stat_result | OSError

    @property
    def path(self) -> str:
        """Return its path, which no symbolic link leads to."""
        return os.path.join(self.directory, self.entry)


def way_to(path: str) -> Iterator[Step]:
    """Yield each step on the way to an absolute path, symbolic links followed.

    One that cannot be taken is the last.
    """
    here, rest, links = "/", parts_of(path), 0
    while rest:
        part = rest.pop(0)
        if part in (".", ".."):
            here = os.path.dirname(here) if part == ".." else here
            continue
        step = os.path.join(here, part)
        try:
            status = os.lstat(step)
            target = os.readlink(step) if stat.S_ISLNK(status.st_mode) else None
            if target is not None and links == MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        except OSError as error:
            yield Step(here, part, error)
            return
        yield Step(here, part, status)
        if target is None:
            here = step
        else:
            links += 1
            rest = parts_of(target) + rest
            here = "/" if target.startswith("/") else here


def parts_of(path: str) -> list[str]:
    """Return the names in a path."""
    return [part for part in path.split("/") if part]
