"""The reload plan: what is dropped, changed, added and left alone, and in which order."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.clock import seconds
from havip.config.health import Check
from havip.config.model import Announcing, Configuration, Daemon, VirtualAddress, VirtualRouter
from havip.config.plan import Plan, plan
from havip.config.probes import Tcp


def addresses(*last: int) -> tuple[VirtualAddress, ...]:
    """Return 192.0.2.x/24 for each x."""
    return tuple(VirtualAddress(ip_address(f"192.0.2.{number}"), 24) for number in last)


def router(name: str, vrid: int, *last: int, interface: str = "eth0") -> VirtualRouter:
    """Return a virtual router with the addresses 192.0.2.x."""
    return VirtualRouter(name, interface, vrid, addresses(*last))


A, B, C = router("a", 1, 1), router("b", 2, 2), router("c", 3, 3)


def planned(old: tuple[VirtualRouter, ...], new: tuple[VirtualRouter, ...]) -> Plan:
    """Return the plan between two sets of virtual routers."""
    return plan(Configuration(old), Configuration(new))


BETTER = replace(A, priority=150)
RENAMED = replace(A, name="z")
LEGACY = replace(A, version=2)
ELSEWHERE = replace(A, interface="eth1")
SIX = VirtualRouter("six", "eth0", 1, (VirtualAddress(ip_address("fe80::1"), 64),))

CASES = [
    ((), (), Plan()),
    ((), (A,), Plan(add=(A,))),
    ((A,), (), Plan(drop=(A,))),
    ((A, B), (B, A), Plan(keep=(B, A))),
    ((A, B), (BETTER, B, C), Plan(change=((A, BETTER),), add=(C,), keep=(B,))),
    ((A,), (RENAMED,), Plan(change=((A, RENAMED),))),
    ((A,), (LEGACY,), Plan(drop=(A,), add=(LEGACY,))),
    ((A,), (ELSEWHERE,), Plan(drop=(A,), add=(ELSEWHERE,))),
    ((A,), (A, SIX), Plan(add=(SIX,), keep=(A,))),
    ((A, SIX), (SIX,), Plan(drop=(A,), keep=(SIX,))),
]


@pytest.mark.parametrize(("old", "new", "expected"), CASES)
def test_routers_are_matched_by_what_they_are_on_the_lan(
    old: tuple[VirtualRouter, ...], new: tuple[VirtualRouter, ...], expected: Plan
) -> None:
    assert planned(old, new) == expected


def test_an_address_that_moves_is_given_up_before_it_is_taken() -> None:
    # 1 moves from a to b, 2 from b to c, 3 from c to d.
    old = (router("a", 1, 1, 11), router("b", 2, 2, 12), router("c", 3, 3, 13), router("d", 4, 14))
    new = (router("a", 1, 11), router("b", 2, 1, 12), router("c", 3, 2, 13), router("d", 4, 3, 14))
    for order in (new, new[::-1]):
        assert [after.name for _, after in planned(old, order).change] == ["a", "b", "c", "d"]


def test_addresses_that_go_round_in_a_circle_cost_one_router_its_election() -> None:
    old = (router("a", 1, 1), router("b", 2, 2), router("c", 3, 3))
    new = (router("a", 1, 3), router("b", 2, 1), router("c", 3, 2))
    result = planned(old, new)
    assert len(result.drop) == len(result.add) == 1
    assert [router.key for router in result.drop] == [router.key for router in result.add]
    assert len(result.change) == 2


def test_a_link_local_address_of_another_interface_is_another_address() -> None:
    def gateway(interface: str, address: str) -> VirtualRouter:
        return VirtualRouter(interface, interface, 1, (VirtualAddress(ip_address(address), 64),))

    old = (gateway("eth0", "fe80::1"), gateway("eth1", "fe80::2"))
    new = (gateway("eth0", "fe80::2"), gateway("eth1", "fe80::1"))
    assert planned(old, new) == Plan(change=((old[0], new[0]), (old[1], new[1])))


def test_a_plan_is_described_in_words_and_in_json() -> None:
    old = Configuration((A, B, C, router("gone", 9, 9)), Daemon(realtime_priority=50))
    new = Configuration(
        (
            replace(
                A,
                name="z",
                priority=150,
                interval=seconds(0.1),
                preempt=False,
                addresses=addresses(4, 5),
                announce=Announcing(repeat=3),
            ),
            replace(B, addresses=addresses(2, 22)),
            C,
            router("fresh", 7, 7),
        ),
        Daemon(realtime_priority=0, lock_memory=False),
    )
    result = plan(old, new)
    assert result.describe() == {
        "drop": ["gone"],
        "change": [
            {
                "name": "z",
                "changes": [
                    "name: a -> z",
                    "addresses: 192.0.2.4/24 added, 192.0.2.5/24 added, 192.0.2.1/24 removed",
                    "priority: 100 -> 150",
                    "interval: 1s -> 100ms",
                    "preempt: true -> false",
                    "announce.repeat: 5 -> 3",
                ],
            },
            {"name": "b", "changes": ["addresses: 192.0.2.22/24 added"]},
        ],
        "add": ["fresh"],
        "keep": ["c"],
        "settings": [],
        "restart": ["daemon.realtime_priority: 50 -> 0", "daemon.lock_memory: true -> false"],
    }
    assert json.loads(json.dumps(result.describe())) == result.describe()
    assert str(planned((A, B, C), (BETTER, C, router("fresh", 7, 7)))) == (
        "dropped b; changed a (priority: 100 -> 150); added fresh; 1 kept"
    )
    assert str(planned((A,), (A,))) == "1 kept"


def test_the_log_gets_so_much_of_a_plan_as_a_line_can_hold() -> None:
    """A file of 10,000 health checks that replaces another one is told in full by `havip reload` alone."""
    checks = tuple(Check(f"s{number}", tcp=Tcp()) for number in range(10_000))
    result = plan(Configuration(), Configuration(checks=checks))
    assert len(result.describe()["settings"]) == 10_000
    assert str(result).endswith("checks.s48: added, checks.s49: added, and 9950 more; 0 kept")


def test_a_new_order_of_addresses_is_a_change() -> None:
    old, new = router("a", 1, 1, 2), router("a", 1, 2, 1)
    assert planned((old,), (new,)).describe()["change"] == [
        {"name": "a", "changes": ["addresses: in another order"]}
    ]


@st.composite
def configurations(draw: st.DrawFn) -> Configuration:
    """Up to six routers on two interfaces that share twelve addresses out among themselves."""
    keys = draw(
        st.lists(st.tuples(st.sampled_from(("eth0", "eth1")), st.integers(1, 4)), max_size=6, unique=True)
    )
    share: list[list[int]] = [[] for _ in keys]
    for number in draw(st.permutations(range(1, 13))):
        holder = draw(st.integers(0, len(keys)))
        if holder < len(keys):
            share[holder].append(number)
    versions = draw(st.lists(st.sampled_from((2, 3, 3, 3)), min_size=len(keys), max_size=len(keys)))
    return Configuration(
        tuple(
            VirtualRouter(f"{interface}.{vrid}", interface, vrid, addresses(*numbers), version)
            for (interface, vrid), numbers, version in zip(keys, share, versions, strict=True)
            if numbers
        )
    )


@given(configurations(), configurations())
def test_a_plan_leads_from_old_to_new_and_never_holds_an_address_twice(
    old: Configuration, new: Configuration
) -> None:
    running = {one.key: one for one in old.virtual_routers}

    def settle() -> None:
        held = [address for one in running.values() for address in one.addresses]
        assert len(held) == len(set(held))

    result = plan(old, new)
    assert all(running[one.key] is one or running[one.key] == one for one in result.keep)
    for gone in result.drop:
        assert running.pop(gone.key) == gone
    for before, after in result.change:
        assert running[before.key] == before
        assert (before.key, before.version) == (after.key, after.version)
        running[after.key] = after
        settle()
    for fresh in result.add:
        assert fresh.key not in running
        running[fresh.key] = fresh
        settle()
    assert running == {one.key: one for one in new.virtual_routers}
    assert plan(new, new) == Plan(keep=new.virtual_routers)
