"""What a keepalived.conf takes from this machine: plain files by their patterns, the environment, chance.

Opens no FIFO and no device, and no more than `MOST_BYTES` of files.  Judges nothing that is in them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Final

from havip.config.keepalived.includes import (
    Include,
    Included,
    Refused,
    TooMuch,
    alternatives,
    has_wildcards,
    must_be_there,
    said,
)
from havip.config.opening import open_at_once

MOST_BYTES: Final = 4 * 1024 * 1024  # of all files; a thousand virtual routers take about 0.4 MB
MOST_LINES: Final = 100_000  # of all files
MOST_FILES: Final = 1000
MOST_LOOKED_AT: Final = 100_000  # names in directories, for patterns
PROGRAMS: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
EXECUTABLE: Final = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class Machine:
    """The machine, as far as one configuration may ask of it."""

    def __init__(self) -> None:
        self._bytes, self._lines, self._files, self._names = (
            MOST_BYTES,
            MOST_LINES,
            MOST_FILES,
            MOST_LOOKED_AT,
        )

    def read(self, path: str) -> tuple[str, ...]:
        """Return the lines of a plain file; a byte that is no UTF-8 is a surrogate.  Raises `Refused`."""
        self._files -= 1
        if self._files < 0:
            raise TooMuch(f"more than {MOST_FILES} files", "a configuration")
        try:
            with open_at_once(path) as file:
                mode = os.fstat(file.fileno()).st_mode
                if not stat.S_ISREG(mode):
                    raise Refused(said(path), "a plain file")
                if mode & EXECUTABLE:
                    raise Refused(
                        f"{said(path)}, which may be executed",
                        "a file that may not",
                        "keepalived does not read it either",
                    )
                data = file.read(self._bytes + 1)
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
            why = getattr(error, "strerror", None) or str(error)
            raise Refused(said(path), "a file that can be read", why) from None
        self._bytes -= len(data)
        if self._bytes < 0:
            raise TooMuch(f"more than {MOST_BYTES} bytes of files", "a configuration")
        self._lines -= data.count(b"\n") + 1
        if self._lines < 0:
            raise TooMuch(f"more than {MOST_LINES} lines", "a configuration")
        text = data.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape")
        return tuple(line.rstrip("\r") for line in text.split("\n"))

    def directory(self, path: str) -> str:
        """Return the directory in which a file stands, as an absolute path."""
        return os.path.dirname(os.path.abspath(path))

    def variable(self, name: str) -> str | None:
        """Return a variable of the environment, on one line."""
        value = os.environ.get(name)
        return None if value is None else " ".join(value.split("\n"))

    def chance(self, least: int, most: int) -> int:
        """Return a number from ``least`` to ``most``."""
        import random  # hardly any file asks for it

        return random.randint(least, most)

    def has_user(self, name: str) -> bool:
        """Say whether this machine has a user."""
        import pwd

        try:
            pwd.getpwnam(name)
        except KeyError:
            return False
        return True

    def program(self, name: str) -> str | None:
        """Return the path of a program that is named without one; None: it is nowhere."""
        import shutil  # most files name paths

        return shutil.which(name, path=PROGRAMS)

    def name(self) -> str:
        """Return the host's name."""
        return os.uname().nodename

    def included(self, include: Include, directory: str) -> Included:
        """Return the files that an include means, in the order of their names.

        What each kind of include must find is as keepalived has it.  Raises `Refused`.
        """
        options = alternatives(include.pattern)
        files: list[str] = []
        missing: list[str] = []
        for option in options:
            if "\0" in option:
                raise Refused(said(option), "the path of a file")
            pattern = os.path.join(directory, option)
            if has_wildcards(option):
                found = sorted(self._matching(pattern))
            else:
                found = [pattern] if os.path.lexists(pattern) else []
            files += found
            if found:
                continue
            if must_be_there(include, option, among_braces=len(options) > 1):
                raise Refused(f"no file {said(option)}", "one that is there")
            if not has_wildcards(option):
                missing.append(option)
        return Included(files, missing)

    def _matching(self, pattern: str) -> Iterator[str]:
        """Yield the paths that fit a pattern; names that begin with a dot only where the pattern has one."""
        import fnmatch
        import re

        parts = pattern.split("/")
        waiting = [("/" if pattern.startswith("/") else "", [part for part in parts if part])]
        while waiting:
            above, rest = waiting.pop()
            if not rest:
                yield above
                continue
            part, *further = rest
            if not has_wildcards(part):
                path = os.path.join(above, part)
                if further or os.path.lexists(path):
                    waiting.append((path, further))
                continue
            fits = re.compile(fnmatch.translate(part.replace("[^", "[!"))).match
            waiting += (
                (os.path.join(above, name), further)
                for name in self._names_in(above or ".")
                if fits(name) and (part.startswith(".") or not name.startswith("."))
            )

    def _names_in(self, directory: str) -> list[str]:
        """Return the names in a directory, none where it cannot be read.  Raises `Refused`."""
        try:
            names = os.listdir(directory)
        except OSError:
            return []
        self._names -= len(names)
        if self._names < 0:
            raise TooMuch(f"a pattern for more than {MOST_LOOKED_AT} names", "one with fewer wildcards")
        return names
