"""Random campaigns of fixed seeds; `python -m tests.sim.soak` goes on with others."""

from __future__ import annotations

import re
import sys

import pytest

from havip.vrrp.actions import RemoveAddresses
from tests.sim import mutants, soak
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


def test_a_soak_plays_as_many_seeds_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["soak", "--runs", "3", "--seed", "500"])
    assert soak.main() == 0
    assert capsys.readouterr().out.startswith("3 scenarios from seed 500: ")


def test_a_soak_ends_with_the_first_seed_that_breaks_a_rule(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["soak", "--runs", "100", "--seed", "500"])
    mutants.without(RemoveAddresses)(monkeypatch)
    assert soak.main() == 1
    assert re.match(r"(group )?seed 5\d\d: each action once: ", capsys.readouterr().out)
