"""Where most tests begin: a few hosts of known priorities on one LAN, and the numbers that follow from them.

Priorities are chosen so that their skew at an interval of one second is short in decimals, whichever the
version: (256 - 192) / 256 s = 0.25 s, and likewise 0.5 s for 128 and 0.75 s for 64.
"""

from __future__ import annotations

from typing import Any

import pytest

from havip.clock import Instant, milliseconds, seconds
from havip.config.model import Announcing
from tests.sim.host import Host, Weather
from tests.sim.lan import Lan

VARIANTS = [pytest.param(2, 4, id="v2"), pytest.param(3, 4, id="v3"), pytest.param(3, 6, id="v3-ipv6")]
PRIORITIES = (192, 128, 64, 32, 16)
QUIET = Announcing(refresh=seconds(0))  # nothing but the election makes a master announce
BEGINNING = Instant(0)
INTERVAL = seconds(1)
DELAY = milliseconds(1)  # the greatest delay of the default weather

STARTED = seconds(5)  # long enough for every election at an interval of one second


def lan_of(
    count: int,
    seed: int = 0,
    version: int = 3,
    family: int = 4,
    weather: Weather | None = None,
    **settings: Any,
) -> tuple[Lan, list[Host]]:
    """Return a LAN with hosts a, b, c... of falling priority, all started, and `STARTED` ago."""
    lan = Lan(seed, weather, version, family)
    settings = {"announce": QUIET} | settings
    hosts = [
        lan.add(name, priority, **settings)
        for name, priority in zip("abcde"[:count], PRIORITIES, strict=False)
    ]
    lan.start(*hosts)
    lan.run(STARTED)
    return lan, hosts


def some_time(lan: Lan) -> int:
    """Return up to two intervals, so that what follows falls anywhere between two adverts."""
    return lan.random.randrange(2 * INTERVAL)
