"""Regular expressions over what a server said, with a bound on what a search may cost.

Python's engine tries again and again, and a text can be made so that some expressions take years on it.  The
engine looks for signals while it searches; a timer of the processor time that we use sends one.
"""

from __future__ import annotations

import re
import signal
from types import FrameType
from typing import Final

LONGEST_SEARCH: Final = 0.02  # seconds of processor time


class OutOfTime(Exception):
    """A search has had its time."""


_searching = False


def search(pattern: re.Pattern[str], text: str, at: int = 0) -> re.Match[str] | None:
    """Return the first match at or behind a place.  Raises `OutOfTime`.  In the main thread only."""
    global _searching
    if signal.getsignal(signal.SIGVTALRM) is not _give_up:
        signal.signal(signal.SIGVTALRM, _give_up)
    _searching = True
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_SEARCH)
    try:
        return pattern.search(text, at)
    finally:
        _searching = False  # a signal that comes after this ends nothing
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _give_up(number: int, frame: FrameType | None) -> None:
    if _searching:
        raise OutOfTime
