"""Sync groups on simulated LANs: random campaigns of fixed seeds, and what a campaign meets too seldom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from havip.clock import Instant, milliseconds, seconds
from havip.config.model import Announcing
from havip.vrrp import syncgroup
from tests.sim import group_campaign
from tests.sim.band import Band, Site
from tests.sim.host import Weather
from tests.sim.shrink import broken_rule
from tests.sim.watch import Violation

BATCH = 50
QUIET = Announcing(delay=seconds(0), lower_priority_delay=seconds(0))


@pytest.mark.parametrize("batch", range(6))
def test_every_mended_site_comes_to_one_host_that_has_the_whole_group(batch: int) -> None:
    changes = 0
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        changes += group_campaign.campaign(seed).changes_since(Instant(0))
    assert changes > 4 * BATCH  # the masters did change


def alone(turn: Any, place: int, event: object) -> None:
    """Give way alone."""


def never_waits(turn: Any, place: int, state: Any, actions: Any) -> None:
    """Become MASTER alone."""
    turn.put(place, state, actions)


def to_itself(turn: Any) -> None:
    """Let each member see to its own FAULT."""


@pytest.mark.parametrize(
    ("owner", "name", "instead", "rule"),
    [
        (syncgroup._Turn, "give_way", alone, "a group is never split"),
        (syncgroup._Turn, "wants_to_be_master", never_waits, "a group is never split"),
        (syncgroup._Turn, "settle", to_itself, "all in FAULT or none"),
        (syncgroup, "is_waiting", lambda state: False, "the right master"),
    ],
    ids=["gives way alone", "never waits", "keeps FAULT to itself", "waits for ever"],
)
def test_a_campaign_finds_a_fault(
    monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, instead: Callable[..., Any], rule: str
) -> None:
    monkeypatch.setattr(owner, name, instead)
    assert rule in {broken_rule(group_campaign.scenario(seed), group_campaign.play) for seed in range(20)}


# --- what needs exact timing ------------------------------------------------------------------------

EXACT = Weather(least=milliseconds(1), most=milliseconds(1))


def site(*hosts: tuple[int, ...], lans: int = 2, **more: Any) -> tuple[Site, list[Band]]:
    """Return hosts whose members have these priorities, started at one instant."""
    made = Site(1, EXACT, lans)
    settings = {"announce": QUIET} | more
    bands = [
        made.add(name, [{"priority": priority, **settings} for priority in priorities])
        for name, priorities in zip("abc", hosts, strict=False)
    ]
    for band in bands:
        band.start()
    return made, bands


def test_two_hosts_each_better_on_another_lan_settle_within_two_takeovers() -> None:
    made, (a, b) = site((200, 100), (100, 200))
    made.run(seconds(60))
    assert made.whole_masters() == [a]  # the better one on the first LAN, of the least VRID
    assert [state for _, state in a.changes] == ["START", "BACKUP", "MASTER", "BACKUP", "MASTER"]
    assert [state for _, state in b.changes] == ["START", "BACKUP", "MASTER", "BACKUP"]


def test_without_the_weaker_ones_wait_they_depose_each_other_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(syncgroup, "holds_back", lambda *turn: Instant(0))
    made, (a, _) = site((200, 100), (100, 200))
    made.run(seconds(60))
    assert len(a.changes) > 20


def test_three_hosts_that_go_round_in_a_circle_settle() -> None:
    made, bands = site((200, 100, 150), (150, 200, 100), (100, 150, 200), lans=3)
    made.run(seconds(60))
    settled = made.timeline.now
    assert made.whole_masters() == [bands[0]]
    made.run(seconds(60))
    assert made.changes_since(settled) == 0


def test_a_lan_that_is_cut_alone_moves_nothing_while_the_other_is_whole() -> None:
    made, (a, b) = site((200, 200), (100, 100))
    made.run(seconds(10))
    lan = made.lans[1]
    lan.partition([a.members[1]], [b.members[1]])
    made.run(seconds(60))
    assert made.whole_masters() == [a]
    assert [state for _, state in b.changes] == ["START", "BACKUP"]


def test_a_host_that_loses_one_link_gives_all_away_at_once_and_gets_it_back() -> None:
    made, (a, b) = site((200, 200), (100, 100))
    made.run(seconds(10))
    a.set_link(1, up=False)
    made.run(seconds(1))  # the skew of b, and not Master_Down_Interval, on the LAN where a could resign
    assert made.whole_masters() == []  # but on the other the link was down before it could
    made.run(seconds(3))
    assert made.whole_masters() == [b]
    a.set_link(1, up=True)
    made.run(seconds(4))
    assert made.whole_masters() == [a]


def test_a_weight_that_counts_for_all_moves_the_group() -> None:
    made, (a, b) = site((200, 200), (100, 100))
    made.run(seconds(10))
    a.weigh([90, 90])
    made.run(seconds(8))
    assert made.whole_masters() == [b]
    a.weigh([200, 90])  # what havip never does: another priority of one member alone
    made.run(seconds(60))
    assert made.whole_masters() == [b]


def test_a_split_group_is_a_violation() -> None:
    made, (a, _) = site((200, 200), (100, 100))
    made.run(seconds(10))
    member = a.members[0]
    made.lans[0].enter(member, syncgroup.Cleared(), a.members[0].state, [])
    a.members[1].state = made.bands[1].members[1].state
    with pytest.raises(Violation, match="a group is never split"):
        made.run(seconds(1))
