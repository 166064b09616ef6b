"""How the verbs print: tables, lines that wrap, lengths of time and instants for people."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from havip.clock import seconds, spell

LABEL = 13  # columns of "  addresses  "


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a heading and rows, each column as wide as its widest word."""
    all_rows = [heading, *rows]
    widths = [max(map(len, column)) for column in zip(*all_rows, strict=True)]
    for row in all_rows:
        yield "  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip()


def wrapped(label: str, words: Sequence[str], width: int | None, separator: str = ", ") -> Iterator[str]:
    """Yield ``words`` behind ``label`` in lines of at most ``width`` columns, where words allow it."""
    if not words:
        return
    indent = " " * LABEL
    line = f"  {label}".ljust(LABEL) if label else ""
    start = len(line)
    for position, word in enumerate(words):
        piece = word if position == len(words) - 1 else word + separator.rstrip()
        glue = "" if len(line) == start else " "
        if width is not None and glue and len(line) + len(glue) + len(piece) > width:
            yield line
            line, start, glue = indent, len(indent), ""
        line += glue + piece
    yield line


def length(of_seconds: float) -> str:
    """Return a length of time for people."""
    return spell(seconds(of_seconds))


def age(of_seconds: float) -> str:
    """Return how long ago something was, in its two largest units: ``3m12s``, ``2d04h``."""
    total = max(0, int(of_seconds))
    for size, smaller, units in ((86400, 3600, "dh"), (3600, 60, "hm"), (60, 1, "ms")):
        if total >= size:
            return f"{total // size}{units[0]}{total % size // smaller:02}{units[1]}"
    return f"{total}s"


def at_time(instant: float) -> str:
    """Return an instant (seconds since 1970) in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(instant))
