"""New settings for a running router: a shorter promise binds at once, nothing else is disturbed."""

from __future__ import annotations

from havip.clock import NEVER
from havip.vrrp.actions import SendAdvert
from havip.vrrp.events import SettingsChanged
from havip.vrrp.machine import Backup, Master, step
from tests.vrrp.build import PEER, at, backup, master, quiet, s, us

CHANGED = SettingsChanged()


def changed_backup(state: Backup, **settings: object) -> Backup:
    after, actions = step(us(**settings), state, CHANGED, at(0))
    assert actions == []
    assert isinstance(after, Backup)
    return after


def changed_master(state: Master, **settings: object) -> Master:
    after, actions = step(us(**settings), state, CHANGED, at(0.25))
    assert actions == [SendAdvert(100)]
    assert isinstance(after, Master)
    return after


def test_a_backup_that_never_heard_a_master_goes_by_its_own_new_interval() -> None:
    waiting = backup(144.375, interval=40)
    assert changed_backup(waiting) == Backup(at(3.609375), s(1))


def test_a_backup_that_follows_a_master_keeps_the_masters_interval() -> None:
    following = backup(7.21875, interval=2, master=PEER)
    assert changed_backup(following, interval=s(5)) == following


def test_a_longer_interval_does_not_move_a_deadline_that_stands() -> None:
    assert changed_backup(backup(2), interval=s(9)).master_down_at == at(2)


def test_a_shorter_preempt_delay_shortens_the_one_that_runs() -> None:
    held_back = backup(3, preempt_at=at(1000), master=PEER)
    assert changed_backup(held_back, preempt_delay=s(10)).preempt_at == at(10)


def test_a_longer_preempt_delay_does_not_lengthen_the_one_that_runs() -> None:
    held_back = backup(3, preempt_at=at(2), master=PEER)
    assert changed_backup(held_back, preempt_delay=s(10)).preempt_at == at(2)


def test_a_master_advertises_a_change_at_once_and_then_by_its_new_interval() -> None:
    assert changed_master(master(1), interval=s(2)).advertise_at == at(2.25)


def test_a_refresh_that_is_switched_on_begins_while_master() -> None:
    state = changed_master(master(1), announce=quiet(refresh=s(60)))
    assert state.refresh_at == at(60.25)


def test_a_refresh_that_is_switched_off_ends_at_once() -> None:
    assert changed_master(master(1, refresh_at=at(30)), announce=quiet()).refresh_at == NEVER


def test_a_refresh_that_runs_is_not_postponed_by_a_reload() -> None:
    state = changed_master(master(1, refresh_at=at(30)), announce=quiet(refresh=s(60)))
    assert state.refresh_at == at(30)
