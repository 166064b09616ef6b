"""Carrying out: adverts at once, addresses in batches, announcements of what is held and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from havip.clock import Duration
from havip.config.model import Announcing
from havip.vrrp.actions import (
    Action,
    AddAddresses,
    AnnounceAddresses,
    RemoveAddresses,
    SendAdvert,
    Tell,
)
from havip.vrrp.executor import SLICE
from havip.vrrp.machine import Master
from tests.vrrp.model import at, heard, router
from tests.vrrp.stack import Stack, started

QUIET = Announcing(repeat=1, delay=Duration(0), lower_priority_repeat=1, lower_priority_delay=Duration(0))


def several(count: int, first: int = 1, **options: Any) -> Any:
    """Return a router with addresses 10.0.0.first and so on."""
    addresses = [
        router(address=f"10.0.{n // 256}.{n % 256}").addresses[0] for n in range(first, first + count)
    ]
    return replace(router(**options), addresses=tuple(addresses))


def carry_out(stack: Stack, *actions: Action, vrid: int = 51) -> None:
    stack.executor.carry_out(stack.router(vrid), list(actions), stack.now)


def master(stack: Stack, *configs: Any) -> None:
    """Have every router be MASTER in the eyes of the announcer, holding and having said nothing."""
    started(stack, *configs)
    for one in stack.roster.routers.values():
        one.state = Master(at(1000))


def test_an_advert_leaves_at_once_and_everything_else_waits_for_the_flush(stack: Stack) -> None:
    master(stack)
    carry_out(stack, SendAdvert(100), AddAddresses(), AnnounceAddresses(2), Tell("took over"))
    assert [kind for kind, _ in stack.port().wire] == ["advert"]
    assert stack.kernel.log == []
    assert stack.changes[-1] == ("gw", "MASTER")
    stack.flush()
    assert stack.kernel.log == [("add", 1)]
    assert [kind for kind, _ in stack.port().wire] == ["advert"] + ["announcement"] * 2


def test_many_addresses_go_to_the_kernel_in_slices_whoever_they_belong_to(stack: Stack) -> None:
    master(stack, *(several(30, 30 * n, name=f"r{n}", vrid=n) for n in range(1, 6)))
    for vrid in range(1, 6):
        carry_out(stack, AddAddresses(), vrid=vrid)
    held = []
    while stack.executor.busy:
        stack.executor.flush(stack.now)
        held.append(len(stack.kernel.held))
    assert held == [60, 120, 150]
    assert SLICE == 64


def test_a_router_with_more_addresses_than_a_slice_still_gets_them(stack: Stack) -> None:
    master(stack, several(200), several(200, 300, name="other", vrid=52))
    carry_out(stack, AddAddresses())
    carry_out(stack, AddAddresses(), vrid=52)
    stack.executor.flush(stack.now)
    assert len(stack.kernel.held) == 200
    stack.executor.flush(stack.now)
    assert len(stack.kernel.held) == 400


def test_an_address_given_up_before_it_was_added_is_never_added(stack: Stack) -> None:
    master(stack)
    carry_out(stack, AddAddresses(), AnnounceAddresses(5), SendAdvert(0), RemoveAddresses())
    stack.flush()
    assert [what for what, _ in stack.kernel.log] == ["remove"]
    assert [kind for kind, _ in stack.port().wire] == ["advert"]


def test_an_address_taken_back_before_it_was_removed_stays(stack: Stack) -> None:
    master(stack)
    carry_out(stack, AddAddresses())
    stack.flush()
    carry_out(stack, RemoveAddresses(), AddAddresses())
    stack.flush()
    assert [what for what, _ in stack.kernel.log] == ["add", "add"]
    assert stack.kernel.addresses() == {"10.0.0.9/24"}


def test_an_address_moves_between_routers_of_one_wake_up(stack: Stack) -> None:
    master(stack, router(), router("other", 52))
    carry_out(stack, AddAddresses())
    stack.flush()
    carry_out(stack, AddAddresses(), vrid=52)
    carry_out(stack, RemoveAddresses())
    stack.flush()
    assert stack.kernel.addresses() == {"10.0.0.9/24"}


def test_many_refused_addresses_of_one_router_are_one_refusal(stack: Stack) -> None:
    started(stack, several(255))
    stack.kernel.refuses = set(stack.router().config.addresses)
    stack.run(3.7)
    assert stack.troubles == ["cannot add 10.0.0.1/24: EACCES, and 254 more"]


def test_nobody_is_called_to_an_address_that_was_refused(stack: Stack) -> None:
    started(stack, several(2, announce=QUIET))
    stack.kernel.refuses = set(stack.router().config.addresses[1:])
    stack.run(3.7)  # MASTER, and to ask the kernel again an interval later
    stack.port().inbox.append(heard(priority=50))  # answered with announcements
    stack.engine.hear(stack.port(), stack.now)
    stack.flush()
    assert stack.router().is_master
    assert [kind for kind, _ in stack.port().wire] == ["advert", "advert"]
    stack.kernel.refuses.clear()
    stack.run(4.7)
    assert [kind for kind, _ in stack.port().wire].count("announcement") == 2


def test_an_advert_that_cannot_leave_is_counted_and_not_recorded_as_spoken(stack: Stack) -> None:
    master(stack)
    cast(Any, stack.port().sender).error = "ENETUNREACH"
    carry_out(stack, SendAdvert(100))
    assert stack.troubles == ["ENETUNREACH to 224.0.0.18"]
    assert (stack.router().adverts_sent, stack.router().send_errors) == (0, 1)


def test_a_resignation_is_not_recorded_as_a_promise_to_the_peers(stack: Stack, descriptor: int) -> None:
    master(stack)
    carry_out(stack, SendAdvert(100), SendAdvert(0), RemoveAddresses())
    assert Stack(descriptor).blackbox.believed_until(("eth0", 51, 4, "")) is None


def test_without_an_interface_nothing_is_sent_and_nothing_breaks(stack: Stack) -> None:
    master(stack)
    stack.port().close()
    carry_out(stack, SendAdvert(100), AnnounceAddresses(1))
    stack.flush()
    assert stack.port().wire == []
    assert stack.router().send_errors == 1


def test_a_farewell_is_not_recorded_as_a_promise_to_the_peers(stack: Stack, descriptor: int) -> None:
    """Else a worker that died after it would resume as MASTER beside the one that it gave way to."""
    master(stack)
    for second in (10, 11):  # the second is said as BACKUP
        stack.now = at(second)
        stack.port().inbox.append(heard(priority=101))
        stack.engine.hear(stack.port(), stack.now)
        assert stack.port().adverts() == [100] * (second - 9)
        stack.flush()
    assert Stack(descriptor).blackbox.believed_until(("eth0", 51, 4, "")) is None
