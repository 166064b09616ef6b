"""Configuration, links and leftovers: what the roster does to the routers, on models of the edges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from havip.clock import Instant
from havip.config.model import VirtualAddress
from havip.vrrp.kernel import Changes
from havip.vrrp.machine import Backup
from tests.vrrp.model import PEER, at, heard, router
from tests.vrrp.stack import Stack, started


def test_an_unchanged_router_keeps_its_deadline_when_another_one_comes_and_goes(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    state, sent = stack.router().state, stack.router().adverts_sent
    stack.roster.put(router("new", 52, "10.0.0.10"), stack.now)
    stack.roster.drop(("eth0", 52, 4, ""), stack.now)
    assert stack.router().state is state
    assert stack.router().adverts_sent == sent


def test_a_router_added_to_a_running_worker_starts_as_backup(stack: Stack) -> None:
    started(stack)
    stack.roster.put(router("new", 52, "10.0.0.10"), stack.now)
    assert stack.router(52).state_name == "INIT"  # until all that came with it has been said
    stack.roster.commit(stack.now)
    assert stack.router(52).state_name == "BACKUP"
    assert cast(Any, stack.port(52).receiver).vrids == {51, 52}


def test_a_dropped_master_resigns_gives_its_addresses_up_and_never_speaks_again(stack: Stack) -> None:
    started(stack, router(), router("other", 52, "10.0.0.10"))
    stack.run(3.7)
    port = stack.port(52)
    stack.roster.drop(("eth0", 52, 4, ""), stack.now)
    assert stack.kernel.addresses() == {"10.0.0.9/24"}
    assert port.adverts() == [100, 100, 0]
    stack.run(30)
    assert 52 not in {data[21] for kind, data in port.wire[-20:] if kind == "advert"}


def test_the_last_router_of_an_interface_closes_its_sockets(stack: Stack) -> None:
    started(stack)
    port = stack.port()
    stack.roster.drop(("eth0", 51, 4, ""), stack.now)
    assert port.receiver is None
    assert stack.roster.ports.by_wire == {}


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
    stack.roster.drop(("eth0", 52, 4, ""), stack.now)
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
    assert stack.remarks == ["lost"]


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


def test_a_master_that_steps_down_gives_its_addresses_away(stack: Stack) -> None:
    started(stack).run(4)
    assert stack.roster.step_down(stack.router(), "failover asked for", stack.now) is None
    assert stack.changes[-1] == ("gw", "BACKUP")
    assert stack.kernel.held == set()
    assert stack.port().adverts()[-1] == 0


def test_only_a_master_that_does_not_own_the_addresses_steps_down(stack: Stack) -> None:
    started(stack, router(), router("own", vrid=52, address="10.0.0.10", priority=255))
    refused = stack.roster.step_down(stack.router(), "failover asked for", stack.now)
    assert refused == "gw is BACKUP, not MASTER"
    refused = stack.roster.step_down(stack.router(52), "failover asked for", stack.now)
    assert refused == "own owns its addresses (priority 255) and may not give them away"
    assert stack.router(52).state_name == "MASTER"


def test_routers_that_are_held_back_stay_in_init_and_hear_nothing(stack: Stack) -> None:
    stack.roster.hold_until, stack.roster.hold_why = at(10), "held back until 12:00:10"
    stack.kernel.held.add((7, router().addresses[0]))
    stack.roster.put(router(), stack.now)
    assert stack.roster.commit(stack.now) == ["removed 10.0.0.9/24, left behind by an earlier run"]
    gateway = stack.router()
    assert (gateway.state_name, gateway.why) == ("INIT", "held back until 12:00:10")
    stack.port().inbox.append(heard(priority=50))
    stack.engine.hear(stack.port(), at(5))
    stack.now = at(10)
    assert stack.roster.commit(stack.now) == []
    assert gateway.state_name == "BACKUP"
    assert gateway.adverts_received == 0
    stack.run(13.7)
    assert gateway.state_name == "MASTER"


def test_a_router_that_comes_by_a_reload_is_held_back_as_well(stack: Stack) -> None:
    stack.roster.hold_until = at(10)
    started(stack, router())
    stack.roster.put(router("new", 52, "10.0.0.10"), stack.now)
    stack.roster.commit(at(5))
    assert stack.router(52).state_name == "INIT"
    stack.roster.commit(at(10))
    assert [one.state_name for one in stack.roster.routers.values()] == ["BACKUP", "BACKUP"]
