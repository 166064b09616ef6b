"""The names of routing tables, as iproute2 knows them on this machine.  Opens files, and judges nothing."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

#: where iproute2 looks; a later file, and what stands beside it in a directory, adds to an earlier one
PLACES: Final = ("/usr/share/iproute2", "/usr/lib/iproute2", "/etc/iproute2")


def names() -> dict[str, int]:
    """Return the number of every routing table that has a name."""
    found: dict[str, int] = {}
    for place in map(Path, PLACES):
        for path in (place / "rt_tables", *sorted((place / "rt_tables.d").glob("*.conf"))):
            with suppress(OSError):  # most machines have some of them
                found |= read(path.read_text(errors="replace"))
    return found


def read(text: str) -> dict[str, int]:
    """Return what one file says: a number and a name on each line."""
    found = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) >= 2:
            with suppress(ValueError):
                found[words[1]] = int(words[0], 0)
    return found
