"""A master that steps down because somebody wants it to, or because it stood still; and how a start waits."""

from __future__ import annotations

import pytest

from havip.vrrp.actions import Followed, HeardWeaker, RemoveAddresses, SendAdvert, Tell
from havip.vrrp.events import Impeded, Recall, SettingsChanged, Start, StepDown, TakeOver, Tick
from havip.vrrp.machine import Backup, Initialize, Master, State, next_deadline, step
from havip.vrrp.states import Parting
from tests.vrrp.build import LOW_PEER, PEER, advert, at, backup, master, quiet, s, us

US = us(announce=quiet())


def stepped_down(**settings: object) -> Backup:
    state, _ = step(us(**settings), master(), StepDown("failover"), at(0))
    assert isinstance(state, Backup)
    return state


def test_a_master_that_steps_down_resigns_removes_its_addresses_and_listens() -> None:
    state, actions = step(US, master(), StepDown("failover asked for"), at(0))
    assert state == Backup(at(3.609375), s(1), deferring=True)
    assert actions == [SendAdvert(0), RemoveAddresses(), Tell("failover asked for")]


@pytest.mark.parametrize(("priority", "source"), [(1, LOW_PEER), (99, PEER), (200, PEER)])
def test_whoever_takes_over_is_followed_whatever_the_priorities(priority: int, source: bytes) -> None:
    state: State = stepped_down()
    for second in range(1, 60):
        state, actions = step(US, state, advert(priority, source=source), at(second))
        assert actions == ([Followed()] if second == 1 else [])
        assert next_deadline(state) == at(second + 3.609375)
    state, _ = step(US, state, SettingsChanged(), at(60))
    assert isinstance(state, Backup)
    assert state.deferring


def test_another_successor_is_told_of_anew() -> None:
    state, _ = step(US, stepped_down(), advert(99), at(1))
    state, actions = step(US, state, advert(98, source=LOW_PEER), at(2))
    assert actions == [Followed()]
    state, actions = step(US, state, advert(200), at(3))
    assert actions == [Followed()]


def test_who_stepped_down_in_its_last_life_follows_any_master() -> None:
    state, actions = step(US, Initialize(), Start(defer=True), at(0))
    assert (state, actions) == (Backup(at(3.609375), s(1), deferring=True), [Tell("started")])
    state, _ = step(US, state, advert(1), at(1))
    assert next_deadline(state) == at(4.609375)


def test_the_owner_defers_to_nobody_at_its_start() -> None:
    state, _ = step(us(priority=255), Initialize(), Start(defer=True), at(0))
    assert isinstance(state, Master)


def test_a_master_whose_adverts_still_bind_resumes_all_the_same() -> None:
    state, _ = step(US, Initialize(), Start(resume=True, defer=True), at(0))
    assert isinstance(state, Master)


def test_if_nobody_takes_over_the_router_is_master_again_after_its_master_down_interval() -> None:
    state, _ = step(US, stepped_down(), Tick(), at(3.609375))
    assert isinstance(state, Master)


def test_a_wait_for_the_slowest_of_a_group_is_kept() -> None:
    state, _ = step(US, master(), StepDown("failover", wait=s(30)), at(0))
    assert next_deadline(state) == at(30)
    state, _ = step(US, master(), StepDown("failover", wait=s(1)), at(0))
    assert next_deadline(state) == at(3.609375)


def test_once_the_other_fails_normal_rules_hold_again() -> None:
    state, _ = step(US, stepped_down(), advert(99), at(1))
    state, actions = step(US, state, Tick(), at(4.609375))
    assert isinstance(state, Master)
    assert SendAdvert(100) in actions


def test_once_the_other_resigns_normal_rules_hold_again() -> None:
    state, _ = step(US, stepped_down(), advert(99), at(1))
    state, _ = step(US, state, advert(0), at(2))
    assert isinstance(state, Backup)
    assert (state.deferring, state.master_down_at) == (False, at(2.609375))
    again, _ = step(US, state, advert(99), at(2.5))
    assert again == state  # a weaker master is not followed any more


def test_what_ends_the_deference_is_no_reload_but_a_new_beginning() -> None:
    state, _ = step(US, stepped_down(), Impeded("eth0 is down"), at(1))
    state, _ = step(US, Initialize(), Start(), at(2))
    assert state == backup(2 + 3.609375)


def test_the_owner_of_the_addresses_does_not_step_down_for_an_operator() -> None:
    settings = us(priority=255)
    assert step(settings, master(), StepDown("failover"), at(0.5)) == (master(), [])


def test_the_owner_steps_down_with_its_group() -> None:
    state, actions = step(us(priority=255), master(), StepDown("with b", defer=False), at(0))
    assert actions[:2] == [SendAdvert(0), RemoveAddresses()]
    assert state == Backup(at(3.00390625), s(1), parting=Parting(3, at(0)))


def test_without_deference_a_weaker_master_is_not_followed() -> None:
    state, _ = step(US, master(), StepDown("with b", defer=False), at(0))
    assert step(US, state, advert(99), at(1)) == (state, [])


@pytest.mark.parametrize("state", [Initialize(), Initialize("no link"), backup()])
@pytest.mark.parametrize("event", [StepDown("failover"), Recall()])
def test_only_a_master_steps_down_or_calls_back(state: State, event: StepDown | Recall) -> None:
    assert step(US, state, event, at(1)) == (state, [])


def test_a_backup_takes_over_with_its_group_at_once() -> None:
    state, actions = step(US, backup(), TakeOver("with b"), at(1))
    assert state == Master(at(2), announce_repeat=5)
    assert actions[0] == SendAdvert(100)
    assert actions[-1] == Tell("with b")


@pytest.mark.parametrize("state", [Initialize(), Initialize("no link"), master()])
def test_nobody_but_a_backup_takes_over_with_its_group(state: State) -> None:
    assert step(US, state, TakeOver("with b"), at(0.5)) == (state, [])


def test_calling_back_for_a_sibling_announces_and_neither_speaks_nor_tells_scripts() -> None:
    state, actions = step(US, master(), Recall(), at(0.5))
    assert [type(each).__name__ for each in actions] == ["AnnounceAddresses"]
    assert step(US, state, Recall(), at(0.6))[1] == []


# --- at the start -----------------------------------------------------------------------------------


def test_a_router_that_starts_as_master_listens_for_one_interval_and_its_skew() -> None:
    state, _ = step(us(start_as_master=True), Initialize(), Start(), at(0))
    assert state == backup(1.609375)


def test_a_router_that_starts_as_master_follows_a_better_one_that_it_hears() -> None:
    settings = us(start_as_master=True)
    state, _ = step(settings, Initialize(), Start(), at(0))
    state, _ = step(settings, state, advert(200), at(1))
    assert next_deadline(state) == at(4.609375)


def test_a_recovery_is_no_start() -> None:
    state, _ = step(us(start_as_master=True), Initialize("refused", retry_at=at(1)), Tick(), at(1))
    assert state == backup(1 + 3.609375)


def test_a_router_whose_group_cannot_resume_releases_its_peers() -> None:
    state, actions = step(US, Initialize(), Start(farewell=True), at(0))
    assert state == backup(3.609375)
    assert actions == [SendAdvert(0), Tell("started")]


# --- after a stall ----------------------------------------------------------------------------------

STALL = us(preempt=False, stall=s(2.0078125))  # a backup of priority 254 has taken over by then


def test_a_master_that_stood_still_for_long_lets_the_backup_be() -> None:
    state, actions = step(STALL, master(1), Tick(), at(3.1))
    assert state == Backup(at(6.709375), s(1))
    assert actions == [RemoveAddresses(), Tell("stood still for 2.1s, so a backup has taken over")]


def test_the_first_packet_that_it_hears_finds_it_standing_aside_as_well() -> None:
    state, actions = step(STALL, master(1), advert(50), at(3.1))
    assert isinstance(state, Backup)
    assert SendAdvert(100) not in actions
    assert HeardWeaker() not in actions


def test_a_shorter_stall_changes_nothing() -> None:
    state, actions = step(STALL, master(1), Tick(), at(3))
    assert isinstance(state, Master)
    assert actions == [SendAdvert(100)]


def test_by_default_a_master_that_stood_still_goes_on() -> None:
    state, _ = step(US, master(1), Tick(), at(100))
    assert isinstance(state, Master)


def test_an_owner_whose_group_cannot_resume_releases_its_peers_and_waits() -> None:
    state, actions = step(us(priority=255), Initialize(), Start(farewell=True), at(0))
    assert state == backup(3.00390625)
    assert actions == [SendAdvert(0), Tell("started")]
