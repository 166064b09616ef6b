"""Every interleaving of two and three routers, by `walk`: nothing forbidden is reached, all of it settles.

The walk itself checks in each step: addresses if and only if MASTER, no action twice, silence after
priority 0, sane deadlines; and at its end that from every state, however bad, all ways that lead through no
further fault come to one master, the right one, for good.

The least numbers of states are a little below what the walks had when they were written; a walk that sees
fewer has lost some of its choices.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from havip.clock import Duration, milliseconds, seconds
from havip.config.model import Announcing
from havip.vrrp.settings import Settings
from tests.sim.walk import Walk

QUARTER = milliseconds(250)  # divides every deadline of priorities 192, 128 and 64 at one second
SILENT = Announcing(delay=seconds(0), lower_priority_delay=seconds(0))


def routers(*priorities: int, version: int = 3, **more: object) -> list[Settings]:
    """Return one router for each priority, at an interval of one second."""
    return [
        Settings(
            version,
            51,
            priority,
            seconds(1),
            bytes((192, 0, 2, 11 + number)),
            announce=SILENT,
            **more,  # type: ignore[arg-type]
        )
        for number, priority in enumerate(priorities)
    ]


# Worst cases: nobody is master, and the last backup left has just begun to wait for 3 s and its skew; an
# advert that is late adds its delay.  With a preemption delay of 2 s: the better one is about to take over
# (3.25 s) when the other does; it follows for 2 s, the last time after 1 s, and then waits again (3.25 s).
TWO = [
    pytest.param(routers(192, 128), {}, 1_500, 3.5, id="preempting"),
    pytest.param(routers(192, 128), {"late": True}, 2_600, 3.75, id="late-adverts"),
    pytest.param(routers(192, 128), {"faults": 3}, 3_500, 3.5, id="three-faults"),
    pytest.param(routers(192, 128, preempt=False), {}, 1_700, 3.5, id="not-preempting"),
    pytest.param(routers(128, 128), {}, 1_700, 3.5, id="equal-priority"),
    pytest.param(routers(192, 128, version=2), {}, 1_500, 3.5, id="v2"),
    pytest.param(routers(192, 128, preempt_delay=seconds(2)), {}, 1_700, 7.5, id="preempt-delay"),
    pytest.param(routers(192, 128, answer_lower_priority=False), {}, 1_250, 3.5, id="not-answering"),
]


@pytest.mark.parametrize(("settings", "options", "least", "settled"), TWO)
def test_two_routers_settle_from_every_state(
    settings: list[Settings], options: dict[str, int], least: int, settled: float
) -> None:
    verdict = Walk(settings, QUARTER, **options).explore()  # type: ignore[arg-type]
    assert verdict.states >= least, verdict
    assert verdict.settled_within == seconds(settled), verdict
    assert verdict.most_masters == 2, verdict  # the walk did lose adverts


def test_only_one_of_two_that_may_not_preempt_follows_a_weaker_master() -> None:
    first, second = routers(192, 128)
    verdict = Walk([replace(first, preempt=False), second], QUARTER).explore()
    assert verdict.states >= 1_700, verdict
    assert verdict.settled_within == seconds(3.5), verdict


def test_an_owner_and_a_backup_settle_from_every_state() -> None:
    verdict = Walk(routers(255, 128), QUARTER).explore()  # an owner's skew is never used
    assert verdict.states >= 550, verdict
    assert verdict.settled_within == seconds(3.5), verdict


def test_two_routers_of_different_intervals_settle_from_every_state() -> None:
    slow, fast = routers(192, 128)
    verdict = Walk([slow, replace(fast, interval=milliseconds(500))], milliseconds(125)).explore()
    assert verdict.states >= 3_000, verdict
    assert verdict.settled_within == seconds(3.5), verdict


def test_second_bursts_of_announcements_do_not_keep_two_routers_from_settling() -> None:
    announcing = Announcing(delay=seconds(1), lower_priority_delay=milliseconds(500))
    settings = [replace(one, announce=announcing) for one in routers(192, 128)]
    verdict = Walk(settings, QUARTER, announcing=True).explore()
    assert verdict.states >= 2_500, verdict
    assert verdict.settled_within == seconds(3.5), verdict


@pytest.mark.parametrize(("preempt", "least"), [(True, 36_000), (False, 25_000)])
def test_when_all_hear_all_there_are_never_two_masters(preempt: bool, least: int) -> None:
    # Once nothing flies any more: a preempting router is master until the other has heard it.
    verdict = Walk(routers(192, 128, 64, preempt=preempt), QUARTER, lossy=False).explore()
    assert verdict.states >= least, verdict
    assert verdict.most_masters == 1, verdict
    assert verdict.settled_within == seconds(3.75), verdict


def test_three_routers_settle_from_every_state() -> None:
    verdict = Walk(routers(192, 128, 64), QUARTER).explore()
    assert verdict.states >= 240_000, verdict
    assert verdict.settled_within == seconds(3.75), verdict
    assert verdict.most_masters == 3, verdict


def test_three_routers_that_do_not_preempt_settle_from_every_state() -> None:
    verdict = Walk(routers(192, 128, 64, preempt=False), QUARTER).explore()
    assert verdict.states >= 320_000, verdict
    assert verdict.settled_within == seconds(3.75), verdict
    assert verdict.most_masters == 3, verdict


def test_three_routers_of_different_intervals_settle_though_the_master_answers_nobody() -> None:
    # A loser's last advert must not teach the third router an interval that the winner does not keep.
    slow, *fast = routers(192, 128, 64, preempt=False, answer_lower_priority=False, down_adverts=1)
    settings = [slow, *(replace(one, interval=milliseconds(250)) for one in fast)]
    verdict = Walk(settings, Duration(milliseconds(250) // 4), faults=0).explore()
    assert verdict.states >= 13_500, verdict
    assert verdict.settled_within == seconds(1.25), verdict  # its own interval and skew, alone
