"""The loop: what comes first, what comes in slices, and when it sleeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from havip.clock import Instant, milliseconds, seconds
from havip.config.model import Announcing, Rank
from havip.messages import (
    Alive,
    Commit,
    Committed,
    Describe,
    Described,
    DropRouter,
    HoldBack,
    LogLine,
    PutRouter,
    Resign,
    RouterGone,
    RouterReport,
    Setup,
    Transition,
)
from havip.vrrp.kernel import Changes
from tests.vrrp.model import at, heard, router
from tests.vrrp.turning import TimedPort, Turning, turning

QUICK = milliseconds(10)


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch, descriptor: int) -> Iterator[Turning]:
    with turning(monkeypatch, descriptor) as made:
        yield made


def change(loop: Turning, interface: str = "eth0", **fields: Any) -> None:
    loop.kernel.views[interface] = replace(loop.kernel.views[interface], **fields)
    loop.kernel.events.append(Changes(frozenset((interface,)), ()))
    loop.turn()
    loop.settle()


def test_an_idle_worker_sleeps(loop: Turning) -> None:
    loop.configure(router(priority=255, interval=seconds(1)))
    loop.run(2)
    loop.turns = 0
    loop.run(10)
    assert loop.turns <= 10 * 4  # an advert and a sign of life a second


def test_a_sign_of_life_comes_once_a_second(loop: Turning) -> None:
    loop.configure(router())
    loop.heard()
    loop.run(10)
    assert 9 <= loop.heard().count(Alive()) <= 11


def test_a_worker_without_sockets_sleeps_and_tries_once_a_second(loop: Turning) -> None:
    loop.configure(router())
    cast(TimedPort, loop.router().port).cannot_open = True
    change(loop, fault="interface eth0 is down")
    change(loop, fault=None)
    loop.heard()
    loop.turns = 0
    loop.run(10)
    assert loop.turns <= 30
    assert [told for told in loop.heard() if isinstance(told, LogLine)] == []
    cast(TimedPort, loop.router().port).cannot_open = False
    loop.run(1.1)
    assert loop.router().state_name == "BACKUP"


def test_our_own_advert_leaves_between_crowded_interfaces(loop: Turning) -> None:
    loop.configure(
        router("mine", priority=255, interval=QUICK),
        router("far", 52, "10.9.0.9", "eth1"),
        router("six", 51, "fe80::9", "eth0"),
        router("far six", 52, "fe80::9", "eth1"),
    )
    port = cast(TimedPort, loop.router().port)
    port.sent_at.clear()
    for _ in range(40):
        loop.cost = milliseconds(6)
        for receiver in loop.receivers:
            receiver.waiting.extend([heard(ttl=1)] * 64)
        loop.turn()
    gaps = {later - earlier for earlier, later in zip(port.sent_at, port.sent_at[1:], strict=False)}
    assert max(gaps) <= QUICK + milliseconds(6)  # late by one batch of packets, never by two


def test_nobody_is_judged_between_two_crowded_interfaces(loop: Turning) -> None:
    loop.configure(router(), router("far", 52, "10.9.0.9", "eth1"))
    loop.run(1)
    loop.now = at(60)  # we were stopped for long
    loop.inbox().append(heard())
    loop.inbox(52, "eth1").append(heard(52))
    loop.turn()
    assert [one.state_name for one in loop.worker._roster.routers.values()] == ["BACKUP", "BACKUP"]


def test_a_takeover_happens_at_its_deadline_and_not_before(loop: Turning) -> None:
    loop.configure(router(interval=QUICK))
    started = loop.now
    loop.run(0.1)
    port = cast(TimedPort, loop.router().port)
    # 3 * 10 ms and the skew of priority 100: 156/256 of 10 ms
    due = milliseconds(36.09375)
    assert due - milliseconds(1) <= port.sent_at[0] - started <= due + milliseconds(1)


def test_the_supervisors_messages_are_taken_four_at_a_time(loop: Turning) -> None:
    loop.configure(router(priority=255, interval=QUICK))
    for vrid in range(60, 80):
        loop.channel.post(PutRouter(router(f"r{vrid}", vrid, f"10.0.1.{vrid}")))
    counts = []
    for _ in range(6):
        loop.turn()
        counts.append(len(loop.worker._roster.routers))
    assert counts == [5, 9, 13, 17, 21, 21]


def test_they_are_four_as_well_when_some_were_left_over_and_more_have_come(loop: Turning) -> None:
    loop.configure(router(priority=255, interval=QUICK))
    for vrid in range(60, 70):
        loop.channel.post(PutRouter(router(f"r{vrid}", vrid, f"10.0.1.{vrid}")))
    loop.turn()
    for vrid in range(70, 80):
        loop.channel.post(PutRouter(router(f"r{vrid}", vrid, f"10.0.1.{vrid}")))
    loop.turn()
    assert len(loop.worker._roster.routers) == 1 + 4 + 4


def test_reports_and_lines_are_told_in_slices_and_behind_the_adverts(loop: Turning) -> None:
    loop.configure(*(router(f"r{n}", n, f"10.0.1.{n}") for n in range(1, 101)))
    loop.heard()
    loop.channel.post(Describe(5))
    loop.turn()
    assert len(loop.channel.receive()) <= 16
    told = loop.heard()
    assert told[-1] == Described(5, cast(Described, told[-1]).totals)


def test_nothing_is_told_while_a_takeover_is_under_way(loop: Turning) -> None:
    loop.configure(*(router(f"r{n}", n, f"10.0.1.{n}") for n in range(1, 201)))
    loop.run(3)
    loop.heard()
    while not loop.worker._executor.busy:
        loop.turn()
    loop.channel.receive()
    while loop.worker._executor.busy:
        assert loop.channel.receive() == []
        loop.turn()
    assert len(loop.kernel.held) == 200


def test_events_wait_while_a_takeover_is_under_way_and_are_read_behind_it(loop: Turning) -> None:
    loop.configure(*(router(f"r{n}", n, f"10.0.1.{n}") for n in range(1, 201)))
    loop.run(3)
    while not loop.worker._executor.busy:
        loop.turn()
    (taken,) = [held for held in loop.kernel.held if str(held[1]) == "10.0.1.1/24"]
    loop.kernel.held.remove(taken)
    loop.kernel.events.append(Changes(frozenset(), (taken,)))
    loop.turn()
    assert loop.worker._executor.busy
    assert len(loop.kernel.events) == 1
    loop.settle()
    loop.turn()
    loop.settle()
    assert taken in loop.kernel.held


def test_a_drop_and_a_put_of_the_same_key_in_one_turn_are_told_in_order(loop: Turning) -> None:
    loop.configure(router())
    loop.heard()
    loop.channel.post(DropRouter(("eth0", 51, 4, "")))
    loop.channel.post(PutRouter(router("again")))
    loop.channel.post(Commit(2))
    loop.settle()
    told = [one for one in loop.heard() if isinstance(one, RouterGone | RouterReport | Committed)]
    assert [type(one) for one in told] == [RouterGone, RouterReport, Committed]
    assert cast(RouterReport, told[1]).name == "again"


def test_reopened_sockets_get_the_same_descriptor_and_are_heard(loop: Turning) -> None:
    loop.configure(router(), router("six", address="fe80::9"))
    for _ in range(20):
        change(loop, address=bytes((10, 0, 0, 7)))
        change(loop, address=bytes((10, 0, 0, 1)))
    before = loop.router().adverts_received
    loop.inbox().append(heard())
    loop.turn()
    assert loop.router().adverts_received == before + 1
    assert len(loop.registered) == 4 + 2  # kernel, channel, timer, signals; one for each port


def test_the_last_router_of_an_interface_takes_its_descriptor_along(loop: Turning) -> None:
    loop.configure(router())
    loop.channel.post(DropRouter(("eth0", 51, 4, "")))
    loop.settle()
    loop.turn()
    assert len(loop.registered) == 4
    assert loop.worker._listening == {}


def test_what_a_process_may_not_do_for_itself_is_a_warning_and_not_its_end(loop: Turning) -> None:
    loop.channel.post(Setup(Rank(50, lock_memory=True)))
    loop.configure(router())
    lines = [told.text for told in loop.heard() if isinstance(told, LogLine)]
    assert "no real time" in lines
    assert any("prctl" in line for line in lines)
    assert loop.router().state_name == "BACKUP"


def test_a_full_channel_keeps_reports_at_home_until_they_can_be_sent(loop: Turning) -> None:
    loop.configure(*(router(f"r{n}", n, f"10.0.1.{n}") for n in range(1, 201)))
    loop.heard()
    for token in range(50):
        loop.channel.post(Describe(token))
        loop.settle()
    assert loop.theirs.wants_write
    loop.turns = 0
    loop.run(3)  # the takeover of two hundred, and nobody reads
    loop.run(1)
    assert loop.turns < 200
    told = loop.heard()
    assert sum(isinstance(one, Transition) and one.state == "MASTER" for one in told) == 200
    assert cast(Described, [one for one in told if isinstance(one, Described)][-1]).token == 49


def test_resigning_says_priority_0_last_of_all_and_tells_the_supervisor(loop: Turning) -> None:
    loop.configure(router(priority=255, announce=Announcing(interval=seconds(1))))
    loop.run(2)
    loop.channel.post(Resign())
    loop.worker.run()
    assert [kind for kind, _ in loop.wire()][-1] == "advert"
    assert loop.wire()[-1][1][20 + 2] == 0
    assert loop.kernel.held == set()
    told = [told for told in loop.heard() if isinstance(told, Transition)][-1]
    assert (told.name, told.state, told.why) == ("gw", "INIT", "stopped")


def test_the_loss_of_the_supervisor_is_a_resignation(loop: Turning) -> None:
    loop.configure(router(priority=255))
    loop.run(1)
    loop.channel.close()
    loop.worker.run()
    assert loop.wire()[-1][1][20 + 2] == 0
    assert loop.kernel.held == set()


def test_time_is_read_again_after_hearing(loop: Turning) -> None:
    loop.configure(router(priority=255, interval=QUICK))
    loop.run(0.1)
    port = cast(TimedPort, loop.router().port)
    loop.cost = milliseconds(30)
    loop.inbox().append(heard(priority=1))
    loop.turn()
    assert port.sent_at[-1] == loop.now  # and its next advert is not a burst of those that it missed
    count = len(port.sent_at)
    loop.cost = milliseconds(0)
    loop.run(0.1)
    assert 9 <= len(port.sent_at) - count <= 11
    assert isinstance(loop.now, int)
    assert Instant(0) < loop.now


def test_what_is_held_back_starts_at_its_instant_and_not_before(loop: Turning) -> None:
    loop.channel.post(HoldBack(loop.now + seconds(2.5), "held back until noon"))
    loop.configure(router())
    reports = [one for one in loop.heard() if isinstance(one, RouterReport)]
    assert (reports[-1].state, reports[-1].why) == ("INIT", "held back until noon")
    loop.run(1.5)
    assert not [one for one in loop.heard() if isinstance(one, Transition)]
    loop.run(2)
    assert [one.state for one in loop.heard() if isinstance(one, Transition)] == ["BACKUP"]
