"""Opening a file that a configuration is made of, whatever stands at its path."""

from __future__ import annotations

import os
from typing import BinaryIO


def open_at_once(path: str) -> BinaryIO:
    """Open a file to read: no FIFO's other end is waited for, and no terminal becomes ours.

    What it is, the caller must look at.  Raises OSError, for a directory too; then no descriptor stays open.
    """
    return open(path, "rb", opener=_descriptor)


def _descriptor(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
