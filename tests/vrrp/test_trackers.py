"""What results of trackers do to running routers: another priority, FAULT and back, nobody else touched."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from havip.clock import milliseconds
from havip.config.tracking import (
    InterfaceDelays,
    InterfaceTracker,
    RouterState,
    RouterTracker,
    ScriptTracker,
    TrackerKind,
    Tracking,
)
from havip.messages import TrackResult
from havip.vrrp.kernel import Changes
from tests.vrrp.model import heard, router
from tests.vrrp.stack import Stack, started

WEB = Tracking(scripts=(ScriptTracker("web", -20, False),))
WEB_OR_FAULT = Tracking(scripts=(ScriptTracker("web", 0, False),))


def result(good: bool, name: str = "web") -> TrackResult:
    return TrackResult(TrackerKind.SCRIPT, name, good, why="passed" if good else "exited with 1")


def tell(stack: Stack, *results: TrackResult) -> None:
    for one in results:
        stack.roster.trackers.hear(one)
    settle(stack)


def settle(stack: Stack) -> None:
    while stack.roster.trackers.busy:
        stack.roster.attend(stack.now)
    stack.flush()


def link(stack: Stack, fault: str | None, interface: str = "eth1") -> None:
    stack.kernel.views[interface] = replace(stack.kernel.views[interface], fault=fault)
    stack.roster.apply(Changes(frozenset((interface,)), ()), stack.now)
    settle(stack)


def advance(stack: Stack, until: float) -> None:
    stack.run(until)
    stack.roster.attend(stack.now)
    settle(stack)


def test_a_master_whose_script_fails_advertises_its_lower_priority_at_once(stack: Stack) -> None:
    started(stack, router(priority=150, track=WEB))
    tell(stack, result(True))
    stack.run(4)
    before = len(stack.port().adverts())
    tell(stack, result(False))
    assert stack.port().adverts()[before:] == [130]
    assert stack.router().settings.priority == 130
    assert stack.priorities == [("gw", 130)]
    tell(stack, result(True))
    assert stack.port().adverts()[before:] == [130, 150]
    assert stack.changes == [("gw", "BACKUP"), ("gw", "MASTER")]  # no flap


def test_a_master_whose_unweighted_script_fails_resigns_and_comes_back_as_backup(stack: Stack) -> None:
    stack.roster.trackers.hear(result(True))
    started(stack, router(track=WEB_OR_FAULT))
    stack.run(4)
    tell(stack, result(False))
    assert stack.port().adverts()[-1] == 0
    assert stack.router().state_name == "FAULT"
    assert stack.router().why == "script web exited with 1"
    assert stack.kernel.addresses() == set()
    tell(stack, result(True))
    assert stack.router().state_name == "BACKUP"


def test_before_its_first_result_an_unweighted_script_holds_its_router_in_fault(stack: Stack) -> None:
    started(stack, router(track=WEB_OR_FAULT))
    assert stack.changes == [("gw", "FAULT")]
    assert stack.router().why == "script web waits for its first result"
    tell(stack, result(True))
    assert stack.changes == [("gw", "FAULT"), ("gw", "BACKUP")]


def test_a_backup_whose_priority_rises_takes_over_from_the_weaker_master(stack: Stack) -> None:
    started(stack, router(priority=90, track=Tracking(scripts=(ScriptTracker("web", 20, False),))))
    for second in range(1, 5):
        stack.port().inbox.append(heard(priority=100))
        stack.engine.hear(stack.port(), stack.now)
        stack.run(second)
    assert stack.router().state_name == "BACKUP"
    tell(stack, result(True))
    for second in range(5, 9):
        stack.port().inbox.append(heard(priority=100))
        stack.engine.hear(stack.port(), stack.now)
        stack.run(second)
    assert stack.router().state_name == "MASTER"
    assert stack.port().adverts()[0] == 110


def test_a_result_touches_only_those_that_track_it(stack: Stack) -> None:
    started(stack, router("one", 51, track=WEB), router("two", 52, "10.0.0.8"))
    stack.run(5)
    two = stack.router(52)
    before = (two.standing, two.settings, two.adverts, two.state, two.adverts_sent)
    tell(stack, result(False), result(False, "nobody's"))
    after = (two.standing, two.settings, two.adverts, two.state, two.adverts_sent)
    assert all(left is right for left, right in zip(before, after, strict=True))


def test_the_same_result_again_is_no_news(stack: Stack) -> None:
    started(stack, router(track=WEB))
    stack.run(4)
    tell(stack, result(False))
    sent = stack.router().adverts_sent
    tell(stack, *[result(False)] * 100)
    assert stack.router().adverts_sent == sent
    assert stack.priorities == [("gw", 80)]


def test_of_many_results_in_one_turn_the_newest_counts(stack: Stack) -> None:
    started(stack, router(track=WEB))
    stack.run(4)
    sent = stack.router().adverts_sent
    tell(stack, *[result(number % 2 == 0) for number in range(2000)])
    assert stack.router().adverts_sent == sent + 1
    assert stack.router().settings.priority == 80


def test_a_dropped_tracker_counts_as_one_without_a_result(stack: Stack) -> None:
    started(stack, router(track=WEB))
    tell(stack, result(False))
    assert stack.router().settings.priority == 80
    stack.roster.trackers.drop((TrackerKind.SCRIPT, "web"))
    settle(stack)
    assert stack.router().settings.priority == 100


def test_a_change_of_weights_counts_with_the_results_there_are(stack: Stack) -> None:
    config = router(track=WEB)
    started(stack, config)
    stack.run(4)
    tell(stack, result(False))
    sent = len(stack.port().adverts())
    stack.roster.put(replace(config, track=Tracking(scripts=(ScriptTracker("web", -50, False),))), stack.now)
    assert stack.port().adverts()[sent:] == [50]  # and not 100 in between
    stack.roster.put(replace(config, track=WEB_OR_FAULT), stack.now)
    assert stack.router().state_name == "FAULT"
    stack.roster.put(replace(config, track=Tracking()), stack.now)
    assert stack.router().state_name == "BACKUP"
    assert stack.router().settings.priority == 100


def test_a_tracked_interface_that_goes_down_takes_its_weight_away(stack: Stack) -> None:
    started(stack, router(track=Tracking(interfaces=(InterfaceTracker("eth1", -30),))))
    stack.run(4)
    link(stack, "interface eth1 has no carrier")
    assert stack.router().settings.priority == 70
    assert [term.why for term in stack.router().standing.terms] == ["has no carrier"]
    link(stack, None)
    assert stack.router().settings.priority == 100


def test_a_tracked_interface_that_does_not_exist_is_a_fault_without_a_weight(stack: Stack) -> None:
    started(stack, router(track=Tracking(interfaces=(InterfaceTracker("wan0"),))))
    assert stack.router().why == "interface wan0 does not exist"


def test_a_router_that_follows_another_one_fails_with_it(stack: Stack) -> None:
    inside = router("inside", 51, interface="eth1")
    outside = router(
        "outside", 52, "10.0.0.8", track=Tracking(routers=(RouterTracker("inside", ("MASTER", "BACKUP")),))
    )
    started(stack, outside, inside)  # in this order: the tracked one comes later
    settle(stack)
    assert stack.router(52).state_name == "BACKUP"
    link(stack, "interface eth1 is down")
    assert stack.router(52).why == "router inside is FAULT"
    link(stack, None)
    assert stack.router(52).state_name == "BACKUP"
    stack.roster.drop(inside.key, stack.now)
    settle(stack)
    assert stack.router(52).why == "router inside waits for its first result"


def test_a_chain_of_routers_settles_in_one_wake_up(stack: Stack) -> None:
    follow = {"two": "one", "three": "two", "four": "three"}
    configs = [router("one", 51, interface="eth1")] + [
        router(
            name,
            60 + i,
            f"10.0.0.{20 + i}",
            track=Tracking(routers=(RouterTracker(whom, ("MASTER", "BACKUP")),)),
        )
        for i, (name, whom) in enumerate(follow.items())
    ]
    started(stack, *configs)
    settle(stack)
    assert stack.router(62).state_name == "BACKUP"
    link(stack, "interface eth1 is down")
    assert [stack.router(vrid).state_name for vrid in (60, 61, 62)] == ["FAULT"] * 3


def following(*states: str) -> tuple[Any, Any]:
    """Return a router that follows another one, and that one."""
    tracker = RouterTracker("inside", tuple(map(RouterState, states)))
    follower = router("outside", 52, "10.0.0.8", track=Tracking(routers=(tracker,)))
    return follower, router("inside", 51, interface="eth1")


def reborn(stack: Stack, descriptor: int, *configs: Any) -> Stack:
    """Return the next life of a worker that was killed just now."""
    born = Stack(descriptor, stack.kernel)
    born.now = stack.now
    started(born, *configs)
    settle(born)
    return born


def test_a_master_that_follows_another_one_resumes_with_it(stack: Stack, descriptor: int) -> None:
    configs = following("MASTER")
    started(stack, *configs)  # the follower is put, and starts, first
    advance(stack, 4)
    advance(stack, 8)
    assert stack.router(52).state_name == "MASTER"
    born = reborn(stack, descriptor, *configs)
    assert born.changes == [("outside", "MASTER"), ("inside", "MASTER")]  # no FAULT on the way
    assert {"10.0.0.8/24", "10.0.0.9/24"} <= born.kernel.addresses()


def test_a_master_that_follows_one_that_cannot_resume_is_in_fault(stack: Stack, descriptor: int) -> None:
    configs = following("MASTER")
    started(stack, *configs)
    advance(stack, 4)
    advance(stack, 8)
    stack.kernel.views["eth1"] = replace(stack.kernel.views["eth1"], fault="interface eth1 is down")
    born = reborn(stack, descriptor, *configs)
    assert born.changes == [("outside", "FAULT"), ("inside", "FAULT")]
    assert born.router(52).why == "router inside is FAULT"
    assert born.kernel.addresses() == set()


def test_who_starts_is_judged_by_what_those_that_it_follows_start_as(stack: Stack) -> None:
    started(stack, *following("MASTER", "BACKUP"))
    settle(stack)
    assert stack.changes == [("outside", "BACKUP"), ("inside", "BACKUP")]


def delays(stack: Stack, **lengths: Any) -> None:
    stack.roster.delay((InterfaceDelays("eth0", **lengths), InterfaceDelays("eth1", **lengths)), stack.now)


def test_a_link_that_is_down_for_less_than_its_delay_is_not_down(stack: Stack) -> None:
    delays(stack, down_delay=milliseconds(500))
    started(stack, router(track=Tracking(interfaces=(InterfaceTracker("eth1", -30),))))
    stack.run(4)
    link(stack, "interface eth1 has no carrier")
    link(stack, "interface eth0 has no carrier", "eth0")
    advance(stack, 4.4)
    assert (stack.router().state_name, stack.router().settings.priority) == ("MASTER", 100)
    link(stack, None)
    link(stack, None, "eth0")
    advance(stack, 6)
    assert stack.changes == [("gw", "BACKUP"), ("gw", "MASTER")]
    assert stack.priorities == []


def test_a_link_that_is_down_for_its_delay_is_down(stack: Stack) -> None:
    delays(stack, down_delay=milliseconds(500), up_delay=milliseconds(2000))
    started(stack, router(track=Tracking(interfaces=(InterfaceTracker("eth1", -30),))))
    stack.run(4)
    link(stack, "interface eth1 has no carrier")
    advance(stack, 4.5)
    assert stack.router().settings.priority == 70
    link(stack, "interface eth0 has no carrier", "eth0")
    advance(stack, 5.0)
    assert stack.router().why == "interface eth0 has no carrier"
    link(stack, None, "eth0")
    advance(stack, 6.9)
    assert stack.router().state_name == "FAULT"
    advance(stack, 7.0)
    assert stack.router().state_name == "BACKUP"


def test_a_vanished_interface_waits_for_no_delay(stack: Stack) -> None:
    delays(stack, down_delay=milliseconds(500))
    started(stack)
    view = stack.kernel.views.pop("eth0")
    stack.roster.apply(Changes(frozenset(("eth0",)), ()), stack.now)
    assert stack.router().why == "interface eth0 does not exist"
    stack.kernel.views["eth0"] = view
    stack.roster.apply(Changes(frozenset(("eth0",)), ()), stack.now)
    assert stack.router().state_name == "BACKUP"


@pytest.mark.parametrize("reverse", [False, True])
def test_a_router_that_does_not_track_its_own_interface_goes_on_without_its_link(
    stack: Stack, reverse: bool
) -> None:
    configs = [router("deaf", 51, track=Tracking(own_interface=False)), router("strict", 52, "10.0.0.8")]
    started(stack, *(configs[::-1] if reverse else configs))
    stack.run(4)
    link(stack, "interface eth0 has no carrier", "eth0")
    assert stack.router(51).state_name == "MASTER"
    assert stack.router(52).why == "interface eth0 has no carrier"
    link(stack, None, "eth0")
    assert stack.router(52).state_name == "BACKUP"
    without_address = replace(
        stack.kernel.views["eth0"], address=b"", fault="interface eth0 has no IPv4 address"
    )
    stack.kernel.views["eth0"] = replace(without_address, lack=without_address.fault)
    stack.roster.apply(Changes(frozenset(("eth0",)), ()), stack.now)
    assert stack.router(51).why == "interface eth0 has no IPv4 address"


def test_a_router_that_does_not_track_its_own_interface_starts_without_its_link(stack: Stack) -> None:
    stack.kernel.views["eth0"] = replace(stack.kernel.views["eth0"], fault="interface eth0 is down")
    started(stack, router(track=Tracking(own_interface=False)))
    assert stack.router().state_name == "BACKUP"
    stack.roster.put(router(), stack.now)
    assert stack.router().why == "interface eth0 is down"
