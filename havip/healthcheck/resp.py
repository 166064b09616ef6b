"""Redis' protocol as far as a probe needs it: commands to bytes, one reply at a time to values.  Pure."""

from __future__ import annotations

from typing import Final

from havip.healthcheck.words import decoded

LONGEST_LINE: Final = 4096  # bytes
LONGEST_TEXT: Final = 65536  # bytes of one bulk string


class Malformed(ValueError):
    """It is not Redis' protocol; the text says why."""


def command(*words: bytes) -> bytes:
    """Return a command, whatever bytes its words hold."""
    parts = [b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)]
    return b"".join(parts)


def size_of(digits: bytes, most: int) -> int:
    """Return a length, -1 for nothing at all.  Raises `Malformed`."""
    if digits == b"-1":
        return -1
    if not digits.isdigit() or len(digits) > 6 or int(digits) > most:
        raise Malformed(f"a length of {decoded(digits, 12)}")
    return int(digits)
