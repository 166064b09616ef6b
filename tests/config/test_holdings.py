"""Options of addresses, routes, rules and static objects: what they mean, and where a mistake is shown."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from havip.clock import seconds
from havip.config import routing_kinds, tables
from havip.config.model import VirtualAddress
from havip.config.plan import plan
from havip.config.routing import (
    Lockable,
    NextHop,
    Prefix,
    RouteType,
    RuleAction,
    VirtualRoute,
    VirtualRule,
)
from havip.config.routing_kinds import FOREVER
from tests.config.reading import complaints, read, router

TEN = Prefix(ip_address("10.0.0.0"), 8)


def with_keys(*lines: str) -> str:
    """Return a configuration whose one router has these keys, from line 6 on."""
    return router("\n    ".join(lines))


def test_an_address_may_have_options() -> None:
    text = router().replace(
        "[192.0.2.1/24]",
        "[192.0.2.1/24, {address: 192.0.2.2/24, device: eth1, label: 'eth1:v', scope: link, broadcast: auto,"
        " preferred_lifetime: 0s, prefix_route: false, track: false},"
        " {address: 192.0.2.5/30, peer: 192.0.2.6, broadcast: 192.0.2.7, preferred_lifetime: forever}]",
    )
    plain, second, third = read(text).virtual_routers[0].addresses
    assert plain == VirtualAddress(ip_address("192.0.2.1"), 24)
    assert second == VirtualAddress(
        ip_address("192.0.2.2"), 24, "eth1", "eth1:v", 253, ip_address("192.0.2.255"),
        preferred_lifetime=seconds(0), prefix_route=False, track=False,
    )  # fmt: skip
    assert (third.peer, third.broadcast) == (ip_address("192.0.2.6"), ip_address("192.0.2.7"))
    assert third.preferred_lifetime == FOREVER


def test_options_of_ipv6_addresses() -> None:
    text = with_keys(
        "excluded_addresses:",
        "  - {address: '2001:db8::1/64', duplicate_detection: true, home: true, manage_temporary: true,"
        " preferred_lifetime: 60s}",
    )
    (address,) = read(text).virtual_routers[0].excluded_addresses
    assert (address.duplicate_detection, address.home, address.manage_temporary) == (True, True, True)
    assert address.preferred_lifetime == seconds(60)


def test_a_route_is_read_as_ip_would_have_it() -> None:
    text = with_keys(
        "routes:",
        "  - {to: 10.0.0.0/8, via: 192.0.2.9, device: eth1, source: 192.0.2.1, table: 100, metric: 7,"
        " scope: site, tos: 0x10, onlink: true, realms: 1/2, mtu: 1400, lock: [mtu], rto_min: 50ms,"
        " congestion_control: bbr, track: false}",
        "  - {to: 10.0.0.0/8, type: blackhole}",
        "  - {to: 10.9.0.0/16, next_hops: [{via: 192.0.2.8}, {via: 192.0.2.9, device: eth1, weight: 3}]}",
    )
    first, second, third = read(text).virtual_routers[0].routes
    assert first == VirtualRoute(
        TEN, via=ip_address("192.0.2.9"), device="eth1", source=ip_address("192.0.2.1"), table=100, metric=7,
        scope=200, tos=16, onlink=True, realms=(1, 2), mtu=1400, lock=(Lockable.MTU,),
        rto_min=seconds(0.05), congestion_control="bbr", track=False,
    )  # fmt: skip
    assert second == VirtualRoute(TEN, RouteType.BLACKHOLE)
    assert third.next_hops == (
        NextHop(ip_address("192.0.2.8")),
        NextHop(ip_address("192.0.2.9"), "eth1", 3),
    )


def test_a_rule_is_read_as_ip_would_have_it() -> None:
    text = with_keys(
        "rules:",
        "  - {priority: 100, source: 10.0.0.0/8, table: local, fwmark: 0x10/0xff, ip_protocol: tcp,"
        " source_ports: 80, destination_ports: 1000-2000, uid_range: 5, input_device: eth0, invert: true}",
        "  - {priority: 101, family: 6, action: prohibit}",
        "  - {priority: 102, to: '2001:db8::/32', goto: 200}",
    )
    first, second, third = read(text).virtual_routers[0].rules
    assert first == VirtualRule(
        100, source=TEN, table=255, fwmark=(0x10, 0xFF), ip_protocol=6, source_ports=(80, 80),
        destination_ports=(1000, 2000), uid_range=(5, 5), input_device="eth0", invert=True,
    )  # fmt: skip
    assert second == VirtualRule(101, 6, action=RuleAction.PROHIBIT)
    assert (third.family, third.goto) == (6, 200)


def test_a_table_may_have_the_name_that_iproute2_gives_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "rt_tables.d").mkdir()
    (tmp_path / "rt_tables").write_text("#\n255\tlocal\n0xC8 vpn # ours\nnonsense\nx y\n")
    (tmp_path / "rt_tables.d/more.conf").write_text("300 far\n")
    monkeypatch.setattr(tables, "PLACES", (str(tmp_path / "none"), str(tmp_path)))
    assert routing_kinds.known_tables() == {"local": 255, "vpn": 200, "far": 300}
    text = with_keys("routes: [{to: 10.0.0.0/8, device: eth0, table: vpn}]")
    assert read(text).virtual_routers[0].routes[0].table == 200


ROUTES = {
    "{to: default, via: 192.0.2.9}": (
        '7:12: routes[0].to: expected a network such as "192.0.2.0/24", "2001:db8::/32" or "0.0.0.0/0", '
        'found "default": the family must be told: "0.0.0.0/0" or "::/0"'
    ),
    "{to: 10.1.0.0/8, via: 192.0.2.9}": (
        '7:12: routes[0].to: expected a network such as "192.0.2.0/24", "2001:db8::/32" or "0.0.0.0/0", '
        'found "10.1.0.0/8": bits behind the prefix are set; did you mean "10.0.0.0/8"?'
    ),
    "{to: 10.0.0.0/8}": (
        '7:12: routes[0].to: expected "via", "device" or "next_hops", found neither: it must lead somewhere'
    ),
    "{to: 10.0.0.0/8, gw: 192.0.2.9}": '7:24: routes[0].gw: unknown key "gw"; did you mean "via"?',
    "{to: 10.0.0.0/8, dev: eth1}": '7:24: routes[0].dev: unknown key "dev"; did you mean "device"?',
    "{to: 10.0.0.0/8, via: 192.0.2.9/24}": (
        '7:29: routes[0].via: expected an IPv4 or IPv6 address such as "192.0.2.1" or "2001:db8::1", '
        'found "192.0.2.9/24": no prefix length belongs here'
    ),
    "{to: 10.0.0.0/8, type: blackhole, device: eth1}": (
        '7:49: routes[0].device: expected none, found "device": a route of type blackhole leads nowhere'
    ),
    "{to: '2001:db8::/32', via: 192.0.2.9}": (
        '7:34: routes[0].via: expected an IPv6 address, found "192.0.2.9": IPv6 has no gateways of IPv4'
    ),
    "{to: '2001:db8::/32', device: eth1, tos: 16}": (
        '7:48: routes[0].tos: expected an IPv4 address beside it, found "tos": IPv6 does not have this'
    ),
    "{to: 10.0.0.0/8, device: eth1, table: nowhere}": (
        "7:45: routes[0].table: expected a routing table: 1 to 4294967295, or a name from "
        '/etc/iproute2/rt_tables, found "nowhere"'
    ),
    "{to: 10.0.0.0/8, via: 192.0.2.9, next_hops: [{via: 192.0.2.8}]}": (
        '7:29: routes[0].via: expected either it or "next_hops", found "via": '
        "each of the next hops has its own"
    ),
    "{to: 10.0.0.0/8, next_hops: [{weight: 2}]}": (
        '7:35: routes[0].next_hops: expected "via" or "device", found neither in number 1: '
        "it must lead somewhere"
    ),
    "{to: 10.0.0.0/8, via: 192.0.2.9, onlink: true}": (
        '7:48: routes[0].onlink: expected "via" and "device" beside it, found true: '
        "it is about a gateway on a link"
    ),
    "{to: 10.0.0.0/8, device: eth1, rtt: 1500us}": (
        "7:43: routes[0].rtt: expected a length of time from 0s to 120s in whole milliseconds, "
        'found "1500us": the kernel counts whole milliseconds'
    ),
}


@pytest.mark.parametrize(("route", "complaint"), ROUTES.items())
def test_a_mistake_in_a_route_is_shown_where_it_stands(route: str, complaint: str) -> None:
    place, _, rest = complaint.partition(": ")
    expected = f"{place}: virtual_routers.gateway.{rest}"
    assert complaints(with_keys("routes:", f"- {route}")) == [expected]


RULES = {
    "{priority: 5, table: 100}": '7:18: rules[0].priority: missing key "family": no network tells it',
    "{source: 10.0.0.0/8, table: 100}": (
        '7:7: rules[0]: missing key "priority": rules are looked at in ascending order; those of the system '
        "are 0, 32766 and 32767"
    ),
    "{priority: 5, from: 10.0.0.0/8, family: 4, table: 100}": (
        '7:21: rules[0].from: unknown key "from"; did you mean "source"?'
    ),
    "{priority: 5, source: 10.0.0.0/8}": (
        '7:18: rules[0].priority: expected one of "table", "action", "goto" and "l3mdev", found none: '
        "a rule does one thing"
    ),
    "{priority: 5, source: 10.0.0.0/8, table: 100, action: nop}": (
        '7:61: rules[0].action: expected one of "table", "action", "goto" and "l3mdev", '
        'found "table" and "action": a rule does one thing'
    ),
    "{priority: 5, source: 10.0.0.0/8, to: '2001:db8::/32', table: 100}": (
        '7:45: rules[0].to: expected an IPv4 network, found "2001:db8::/32": a rule has one family'
    ),
    "{priority: 5, source: 10.0.0.0/8, goto: 5}": (
        "7:47: rules[0].goto: expected more than 5, found 5: rules go on forwards only"
    ),
    "{priority: 5, source: 10.0.0.0/8, table: 9, fwmark: 0x100/0xff}": (
        '7:59: rules[0].fwmark: expected a mark such as "0x10", or with a mask "0x10/0xff", '
        'found "0x100/0xff": the mask cuts off a part of the mark'
    ),
    "{priority: 5, source: 10.0.0.0/8, table: 9, source_ports: 80}": (
        '7:65: rules[0].source_ports: expected "ip_protocol" beside it, found "source_ports": '
        "not every protocol has ports"
    ),
    "{priority: 5, source: 10.0.0.0/8, table: 9, ip_protocol: udp, source_ports: 9-5}": (
        '7:83: rules[0].source_ports: expected a port or a range such as "5060-5080", found "9-5"; '
        'did you mean "5-9"?'
    ),
}


@pytest.mark.parametrize(("rule", "complaint"), RULES.items())
def test_a_mistake_in_a_rule_is_shown_where_it_stands(rule: str, complaint: str) -> None:
    place, _, rest = complaint.partition(": ")
    expected = f"{place}: virtual_routers.gateway.{rest}"
    assert complaints(with_keys("rules:", f"- {rule}")) == [expected]


ADDRESSES = {
    "{address: '2001:db8::1/64', label: x}": (
        '7:42: excluded_addresses[0].label: expected an IPv4 address beside it, found "label": '
        "IPv6 does not have this"
    ),
    "{address: 192.0.2.9/24, home: true}": (
        '7:37: excluded_addresses[0].home: expected an IPv6 address beside it, found "home": '
        "IPv4 does not have this"
    ),
    "{address: 192.0.2.9/24, peer: '2001:db8::1'}": (
        '7:37: excluded_addresses[0].peer: expected an IPv4 address, found "2001:db8::1": '
        "both ends have one family"
    ),
    "{address: 192.0.2.9/24, preferred_lifetime: 5s}": (
        "7:51: excluded_addresses[0].preferred_lifetime: expected 0s or forever, found 5s: "
        "IPv4 knows no other"
    ),
    "{address: 192.0.2.9/24, brd: +}": (
        '7:31: excluded_addresses[0].brd: unknown key "brd"; did you mean "broadcast"?'
    ),
    "{address: 192.0.2.9/24, broadcast: +}": (
        '7:42: excluded_addresses[0].broadcast: expected "auto", "none", or an IPv4 address, found "+"; '
        'did you mean "auto"?'
    ),
    "{device: eth1}": (
        '7:7: excluded_addresses[0]: missing key "address": the address, with the prefix length that it gets'
    ),
    "192.0.2.1/32": ("7:7: excluded_addresses[0]: 192.0.2.1 again: it stands in line 5, column 17"),
}


@pytest.mark.parametrize(("address", "complaint"), ADDRESSES.items())
def test_a_mistake_in_an_address_is_shown_where_it_stands(address: str, complaint: str) -> None:
    place, _, rest = complaint.partition(": ")
    expected = f"{place}: virtual_routers.gateway.{rest}"
    assert complaints(with_keys("excluded_addresses:", f"- {address}")) == [expected]


def test_what_the_kernel_has_room_for_once_belongs_to_one_holder() -> None:
    text = with_keys(
        "routes: [{to: 10.0.0.0/8, via: 192.0.2.8}, {to: 10.0.0.0/8, via: 192.0.2.9}]",
        "rules: [{priority: 5, source: 10.0.0.0/8, table: 9}]",
    )
    text += (
        "static:\n"
        "  addresses: [{address: 192.0.2.1/32, device: lo}, 192.0.2.77/32]\n"
        "  routes: [{to: 10.0.0.0/8, device: eth1, table: 9}, {to: 10.0.0.0/8, device: eth1}]\n"
        "  rules: [{priority: 5, source: 10.0.0.0/8, table: 9, track: false}]\n"
    )
    assert [line.partition(" again")[0].rpartition(": ")[2] for line in complaints(text)] == [
        "route 10.0.0.0/8 via 192.0.2.9",
        "192.0.2.1",
        "a static address belongs to no virtual router",
        "route 10.0.0.0/8 dev eth1",
        "from 10.0.0.0/8 lookup 9",
    ]


def test_the_plan_of_a_reload_says_what_moves() -> None:
    old = read(with_keys("routes: [{to: 10.0.0.0/8, via: 192.0.2.8}]"))
    new = read(
        with_keys("routes: [{to: 10.0.0.0/8, via: 192.0.2.9}]", "rules: [{priority: 5, family: 4, table: 9}]")
        + "static: {routes: [{to: 10.9.0.0/16, device: eth1}]}\n"
    )
    described = plan(old, new).describe()
    assert described["change"] == [
        {
            "name": "gateway",
            "changes": [
                "routes: route 10.0.0.0/8 via 192.0.2.9 added, route 10.0.0.0/8 via 192.0.2.8 removed",
                "rules: rule 5: from all lookup 9 added",
            ],
        }
    ]
    assert described["settings"] == ["static.routes: route 10.9.0.0/16 dev eth1 added"]
    assert plan(new, new).describe()["change"] == []


def test_what_is_static_is_needed_by_virtual_routers_that_there_are() -> None:
    static = "static: {routes: [{to: 10.9.0.0/16, device: eth1}], needed_by: [gateway, gatewy]}\n"
    (line,) = complaints(with_keys() + static)
    assert line.endswith(
        'static.needed_by[1]: expected the name of a virtual router, found "gatewy": '
        'none below "virtual_routers"; did you mean "gateway"?'
    )
    assert read(with_keys() + static.replace(", gatewy", "")).static.needed_by == ("gateway",)
