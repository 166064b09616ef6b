"""What cannot be in one kernel together is found before it is given to it."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from havip.config.balancing import Block, Mark, RealServer, ServiceGroup, Transport, VirtualService
from havip.ipvs.conflicts import doubled, same_mark, shared

VIP = ip_address("192.0.2.1")
A = ip_address("10.0.0.1")
WEB = VirtualService("web", address=VIP, port=80)
EDGE = ServiceGroup("edge", (Block(VIP, VIP + 9),), (Mark(7, 4),))


def test_two_services_at_one_address_port_and_protocol_are_one_in_the_kernel() -> None:
    assert [*shared([(WEB, None), (replace(WEB, name="two"), None)])] == [("two", "web", "tcp 192.0.2.1:80")]
    for other in (
        replace(WEB, name="two", port=443),
        replace(WEB, name="two", transport=Transport.UDP),
        replace(WEB, name="two", address=VIP + 1),
    ):
        assert [*shared([(WEB, None), (other, None)])] == []


def test_an_address_or_mark_of_a_group_is_a_service_as_well() -> None:
    group = VirtualService("group", group="edge", port=80)
    mark = VirtualService("mark", fwmark=7)
    assert [*shared([(group, EDGE), (WEB, None), (mark, None)])] == [
        ("web", "group", "tcp 192.0.2.1:80"),
        ("mark", "group", "fwmark 7 (IPv4)"),
    ]


def test_a_pair_that_shares_many_addresses_is_named_once() -> None:
    one, two = (VirtualService(name, group="edge", port=80) for name in ("one", "two"))
    assert [*shared([(one, EDGE), (two, EDGE)])] == [("two", "one", "tcp 192.0.2.1:80")]


def test_packets_can_have_one_mark_alone() -> None:
    one, two = (
        VirtualService(name, group="edge", port=80, nftables_mark=mark)
        for name, mark in (("one", 1000), ("two", 1001))
    )
    bare = replace(EDGE, fwmarks=())
    assert [*shared([(one, bare), (two, bare)])] == [("two", "one", "tcp 192.0.2.1-192.0.2.10 port 80")]
    assert [*shared([(one, bare), (replace(two, port=443), bare)])] == []
    assert [*same_mark([one, two])] == []
    assert [*same_mark([one, replace(two, nftables_mark=1000)])] == [("two", "one", 1000)]


def test_two_servers_at_one_place_are_one_in_the_kernel() -> None:
    servers = (RealServer("a", A), RealServer("b", A, 8080), RealServer("c", A, 80))
    assert [*doubled(replace(WEB, servers=servers))] == [("c", "a", "10.0.0.1:80")]
    assert [*doubled(replace(WEB, port=443, servers=servers))] == []
    group = ServiceGroup("edge", (Block(VIP, VIP), Block(VIP, VIP, 8080)))
    grouped = VirtualService("web", servers, group="edge", port=443)
    assert [*doubled(grouped, group)] == [("b", "a", "10.0.0.1:8080")]


def test_packets_that_two_services_claim_are_named() -> None:
    def claims(first: int, last: int, mark: int, port: int = 80) -> tuple[VirtualService, ServiceGroup]:
        block = Block(VIP + first, VIP + last)
        service = VirtualService(f"m{mark}", group="g", port=port or None, nftables_mark=mark)
        return service, ServiceGroup("g", (block,))

    one, apart = claims(0, 4, 1), claims(20, 24, 3)
    assert [*shared([one, claims(4, 8, 2), apart])] == [("m2", "m1", "tcp 192.0.2.5-192.0.2.9 port 80")]
    assert [*shared([claims(4, 8, 2), apart, one])] == [("m1", "m2", "tcp 192.0.2.1-192.0.2.5 port 80")]
    assert [*shared([one, claims(5, 8, 2)])] == []
    assert [*shared([one, claims(0, 4, 2, port=0)])] == []  # the exact port has the last word
    within = claims(0, 100, 4), claims(10, 11, 5), claims(50, 51, 6)
    assert sorted((later, earlier) for later, earlier, _ in shared(within)) == [("m5", "m4"), ("m6", "m4")]
