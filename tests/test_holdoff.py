"""How long virtual routers hold back after a start."""

from __future__ import annotations

import pytest

from havip.clock import Duration, seconds
from havip.config.model import Daemon
from havip.holdoff import hold


@pytest.mark.parametrize(
    ("startup", "boot", "up", "length", "why"),
    [
        (0, 0, 5, 0, ""),
        (10, 0, 5, 10, "startup_delay of 10s"),
        (0, 60, 5, 55, "delay_after_boot of 60s"),
        (0, 60, 61, 0, ""),
        (10, 60, 55, 10, "startup_delay of 10s"),
        (10, 60, 20, 40, "delay_after_boot of 60s"),
    ],
    ids=["none", "after the start", "after boot", "a restart long after boot", "start", "boot"],
)
def test_the_later_of_two_delays_counts(startup: int, boot: int, up: int, length: int, why: str) -> None:
    daemon = Daemon(startup_delay=seconds(startup), delay_after_boot=seconds(boot))
    assert hold(daemon, seconds(up)) == (Duration(length * 10**9), why)
