"""The settings of an election, as they follow from the configuration and the interface."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from havip.clock import Duration
from havip.config.model import Announcing, ChecksumForm, StartAs, VirtualAddress, VirtualRouter
from havip.vrrp.settings import Settings
from tests.vrrp.build import OURS, us
from tests.vrrp.model import router

VIP = (VirtualAddress(ip_address("192.0.2.100"), 24),)


def test_a_router_that_only_says_what_it_must_follows_the_rfcs_defaults() -> None:
    assert Settings.of(VirtualRouter("gateway", "eth0", 51, VIP), OURS) == Settings(
        version=3,
        vrid=51,
        priority=100,
        interval=Duration(1_000_000_000),
        address=OURS,
        preempt=True,
        preempt_delay=Duration(0),
        down_adverts=3,
        checksum_form=ChecksumForm.PSEUDO_HEADER,
        answer_lower_priority=True,
        announce=Announcing(),
    )


def test_everything_that_concerns_the_election_is_taken_over() -> None:
    announce = Announcing(repeat=7)
    router = VirtualRouter(
        "gateway",
        "eth0",
        7,
        VIP,
        version=2,
        priority=254,
        interval=Duration(3_000_000_000),
        preempt=False,
        preempt_delay=Duration(5),
        down_adverts=9,
        rfc9568=True,
        answer_lower_priority=False,
        announce=announce,
    )
    assert Settings.of(router, b"") == Settings(
        version=2,
        vrid=7,
        priority=254,
        interval=Duration(3_000_000_000),
        address=b"",
        preempt=False,
        preempt_delay=Duration(5),
        down_adverts=9,
        checksum_form=ChecksumForm.MESSAGE,
        answer_lower_priority=False,
        announce=announce,
    )


@pytest.mark.parametrize(("priority", "owner"), [(1, False), (100, False), (254, False), (255, True)])
def test_priority_255_and_no_other_owns_the_addresses(priority: int, owner: bool) -> None:
    assert us(priority=priority).owner is owner


def test_a_stall_counts_from_the_time_at_which_the_best_backup_has_taken_over() -> None:
    config = router(preempt=False, yield_after_stall=True)
    assert Settings.of(config, OURS).stall == 2_007_812_500  # 3 adverts and 2/256 of one, but for the first
    assert Settings.of(router(preempt=False), OURS).stall == 0


def test_a_start_as_master_waits_for_one_advert() -> None:
    assert Settings.of(router(start=StartAs.MASTER), OURS).first_wait == 1_609_375_000
    assert Settings.of(router(), OURS).first_wait == 3_609_375_000
