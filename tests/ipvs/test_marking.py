"""Which packets are marked for a service, and in which words nftables is told."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from havip.config.balancing import Block, Mark, RealServer, ServiceGroup, Transport, VirtualService
from havip.ipvs.marking import Marked, Marking, marks_of, merged, script, table_of
from havip.ipvs.model import ServiceKey
from havip.ipvs.wanted import Layout, Standing, count, endpoints

FIRST, LAST = ip_address("192.0.2.10"), ip_address("192.0.2.20")
SIX = ip_address("2001:db8::1")
GROUP = ServiceGroup(
    "edge", (Block(FIRST, LAST), Block(FIRST, FIRST, 443), Block(SIX, SIX)), (Mark(9, family=4),)
)
WEB = VirtualService(
    "web", (RealServer("a", ip_address("10.0.0.1")),), group="edge", port=80, nftables_mark=1000
)


def block(first: int, last: int, mark: int = 1, port: int = 80) -> Marked:
    base = ip_address("10.0.0.0")
    return Marked("tcp", port, base + first, base + last, mark)


def spans(*marked: Marked) -> list[tuple[int, int, int]]:
    base = int(ip_address("10.0.0.0"))
    return [(int(one.first) - base, int(one.last) - base, one.mark) for one in merged(marked)]


def test_a_group_with_a_mark_is_one_service_for_each_family_beside_the_marks_that_others_set() -> None:
    assert endpoints(WEB, GROUP) == (
        ServiceKey(4, fwmark=1000),
        ServiceKey(6, fwmark=1000),
        ServiceKey(4, fwmark=9),
    )
    (four, *_) = Layout(WEB, GROUP).pools(Standing({"a": 1}))
    assert [str(key) for key in four.destinations] == ["10.0.0.1:0"]  # the port that the client has asked for


def test_a_mark_bounds_no_number_of_addresses() -> None:
    wide = ServiceGroup("all", (Block(ip_address("10.0.0.0"), ip_address("10.255.255.255")),))
    assert count(WEB, wide) == 1


def test_each_block_is_marked_at_its_own_port_or_that_of_the_service() -> None:
    assert [*marks_of(WEB, GROUP)] == [
        Marked("tcp", 80, FIRST, LAST, 1000),
        Marked("tcp", 443, FIRST, FIRST, 1000),
        Marked("tcp", 80, SIX, SIX, 1000),
    ]
    assert [*marks_of(VirtualService("plain", group="edge", port=80), GROUP)] == []
    everything = VirtualService("dns", group="edge", transport=Transport.UDP, nftables_mark=7)
    first, *_ = marks_of(everything, GROUP)
    assert (first.protocol, first.port) == ("udp", 0)


def test_the_table_is_told_whole_in_one_transaction() -> None:
    marking = Marking((*marks_of(WEB, GROUP), Marked("udp", 0, LAST, LAST, 7)), priority=-140)
    assert script("havip_ipvs", marking) == (
        "add table inet havip_ipvs\n"
        "delete table inet havip_ipvs\n"
        "table inet havip_ipvs {\n"
        "  map ipv4 { type ipv4_addr . inet_proto : mark; flags interval;"
        " elements = { 192.0.2.20 . udp : 7 }; }\n"
        "  map ipv4_port { type ipv4_addr . inet_proto . inet_service : mark; flags interval;"
        " elements = { 192.0.2.10-192.0.2.20 . tcp . 80 : 1000, 192.0.2.10 . tcp . 443 : 1000 }; }\n"
        "  map ipv6 { type ipv6_addr . inet_proto : mark; flags interval; }\n"
        "  map ipv6_port { type ipv6_addr . inet_proto . inet_service : mark; flags interval;"
        " elements = { 2001:db8::1 . tcp . 80 : 1000 }; }\n"
        "  chain prerouting {\n"
        "    type filter hook prerouting priority -140; policy accept;\n"
        "    meta mark set ip daddr . meta l4proto map @ipv4\n"
        "    meta mark set ip6 daddr . meta l4proto map @ipv6\n"
        "    meta mark set ip daddr . meta l4proto . th dport map @ipv4_port\n"
        "    meta mark set ip6 daddr . meta l4proto . th dport map @ipv6_port\n"
        "  }\n"
        "  chain output {\n"
        "    type filter hook output priority -140; policy accept;\n"
        "    meta mark set ip daddr . meta l4proto map @ipv4\n"
        "    meta mark set ip6 daddr . meta l4proto map @ipv6\n"
        "    meta mark set ip daddr . meta l4proto . th dport map @ipv4_port\n"
        "    meta mark set ip6 daddr . meta l4proto . th dport map @ipv6_port\n"
        "  }\n"
        "}\n"
    )


def test_nothing_to_mark_is_no_table() -> None:
    assert script("havip_ipvs", Marking()) == "add table inet havip_ipvs\ndelete table inet havip_ipvs\n"


def test_no_instance_has_the_table_of_another_or_of_accept() -> None:
    assert table_of("") == "havip_ipvs"
    assert table_of("ipvs") == "havip_ipvs-ipvs"


def test_spans_that_meet_become_one_and_of_two_marks_the_later_one_counts() -> None:
    assert spans(block(1, 5), block(6, 9)) == [(1, 9, 1)]
    assert spans(block(1, 5), block(3, 9)) == [(1, 9, 1)]
    assert spans(block(1, 5), block(1, 5, 2)) == [(1, 5, 2)]
    assert spans(block(1, 9), block(4, 5, 2)) == [(1, 3, 1), (4, 5, 2), (6, 9, 1)]
    assert spans(block(4, 5, 2), block(1, 9)) == [(1, 9, 1)]
    assert spans(block(1, 5), block(7, 9)) == [(1, 5, 1), (7, 9, 1)]
    assert spans(block(1, 5), block(6, 9, port=443)) == [(1, 5, 1), (6, 9, 1)]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 6), st.integers(1, 3)), max_size=6))
def test_each_address_has_the_mark_of_the_last_span_that_has_it_and_no_two_spans_meet(
    drawn: list[tuple[int, int, int]],
) -> None:
    wanted = {one: mark for low, more, mark in drawn for one in range(low, low + more + 1)}
    found = spans(*(block(low, low + more, mark) for low, more, mark in drawn))
    assert {one: mark for low, high, mark in found for one in range(low, high + 1)} == wanted
    assert sum(high - low + 1 for low, high, _ in found) == len(wanted)
    assert all(one[1] + 1 < other[0] or one[2] != other[2] for one, other in pairwise(found))


def test_while_a_reload_is_under_way_both_are_marked() -> None:
    old, new = Marking((block(1, 5),), -150), Marking((block(4, 9, 2),), -140)
    assert [(str(one), one.mark) for one in (new | old).at(new.priority).marked] == [
        ("tcp 10.0.0.1-10.0.0.5 port 80", 1),
        ("tcp 10.0.0.6-10.0.0.9 port 80", 2),
    ]
    assert (new | old).at(new.priority).priority == -140
