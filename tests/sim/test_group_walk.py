"""Every interleaving of two hosts with a sync group over two LANs, by `groupwalk`.

The walk itself checks in each step: never is a part of a group MASTER, or in FAULT; addresses if and only
if MASTER; silence after priority 0.  And at its end: from every state, however bad, all ways that lead
through no further fault come to one host that has the whole group, for good.

One missed advert makes a backup take over here, and the skew of priority 128 is half a second, so that few
quanta make a wait; the rules do not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from havip.clock import Instant, milliseconds, seconds
from havip.config.model import Announcing
from havip.vrrp import syncgroup
from havip.vrrp.settings import Settings
from tests.sim.groupwalk import GroupWalk
from tests.sim.walk import Broken

HALF, QUARTER = milliseconds(500), milliseconds(250)
SILENT = Announcing(delay=seconds(0), lower_priority_delay=seconds(0))

Hosts = list[list[Settings]]


def host(*members: tuple[int, int], **more: Any) -> list[Settings]:
    """Return the settings of a host whose members have these priorities and last octets."""
    return [
        Settings(
            3,
            51 + place,
            priority,
            seconds(1),
            bytes((192, 0, 2 + place, octet)),
            announce=SILENT,
            down_adverts=1,
            **more,
        )
        for place, (priority, octet) in enumerate(members)
    ]


def alike(**more: Any) -> Hosts:
    """Return two hosts of one priority, of which the second has the greater address on both LANs."""
    return [host((128, 11), (128, 11), **more), host((128, 12), (128, 12), **more)]


def crossed(**more: Any) -> Hosts:
    """Return two hosts of one priority, each of which has the greater address on another LAN."""
    return [host((128, 11), (128, 12), **more), host((128, 12), (128, 11), **more)]


def torn() -> Hosts:
    """Return two hosts, each of which has the higher priority on another LAN."""
    return [host((192, 11), (128, 12)), host((128, 12), (192, 11))]


def better() -> Hosts:
    """Return a host that is the better one on both LANs, and another."""
    return [host((192, 11), (192, 11)), host((128, 12), (128, 12))]


FAILING: dict[str, Any] = {"losses": 1, "faults": 1, "ailing": True}
WALKS = [
    # Who; the quantum; what may go wrong; the least number of states; seconds until all is settled.
    pytest.param(alike(), HALF, {"losses": 4}, 2_200, 1.5, id="alike"),
    pytest.param(alike(), HALF, FAILING | {"faults": 2}, 26_000, 1.5, id="alike-failing"),
    pytest.param(better(), QUARTER, {"losses": 3}, 3_800, 1.5, id="one-is-better"),
    pytest.param(better(), QUARTER, FAILING, 15_800, 1.5, id="better-failing"),
    pytest.param(crossed(), HALF, {"losses": 4}, 4_200, 3, id="crossed"),
    pytest.param(crossed(), HALF, FAILING, 6_200, 4.5, id="crossed-failing"),
    pytest.param(crossed(preempt=False), HALF, {"losses": 3}, 1_900, 3, id="crossed-not-preempting"),
    pytest.param(torn(), QUARTER, {"losses": 2}, 2_100, 3, id="torn"),
]


@pytest.mark.parametrize(("hosts", "quantum", "options", "least", "settled"), WALKS)
def test_two_hosts_settle_with_the_whole_group_from_every_state(
    hosts: Hosts, quantum: Any, options: dict[str, Any], least: int, settled: float
) -> None:
    verdict = GroupWalk(hosts, quantum, **options).explore()
    assert verdict.states >= least, verdict
    assert verdict.settled_within == seconds(settled), verdict


def forgets_the_others(turn: Any, place: int, event: object) -> None:
    """Give way alone."""


def never_waits(turn: Any, place: int, state: Any, actions: Any) -> None:
    """Become MASTER alone."""
    turn.put(place, state, actions)


def leaves_it_to_itself(turn: Any) -> None:
    """Let each member see to its own FAULT."""


MUTANTS: list[tuple[str, Callable[..., Any], str, Hosts]] = [
    ("holds_back", lambda *turn: Instant(0), "one master in the end", crossed()),
    ("holds_back", lambda *turn: Instant(0), "one master in the end", torn()),
    ("give_way", forgets_the_others, "a group is never split", alike()),
    ("wants_to_be_master", never_waits, "a group is never split", alike()),
    ("settle", leaves_it_to_itself, "all in FAULT or none", alike()),
    ("ailing", lambda turn: None, "all in FAULT or none", alike()),
]


@pytest.mark.parametrize(("method", "instead", "rule", "hosts"), MUTANTS)
def test_a_mutant_falls_by_the_rule_that_it_breaks(
    monkeypatch: pytest.MonkeyPatch, method: str, instead: Callable[..., Any], rule: str, hosts: Hosts
) -> None:
    monkeypatch.setattr(syncgroup if method == "holds_back" else syncgroup._Turn, method, instead)
    quantum = QUARTER if hosts[0][0].priority == 192 else HALF
    trouble: dict[str, Any] = (
        {"losses": 0} if method == "holds_back" else FAILING
    )  # no fault is needed for it
    with pytest.raises(Broken) as caught:
        GroupWalk(hosts, quantum, **trouble).explore()
    assert caught.value.rule == rule
