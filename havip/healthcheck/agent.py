"""A line of HAProxy's agent protocol: what a server says of itself.  Pure.

Words in any order, parted by spaces or commas: a percentage is the weight, `drain` is a weight of 0, `up` and
`ready` are good, `down`, `stopped`, `fail` and `maint` are not.  What follows `#` is for people.
"""

from __future__ import annotations

import re
from typing import Final

from havip.healthcheck.outcome import Failed, Failure, Outcome
from havip.healthcheck.words import SHOWN, printable

LONGEST_LINE: Final = 1024  # bytes
PERCENT: Final = re.compile(r"(0|[1-9][0-9]{0,2})%", re.ASCII)
MOST_PERCENT: Final = 253  # the greatest weight of a tracked thing
GOOD: Final = frozenset({"up", "ready"})
BAD: Final = frozenset({"down", "stopped", "fail", "maint"})
LIMIT: Final = re.compile(r"maxconn:[0-9]+")  # HAProxy's alone


def judge(line: bytes) -> Outcome:
    """Return what a line means.  Raises `Failed` for one that means nothing."""
    text = line.decode("utf-8", "backslashreplace")
    said, _, remark = (part.strip() for part in text.partition("#"))
    weight: int | None = None
    worst = ""
    words = re.split(r"[\s,]+", said.lower()) if said else []
    for word in words:
        percent = PERCENT.fullmatch(word)
        if percent and int(percent[1]) <= MOST_PERCENT:
            weight = int(percent[1])
        elif word == "drain":
            weight = 0
        elif word in BAD:
            worst = worst or word
        elif word not in GOOD and not LIMIT.fullmatch(word):
            raise Failed(
                Failure.MALFORMED, f"the agent says {printable(word[:SHOWN])!r}, which means nothing"
            )
    if not words:
        raise Failed(Failure.MALFORMED, "the agent says nothing")
    about = f" ({printable(remark[:SHOWN])})" if remark else ""
    if worst:
        return Outcome(Failure.STATUS, f"the agent says {worst}{about}")
    return Outcome(words=f"the agent says {printable(said[:SHOWN])}{about}", weight=weight)
