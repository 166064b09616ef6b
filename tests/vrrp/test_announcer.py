"""The queue of announcements: who is called first, at which pace, and what is never said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from havip.clock import NEVER, Duration, seconds
from havip.config.model import Announcing
from havip.vrrp.announcer import SLICE, Announcer
from havip.vrrp.machine import Backup
from havip.vrrp.router import Router
from tests.vrrp.model import ModelPort, at, router
from tests.vrrp.stack import Stack, started

PACED = Announcing(repeat=0, delay=Duration(0), interval=Duration(200_000_000))
SILENT = Announcing(repeat=0, delay=Duration(0))


def masters(stack: Stack, *routers: Router | Any) -> Announcer:
    """Return the announcer of a stack whose routers are all MASTER and have announced nothing yet."""
    started(stack, *routers)
    stack.run(4)
    assert announced(stack) == []
    return stack.executor.announcer


def announced(stack: Stack) -> list[str]:
    """Return the last byte of each announced address, interface by interface."""
    ports = [cast(ModelPort, port) for port in stack.roster.ports.by_wire.values()]
    return [f"{data[31]}" for port in ports for kind, data in port.wire if kind == "announcement"]


def several(count: int, first: int = 1, **options: Any) -> Any:
    """Return a router with addresses 10.0.0.first and so on."""
    addresses = [router(address=f"10.0.0.{n}").addresses[0] for n in range(first, first + count)]
    return replace(router(**options), addresses=tuple(addresses))


def test_one_slice_is_sent_at_a_time(stack: Stack) -> None:
    announcer = masters(stack, several(100, announce=SILENT), several(100, 101, vrid=52, announce=SILENT))
    for vrid in (51, 52):
        announcer.ask(stack.router(vrid), stack.router(vrid).epoch, 2)
    announcer.run(stack.now)
    assert len(announced(stack)) < SLICE + 100
    assert announcer.busy
    while announcer.busy:
        announcer.run(stack.now)
    assert len(announced(stack)) == 400


def test_everybody_is_called_once_before_anybody_is_called_twice(stack: Stack) -> None:
    announcer = masters(stack, several(2, announce=SILENT), several(2, 3, vrid=52, announce=SILENT))
    for vrid in (51, 52):
        announcer.ask(stack.router(vrid), stack.router(vrid).epoch, 2)
    announcer.run(stack.now)
    assert announced(stack) == ["1", "2", "3", "4"] * 2


def test_nothing_is_repeated_while_addresses_are_still_being_added(stack: Stack) -> None:
    announcer = masters(stack, several(2, announce=SILENT))
    announcer.ask(stack.router(), stack.router().epoch, 2)
    announcer.run(stack.now, more_to_come=True)
    assert announced(stack) == ["1", "2"]
    announcer.run(stack.now)
    assert announced(stack) == ["1", "2"] * 2


def test_zero_rounds_are_none(stack: Stack) -> None:
    announcer = masters(stack, router(announce=SILENT))
    announcer.ask(stack.router(), stack.router().epoch, 0)
    assert not announcer.busy


def test_what_was_asked_before_the_addresses_were_given_up_is_void(stack: Stack) -> None:
    announcer = masters(stack, router(announce=SILENT))
    announcer.ask(stack.router(), stack.router().epoch, 3)
    stack.router().epoch += 1
    announcer.run(stack.now)
    assert announced(stack) == []
    assert not announcer.busy


def test_nobody_but_a_master_announces(stack: Stack) -> None:
    announcer = masters(stack, router(announce=SILENT))
    announcer.ask(stack.router(), stack.router().epoch, 3)
    stack.router().state = Backup(at(100), seconds(1))
    announcer.run(stack.now)
    assert announced(stack) == []


def test_a_frame_that_does_not_leave_is_counted_and_stops_nothing(stack: Stack) -> None:
    announcer = masters(stack, several(3, announce=SILENT))
    cast(Any, stack.port().frames).error = "ENOBUFS"
    announcer.ask(stack.router(), stack.router().epoch, 2)
    announcer.run(stack.now)
    assert not announcer.busy
    assert (stack.router().send_errors, stack.router().announcements_sent) == (6, 0)


@pytest.mark.parametrize("announce", [SILENT, PACED])
def test_a_burst_asked_for_without_end_makes_no_queue_without_end(stack: Stack, announce: Announcing) -> None:
    announcer = masters(stack, several(3, announce=announce))
    for _ in range(1000):
        announcer.ask(stack.router(), stack.router().epoch, 5)
    sent, now = 0, stack.now
    while announcer.busy or announcer.next_deadline() != NEVER:
        now = max(now, announcer.next_deadline() if announce is PACED else now)
        announcer.run(now)
        sent += 1
        assert sent <= 100
    assert announced(stack) == ["1", "2", "3"] * 5


def test_a_burst_asked_for_during_another_is_not_cut_short(stack: Stack) -> None:
    announcer = masters(stack, several(1, announce=SILENT))
    announcer.ask(stack.router(), stack.router().epoch, 5)
    announcer.ask(stack.router(), stack.router().epoch, 1)
    announcer.run(stack.now)
    assert len(announced(stack)) == 5


# At a set pace.


def test_paced_announcements_of_a_stream_of_bursts_reach_every_address(stack: Stack) -> None:
    announcer = masters(stack, several(3, announce=PACED))
    for tick in range(9):  # a burst asked for with every single frame
        announcer.ask(stack.router(), stack.router().epoch, 5)
        announcer.run(at(10 + 0.2 * tick))
    assert announced(stack) == ["1", "2", "3"] * 3


def test_paced_announcements_keep_their_gap_across_routers_and_call_everybody_once_first(
    stack: Stack,
) -> None:
    announcer = masters(stack, several(2, announce=PACED), several(2, 3, vrid=52, announce=PACED))
    for vrid in (51, 52):
        announcer.ask(stack.router(vrid), stack.router(vrid).epoch, 2)
    times = []
    while (due := announcer.next_deadline()) != NEVER:
        due = max(due, stack.now)
        announcer.run(due)
        announcer.run(due)  # nothing more is due
        times.append(due - stack.now)
    assert times == [200_000_000 * number for number in range(8)]
    assert announced(stack) == ["1", "2", "3", "4"] * 2


def test_interfaces_have_a_pace_of_their_own(stack: Stack) -> None:
    far = several(1, 9, vrid=52, interface="eth1", announce=PACED)
    announcer = masters(stack, several(1, announce=PACED), far)
    announcer.ask(stack.router(), stack.router().epoch, 1)
    announcer.ask(stack.router(52, "eth1"), stack.router(52, "eth1").epoch, 1)
    announcer.run(stack.now)
    assert announced(stack) == ["1", "9"]


def test_a_pace_that_a_reload_lifts_does_not_let_everything_go_in_one_turn(stack: Stack) -> None:
    announcer = masters(stack, several(200, announce=PACED))
    announcer.ask(stack.router(), stack.router().epoch, 5)
    changed = replace(stack.router().config, announce=SILENT)
    stack.router().settings = replace(stack.router().settings, announce=changed.announce)
    announcer.run(stack.now)
    assert len(announced(stack)) <= SLICE
