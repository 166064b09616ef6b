"""A short fuzz of what the kernel might say of IPVS, read the quick way and the plain one."""

from __future__ import annotations

from collections import Counter
from random import Random

from havip.ipvs.layout import Layouts
from tests.fuzz.ipvs_answers import examine


def test_any_message_of_ipvs_is_a_value_nothing_or_malformed() -> None:
    random, layouts = Random(1700), Layouts()
    met = Counter(examine(random, layouts) for _ in range(20_000))
    assert set(met) == {"value", "none", "malformed"}
    assert min(met.values()) > 200, met
