"""What a tracked file's content means.  Pure."""

from __future__ import annotations

import re
from typing import Final

from havip.config.tracking import TrackerKind
from havip.messages import TrackResult

NUMBER: Final = re.compile(rb"\s*([+-]?[0-9]{1,9})\s*")
LONGEST_QUOTE: Final = 20  # characters of a content that is no number


def meaning(name: str, content: bytes) -> TrackResult:
    """Return what a file's content says: one whole number, and white space around it."""
    number = NUMBER.fullmatch(content)
    if number is not None:
        value = int(number[1])
        return TrackResult(TrackerKind.FILE, name, True, value, why=f"holds {value}")
    if not content.strip():
        return TrackResult(TrackerKind.FILE, name, False, why="is empty")
    shown = content.decode("ascii", errors="replace")[:LONGEST_QUOTE]
    shown = "".join(c if c.isprintable() else " " for c in shown).strip()
    return TrackResult(TrackerKind.FILE, name, False, why=f'holds no whole number: "{shown}"')
