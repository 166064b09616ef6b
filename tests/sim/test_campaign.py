"""Random campaigns of fixed seeds; `python -m tests.sim.soak` goes on with others."""

from __future__ import annotations

import pytest

from tests.sim.campaign import campaign, scenario
from tests.sim.scene import BEGINNING

BATCH = 25


@pytest.mark.parametrize("batch", range(12))
def test_every_mended_lan_comes_to_the_right_master_and_no_rule_is_broken_on_the_way(batch: int) -> None:
    changes = 0
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        lan = campaign(seed)
        changes += len(list(lan.watch.reigns(BEGINNING, lan.now)))
    assert changes > 4 * BATCH  # the masters did change


def test_a_scenario_plays_the_same_way_every_time() -> None:
    for seed in range(5):
        first, second = campaign(seed), campaign(seed)
        assert first.watch.timeline() == second.watch.timeline()
        assert scenario(seed) == scenario(seed)
