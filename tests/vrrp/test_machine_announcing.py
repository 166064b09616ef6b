"""When the neighbours are told: bursts after a takeover, refreshes, and after a weaker master."""

from __future__ import annotations

import pytest

from havip.clock import NEVER
from havip.config.model import Announcing
from havip.vrrp.actions import AddAddresses, AnnounceAddresses, HeardWeaker, SendAdvert
from havip.vrrp.events import Start, Tick
from havip.vrrp.machine import Initialize, Master, State, next_deadline, step
from havip.vrrp.settings import Settings
from tests.vrrp.build import PEER, advert, at, master, quiet, s, us


def announcements(settings: Settings, state: State, until: float) -> list[tuple[float, int]]:
    """Let the clock run to every deadline in turn; return when bursts were asked for, and their repeats."""
    seen = []
    while next_deadline(state) <= at(until):
        now = next_deadline(state)
        state, actions = step(settings, state, Tick(), now)
        seen += [
            ((now - at(0)) / 1e9, each.repeat) for each in actions if isinstance(each, AnnounceAddresses)
        ]
    return seen


def taken_over(settings: Settings) -> State:
    """Return the state of an owner that has just started; the first burst is part of that step."""
    state, actions = step(settings, Initialize(), Start(resume=True), at(0))
    assert [each for each in actions if isinstance(each, AnnounceAddresses)] == [
        AnnounceAddresses(settings.announce.repeat)
    ]
    return state


@pytest.mark.parametrize(
    ("announce", "bursts"),
    [
        (Announcing(), [(5.0, 5)]),
        (Announcing(repeat=1, delay=s(1)), [(1.0, 1)]),
        (Announcing(delay=s(0)), []),
        (Announcing(delay=s(0), refresh=s(10)), [(10.0, 1), (20.0, 1)]),
        (Announcing(delay=s(5), refresh=s(10), refresh_repeat=2), [(5.0, 5), (15.0, 2), (25.0, 2)]),
    ],
    ids=["by default", "one, soon", "no second burst", "refresh alone", "second burst and refresh"],
)
def test_bursts_after_a_takeover_come_when_configured(
    announce: Announcing, bursts: list[tuple[float, int]]
) -> None:
    settings = us(announce=announce)
    assert announcements(settings, taken_over(settings), 29.9) == bursts


def test_an_owner_announces_like_any_new_master() -> None:
    settings = us(priority=255)
    state, actions = step(settings, Initialize(), Start(), at(0))
    assert AnnounceAddresses(5) in actions
    assert announcements(settings, state, 60) == [(5.0, 5)]


def test_a_weaker_master_is_answered_with_a_burst_now_and_one_after_the_delay() -> None:
    settings = us(announce=quiet(lower_priority_repeat=3, lower_priority_delay=s(2)))
    state, actions = step(settings, master(), advert(99), at(0.5))
    assert actions == [SendAdvert(100), AnnounceAddresses(3), HeardWeaker()]
    assert announcements(settings, state, 30) == [(2.5, 3)]


def test_a_stream_of_weaker_adverts_cannot_make_more_than_one_burst_in_an_interval() -> None:
    settings = us(announce=quiet(lower_priority_delay=s(5)))
    state: State = master(100)
    bursts = []
    for tenths in range(1, 50):  # one interval is 1 s
        state, actions = step(settings, state, advert(99), at(tenths / 10))
        assert actions[0] == SendAdvert(100)
        if AnnounceAddresses(5) in actions:
            bursts.append(tenths / 10)
    assert bursts == [0.1, 1.1, 2.1, 3.1, 4.1]


@pytest.mark.parametrize("delay", [0, 5])
def test_a_weaker_master_heard_after_a_burst_is_answered_when_the_interval_is_over(
    delay: float,
) -> None:
    # It has announced itself since our burst and gives way now: its farewell is the last that we hear of it.
    settings = us(announce=quiet(lower_priority_delay=s(delay)))
    state, _ = step(settings, master(), advert(99), at(0.5))
    state, actions = step(settings, state, advert(99), at(0.6))
    assert actions == [SendAdvert(100)]
    assert announcements(settings, state, 1.6) == [(1.5, 5)]


def test_after_the_second_burst_a_weaker_master_is_news_again() -> None:
    settings = us(announce=quiet(lower_priority_delay=s(5)))
    state, _ = step(settings, master(100), advert(99), at(1))
    state, _ = step(settings, state, Tick(), at(6))
    _, actions = step(settings, state, advert(99), at(7))
    assert actions == [SendAdvert(100), AnnounceAddresses(5), HeardWeaker()]


def test_a_weaker_master_that_follows_a_takeover_is_answered_with_its_own_burst() -> None:
    # It may have called the clients after our first burst; our second one would leave them lost until then.
    settings = us()
    state = taken_over(settings)
    state, actions = step(settings, state, advert(99), at(0.5))
    assert actions == [SendAdvert(100), AnnounceAddresses(5), HeardWeaker()]
    assert announcements(settings, state, 30) == [(5.5, 5)]


def test_no_announcement_disturbs_the_rhythm_of_the_adverts() -> None:
    settings = us(interval=s(0.3), announce=Announcing(delay=s(0.5), refresh=s(0.7)))
    state = taken_over(settings)
    adverts = []
    while next_deadline(state) <= at(3):
        now = next_deadline(state)
        state, actions = step(settings, state, Tick(), now)
        adverts += [(now - at(0)) // 1_000_000 for each in actions if isinstance(each, SendAdvert)]
    assert adverts == [300, 600, 900, 1200, 1500, 1800, 2100, 2400, 2700, 3000]


def test_an_advert_that_is_due_together_with_announcements_goes_first() -> None:
    state = master(1, announce_at=at(1), announce_repeat=5, refresh_at=at(1), retry_at=at(1))
    settings = us(announce=quiet(refresh=s(60), refresh_repeat=2))
    after, actions = step(settings, state, Tick(), at(1))
    assert actions == [
        SendAdvert(100),
        AddAddresses(),
        AnnounceAddresses(5),
        AnnounceAddresses(5),
        AnnounceAddresses(2),
    ]
    assert after == Master(at(2), announce_repeat=5, refresh_at=at(61))


@pytest.mark.parametrize(
    ("state", "actions"),
    [
        (master(9, announce_at=at(1), announce_repeat=4), [AnnounceAddresses(4)]),
        (master(9, refresh_at=at(1)), [AnnounceAddresses(1)]),
        (master(9, retry_at=at(1)), [AddAddresses(), AnnounceAddresses(5)]),
    ],
    ids=["second burst", "refresh", "retry"],
)
def test_an_announcement_that_is_due_brings_no_advert_with_it(state: Master, actions: list[object]) -> None:
    after, done = step(us(announce=quiet()), state, Tick(), at(1))
    assert done == actions
    assert isinstance(after, Master)
    assert after.advertise_at == at(9)
    assert next_deadline(after) == at(9)


def test_a_master_that_gave_way_announces_nothing_any_more() -> None:
    settings = us(announce=Announcing(delay=s(5), refresh=s(10)))
    state, _ = step(settings, taken_over(settings), advert(101, source=PEER), at(1))
    for second in (1.5, 2, 3, 4):
        state, actions = step(settings, state, Tick(), at(second))
        assert actions == []


def test_a_refresh_that_is_switched_off_ends_after_the_one_that_was_due() -> None:
    state = master(100, refresh_at=at(10))
    without = us(announce=quiet())
    assert announcements(without, state, 99) == [(10.0, 1)]
    after, _ = step(without, state, Tick(), at(10))
    assert isinstance(after, Master)
    assert after.refresh_at == NEVER
