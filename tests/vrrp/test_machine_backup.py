"""RFC 9568 section 6.4.2: Backup, line by line.  Preemption delays are in `test_machine_preemption`."""

from __future__ import annotations

import pytest

from havip.vrrp.actions import AddAddresses, AnnounceAddresses, SendAdvert, Tell
from havip.vrrp.events import AddressesLost, AddressesRefused, Cleared, Event, Impeded, Start, Stop, Tick
from havip.vrrp.events import SettingsChanged as Changed
from havip.vrrp.machine import Backup, Initialize, Master, next_deadline, step
from tests.vrrp.build import LOW_PEER, PEER, advert, at, backup, s, us

FOLLOWING = Backup(at(3.609375), s(1), None, PEER)


def test_a_backup_takes_over_when_the_master_is_silent_for_master_down() -> None:
    state, actions = step(us(), FOLLOWING, Tick(), at(3.609375))
    assert state == Master(at(4.609375), announce_at=at(8.609375), announce_repeat=5)
    assert actions == [
        SendAdvert(100),
        AddAddresses(),
        AnnounceAddresses(5),
        Tell("no better master heard for 3.609s"),
    ]


def test_a_backup_does_not_take_over_a_nanosecond_early() -> None:
    early = at(3.609375) - 1
    assert step(us(), FOLLOWING, Tick(), type(at(0))(early)) == (FOLLOWING, [])


def test_a_backup_that_wakes_late_advertises_from_then_on() -> None:
    state, actions = step(us(), FOLLOWING, Tick(), at(7))
    assert next_deadline(state) == at(8)
    assert actions.count(SendAdvert(100)) == 1


@pytest.mark.parametrize("priority", [100, 101, 200, 254, 255])
@pytest.mark.parametrize("source", [LOW_PEER, PEER], ids=["low address", "high address"])
def test_a_master_as_good_as_us_is_followed_for_another_master_down(priority: int, source: bytes) -> None:
    state, actions = step(us(), backup(), advert(priority, source=source), at(2))
    assert state == Backup(at(5.609375), s(1), None, source)
    assert actions == []


@pytest.mark.parametrize("priority", [1, 50, 99])
def test_backup_ignores_a_weaker_master_when_preempting(priority: int) -> None:
    assert step(us(), FOLLOWING, advert(priority), at(2)) == (FOLLOWING, [])


def test_a_stream_of_weaker_adverts_does_not_delay_the_takeover() -> None:
    state = FOLLOWING
    for tenths in range(1, 37):
        state, actions = step(us(), state, advert(99), at(tenths / 10))
        assert actions == []
    taken, _ = step(us(), state, Tick(), at(3.609375))
    assert isinstance(taken, Master)


@pytest.mark.parametrize("priority", [1, 50, 99, 100, 101])
def test_a_backup_that_may_not_preempt_follows_any_master(priority: int) -> None:
    state, actions = step(us(preempt=False), backup(), advert(priority), at(2))
    assert state == Backup(at(5.609375), s(1), None, PEER)
    assert actions == []


def test_a_backup_that_may_not_preempt_still_takes_over_from_a_silent_master() -> None:
    state, _ = step(us(preempt=False), FOLLOWING, Tick(), at(3.609375))
    assert isinstance(state, Master)


@pytest.mark.parametrize("preempt", [True, False])
def test_after_a_resignation_only_the_skew_is_left(preempt: bool) -> None:
    state, actions = step(us(preempt=preempt), FOLLOWING, advert(0), at(2))
    assert state == Backup(at(2.609375), s(1), None, PEER, resigned=True)
    assert actions == []
    taken, _ = step(us(preempt=preempt), state, Tick(), at(2.609375))
    assert isinstance(taken, Master)


def test_a_resignation_never_postpones_a_takeover() -> None:
    # Section 6.4.2 would set the timer to the skew even when less is left.
    state, actions = step(us(), FOLLOWING, advert(0), at(3.5))
    assert state == Backup(at(3.609375), s(1), None, PEER, resigned=True)
    assert actions == []


def test_a_takeover_says_whether_the_master_resigned_or_fell_silent() -> None:
    resigned, _ = step(us(), FOLLOWING, advert(0), at(2))
    _, actions = step(us(), resigned, Tick(), at(2.609375))
    assert actions[-1] == Tell("the master resigned")
    back, _ = step(us(), resigned, advert(150), at(2.1))
    _, actions = step(us(), back, Tick(), at(5.709375))
    assert actions[-1] == Tell("no better master heard for 3.609s")


def test_a_stream_of_resignations_cannot_keep_a_backup_waiting() -> None:
    state, _ = step(us(), FOLLOWING, advert(0), at(2))
    for hundredths in range(201, 261, 10):
        state, actions = step(us(), state, advert(0), at(hundredths / 100))
        assert actions == []
        assert next_deadline(state) == at(2.609375)


def test_of_two_backups_the_better_is_first_after_a_resignation() -> None:
    better, _ = step(us(priority=150), FOLLOWING, advert(0), at(2))
    worse, _ = step(us(priority=149), FOLLOWING, advert(0), at(2))
    assert next_deadline(better) == at(2.4140625)
    assert next_deadline(worse) == at(2.41796875)


def test_the_takeover_of_a_better_backup_ends_the_countdown_of_a_worse_one() -> None:
    resigned, _ = step(us(), FOLLOWING, advert(0), at(2))
    state, _ = step(us(), resigned, advert(150), at(2.5))
    assert next_deadline(state) == at(6.109375)


def test_vrrp_v3_learns_the_interval_of_the_master() -> None:
    state, _ = step(us(), backup(), advert(150, interval=2), at(1))
    assert state == Backup(at(8.21875), s(2), None, PEER)  # 1 + 3 * 2 + 156 * 2 / 256


def test_vrrp_v3_learns_again_from_every_advert() -> None:
    slow, _ = step(us(), backup(), advert(150, interval=40.95), at(1))
    fast, _ = step(us(), slow, advert(150, interval=0.01), at(2))
    assert fast == Backup(at(2.03609375), s(0.01), None, PEER)


def test_vrrp_v3_skew_after_a_resignation_is_that_of_the_learned_interval() -> None:
    state, _ = step(us(), Backup(at(8), s(2), None, PEER), advert(0, interval=1), at(3))
    assert state == Backup(at(4.21875), s(2), None, PEER, resigned=True)


def test_vrrp_v3_does_not_learn_from_a_weaker_master_that_it_does_not_follow() -> None:
    assert step(us(), FOLLOWING, advert(99, interval=5), at(2)) == (FOLLOWING, [])


def test_a_new_master_advertises_at_its_own_interval_whatever_it_had_learned() -> None:
    state, _ = step(us(), Backup(at(8.21875), s(2), None, PEER), Tick(), at(8.21875))
    assert next_deadline(state) == at(9.21875)


def test_vrrp_v2_counts_with_its_own_interval_and_a_skew_without_interval() -> None:
    settings = us(version=2, interval=s(5))
    state, _ = step(settings, backup(), advert(150, interval=5, version=2), at(1))
    assert state == Backup(at(16.609375), s(5), None, PEER)
    resigned, _ = step(settings, state, advert(0, interval=5, version=2), at(2))
    assert resigned == Backup(at(2.609375), s(5), None, PEER, resigned=True)


def test_a_backup_that_stops_says_nothing() -> None:
    assert step(us(), FOLLOWING, Stop(), at(1)) == (Initialize(), [Tell("stopped")])


def test_a_backup_that_loses_its_link_says_nothing() -> None:
    assert step(us(), FOLLOWING, Impeded("eth0 is down"), at(1)) == (
        Initialize("eth0 is down"),
        [Tell("eth0 is down")],
    )


@pytest.mark.parametrize(
    "event", [Start(), Start(resume=True), Cleared(), AddressesLost(), AddressesRefused("why")], ids=repr
)
def test_a_backup_is_not_moved_by_what_does_not_concern_it(event: Event) -> None:
    assert step(us(), FOLLOWING, event, at(2)) == (FOLLOWING, [])


def test_new_settings_that_change_no_time_leave_the_countdown_alone() -> None:
    assert step(us(preempt=False), FOLLOWING, Changed(), at(2)) == (FOLLOWING, [])
    assert step(us(), FOLLOWING, Changed(addresses=True), at(2)) == (FOLLOWING, [])


def test_a_shorter_patience_binds_a_backup_at_once() -> None:
    # at 0.5: 3 intervals of the master and a skew of 56/256 of one
    learned = Backup(at(30), s(8), None, PEER)
    state, actions = step(us(priority=200), learned, Changed(), at(0.5))
    assert state == Backup(at(26.25), s(8), None, PEER)
    assert actions == []


def test_a_longer_patience_waits_for_the_next_advert() -> None:
    settings = us(down_adverts=10)
    state, _ = step(settings, FOLLOWING, Changed(), at(2))
    assert state == FOLLOWING
    heard, _ = step(settings, state, advert(150), at(2.5))
    assert next_deadline(heard) == at(13.109375)


def test_a_new_vrrp_v2_interval_binds_at_once_when_it_is_shorter() -> None:
    settings = us(version=2, interval=s(1))
    state, _ = step(settings, Backup(at(30.609375), s(10), None, PEER), Changed(), at(5))
    assert state == Backup(at(8.609375), s(1), None, PEER)


def test_a_new_vrrp_v2_interval_waits_for_the_next_advert_when_it_is_longer() -> None:
    settings = us(version=2, interval=s(10))
    state, _ = step(settings, FOLLOWING, Changed(), at(1))
    assert state == Backup(at(3.609375), s(10), None, PEER)


def test_new_settings_do_not_lengthen_the_countdown_after_a_resignation() -> None:
    resigned, _ = step(us(), FOLLOWING, advert(0), at(2))
    state, _ = step(us(priority=90), resigned, Changed(), at(2.1))
    assert next_deadline(state) == at(2.609375)
