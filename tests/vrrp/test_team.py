"""Sync groups in a worker: two routers on two LANs that move together, on models of the edges."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from havip.vrrp import blackbox
from havip.vrrp.machine import Backup
from tests.vrrp.model import at, heard, router
from tests.vrrp.stack import Stack, started

OUT, IN = ("eth0", 51, 4, ""), ("eth1", 52, 4, "")
THIRD = ("eth1", 53, 4, "")


def outside(**options: object) -> object:
    return router("out", 51, "10.0.0.9", "eth0", **options)


def inside(**options: object) -> object:
    return router("in", 52, "10.0.0.10", "eth1", **options)


def put(stack: Stack, *keys: tuple[str, int, int, str]) -> None:
    stack.roster.teams.put("fw", [stack.roster.routers[key] for key in keys], stack.now)
    stack.flush()


@pytest.fixture
def group(stack: Stack) -> Stack:
    """A group of both, started at 0 s."""
    return together(stack, outside(), inside())


def together(stack: Stack, *configs: object) -> Stack:
    for config in configs:
        stack.roster.put(config, stack.now)  # type: ignore[arg-type]
    put(stack, OUT, IN)
    return started(stack, *configs)


def states(stack: Stack) -> list[str]:
    members = [found.state_name for found in stack.roster.routers.values()]
    return [*members, *(team.standing.state for team in stack.roster.teams.by_name.values())]


def hear(stack: Stack, vrid: int, interface: str, priority: int) -> None:
    port = stack.port(vrid, interface)
    port.inbox.append(heard(vrid, priority))
    stack.engine.hear(port, stack.now)
    stack.flush()


def test_a_lone_group_takes_over_as_a_whole(group: Stack) -> None:
    group.run(3.6)
    assert states(group) == ["BACKUP", "BACKUP", "BACKUP"]
    group.run(3.7)
    assert states(group) == ["MASTER", "MASTER", "MASTER"]
    assert group.kernel.addresses() == {"10.0.0.9/24", "10.0.0.10/24"}
    assert group.changes[-3:] == [("in", "MASTER"), ("out", "MASTER"), ("fw", "MASTER")]
    group.run(10)
    assert group.port(51).adverts()[-6:] == group.port(52, "eth1").adverts()[-6:] == [100] * 6


def test_a_member_whose_master_is_silent_waits_for_the_other(group: Stack) -> None:
    for second in range(1, 20):
        group.run(second)
        hear(group, 52, "eth1", 200)
    assert states(group) == ["BACKUP", "BACKUP", "BACKUP"]
    team = group.roster.teams.by_name["fw"]
    assert team.report().waits_for == ("in",)
    group.run(19 + 3.7)  # now the other master falls silent as well
    assert states(group) == ["MASTER", "MASTER", "MASTER"]


def test_a_member_that_gives_way_takes_the_other_with_it(group: Stack) -> None:
    group.run(5)
    hear(group, 51, "eth0", 200)
    assert states(group) == ["BACKUP", "BACKUP", "BACKUP"]
    assert group.kernel.held == set()
    assert group.port(51).adverts()[-1] == 100  # its farewell to the better one
    assert group.port(52, "eth1").adverts()[-1] == 0
    assert group.router(52, "eth1").why == "with out of sync group fw"


def test_a_fault_of_one_is_a_fault_of_all_and_names_it(group: Stack) -> None:
    group.run(5)
    group.roster.impede(group.router(), "link", "eth0 has no carrier", group.now)
    assert states(group) == ["FAULT", "FAULT", "FAULT"]
    assert group.router(52, "eth1").why == "out of sync group fw: eth0 has no carrier"
    assert group.port(51).adverts()[-1] == group.port(52, "eth1").adverts()[-1] == 0
    assert group.kernel.held == set()
    group.run(100)
    assert states(group) == ["FAULT", "FAULT", "FAULT"]
    group.roster.impede(group.router(), "link", None, group.now)
    assert states(group) == ["BACKUP", "BACKUP", "BACKUP"]
    group.run(103.7)
    assert states(group) == ["MASTER", "MASTER", "MASTER"]


def test_a_group_comes_back_only_when_nobody_is_left_in_fault(group: Stack) -> None:
    out, inner = group.router(), group.router(52, "eth1")
    group.roster.impede(out, "link", "eth0 is down", group.now)
    group.roster.impede(inner, "link", "eth1 is down", group.now)
    assert inner.why == "eth1 is down"
    group.roster.impede(out, "link", None, group.now)
    assert (states(group), out.why) == (["FAULT"] * 3, "in of sync group fw: eth1 is down")
    group.roster.impede(inner, "link", None, group.now)
    assert states(group) == ["BACKUP"] * 3


def test_a_group_in_fault_from_the_start_begins_together(stack: Stack) -> None:
    stack.roster.put(outside(), stack.now)  # type: ignore[arg-type]
    stack.roster.put(inside(), stack.now)  # type: ignore[arg-type]
    stack.roster.impede(stack.router(), "tracking", "not checked yet", stack.now)
    put(stack, OUT, IN)
    stack.roster.commit(stack.now)
    assert states(stack) == ["FAULT"] * 3
    stack.roster.impede(stack.router(), "tracking", None, stack.now)
    assert states(stack) == ["BACKUP"] * 3


def test_a_failover_by_hand_moves_the_whole_group_and_waits_for_the_slowest(stack: Stack) -> None:
    together(stack, outside(), inside(interval=5 * 10**9))
    stack.run(20)
    assert states(stack) == ["MASTER"] * 3
    assert stack.roster.step_down(stack.router(), "failover asked for", stack.now) is None
    assert states(stack) == ["BACKUP"] * 3
    for member in stack.roster.routers.values():
        assert isinstance(member.state, Backup)
        assert member.state.deferring
        assert member.state.master_down_at == at(20 + 18.046875)
    hear(stack, 51, "eth0", 1)  # the peer takes over, weak as it is
    hear(stack, 52, "eth1", 1)
    assert all(isinstance(one.state, Backup) and one.state.deferring for one in stack.roster.routers.values())


def test_a_group_that_was_left_a_part_only_takes_all_of_it_back(group: Stack) -> None:
    group.run(5)
    group.roster.step_down(group.router(), "failover asked for", group.now)
    for second in range(6, 20):
        group.run(second)
        hear(group, 51, "eth0", 1)  # somebody takes over outside, and nobody inside
    assert states(group) == ["MASTER"] * 3


def test_a_group_with_an_owner_is_not_moved_by_hand(stack: Stack) -> None:
    together(stack, outside(), inside(priority=255))
    stack.run(5)
    words = stack.roster.step_down(stack.router(), "failover asked for", stack.now)
    assert words == "in owns its addresses (priority 255) and may not give them away"
    assert states(stack) == ["MASTER"] * 3


def test_only_a_group_of_owners_is_master_at_once(stack: Stack) -> None:
    together(stack, outside(priority=255), inside(priority=255))
    assert states(stack) == ["MASTER"] * 3


def test_an_owner_waits_for_the_rest_of_its_group(stack: Stack) -> None:
    together(stack, outside(priority=255), inside())
    assert states(stack) == ["BACKUP"] * 3
    stack.run(3.7)
    assert states(stack) == ["MASTER"] * 3


def test_refused_addresses_of_one_take_the_group_aside_and_back(group: Stack) -> None:
    group.kernel.refuses = {group.router().config.addresses[0]}
    group.run(10)
    assert states(group) == ["FAULT"] * 3
    group.kernel.refuses = set()
    group.run(80)
    assert states(group) == ["MASTER"] * 3


def test_a_weaker_master_on_one_lan_has_the_clients_of_all_called_back(group: Stack) -> None:
    group.run(5.5)
    inner = group.port(52, "eth1")
    before = sum(kind == "announcement" for kind, _ in inner.wire)
    hear(group, 51, "eth0", 50)
    assert sum(kind == "announcement" for kind, _ in inner.wire) == before + 5
    assert group.weaker == ["out"]


# --- reload -----------------------------------------------------------------------------------------


def test_nothing_happens_to_a_group_that_is_put_again(group: Stack) -> None:
    group.run(5)
    told, state = len(group.changes), group.router().state
    put(group, OUT, IN)
    assert len(group.changes) == told
    assert group.router().state is state


def test_a_group_that_goes_leaves_its_members_as_they_are(group: Stack) -> None:
    group.run(5)
    group.roster.teams.drop("fw", group.now)
    assert states(group) == ["MASTER", "MASTER"]
    hear(group, 51, "eth0", 200)
    assert states(group) == ["BACKUP", "MASTER"]


def test_a_group_that_a_reload_makes_or_empties_says_so(stack: Stack) -> None:
    started(stack, outside(), inside())
    stack.run(5)
    put(stack, OUT, IN)
    team = stack.roster.teams.by_name["fw"]
    assert (team.standing.state, team.report().why) == ("MASTER", "its members are these from now on")
    stack.roster.teams.drop("fw", stack.now)
    stack.flush()
    assert (team.standing.state, team.report().why) == ("INIT", "it has no members any more")


def test_who_was_in_fault_for_another_comes_back_when_the_group_goes(group: Stack) -> None:
    group.roster.impede(group.router(), "link", "eth0 is down", group.now)
    group.roster.teams.drop("fw", group.now)
    assert states(group) == ["FAULT", "BACKUP"]


def test_a_member_that_is_dropped_takes_nobody_with_it(group: Stack) -> None:
    group.run(5)
    group.roster.drop(OUT, group.now)
    put(group, IN)
    assert states(group) == ["MASTER", "MASTER"]


def test_a_member_whose_fault_was_that_of_the_group_is_dropped(group: Stack) -> None:
    group.roster.impede(group.router(), "link", "eth0 is down", group.now)
    group.roster.drop(OUT, group.now)
    assert states(group) == ["BACKUP", "BACKUP"]


def test_a_member_that_joins_masters_becomes_master_without_a_flap(group: Stack) -> None:
    group.run(5)
    told = len(group.changes)
    group.roster.put(router("third", 53, "10.0.0.11", "eth1"), group.now)
    put(group, OUT, IN, THIRD)
    group.roster.commit(group.now)
    assert states(group) == ["MASTER", "MASTER", "BACKUP", "MASTER"]
    group.run(9)
    assert states(group) == ["MASTER"] * 4
    assert group.changes[told:] == [("third", "BACKUP"), ("third", "MASTER")]


def test_a_member_that_joins_and_hears_a_better_master_takes_all_to_backup(group: Stack) -> None:
    group.run(5)
    group.roster.put(router("third", 53, "10.0.0.11", "eth1"), group.now)
    put(group, OUT, IN, THIRD)
    group.roster.commit(group.now)
    hear(group, 53, "eth1", 200)
    assert states(group) == ["BACKUP"] * 4


def test_a_member_that_joins_in_fault_takes_all_into_fault(group: Stack) -> None:
    group.run(5)
    group.roster.put(router("third", 53, "10.0.0.11", "eth9"), group.now)
    put(group, OUT, IN, ("eth9", 53, 4, ""))
    group.roster.commit(group.now)
    assert states(group) == ["FAULT"] * 4


def test_a_master_that_joins_backups_becomes_one_of_them_at_the_next_advert(stack: Stack) -> None:
    started(stack, outside(), inside())
    for second in range(1, 6):
        stack.run(second)
        hear(stack, 51, "eth0", 200)
    assert states(stack) == ["BACKUP", "MASTER"]
    put(stack, OUT, IN)
    assert states(stack)[:2] == ["BACKUP", "MASTER"]
    stack.run(6)
    hear(stack, 51, "eth0", 200)
    assert states(stack) == ["BACKUP"] * 3


def test_a_router_that_changes_groups_leaves_the_old_one_first(group: Stack) -> None:
    group.roster.impede(group.router(), "link", "eth0 is down", group.now)
    group.roster.teams.put("other", [group.router()], group.now)
    assert states(group) == ["FAULT", "BACKUP", "BACKUP", "FAULT"]


def test_a_worker_that_stops_resigns_from_each_member_once(group: Stack) -> None:
    group.run(5)
    told = len(group.changes)
    group.roster.stop(group.now)
    assert group.port(51).adverts().count(0) == group.port(52, "eth1").adverts().count(0) == 1
    assert group.changes[told:] == [("out", "INIT"), ("in", "INIT")]


# --- a worker's next life ---------------------------------------------------------------------------


@pytest.fixture
def descriptor() -> Iterator[int]:
    box = blackbox.create()
    yield box
    os.close(box)


def next_life(descriptor: int, first: Stack, after: float) -> Stack:
    second = Stack(descriptor, first.kernel)
    second.now = at(5 + after)
    return together(second, outside(), inside(interval=10**8))


def first_life(descriptor: int) -> Stack:
    first = together(Stack(descriptor), outside(), inside(interval=10**8))
    first.run(5)
    assert states(first) == ["MASTER"] * 3
    return first


def test_a_group_all_of_whose_members_are_believed_in_resumes(descriptor: int) -> None:
    second = next_life(descriptor, first_life(descriptor), after=0.1)
    assert states(second) == ["MASTER"] * 3
    assert second.kernel.addresses() == {"10.0.0.9/24", "10.0.0.10/24"}


def test_a_group_of_which_a_part_is_believed_in_releases_those_peers(descriptor: int) -> None:
    second = next_life(descriptor, first_life(descriptor), after=0.5)  # the fast one's 300 ms are over
    assert states(second) == ["BACKUP"] * 3
    assert second.kernel.held == set()
    assert second.port(51).adverts() == [0]
    assert second.port(52, "eth1").adverts() == []
