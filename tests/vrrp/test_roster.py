"""Configuration, links and leftovers: what the roster does to the routers, on working models of the edges."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest

from havip.clock import Duration, Instant
from havip.config.model import Announcing, VirtualAddress
from havip.errors import Refusal
from havip.vrrp.blackbox import BlackBox, create
from havip.vrrp.engine import PACKETS, Engine
from havip.vrrp.events import AddressesRefused
from havip.vrrp.executor import SLICE, Executor
from havip.vrrp.kernel import Changes
from havip.vrrp.machine import Backup
from havip.vrrp.roster import Roster
from havip.vrrp.router import Router
from tests.vrrp.model import OURS, PEER, ModelKernel, ModelPort, at, heard, router

NO_CHANGES = Changes(frozenset(), ())


class Stack:
    """Everything of a worker but the process: one instance is one life."""

    def __init__(self, descriptor: int, kernel: ModelKernel | None = None) -> None:
        self.kernel = kernel or ModelKernel()
        self.blackbox = BlackBox(descriptor)
        real = cast(Any, self.kernel)
        self.executor = Executor(real, self.blackbox, self)
        self.engine = Engine(self.executor)
        self.changes: list[tuple[str, str]] = []
        self.troubles: list[str] = []
        self.now = at(0)
        self.roster = Roster(real, self.blackbox, self.engine, lambda port: None, ModelPort)

    def changed(self, router: Router, why: str) -> None:
        router.why = why
        self.changes.append((router.config.name, router.state_name))

    def refused(self, router: Router, reason: str) -> None:
        self.troubles.append(reason)
        self.engine.step(router, AddressesRefused(reason), self.now)

    def unsent(self, router: Router, error: str) -> None:
        self.troubles.append(error)

    def port(self, vrid: int = 51, interface: str = "eth0") -> ModelPort:
        return cast(ModelPort, self.router(vrid, interface).port)

    def router(self, vrid: int = 51, interface: str = "eth0") -> Router:
        return self.roster.routers[interface, vrid, 4]

    def run(self, until: float, drained: bool = True) -> None:
        """Let the deadlines up to an instant come, each at its time."""
        end = at(until)
        while (due := min(self.engine.next_deadline(), self.executor.announcer.next_deadline())) <= end:
            self.now = max(self.now, due)
            self.engine.fire(self.now, drained)
            self.flush()
        self.now = end

    def flush(self) -> None:
        self.executor.flush(self.now)
        while self.executor.busy:
            self.executor.flush(self.now)


@pytest.fixture
def descriptor() -> Iterator[int]:
    number = create()
    yield number
    os.close(number)


@pytest.fixture
def stack(descriptor: int) -> Stack:
    return Stack(descriptor)


def started(stack: Stack, *configs: Any) -> Stack:
    for config in configs or (router(),):
        stack.roster.put(config, stack.now)
    stack.roster.start(stack.now)
    stack.flush()
    return stack


# Taking over.


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
        stack.run((min(stack.engine.next_deadline(), stack.executor.announcer.next_deadline()) - at(0)) / 1e9)
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
    stack.now = at(4.7)
    stack.engine.fire(stack.now, drained=False)
    assert stack.router().state_name == "MASTER"


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


# Reload.


def test_an_unchanged_router_keeps_its_deadline_when_another_one_comes_and_goes(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    state, sent = stack.router().state, stack.router().adverts_sent
    stack.roster.put(router("new", 52, "10.0.0.10"), stack.now)
    stack.roster.drop(("eth0", 52, 4), stack.now)
    assert stack.router().state is state
    assert stack.router().adverts_sent == sent


def test_a_router_added_to_a_running_worker_starts_as_backup(stack: Stack) -> None:
    started(stack)
    stack.roster.put(router("new", 52, "10.0.0.10"), stack.now)
    assert stack.router(52).state_name == "BACKUP"
    assert cast(Any, stack.port(52).receiver).vrids == {51, 52}


def test_a_dropped_master_resigns_gives_its_addresses_up_and_never_speaks_again(stack: Stack) -> None:
    started(stack, router(), router("other", 52, "10.0.0.10"))
    stack.run(3.7)
    port = stack.port(52)
    stack.roster.drop(("eth0", 52, 4), stack.now)
    assert stack.kernel.addresses() == {"10.0.0.9/24"}
    assert port.adverts() == [100, 100, 0]
    stack.run(30)
    assert 52 not in {data[21] for kind, data in port.wire[-20:] if kind == "advert"}


def test_the_last_router_of_an_interface_closes_its_sockets(stack: Stack) -> None:
    started(stack)
    port = stack.port()
    stack.roster.drop(("eth0", 51, 4), stack.now)
    assert port.receiver is None
    assert stack.roster.ports == {}


def test_a_changed_priority_is_advertised_at_once_and_without_a_flap(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    stack.roster.put(router(priority=180), stack.now)
    assert stack.router().state_name == "MASTER"
    assert stack.port().adverts() == [100, 180]
    assert stack.changes == [("gw", "BACKUP"), ("gw", "MASTER")]


def test_only_the_difference_of_the_addresses_is_moved(stack: Stack) -> None:
    both = replace(router(), addresses=(*router().addresses, *router(address="10.0.0.8").addresses))
    started(stack, both)
    stack.run(3.7)
    changed = replace(router(), addresses=(*router().addresses, *router(address="10.0.0.7").addresses))
    stack.roster.put(changed, stack.now)
    stack.flush()
    assert stack.kernel.addresses() == {"10.0.0.9/24", "10.0.0.7/24"}
    assert stack.router().state_name == "MASTER"


def test_an_address_moves_from_one_router_to_another_in_one_reload(stack: Stack) -> None:
    started(stack, router(), router("other", 52, "10.0.0.10"))
    stack.run(3.7)
    both = replace(router(), addresses=(*router().addresses, *router(address="10.0.0.10").addresses))
    stack.roster.drop(("eth0", 52, 4), stack.now)
    stack.roster.put(both, stack.now)
    stack.flush()
    assert stack.kernel.addresses() == {"10.0.0.9/24", "10.0.0.10/24"}


# Links.


def change(stack: Stack, interface: str = "eth0", **fields: Any) -> None:
    stack.kernel.views[interface] = replace(stack.kernel.views[interface], **fields)
    stack.roster.apply(Changes(frozenset((interface,)), ()), stack.now)
    stack.flush()


def test_a_lost_link_is_a_fault_with_its_reason_and_heals_by_itself(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    change(stack, fault="interface eth0 has no carrier")
    assert stack.router().state_name == "FAULT"
    assert stack.router().why == "interface eth0 has no carrier"
    assert stack.kernel.addresses() == set()
    change(stack, fault=None)
    assert stack.router().state_name == "BACKUP"
    stack.run(8)
    assert stack.router().state_name == "MASTER"


def test_a_router_that_loses_its_source_address_still_resigns_with_it(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    port = stack.port()
    change(stack, fault="interface eth0 has no IPv4 address", address=b"")
    assert port.adverts() == [100, 0]


def test_adverts_come_from_the_new_address_when_the_interface_gets_another(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    change(stack, address=PEER)
    assert stack.port().wire[-1][1][12:16] == PEER
    assert stack.router().state_name == "MASTER"


def test_a_recreated_interface_gets_the_addresses_again(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    stack.kernel.held.clear()
    change(stack, ifindex=99, mac=bytes.fromhex("020000000099"))
    assert {ifindex for ifindex, _ in stack.kernel.held} == {99}
    assert stack.port().wire[-1][1][6:12] == bytes.fromhex("020000000099")


def test_another_interface_is_none_of_our_business(stack: Stack) -> None:
    started(stack, router(), router("far", 51, "10.9.0.9", "eth1"))
    stack.run(3.7)
    change(stack, "eth1", fault="interface eth1 is down")
    assert stack.router(51).state_name == "MASTER"
    assert stack.router(51, "eth1").state_name == "FAULT"


def test_an_absent_interface_is_a_state_and_not_an_error(stack: Stack) -> None:
    started(stack, router("far", 51, "10.9.0.9", "eth9"))
    assert stack.router(51, "eth9").state_name == "FAULT"
    assert stack.router(51, "eth9").why == "interface eth9 does not exist"


def test_a_stripped_address_is_put_back_in_place(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    held = set(stack.kernel.held)
    stack.kernel.held.clear()
    stack.roster.apply(Changes(frozenset(), tuple(held)), stack.now)
    stack.flush()
    assert stack.kernel.held == held
    assert stack.router().state_name == "MASTER"
    assert stack.router().lost == 1


def test_somebody_elses_address_is_not_ours_to_put_back(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    foreign = (7, VirtualAddress(router(address="10.0.0.77").addresses[0].address, 24))
    stack.roster.apply(Changes(frozenset(), (foreign,)), stack.now)
    assert not stack.executor.busy


# Lives of a worker.


def killed_and_reborn(stack: Stack, descriptor: int, now: Instant) -> Stack:
    reborn = Stack(descriptor, stack.kernel)
    reborn.now = now
    return started(reborn)


def test_a_worker_that_is_back_while_its_peers_believe_in_it_resumes_as_master(
    stack: Stack, descriptor: int
) -> None:
    started(stack)
    stack.run(3.7)
    reborn = killed_and_reborn(stack, descriptor, at(3.61 + 2.9))
    assert reborn.router().state_name == "MASTER"
    assert reborn.port().adverts() == [100]
    assert reborn.kernel.addresses() == {"10.0.0.9/24"}


def test_a_worker_that_is_back_too_late_sweeps_and_starts_as_backup(stack: Stack, descriptor: int) -> None:
    started(stack)
    stack.run(3.7)
    reborn = killed_and_reborn(stack, descriptor, at(3.61 + 3.1))
    assert reborn.router().state_name == "BACKUP"
    assert reborn.port().adverts() == []
    assert reborn.kernel.addresses() == set()


def test_a_worker_that_had_given_way_does_not_resume(stack: Stack, descriptor: int) -> None:
    started(stack)
    stack.run(3.7)
    stack.port().inbox.append(heard(priority=200))
    stack.engine.hear(stack.port(), stack.now)
    reborn = killed_and_reborn(stack, descriptor, at(3.8))
    assert reborn.router().state_name == "BACKUP"


def test_leaving_resigns_from_everything(stack: Stack) -> None:
    started(stack, router(), router("other", 52, "10.0.0.10"))
    stack.run(3.7)
    stack.roster.stop(stack.now)
    assert stack.kernel.addresses() == set()
    assert stack.port().adverts()[-2:] == [0, 0]
    assert isinstance(stack.router().state, Backup) is False
