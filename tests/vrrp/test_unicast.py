"""Unicast routers, sources and groups, on working models of the edges."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any, cast

import pytest

from havip.clock import Duration
from havip.config.cast import Address, Multicast, Peer, Unicast
from havip.config.model import VirtualRouter
from havip.errors import Refusal
from havip.messages import Resolved
from havip.vrrp import packet
from havip.vrrp.kernel import Changes
from havip.vrrp.packet import Heard
from havip.vrrp.router import Router
from havip.vrrp.settings import Settings
from tests.vrrp.model import OURS, ModelPort, router
from tests.vrrp.stack import Stack, started
from tests.vrrp.wire import ip, message

NAME = "r3.example.com"


def to(*peers: str | Peer, **options: Any) -> VirtualRouter:
    """Return a router with these unicast peers."""
    listed = tuple(one if isinstance(one, Peer) else Peer(ip_address(one)) for one in peers)
    return router(unicast=Unicast(listed, **options))


def the_one(stack: Stack) -> Router:
    [only] = stack.roster.routers.values()
    return only


def port_of(one: Router) -> ModelPort:
    return cast(ModelPort, one.port)


def sent(one: Router, count: int | None = None) -> list[tuple[str | None, bytes]]:
    """Return (target, datagram) of the adverts that left, the last ``count``."""
    port = port_of(one)
    adverts = [data for kind, data in port.wire if kind == "advert"]
    pairs = list(zip(cast(Any, port.sender).targets, adverts, strict=True))
    return pairs if count is None else pairs[-count:]


def heard(source: str, priority: int = 200, ttl: int = 255, to: bytes = OURS) -> Heard:
    """Return a unicast advert as the socket delivers it."""
    peer = Settings(3, 51, priority, Duration(10**9), ip(source))
    return packet.encode(peer, priority, [ip("10.0.0.9")], to), ip(source), to, ttl


def resolved(*addresses: str, name: str = NAME) -> Resolved:
    found: tuple[Address, ...] = tuple(map(ip_address, addresses))
    return Resolved(name, 4, found)


def hear(stack: Stack, *packets: Heard) -> None:
    port = port_of(the_one(stack))
    port.inbox.extend(packets)
    stack.engine.hear(port, stack.now)
    stack.flush()


def test_each_peer_gets_every_advert_with_a_checksum_of_its_own(stack: Stack) -> None:
    started(stack, to("10.0.0.2", "10.0.0.3"))
    stack.run(3.7)
    first, second = sent(the_one(stack))
    assert (first[0], second[0]) == ("10.0.0.2", "10.0.0.3")
    for target, datagram in (first, second):
        assert datagram[12:20] == OURS + ip(str(target))
        assert datagram[20:] == message(
            source=OURS, destination=ip(str(target)), priority=100, addresses=[ip("10.0.0.9")]
        )
    assert first[1][20:] != second[1][20:]
    assert the_one(stack).adverts_sent == 1


def test_version_2_sends_the_same_message_to_all(stack: Stack) -> None:
    started(stack, replace(to("10.0.0.2", "10.0.0.3"), version=2))
    stack.run(3.7)
    first, second = sent(the_one(stack))
    assert first[1][20:] == second[1][20:]


def test_the_ttl_of_the_configuration_stands_in_the_datagram(stack: Stack) -> None:
    started(stack, to("10.0.0.2", ttl=64))
    stack.run(3.7)
    assert sent(the_one(stack), 1)[0][1][8] == 64


def test_a_peer_that_cannot_be_reached_does_not_keep_the_advert_from_the_others(stack: Stack) -> None:
    started(stack, to("10.0.0.2", "10.0.0.3"))
    sender = cast(Any, the_one(stack).port.sender)
    plain = sender.send
    sender.send = lambda data, to: "EHOSTUNREACH" if to[0] == "10.0.0.2" else plain(data, to)
    stack.run(3.7)
    assert [target for target, _ in sent(the_one(stack))] == ["10.0.0.3"]
    assert stack.troubles == ["EHOSTUNREACH to 10.0.0.2"]
    assert (the_one(stack).adverts_sent, the_one(stack).send_errors) == (1, 1)
    assert stack.blackbox._left_behind == {}


def test_a_peers_better_advert_is_followed(stack: Stack) -> None:
    started(stack, to("10.0.0.2"))
    stack.run(3.7)
    hear(stack, heard("10.0.0.2"))
    assert the_one(stack).state_name == "BACKUP"


def test_a_stranger_is_refused_by_name_and_may_not_depose_us(stack: Stack) -> None:
    started(stack, to("10.0.0.2"))
    stack.run(3.7)
    hear(stack, heard("10.0.0.66"), heard("10.0.0.66", priority=0))
    one = the_one(stack)
    assert one.state_name == "MASTER"
    assert one.refused[Refusal.FOREIGN_SOURCE] == 2
    assert one.counters()["refused-foreign-source"] == 2
    assert stack.remarks == ["foreign-source", "foreign-source"]


def test_without_a_check_of_sources_a_stranger_counts(stack: Stack) -> None:
    started(stack, to("10.0.0.2", check_source=False))
    hear(stack, heard("10.0.0.66", ttl=3))
    assert the_one(stack).adverts_received == 1


@pytest.mark.parametrize(
    ("bounds", "ttl", "good"),
    [
        ((0, 255), 0, True),
        ((0, 255), 255, True),
        ((255, 255), 255, True),
        ((255, 255), 254, False),
        ((253, 254), 252, False),
        ((253, 254), 253, True),
        ((253, 254), 254, True),
        ((253, 254), 255, False),
    ],
)
def test_an_advert_outside_the_bounds_of_its_peer_is_refused(
    stack: Stack, bounds: tuple[int, int], ttl: int, good: bool
) -> None:
    started(stack, to(Peer(ip_address("10.0.0.2"), None, *bounds), "10.0.0.3"))
    hear(stack, heard("10.0.0.2", ttl=ttl), heard("10.0.0.3", ttl=1))
    assert the_one(stack).adverts_received == 1 + good
    assert the_one(stack).refused[Refusal.PEER_TTL] == (not good)


def test_a_reload_changes_bounds_for_packets_that_were_seen_before(stack: Stack) -> None:
    started(stack, to("10.0.0.2"))
    hear(stack, heard("10.0.0.2", ttl=254))
    stack.roster.put(to(Peer(ip_address("10.0.0.2"), min_ttl=255)), stack.now)
    hear(stack, heard("10.0.0.2", ttl=254))
    assert (the_one(stack).adverts_received, the_one(stack).refused[Refusal.PEER_TTL]) == (1, 1)


def test_multicast_is_not_judged_by_bounds_and_keeps_the_rule_of_255(stack: Stack) -> None:
    started(stack)
    hear(stack, heard("10.0.0.66", to=packet.GROUP_IPV4), heard("10.0.0.66", ttl=254, to=packet.GROUP_IPV4))
    assert (the_one(stack).adverts_received, the_one(stack).refused[Refusal.TTL]) == (1, 1)


def test_a_new_peer_is_spoken_to_at_once_and_without_a_flap(stack: Stack) -> None:
    started(stack, to("10.0.0.2"))
    stack.run(3.7)
    stack.roster.put(to("10.0.0.2", "10.0.0.3"), stack.now)
    assert [target for target, _ in sent(the_one(stack), 2)] == ["10.0.0.2", "10.0.0.3"]
    assert stack.changes == [("gw", "BACKUP"), ("gw", "MASTER")]


def test_a_router_without_any_known_peer_is_in_fault_and_comes_with_the_first(stack: Stack) -> None:
    started(stack, to(Peer(name=NAME)))
    one = the_one(stack)
    assert (one.state_name, one.why) == ("FAULT", f"no address of its unicast peers is known: {NAME}")
    stack.run(10)
    assert sent(one) == []
    assert stack.roster.resolve(resolved("10.0.0.3"), stack.now) == [one]
    assert one.state_name == "BACKUP"
    stack.run(14)
    assert [target for target, _ in sent(one, 1)] == ["10.0.0.3"]
    assert one.report(stack.now).peers == (f"{NAME} (10.0.0.3)",)


def test_a_name_without_an_address_beside_a_known_peer_is_no_fault(stack: Stack) -> None:
    started(stack, to("10.0.0.2", Peer(name=NAME)))
    assert the_one(stack).state_name == "BACKUP"
    assert the_one(stack).report(stack.now).peers == ("10.0.0.2", f"{NAME} (no address known)")


def test_another_address_of_a_name_is_spoken_to_without_a_flap(stack: Stack) -> None:
    stack.roster.resolve(resolved("10.0.0.3"), stack.now)  # told before the router, as at a new life
    started(stack, to(Peer(name=NAME, min_ttl=255)))
    stack.run(3.7)
    stack.roster.resolve(resolved("10.0.0.4", "10.0.0.5"), stack.now)
    assert [target for target, _ in sent(the_one(stack), 2)] == ["10.0.0.4", "10.0.0.5"]
    assert stack.changes == [("gw", "BACKUP"), ("gw", "MASTER")]
    hear(stack, heard("10.0.0.3"), heard("10.0.0.5", ttl=254), heard("10.0.0.5"))
    one = the_one(stack)
    assert (one.refused[Refusal.FOREIGN_SOURCE], one.refused[Refusal.PEER_TTL]) == (1, 1)
    assert one.state_name == "BACKUP"


def test_what_is_told_of_a_name_again_and_what_concerns_nobody_changes_nothing(stack: Stack) -> None:
    started(stack, to(Peer(name=NAME)))
    stack.roster.resolve(resolved("10.0.0.3"), stack.now)
    stack.run(4)
    before = list(port_of(the_one(stack)).wire)
    assert stack.roster.resolve(resolved("10.0.0.3"), stack.now) == []
    assert stack.roster.resolve(resolved("10.0.0.7", name="other"), stack.now) == []
    assert stack.roster.resolve(Resolved(NAME, 6, (ip_address("fe80::1"),)), stack.now) == []
    stack.roster.drop(the_one(stack).config.key, stack.now)
    assert stack.roster.resolve(resolved("10.0.0.8"), stack.now) == []
    assert [kind for kind, _ in before].count("advert") == 1


def test_a_name_that_stands_for_ourselves_too_makes_us_no_peer(stack: Stack) -> None:
    stack.roster.resolve(resolved("10.0.0.1", "10.0.0.2"), stack.now)
    started(stack, to(Peer(name=NAME)))
    stack.run(3.7)
    assert [target for target, _ in sent(the_one(stack))] == ["10.0.0.2"]
    stack.roster.resolve(resolved("10.0.0.1"), stack.now)
    assert the_one(stack).state_name == "FAULT"


def test_a_peer_with_our_own_address_is_a_fault_until_one_of_the_two_has_another(stack: Stack) -> None:
    started(stack, to("10.0.0.1", "10.0.0.2"))
    one = the_one(stack)
    assert (one.state_name, one.why) == ("FAULT", "its unicast peer 10.0.0.1 is its own address")
    moved = replace(stack.kernel.views["eth0"], address=ip("10.0.0.7"))
    stack.kernel.views["eth0"] = moved
    stack.roster.apply(Changes(frozenset({"eth0"}), ()), stack.now)
    assert one.state_name == "BACKUP"
    stack.kernel.views["eth0"] = replace(moved, address=ip("10.0.0.2"))
    stack.roster.apply(Changes(frozenset({"eth0"}), ()), stack.now)
    assert (one.state_name, one.why) == ("FAULT", "its unicast peer 10.0.0.2 is its own address")


@pytest.mark.parametrize(
    "config",
    [
        to("10.0.0.2", source=ip_address("10.0.0.5")),
        router(multicast=Multicast(source=ip_address("10.0.0.5"))),
    ],
    ids=["unicast", "multicast"],
)
def test_a_source_that_goes_away_is_a_fault_and_comes_back(stack: Stack, config: VirtualRouter) -> None:
    stack.kernel.sources = {ip("10.0.0.5")}
    started(stack, config)
    stack.run(3.7)
    one = the_one(stack)
    assert sent(one, 1)[0][1][12:16] == ip("10.0.0.5")
    for present, state in ((set(), "FAULT"), ({ip("10.0.0.5")}, "BACKUP")):
        stack.kernel.sources = present
        stack.roster.apply(Changes(frozenset({"eth0"}), ()), stack.now)
        assert one.state_name == state


def test_multicast_comes_from_the_source_that_was_asked_for(stack: Stack) -> None:
    """A change in place: the same virtual router speaks from another address."""
    stack.kernel.sources = {ip("10.0.0.5")}
    started(stack)
    stack.run(3.7)
    stack.roster.put(router(multicast=Multicast(source=ip_address("10.0.0.5"))), stack.now)
    one = the_one(stack)
    assert sent(one, 1) == [("224.0.0.18", sent(one, 1)[0][1])]
    assert sent(one, 1)[0][1][12:16] == ip("10.0.0.5")
    assert stack.changes == [("gw", "BACKUP"), ("gw", "MASTER")]
    assert list(stack.roster.ports.by_wire.values()) == [one.port]  # the old one is closed


def test_a_source_that_is_not_there_is_told_before_the_old_one_falls_silent(stack: Stack) -> None:
    started(stack)
    stack.run(3.7)
    before = stack.port()
    stack.roster.put(router(multicast=Multicast(source=ip_address("10.0.0.5"))), stack.now)
    assert before.adverts() == [100, 0]
    assert the_one(stack).state_name == "FAULT"
    stack.roster.put(router(), stack.now)
    assert the_one(stack).state_name == "BACKUP"


def test_another_group_is_another_segment(stack: Stack) -> None:
    other = router("other", address="10.0.0.10", multicast=Multicast(group=ip_address("224.0.0.19")))
    started(stack, router(), other, replace(to("10.0.0.2"), name="third"))
    stack.run(3.7)
    ports = [port_of(one) for one in stack.roster.routers.values()]
    assert [cast(Any, port.sender).targets for port in ports] == [
        ["224.0.0.18"],
        ["224.0.0.19"],
        ["10.0.0.2"],
    ]
    ports[1].inbox.append(heard("10.0.0.2", to=ip("224.0.0.19")))
    stack.engine.hear(ports[1], stack.now)
    assert [one.state_name for one in stack.roster.routers.values()] == ["MASTER", "BACKUP", "MASTER"]


def test_through_a_tunnel_nobody_is_told_a_hardware_address(stack: Stack) -> None:
    """Its interface has none: the frames would be garbage at the other end."""
    stack.kernel.views["eth0"] = replace(stack.kernel.views["eth0"], mac=ip("198.51.100.1"))
    started(stack, to("10.0.0.2"))
    stack.run(10)
    assert the_one(stack).state_name == "MASTER"
    assert [kind for kind, _ in port_of(the_one(stack)).wire if kind == "announcement"] == []


def test_all_wires_of_an_interface_hear_of_its_end(stack: Stack) -> None:
    other = router("other", address="10.0.0.10", multicast=Multicast(group=ip_address("224.0.0.19")))
    started(stack, router(), other)
    stack.kernel.views["eth0"] = replace(stack.kernel.views["eth0"], fault="interface eth0 is down")
    stack.roster.apply(Changes(frozenset({"eth0"}), ()), stack.now)
    assert [one.state_name for one in stack.roster.routers.values()] == ["FAULT", "FAULT"]
