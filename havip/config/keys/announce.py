"""The keys of ``announce``: how often neighbours are told where the addresses are.  Pure."""

from __future__ import annotations

from havip.clock import ZERO, milliseconds, seconds
from havip.config.fields import LONGEST_WAIT, Field, Group
from havip.config.kinds import Length, Period, Whole
from havip.config.model import Announcing

ANNOUNCE = Group(
    Announcing,
    (
        Field("repeat", Whole(1, 255), "announcements of each address in one burst", 5),
        Field(
            "delay",
            Length(ZERO, LONGEST_WAIT),
            "from the first burst to the second; 0s: no second burst",
            "5s",
        ),
        Field(
            "refresh",
            Period(milliseconds(100), seconds(86400)),
            "between periodic bursts while MASTER; 0s: none",
            "60s",
        ),
        Field("refresh_repeat", Whole(1, 255), "announcements of each address in a periodic burst", 1),
        Field(
            "lower_priority_repeat",
            Whole(0, 255),
            "announcements of each address after a weaker master was heard; 0: none",
            5,
        ),
        Field(
            "lower_priority_delay",
            Length(ZERO, LONGEST_WAIT),
            "from that burst to its repetition; 0s: not repeated",
            "5s",
        ),
        Field(
            "interval",
            Length(ZERO, seconds(1)),
            "least gap between two announcements on one interface",
            "2ms",
        ),
    ),
)
