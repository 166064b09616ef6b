"""Routers that hold more than addresses on their interface: far addresses, routes and rules."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from havip.clock import Duration
from havip.config.model import Announcing, Static, VirtualAddress, VirtualRouter
from havip.config.routing import Prefix, VirtualRoute, VirtualRule
from havip.messages import WARNING
from havip.vrrp.kernel import Changes
from havip.vrrp.statics import Statics
from tests.vrrp.model import ModelKernel, router
from tests.vrrp.stack import Stack, started

QUIET = Announcing(repeat=1, delay=Duration(0))
FAR = VirtualAddress(ip_address("10.9.0.1"), 24, device="eth1")
ROUTE = VirtualRoute(Prefix(ip_address("10.1.0.0"), 16), via=ip_address("10.0.0.254"))
RULE = VirtualRule(1000, source=Prefix(ip_address("10.1.0.0"), 16), table=100)


def holder(**options: Any) -> VirtualRouter:
    """Return a router with a far address, a route and a rule."""
    whole = {"excluded_addresses": (FAR,), "routes": (ROUTE,), "rules": (RULE,), "announce": QUIET}
    return replace(router(), **(whole | options))


def master(stack: Stack, config: VirtualRouter) -> None:
    """Have the router be MASTER with all that it holds."""
    started(stack, config)
    stack.run(4)
    assert stack.router().is_master


def lose(stack: Stack, *lost: Any) -> None:
    """Have something else remove holdings."""
    keys = [key for key in stack.router().batch.keys if key[1] in lost]
    stack.kernel.held -= {key for key in keys if key in stack.kernel.held}  # type: ignore[misc]
    stack.roster.apply(Changes(frozenset(), tuple(keys)), stack.now)
    stack.flush()


def held(stack: Stack) -> set[Any]:
    return {holding for _, holding in stack.kernel.held}


def test_a_master_holds_everything_in_its_order_and_a_backup_nothing(stack: Stack) -> None:
    config = holder()
    master(stack, config)
    assert stack.router().batch.holdings == (*config.addresses, FAR, ROUTE, RULE)
    assert held(stack) == set(config.holdings)
    assert (8, FAR) in stack.kernel.held  # eth1
    stack.roster.drop(config.key, stack.now)
    assert held(stack) == set()


def test_announcements_leave_the_interface_of_their_address(stack: Stack) -> None:
    master(stack, holder())
    announced = [(kind, data[28:32]) for kind, data in stack.port().wire if kind.startswith("announcement")]
    assert announced == [
        ("announcement", ip_address("10.0.0.9").packed),
        ("announcement on eth1", FAR.address.packed),
    ]


def test_a_pace_is_kept_across_interfaces(stack: Stack) -> None:
    paced = Announcing(repeat=1, delay=Duration(0), interval=Duration(200_000_000))
    master(stack, holder(announce=paced))
    stack.run(5)
    kinds = [kind for kind, _ in stack.port().wire if kind.startswith("announcement")]
    assert kinds == ["announcement", "announcement on eth1"]


@pytest.mark.parametrize("lost", [ROUTE, RULE, FAR])
def test_what_is_removed_is_put_back_in_place(stack: Stack, lost: Any) -> None:
    master(stack, holder())
    lose(stack, lost)
    assert lost in held(stack)
    assert stack.router().is_master
    assert stack.router().lost == 1


@pytest.mark.parametrize("key", ["routes", "rules", "excluded_addresses"])
def test_what_is_not_tracked_is_not_put_back(stack: Stack, key: str) -> None:
    (tracked,) = getattr(holder(), key)
    loose = replace(tracked, track=False)
    master(stack, holder(**{key: (loose,)}))
    lose(stack, loose)
    assert loose not in held(stack)
    assert stack.router().lost == 0


def test_what_the_kernel_refuses_makes_the_router_step_down(stack: Stack) -> None:
    stack.kernel.refuses = {ROUTE}
    started(stack, holder())
    stack.run(12)
    assert stack.router().state_name == "FAULT"
    assert stack.troubles[0] == "cannot add route 10.1.0.0/16 via 10.0.0.254: EACCES"
    assert held(stack) == set()


def test_addresses_are_announced_although_a_route_is_refused(stack: Stack) -> None:
    stack.kernel.refuses = {ROUTE}
    started(stack, holder())
    stack.run(3.7)
    assert stack.router().is_master
    assert [kind for kind, _ in stack.port().wire if kind == "announcement"] != []


def test_what_the_kernel_refuses_is_borne_if_it_is_not_tracked(stack: Stack) -> None:
    loose = replace(ROUTE, track=False)
    stack.kernel.refuses = {loose}
    master(stack, holder(routes=(loose,)))
    stack.run(12)
    assert stack.router().is_master
    assert stack.misses == [("gw", "cannot add route 10.1.0.0/16 via 10.0.0.254: EACCES")]
    assert stack.troubles == []


def test_an_absent_interface_that_is_to_hold_something_is_a_fault_with_its_name(stack: Stack) -> None:
    eth1 = stack.kernel.views.pop("eth1")
    started(stack, holder())
    stack.run(4)
    assert stack.router().state_name == "FAULT"
    assert stack.router().fault == "interface eth1 does not exist"
    stack.kernel.views["eth1"] = eth1
    stack.roster.apply(Changes(frozenset({"eth1"}), ()), stack.now)
    stack.run(8)
    assert stack.router().is_master
    assert (8, FAR) in stack.kernel.held
    del stack.kernel.views["eth1"]
    stack.roster.apply(Changes(frozenset({"eth1"}), ()), stack.now)
    assert stack.router().state_name == "FAULT"
    assert held(stack) == set()


def test_an_interface_that_only_a_loose_route_names_may_be_absent(stack: Stack) -> None:
    loose = replace(ROUTE, device="eth9", track=False)
    stack.kernel.refuses = {loose}
    master(stack, holder(routes=(loose,)))
    stack.kernel.refuses = set()
    stack.kernel.views["eth9"] = replace(stack.kernel.views["eth1"], ifindex=9)
    stack.roster.apply(Changes(frozenset({"eth9"}), ()), stack.now)
    stack.flush()
    assert loose in held(stack)  # as soon as there is one


def test_an_interface_that_comes_back_as_another_one_gets_the_address_again(stack: Stack) -> None:
    master(stack, holder())
    stack.kernel.views["eth1"] = replace(stack.kernel.views["eth1"], ifindex=99, mac=bytes(5) + b"\x09")
    stack.roster.apply(Changes(frozenset({"eth1"}), ()), stack.now)
    stack.flush()
    assert (99, FAR) in stack.kernel.held
    assert stack.port().wire[-1][1][6:12] == bytes(5) + b"\x09"


def test_a_reload_removes_what_is_gone_and_adds_what_is_new(stack: Stack) -> None:
    master(stack, holder())
    said = len(stack.port().wire)
    other = replace(ROUTE, to=Prefix(ip_address("10.2.0.0"), 16))
    stack.roster.put(holder(routes=(other,), rules=()), stack.now)
    stack.flush()
    assert held(stack) == {*holder().addresses, FAR, other}
    kinds = [kind for kind, _ in stack.port().wire[said:]]
    assert "announcement" not in kinds  # no address changed: nobody need be told
    assert stack.router().is_master


def test_a_reload_of_a_backup_touches_nothing(stack: Stack) -> None:
    started(stack, holder())
    stack.roster.put(holder(routes=()), stack.now)
    assert stack.kernel.log == []


def statics(kernel: ModelKernel) -> tuple[Statics, list[str]]:
    """Return static holdings on a model, and what they log."""
    said: list[str] = []

    def log(level: int, text: str) -> None:
        assert level <= WARNING
        said.append(text)

    return Statics(kernel, log), said  # type: ignore[arg-type]


STATIC = Static((replace(FAR, device="eth0"),), (ROUTE,), (RULE,))


def test_static_holdings_are_put_changed_and_removed() -> None:
    kernel = ModelKernel()
    static, said = statics(kernel)
    static.put(STATIC)
    assert {holding for _, holding in kernel.held} == set(STATIC.holdings)
    kernel.log.clear()
    static.put(STATIC)
    assert kernel.log == []
    static.put(replace(STATIC, rules=()))
    assert {holding for _, holding in kernel.held} == set(STATIC.holdings) - {RULE}
    static.leave()
    assert kernel.held == set()
    assert said == []


def test_an_interface_that_changes_in_nothing_that_counts_costs_static_holdings_nothing() -> None:
    kernel = ModelKernel()
    static, _ = statics(kernel)
    static.put(STATIC)
    kernel.log.clear()
    static.apply(Changes(frozenset({"eth0", "eth1"}), ()))
    assert kernel.log == []


def test_static_holdings_are_put_back_and_said_to_be() -> None:
    kernel = ModelKernel()
    static, said = statics(kernel)
    static.put(STATIC)
    lost: Any = (0, RULE)
    kernel.held.remove(lost)
    static.apply(Changes(frozenset(), (lost,)))
    assert lost in kernel.held
    assert said == [f"put back the static {RULE}, which something else had removed"]


def test_a_static_holding_that_is_refused_is_said_once_and_tried_again() -> None:
    kernel = ModelKernel()
    static, said = statics(kernel)
    kernel.refuses = {ROUTE}
    static.put(STATIC)
    static.try_again()
    assert said == [f"cannot add the static {ROUTE}: EACCES; trying again every second"]
    kernel.refuses = set()
    static.try_again()
    assert said[1:] == [f"added the static {ROUTE}"]
    kernel.log.clear()
    static.try_again()
    assert kernel.log == []


def test_what_is_static_lacks_only_what_is_tracked_and_refused() -> None:
    kernel = ModelKernel()
    static, _ = statics(kernel)
    kernel.refuses = {RULE}
    static.put(replace(STATIC, rules=(replace(RULE, track=False),), needed_by=("gw",)))
    assert (static.needed_by, static.fault) == (("gw",), None)
    static.put(replace(STATIC, needed_by=("gw",)))
    assert static.fault == f"the static {RULE} cannot be had: EACCES"
    kernel.refuses = set()
    static.try_again()
    assert static.fault is None


def test_a_static_address_follows_its_interface() -> None:
    kernel = ModelKernel()
    eth0 = kernel.views["eth0"]
    static, _ = statics(kernel)
    static.put(STATIC)
    kernel.views["eth0"] = replace(eth0, ifindex=42)
    static.apply(Changes(frozenset({"eth0"}), ()))
    assert (42, STATIC.addresses[0]) in kernel.held
