"""Whether, and when, a failed attempt to tell something is made again.  Pure."""

from __future__ import annotations

from havip.backoff import LONGEST_PAUSE, pause_after


def try_again(
    failures: int, elapsed: float, *, most: int, within: float, wanted: float = 0.0
) -> float | None:
    """Return the pause before the next attempt; None: the bound on attempts or on the time is reached.

    ``elapsed`` are the seconds since the first attempt; ``wanted`` is for how long the other side asked to be
    left alone, which counts up to the longest pause.
    """
    pause = min(LONGEST_PAUSE, max(pause_after(failures), wanted))
    if failures >= most or elapsed + pause > within:
        return None
    return pause
