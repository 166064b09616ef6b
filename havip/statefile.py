"""A small JSON file that survives a crash at any moment: the old contents or the new, never half of them.

Blocks on the disk: the supervisor calls it from a thread, the VRRP worker never.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from havip.errors import HavipError

MODE = 0o600
SUFFIX = ".new"  # of a write that has not come to its end
LARGEST = 16 * 1024 * 1024  # bytes


class Unreadable(HavipError):
    """A file that must hold our state holds something else, or cannot be read."""

    reason = "state-unreadable"


class Unwritable(HavipError):
    """The state cannot be stored: nothing may be promised that depends on it."""

    reason = "state-unwritable"


def read(path: Path) -> dict[str, Any] | None:
    """Return the object that the file holds; None: there is no file.  Raises `Unreadable`."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {os.strerror(error.errno or 0)}") from error
    try:
        value = json.loads(data[:LARGEST])
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{path} is damaged: {error}") from None
    if not isinstance(value, dict):
        raise Unreadable(f"{path} is damaged: it holds no JSON object")
    return value


def write(path: Path, value: dict[str, Any]) -> None:
    """Store ``value`` on the disk before returning; make the directory if it is missing.

    Raises `Unwritable`; what was stored before is still there then.
    """
    fresh = path.with_name(path.name + SUFFIX)
    try:
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()  # of a predecessor that died while it wrote
        with open(fresh, "xb", opener=private) as file:
            file.write(json.dumps(value, indent=1).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise Unwritable(f"{path} cannot be written: {os.strerror(error.errno or 0)}") from error


def private(path: str, flags: int) -> int:
    """Open a file that nobody else may read, nor lead elsewhere by a link."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)


def sync_directory(path: Path) -> None:
    """Have the directory itself on the disk, so that a rename in it outlives a loss of power."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
