"""How long to wait before what has failed is tried again.  Pure."""

from __future__ import annotations

from typing import Final

FIRST_PAUSE: Final = 1.0  # seconds
LONGEST_PAUSE: Final = 60.0
MOST_DOUBLINGS: Final = 30


def pause_after(failures: int, longest: float = LONGEST_PAUSE) -> float:
    """Return the seconds to wait after so many failures in a row: 1, 2, 4 ... ``longest``."""
    return min(longest, FIRST_PAUSE * 2.0 ** min(failures - 1, MOST_DOUBLINGS))
