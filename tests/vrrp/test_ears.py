"""Whose adverts are heard beside the ports' receivers, and when, on model taps."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any, cast

import pytest

from havip.config.model import VirtualAddress
from havip.vrrp.ears import SLICE, Ear, Ears
from tests.vrrp.model import OURS, ModelTap, at, heard, router
from tests.vrrp.stack import Stack, started
from tests.vrrp.wire import ip

VIP = ip("10.0.0.9")
OTHER = ip("10.0.0.8")


class Hearing:
    """A stack with ears."""

    def __init__(self, stack: Stack, make: Any = ModelTap) -> None:
        self.stack = stack
        self.listening: dict[ModelTap, Ear] = {}
        self.ears = Ears(stack.roster.ports.by_wire, cast(Any, self.listen), make)
        stack.executor.watchers.append(self.ears.moved)
        stack.roster.ports.changed = self.ears.changed

    def listen(self, tap: ModelTap, ear: Ear | None) -> None:
        if ear is None:
            del self.listening[tap]
        else:
            assert tap not in self.listening
            self.listening[tap] = ear

    def start(self, *configs: Any, until: float = 10) -> None:
        started(self.stack, *configs)
        self.stack.run(until)
        assert self.ears.settle() == []

    @property
    def taps(self) -> list[ModelTap]:
        return list(self.listening)

    def say(self, tap: ModelTap, **advert: Any) -> None:
        """Let an advert come in from an address that we hold."""
        tap.waiting.append(heard(source=VIP, **advert))
        self.stack.engine.hear(self.listening[tap], self.stack.now)
        self.stack.flush()


@pytest.fixture
def hearing(stack: Stack) -> Hearing:
    ModelTap.made.clear()
    return Hearing(stack)


def test_a_backup_opens_no_tap(hearing: Hearing) -> None:
    hearing.start(router(), until=1)
    assert ModelTap.made == []


def test_a_master_hears_what_comes_from_its_addresses_to_the_group(hearing: Hearing) -> None:
    hearing.start(router(excluded_addresses=(VirtualAddress(ip_address("10.0.0.8"), 24),)))
    (tap,) = hearing.taps
    assert (tap.interface, tap.ifindex, tap.vrids) == ("eth0", 7, {51})
    assert (tap.sources, tap.destination) == ({VIP, OTHER}, ip("224.0.0.18"))


def test_the_owner_that_comes_back_is_given_way_to(hearing: Hearing) -> None:
    hearing.start(router())
    hearing.say(hearing.taps[0], priority=255)
    assert hearing.stack.router().state_name == "BACKUP"
    assert hearing.stack.kernel.addresses() == set()


def test_once_the_address_is_given_away_the_port_alone_hears_it(hearing: Hearing) -> None:
    hearing.start(router())
    (tap,) = hearing.taps
    hearing.say(tap, priority=255)
    assert tap.sources == set()  # at once
    assert hearing.ears.settle() == []
    assert tap in hearing.listening  # it stays open, and deaf


def test_a_tap_is_opened_once_however_often_we_become_master(hearing: Hearing) -> None:
    hearing.start(router())
    for second in range(20, 60, 10):
        hearing.say(hearing.taps[0], priority=255)
        hearing.ears.settle()
        hearing.stack.run(second)
        assert hearing.stack.router().is_master
        hearing.ears.settle()
        assert hearing.taps[0].sources == {VIP}
    assert len(ModelTap.made) == 1


def test_another_router_of_the_owner_that_sends_from_the_same_address_is_heard_too(hearing: Hearing) -> None:
    other = router("other", 52, "10.0.0.8", priority=50)
    hearing.start(router(), other, until=3.7)  # 51 is MASTER, 52 not yet
    assert [hearing.stack.router(vrid).state_name for vrid in (51, 52)] == ["MASTER", "BACKUP"]
    (tap,) = hearing.taps
    assert (tap.vrids, tap.sources) == ({51, 52}, {VIP})
    hearing.say(tap, vrid=52, priority=200)
    assert cast(Any, hearing.stack.router(52).state).master == VIP


def test_many_interfaces_are_looked_at_in_slices(hearing: Hearing) -> None:
    view = hearing.stack.kernel.views["eth0"]
    names = [f"vlan{number}" for number in range(SLICE + 1)]
    hearing.stack.kernel.views |= {name: replace(view, ifindex=100 + n) for n, name in enumerate(names)}
    hearing.start(
        *(router(f"r{name}", interface=name, address=f"10.0.1.{n}") for n, name in enumerate(names))
    )
    assert (len(hearing.taps), hearing.ears.busy) == (SLICE, True)
    hearing.ears.settle()
    assert (len(hearing.taps), hearing.ears.busy) == (SLICE + 1, False)


def test_the_owner_itself_opens_no_tap(hearing: Hearing) -> None:
    hearing.start(router(priority=255))
    assert hearing.stack.router().is_master
    assert ModelTap.made == []


def test_a_master_over_ipv6_opens_no_tap(hearing: Hearing) -> None:
    hearing.stack.kernel.views["eth0"] = replace(hearing.stack.kernel.views["eth0"], address=ip("fe80::1"))
    hearing.start(router(address="fe80::9"))
    assert next(iter(hearing.stack.roster.routers.values())).is_master
    assert ModelTap.made == []


def test_an_address_that_a_reload_adds_is_heard_from(hearing: Hearing) -> None:
    hearing.start(router())
    more = (*router().addresses, VirtualAddress(ip_address("10.0.0.8"), 24))
    hearing.stack.roster.put(replace(router(), addresses=more), hearing.stack.now)
    hearing.ears.settle()
    assert hearing.taps[0].sources == {VIP, OTHER}


def test_a_dropped_router_leaves_a_deaf_tap_that_the_next_one_uses(hearing: Hearing) -> None:
    hearing.start(router())
    (tap,) = hearing.taps
    hearing.stack.roster.drop(router().key, hearing.stack.now)
    hearing.ears.settle()
    assert (hearing.taps, tap.sources) == ([], set())
    hearing.start(router(vrid=60), until=20)
    assert hearing.taps == [tap]
    assert (tap.sources, tap.vrids) == ({VIP}, {60})


def test_an_interface_that_is_made_anew_takes_the_tap_of_the_one_that_is_gone(hearing: Hearing) -> None:
    hearing.start(router())
    (tap,) = hearing.taps
    views, port = hearing.stack.kernel.views, hearing.stack.port()
    was = views.pop("eth0")
    hearing.stack.roster.refresh(port, hearing.stack.now)
    hearing.ears.settle()
    assert hearing.taps == []
    tap.adrift = True
    views["eth0"] = replace(was, ifindex=99)
    hearing.stack.roster.refresh(port, hearing.stack.now)
    hearing.stack.run(20)
    hearing.ears.settle()
    assert (hearing.taps, tap.ifindex, tap.sources) == ([tap], 99, {VIP})


def test_a_tap_that_cannot_be_opened_is_told_and_nothing_else_changes(stack: Stack) -> None:
    def refuse(interface: str, ifindex: int) -> ModelTap:
        raise OSError(1, "Operation not permitted")

    hearing = Hearing(stack, refuse)
    started(stack)
    stack.run(10)
    words = "cannot hear on eth0 what comes from addresses that we hold: Operation not permitted"
    assert hearing.ears.settle() == [words]
    assert stack.router().is_master
    assert hearing.ears.settle() == []  # said once


def test_what_is_heard_counts_at_the_port_and_its_router(hearing: Hearing) -> None:
    hearing.start(router())
    (tap,) = hearing.taps
    hearing.say(tap, priority=50)
    hearing.say(tap, priority=50, ttl=3)
    hearing.say(tap, vrid=99)
    ours = hearing.stack.router()
    assert (ours.adverts_received, sum(ours.refused.values())) == (1, 1)
    assert sum(hearing.stack.port().refused.values()) == 1
    assert ours.is_master


def test_nothing_is_heard_of_our_own_primary_address(hearing: Hearing) -> None:
    hearing.start(router())
    assert OURS not in hearing.taps[0].sources
    assert at(10) == hearing.stack.now
