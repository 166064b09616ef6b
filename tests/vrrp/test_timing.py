"""Skew_Time and Master_Down_Interval against numbers worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.clock import Duration
from havip.vrrp import timing
from tests.vrrp.build import us

SECOND = Duration(1_000_000_000)

# version, priority, master's interval, adverts, Skew_Time, Master_Down_Interval: all in nanoseconds
WORKED_OUT = [
    (3, 100, 1_000_000_000, 3, 609_375_000, 3_609_375_000),
    (3, 150, 1_000_000_000, 3, 414_062_500, 3_414_062_500),
    (3, 254, 1_000_000_000, 3, 7_812_500, 3_007_812_500),
    (3, 255, 1_000_000_000, 3, 3_906_250, 3_003_906_250),
    (3, 1, 1_000_000_000, 3, 996_093_750, 3_996_093_750),
    (3, 100, 100_000_000, 3, 60_937_500, 360_937_500),
    (3, 100, 10_000_000, 3, 6_093_750, 36_093_750),
    (3, 254, 10_000_000, 3, 78_125, 30_078_125),
    (3, 1, 40_950_000_000, 3, 40_790_039_062, 163_640_039_062),
    (3, 100, 1_000_000_000, 1, 609_375_000, 1_609_375_000),
    (3, 100, 1_000_000_000, 5, 609_375_000, 5_609_375_000),
    (2, 100, 1_000_000_000, 3, 609_375_000, 3_609_375_000),
    (2, 100, 5_000_000_000, 3, 609_375_000, 15_609_375_000),
    (2, 254, 255_000_000_000, 3, 7_812_500, 765_007_812_500),
    (2, 1, 1_000_000_000, 3, 996_093_750, 3_996_093_750),
]


@pytest.mark.parametrize(("version", "priority", "interval", "adverts", "skew", "down"), WORKED_OUT)
def test_skew_and_master_down_are_exact(
    version: int, priority: int, interval: int, adverts: int, skew: int, down: int
) -> None:
    assert timing.skew(version, priority, Duration(interval)) == skew
    assert timing.master_down(version, priority, Duration(interval), adverts) == down


def test_three_adverts_may_be_missed_unless_told_otherwise() -> None:
    assert timing.master_down(3, 100, SECOND) == 3_609_375_000


def test_vrrp_v2_skew_ignores_the_interval() -> None:
    assert timing.skew(2, 100, Duration(255_000_000_000)) == 609_375_000


def test_vrrp_v3_skew_follows_the_masters_interval() -> None:
    assert timing.skew(3, 100, Duration(2_000_000_000)) == 1_218_750_000


@given(version=st.sampled_from((2, 3)), interval=st.integers(1, 4095), priority=st.integers(1, 253))
def test_the_better_backup_always_has_the_earlier_deadline(
    version: int, interval: int, priority: int
) -> None:
    # Whole centiseconds would give neighbours in priority one deadline below an interval of 2.56 s.
    interval_ns = Duration(interval * 10_000_000)
    worse = timing.master_down(version, priority, interval_ns)
    better = timing.master_down(version, priority + 1, interval_ns)
    assert better < worse


@given(version=st.sampled_from((2, 3)), interval=st.integers(1, 4095), priority=st.integers(1, 255))
def test_the_skew_is_more_than_nothing_and_less_than_its_base(
    version: int, interval: int, priority: int
) -> None:
    interval_ns = Duration(interval * 10_000_000)
    base = 1_000_000_000 if version == 2 else interval * 10_000_000
    assert 0 < timing.skew(version, priority, interval_ns) < base


def test_settings_apply_their_own_version_priority_and_number_of_adverts() -> None:
    assert us(priority=150).skew(SECOND) == 414_062_500
    assert us(priority=150, down_adverts=5).master_down(SECOND) == 5_414_062_500
    assert us(version=2).skew(Duration(5_000_000_000)) == 609_375_000
    assert us(version=2).master_down(Duration(5_000_000_000)) == 15_609_375_000
