"""When a failed attempt is made again.  Pure."""

from __future__ import annotations

from typing import Final

FIRST_PAUSE: Final = 1.0  # seconds
LONGEST_PAUSE: Final = 60.0


def pause_after(failures: int, wanted: float = 0.0) -> float:
    """Return the seconds to wait after so many failures in a row: 1, 2, 4 ... 60.

    ``wanted`` is what the other side asked for; it may ask for more, up to the longest pause.
    """
    usual = FIRST_PAUSE * 2.0 ** min(failures - 1, 10)
    return min(LONGEST_PAUSE, max(usual, wanted))


def try_again(
    failures: int, elapsed: float, *, most: int, within: float, wanted: float = 0.0
) -> float | None:
    """Return the pause before the next attempt; None: the bound on attempts or on the time is reached.

    ``elapsed`` are the seconds since the first attempt.
    """
    pause = pause_after(failures, wanted)
    if failures >= most or elapsed + pause > within:
        return None
    return pause
