"""Taking over and hearing: packets and deadlines to actions, on working models of the edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from havip.clock import NEVER, Duration
from havip.config.model import Announcing
from havip.errors import Refusal
from havip.vrrp.engine import PACKETS
from havip.vrrp.executor import SLICE
from tests.vrrp.model import OURS, at, heard, router
from tests.vrrp.stack import Stack, started


def test_a_lone_router_takes_over_after_its_master_down_interval(stack: Stack) -> None:
    started(stack)
    stack.run(3.609)
    assert stack.router().state_name == "BACKUP"
    assert stack.kernel.addresses() == set()
    stack.run(3.610)
    assert stack.router().state_name == "MASTER"
    assert stack.kernel.addresses() == {"10.0.0.9/24"}
    assert stack.port().adverts() == [100]


def test_neighbours_are_called_only_once_the_address_is_there(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    kinds = [kind for kind, _ in stack.port().wire]
    assert kinds == ["advert"] + ["announcement"] * 5
    frames = cast(Any, stack.port().frames)
    assert frames.held_when_sent == [{"10.0.0.9/24"}] * 5


def test_a_refused_address_is_announced_to_nobody(stack: Stack) -> None:
    started(stack)
    stack.kernel.refuses = set(stack.router().config.addresses)
    stack.run(3.7)
    assert stack.troubles == ["cannot add 10.0.0.9/24: EACCES"]
    assert [kind for kind, _ in stack.port().wire] == ["advert"]


def test_addresses_refused_again_and_again_are_left_to_another_router(stack: Stack) -> None:
    started(stack)
    stack.kernel.refuses = set(stack.router().config.addresses)
    stack.run(10)
    assert stack.router().state_name == "FAULT"
    assert stack.router().report(stack.now).why == "cannot add 10.0.0.9/24: EACCES"
    assert stack.port().adverts()[-1] == 0


def test_hundreds_taken_over_at_once_are_each_announced_before_any_is_announced_twice(stack: Stack) -> None:
    routers = [router(f"r{n}", n, f"10.0.1.{n}") for n in range(1, 201)]
    started(stack, *routers)
    stack.run(3.7)
    announced = [data[28:32] for kind, data in stack.port(1).wire if kind == "announcement"]
    assert len(announced) == 1000
    assert len(set(announced[:200])) == 200
    assert max(count for _, count in stack.kernel.log) == SLICE


def test_announcements_keep_their_least_gap(stack: Stack) -> None:
    gap = Announcing(repeat=3, delay=Duration(0), interval=Duration(200_000_000))
    started(stack, router(announce=gap))
    times = []
    port = stack.port()
    while len(times) < 3:
        stack.run((stack.next_deadline() - at(0)) / 1e9)
        sent = sum(kind == "announcement" for kind, _ in port.wire)
        times += [stack.now] * (sent - len(times))
    assert [later - times[0] for later in times] == [0, 200_000_000, 400_000_000]


def test_pending_announcements_are_void_once_the_address_is_given_up(stack: Stack) -> None:
    gap = Announcing(repeat=3, interval=Duration(200_000_000))
    started(stack, router(announce=gap))
    stack.run(3.61)
    before = sum(kind == "announcement" for kind, _ in stack.port().wire)
    stack.port().inbox.append(heard(priority=200))
    stack.engine.hear(stack.port(), stack.now)
    stack.run(5)
    assert sum(kind == "announcement" for kind, _ in stack.port().wire) == before


def test_a_rehearsed_takeover_has_no_effect(stack: Stack) -> None:
    started(stack)
    stack.run(3.6)
    state = stack.router().state
    assert stack.engine.takeover_at() == at(3.609375)
    stack.engine.rehearse()
    assert stack.router().state is state
    assert stack.port().wire == []
    assert stack.kernel.addresses() == set()
    assert not stack.executor.busy
    stack.run(3.7)
    assert stack.router().state_name == "MASTER"


def test_a_takeover_is_rehearsed_once_for_each_deadline(stack: Stack) -> None:
    started(stack)
    stack.engine.rehearse()
    stack.engine.rehearse()
    assert stack.kernel.log == [("add", 1)]
    stack.port().inbox.append(heard())
    stack.engine.hear(stack.port(), at(1))
    stack.engine.rehearse()
    assert stack.kernel.log == [("add", 1)] * 2


def test_only_a_backups_deadline_is_a_takeover(stack: Stack) -> None:
    started(stack, router(priority=255))
    assert stack.engine.takeover_at() == NEVER


# Hearing.


def test_hear_before_you_judge_an_advert_in_the_socket_saves_the_master(stack: Stack) -> None:
    started(stack)
    stack.now = at(10)
    stack.port().inbox.append(heard())
    assert stack.engine.hear(stack.port(), stack.now)
    stack.engine.fire(stack.now, drained=True)
    assert stack.router().state_name == "BACKUP"


def test_while_packets_wait_nobody_is_judged_but_our_own_adverts_leave(stack: Stack) -> None:
    started(stack, router(), router("other", 52, "10.0.0.10", priority=255))
    assert stack.router(52).state_name == "MASTER"
    stack.now = at(3.7)
    stack.engine.fire(stack.now, drained=False)
    assert stack.router(51).state_name == "BACKUP"
    assert stack.router(52).adverts_sent == 2
    stack.engine.fire(stack.now, drained=True)
    assert stack.router(51).state_name == "MASTER"


def test_a_flood_holds_a_takeover_up_for_no_more_than_one_interval(stack: Stack) -> None:
    started(stack)
    stack.engine.fire(at(3.7), drained=False)
    stack.engine.fire(at(4.69), drained=False)
    assert stack.router().state_name == "BACKUP"
    stack.engine.fire(at(4.7), drained=False)
    assert stack.router().state_name == "MASTER"


def test_after_a_freeze_a_master_whose_advert_lies_behind_many_others_is_not_deposed(stack: Stack) -> None:
    started(stack, router(), router("other", 52, "10.0.0.10"))
    port, now = stack.port(), at(73)
    port.inbox.extend([heard(52)] * (PACKETS + 6) + [heard(51)])
    while port.inbox:
        drained = stack.engine.hear(port, now)
        stack.engine.fire(now, drained)
    assert stack.router(51).state_name == "BACKUP"
    assert stack.router(52).state_name == "BACKUP"


def test_a_batch_that_fills_its_limit_may_have_left_something(stack: Stack) -> None:
    started(stack)
    stack.port().inbox.extend([heard()] * (PACKETS + 1))
    assert not stack.engine.hear(stack.port(), stack.now)
    assert stack.engine.hear(stack.port(), stack.now)
    assert stack.router().adverts_received == PACKETS + 1


def test_packets_that_do_not_count_are_counted_by_reason(stack: Stack) -> None:
    started(stack)
    port = stack.port()
    port.inbox.extend([heard(ttl=254), heard(ttl=254), heard(vrid=99), heard(source=OURS)])
    stack.engine.hear(port, stack.now)
    assert stack.router().refused == {Refusal.TTL: 2, Refusal.OWN_PACKET: 1}
    assert port.refused == {Refusal.UNKNOWN_VRID: 1}
    assert stack.router().adverts_received == 0


def test_what_was_refused_is_remarked_when_it_is_judged_and_not_for_every_packet(stack: Stack) -> None:
    started(stack)
    stack.port().inbox.extend([heard(ttl=254)] * 3)
    stack.engine.hear(stack.port(), stack.now)
    assert stack.remarks == [Refusal.TTL]


def test_a_master_with_another_interval_or_other_addresses_is_followed_and_remarked(stack: Stack) -> None:
    started(stack, router(address="10.0.0.8"))
    stack.port().inbox.append(heard(interval=2 * 10**9))
    stack.engine.hear(stack.port(), stack.now)
    assert stack.remarks == ["addresses", "interval"]
    assert stack.router().adverts_received == 1


@pytest.mark.parametrize("master", [False, True])
def test_a_router_with_our_priority_is_remarked_once_and_counted(stack: Stack, master: bool) -> None:
    started(stack, router(priority=150))
    stack.run(10 if master else 1)
    for priority in (150, 150, 151, 149):
        stack.port().inbox.append(heard(priority=priority))
        stack.engine.hear(stack.port(), stack.now)
    assert stack.remarks == ["equal-priority"]
    assert stack.router().counters()["equal-priorities"] == 1


def test_routers_of_different_priorities_are_not_remarked(stack: Stack) -> None:
    started(stack, router(priority=150))
    stack.port().inbox.extend([heard(priority=151), heard(priority=149), heard(priority=0)])
    stack.engine.hear(stack.port(), stack.now)
    assert (stack.remarks, stack.router().counters()["equal-priorities"]) == ([], 0)


def test_hearing_costs_the_queue_nothing(stack: Stack) -> None:
    started(stack)
    for count in range(1000):
        stack.now = at(count / 10)
        stack.port().inbox.append(heard())
        stack.engine.hear(stack.port(), stack.now)
        stack.engine.fire(stack.now, drained=True)
    assert len(stack.engine._queue) == 1


def test_a_router_in_fault_hears_nobody(stack: Stack) -> None:
    stack.kernel.views["eth0"] = replace(stack.kernel.views["eth0"], fault="interface eth0 is down")
    started(stack)
    stack.kernel.views["eth0"] = replace(stack.kernel.views["eth0"], fault=None)
    port = stack.port()
    port.use(stack.kernel.views["eth0"])
    port.inbox.append(heard())
    stack.engine.hear(port, stack.now)
    assert stack.router().refused[Refusal.NOT_RUNNING] == 1
