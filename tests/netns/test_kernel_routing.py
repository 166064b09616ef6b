"""`havip.vrrp.kernel`: routes and rules in a real kernel, with `ip` and pyroute2 as witnesses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from havip.config.routing import (
    Lockable,
    NextHop,
    Preference,
    RouteType,
    RuleAction,
    VirtualRoute,
    VirtualRule,
)
from tests.netns.kernel_stage import Stage, read_all, stage, vip
from tests.netns.routing_stage import add, key, prefix, remove, route, routes_of, rule, rules_of, shown

pytestmark = pytest.mark.root


@pytest.fixture
def s() -> Iterator[Stage]:
    with stage() as made:
        yield made


GATEWAY = "10.77.0.254"
ROUTES = {
    "gateway": (route("10.1.0.0/16", GATEWAY), {"dst": "10.1.0.0/16", "gateway": GATEWAY, "dev": "eth0"}),
    "device": (route("10.1.0.0/16", device="eth0"), {"dst": "10.1.0.0/16", "dev": "eth0", "scope": "link"}),
    "default": (route("0.0.0.0/0", GATEWAY, metric=50), {"dst": "default", "metric": 50}),
    "source": (route("10.1.0.0/16", GATEWAY, source=ip_address("10.77.0.1")), {"prefsrc": "10.77.0.1"}),
    "table": (route("10.1.0.0/16", GATEWAY, table=70000), {"table": "70000"}),
    "blackhole": (route("10.1.0.0/16", type=RouteType.BLACKHOLE), {"type": "blackhole"}),
    "unreachable": (route("10.1.0.0/16", type=RouteType.UNREACHABLE, table=9), {"type": "unreachable"}),
    "prohibit": (route("10.1.0.0/16", type=RouteType.PROHIBIT), {"type": "prohibit"}),
    "throw": (route("10.1.0.0/16", type=RouteType.THROW, table=9), {"type": "throw"}),
    "local": (route("10.1.0.0/16", device="lo", type=RouteType.LOCAL), {"type": "local", "scope": "host"}),
    "scope": (route("10.1.0.0/16", device="eth0", scope=0), {"scope": "global"}),
    "tos": (route("10.1.0.0/16", GATEWAY, tos=16), {"tos": "0x10"}),
    "onlink": (route("10.1.0.0/16", "10.200.0.1", "eth0", onlink=True), {"flags": ["onlink"]}),
    "ipv6 gateway": (
        route("10.1.0.0/16", "fe80::9", "eth0"),
        {"via": {"family": "inet6", "host": "fe80::9"}},
    ),
    "metrics": (
        route(
            "10.1.0.0/16",
            GATEWAY,
            mtu=1400,
            advmss=1360,
            initcwnd=20,
            initrwnd=30,
            window=60000,
            hop_limit=32,
            quickack=True,
            reordering=5,
            cwnd=40,
            ssthresh=50,
            ecn=True,
            congestion_control="reno",
            lock=(Lockable.MTU,),
        ),
        {
            "metrics": [
                {
                    "mtu": 1400,
                    "advmss": 1360,
                    "initcwnd": 20,
                    "initrwnd": 30,
                    "window": 60000,
                    "hoplimit": 32,
                    "quickack": 1,
                    "reordering": 5,
                    "cwnd": 40,
                    "ssthresh": 50,
                    "ecn": None,
                    "congestion": "reno",
                }
            ]
        },
    ),
    "several ways": (
        route(
            "10.1.0.0/16",
            next_hops=(NextHop(ip_address(GATEWAY)), NextHop(ip_address("10.77.0.253"), "eth0", 3)),
        ),
        {
            "nexthops": [
                {"gateway": GATEWAY, "dev": "eth0", "weight": 1, "flags": []},
                {"gateway": "10.77.0.253", "dev": "eth0", "weight": 3, "flags": []},
            ]
        },
    ),
}


@pytest.mark.parametrize(("wanted", "witness"), ROUTES.values(), ids=ROUTES.keys())
def test_a_route_is_what_ip_shows_and_goes_again(
    s: Stage, wanted: VirtualRoute, witness: dict[str, Any]
) -> None:
    assert add(s, wanted) == []
    (there,) = routes_of(s)
    assert {word: there[word] for word in witness} == witness
    assert ("mtu lock 1400" in s.host.run("ip", "route", "show", "table", "all").stdout) is bool(wanted.lock)
    assert remove(s, wanted) == []
    assert routes_of(s) == []


def test_a_route_of_ipv6_is_what_ip_shows_and_goes_again(s: Stage) -> None:
    s.ip("addr", "add", "2001:db8::1/64", "dev", "eth0")
    wanted = route("2001:db8:1::/48", "2001:db8::9", preference=Preference.HIGH, table=77)
    several = route(
        "2001:db8:2::/48",
        next_hops=(NextHop(ip_address("2001:db8::8")), NextHop(ip_address("2001:db8::9"), weight=2)),
    )
    assert add(s, wanted, several) == []
    one, two = sorted(routes_of(s, 6), key=lambda there: str(there["dst"]))
    assert (one["gateway"], one["pref"], one["table"], one["metric"]) == ("2001:db8::9", "high", "77", 1024)
    assert [hop["weight"] for hop in two["nexthops"]] == [1, 2]
    assert remove(s, wanted, several) == []
    assert routes_of(s, 6) == []


@pytest.mark.parametrize("type", [RouteType.BLACKHOLE, RouteType.UNREACHABLE, RouteType.PROHIBIT])
def test_an_ipv6_route_may_lead_nowhere(s: Stage, type: RouteType) -> None:
    wanted = route("2001:db8:1::/48", type=type)
    assert add(s, wanted) == []
    assert [one["type"] for one in routes_of(s, 6)] == [type.value]
    s.ip("-6", "route", "del", type.value, "2001:db8:1::/48")
    assert read_all(s.kernel).lost == (key(s, wanted),)
    assert add(s, wanted) == []
    assert remove(s, wanted) == []
    assert routes_of(s, 6) == []


@pytest.mark.parametrize("family", [4, 6])
def test_of_several_ways_one_that_is_removed_comes_back(s: Stage, family: int) -> None:
    s.ip("addr", "add", "2001:db8::1/64", "dev", "eth0")
    network, gateway = ("10.1.0.0/16", "10.77.0.") if family == 4 else ("2001:db8:2::/48", "2001:db8::")
    hops = (NextHop(ip_address(f"{gateway}8")), NextHop(ip_address(f"{gateway}9")))
    wanted = route(network, next_hops=hops)
    assert add(s, wanted) == []
    read_all(s.kernel)
    if family == 6:
        s.ip("-6", "route", "del", network, "via", f"{gateway}9", "dev", "eth0")
    else:
        s.ip("route", "replace", network, "via", f"{gateway}8", "proto", "4")
    assert read_all(s.kernel).lost == (key(s, wanted),)
    if family == 4:
        s.ip("route", "del", network)
    assert add(s, wanted) == []
    (there,) = routes_of(s, family)
    assert [hop["gateway"] for hop in there["nexthops"]] == [f"{gateway}8", f"{gateway}9"]


RULES = {
    "source": (rule(source="192.0.2.0/24"), {"src": "192.0.2.0", "srclen": 24, "table": "100"}),
    "to": (rule(to=prefix("192.0.2.1/32")), {"dst": "192.0.2.1", "table": "100"}),
    "table": (rule(table=70000), {"table": "70000"}),
    "devices": (rule(input_device="eth0", output_device="nowhere"), {"iif": "eth0", "oif": "nowhere"}),
    "tos": (rule(tos=16), {"tos": "0x10"}),
    "fwmark": (rule(fwmark=(0x10, 0xFF)), {"fwmark": "0x10", "fwmask": "0xff"}),
    "whole fwmark": (rule(fwmark=(0x10, 0xFFFFFFFF)), {"fwmark": "0x10"}),
    "l3mdev": (rule(l3mdev=True), {"l3mdev": None}),
    "uids": (rule(uid_range=(1000, 1999)), {"uid_start": 1000, "uid_end": 1999}),
    "ports": (
        rule(ip_protocol=17, source_ports=(53, 53), destination_ports=(1000, 2000)),
        {"ipproto": "udp", "sport": 53, "dport_start": 1000, "dport_end": 2000},
    ),
    "suppress": (rule(table=254, suppress_prefix_length=0), {"suppress_prefixlen": 0}),
    "suppress group": (rule(table=254, suppress_group=5), {"suppress_ifgroup": "5"}),
    "invert": (rule(source="192.0.2.0/24", invert=True), {"not": None, "src": "192.0.2.0"}),
    "goto": (rule(goto=2000), {"goto": 2000}),
    "blackhole": (rule(action=RuleAction.BLACKHOLE), {"action": "blackhole"}),
    "unreachable": (rule(action=RuleAction.UNREACHABLE), {"action": "unreachable"}),
    "prohibit": (rule(action=RuleAction.PROHIBIT), {"action": "prohibit"}),
    "nop": (rule(action=RuleAction.NOP), {"nop": None}),
}


@pytest.mark.parametrize(("wanted", "witness"), RULES.values(), ids=RULES.keys())
def test_a_rule_is_what_ip_shows_is_put_back_and_goes_again(
    s: Stage, wanted: VirtualRule, witness: dict[str, Any]
) -> None:
    assert add(s, wanted) == []
    (there,) = rules_of(s)
    assert there["priority"] == 1000
    for word, value in witness.items():
        assert there[word] == value
    assert read_all(s.kernel).lost == ()  # the kernel's own words mean the same rule to us
    assert add(s, wanted) == []
    s.ip("rule", "del", "priority", "1000")
    assert read_all(s.kernel).lost == (key(s, wanted),)
    assert add(s, wanted) == []
    assert rules_of(s) == [there]
    assert remove(s, wanted) == []
    assert rules_of(s) == []


def test_a_rule_of_ipv6_is_added_and_removed(s: Stage) -> None:
    wanted = VirtualRule(1000, 6, source=prefix("2001:db8::/32"), table=100)
    assert add(s, wanted) == []
    assert [one["src"] for one in rules_of(s, 6)] == ["2001:db8::"]
    assert rules_of(s) == []
    assert remove(s, wanted) == []
    assert rules_of(s, 6) == []


def test_a_gateway_may_be_reachable_only_through_the_network_of_an_address(s: Stage) -> None:
    held = (vip("10.88.0.5/24"), route("10.1.0.0/16", "10.88.0.254"), rule(source="10.1.0.0/16"))
    assert add(s, *held) == []
    assert [one["gateway"] for one in routes_of(s)] == ["10.88.0.254"]
    assert remove(s, *held) == []
    assert routes_of(s) == rules_of(s) == []


def test_an_ipv6_gateway_and_source_may_be_those_of_an_address_that_comes_with_them(s: Stage) -> None:
    source = ip_address("2001:db8:88::5")
    held = (vip("2001:db8:88::5/64"), route("2001:db8:1::/48", "2001:db8:88::9", source=source))
    assert add(s, *held) == []
    assert [one["prefsrc"] for one in routes_of(s, 6)] == ["2001:db8:88::5"]
    assert remove(s, *held) == []
    assert routes_of(s, 6) == []


def test_a_refused_route_is_told_in_the_kernels_words(s: Stage) -> None:
    wanted = route("10.1.0.0/16", "10.250.0.1")
    (refused,) = add(s, rule(), wanted)
    assert refused.holding == wanted
    assert refused.error == "Nexthop has invalid gateway (ENETUNREACH)"
    assert len(rules_of(s)) == 1


def test_a_removed_route_is_reported_and_can_be_put_back(s: Stage) -> None:
    held = (route("10.1.0.0/16", GATEWAY), route("10.2.0.0/16", GATEWAY))
    add(s, *held)
    assert read_all(s.kernel).lost == ()
    s.ip("route", "del", "10.1.0.0/16")
    assert read_all(s.kernel).lost == (key(s, held[0]),)
    assert add(s, *held) == []
    assert len(routes_of(s)) == 2
    assert read_all(s.kernel).lost == ()


def test_what_we_remove_ourselves_is_no_loss(s: Stage) -> None:
    held = (route("10.1.0.0/16", GATEWAY), rule())
    add(s, *held)
    remove(s, *held)
    add(s, *held)
    assert read_all(s.kernel).lost == ()


def test_routes_that_go_silently_with_their_interface_are_noticed(s: Stage) -> None:
    s.ip("link", "add", "veth8", "type", "veth", "peer", "name", "veth9")
    s.batch(["link set veth8 up", "link set veth9 up"])
    read_all(s.kernel)
    held = route("10.1.0.0/16", device="veth8")
    assert add(s, held, route("10.2.0.0/16", GATEWAY)) == []
    read_all(s.kernel)
    s.ip("link", "set", "veth8", "down")
    assert read_all(s.kernel).lost == (key(s, held),)


def test_routes_that_go_silently_with_an_address_are_noticed(s: Stage) -> None:
    s.ip("addr", "add", "10.88.0.1/24", "dev", "eth0")
    read_all(s.kernel)
    held = route("10.1.0.0/16", GATEWAY, source=ip_address("10.88.0.1"))
    assert add(s, held) == []
    read_all(s.kernel)
    s.ip("addr", "del", "10.88.0.1/24", "dev", "eth0")
    assert read_all(s.kernel).lost == (key(s, held),)


def test_a_route_that_is_there_already_is_not_taken_for_ours(s: Stage) -> None:
    s.ip("route", "add", "10.1.0.0/16", "via", "10.77.0.253")
    held = route("10.1.0.0/16", GATEWAY)
    (refused,) = add(s, held)
    assert refused.error == "another one is in its place (EEXIST)"
    assert remove(s, held) == []
    assert [one["gateway"] for one in shown(s.host, "route", "show", "10.1.0.0/16")] == ["10.77.0.253"]
    assert add(s, replace(held, metric=5)) == []


def test_a_route_that_somebody_puts_in_the_place_of_ours_is_a_loss(s: Stage) -> None:
    held = route("10.1.0.0/16", GATEWAY)
    add(s, held)
    read_all(s.kernel)
    s.ip("route", "replace", "10.1.0.0/16", "via", "10.77.0.253")
    assert read_all(s.kernel).lost == (key(s, held),)


def test_a_rule_that_is_there_already_is_held_but_never_removed(s: Stage) -> None:
    s.ip("rule", "add", "from", "192.0.2.0/24", "table", "100", "priority", "1000")
    held = rule(source="192.0.2.0/24")
    assert add(s, held) == []
    assert remove(s, held) == []
    assert len(rules_of(s)) == 1
    assert add(s, held) == []
    s.ip("rule", "del", "priority", "1000")
    assert read_all(s.kernel).lost == (key(s, held),)


def test_a_route_that_changes_is_replaced_in_place(s: Stage) -> None:
    held = route("10.1.0.0/16", GATEWAY)
    add(s, held)
    assert add(s, route("10.1.0.0/16", "10.77.0.253", mtu=1300)) == []
    assert [(one["gateway"], one["metrics"]) for one in routes_of(s)] == [("10.77.0.253", [{"mtu": 1300}])]
    assert read_all(s.kernel).lost == ()


def test_routes_and_rules_of_an_earlier_process_are_ours(s: Stage) -> None:
    held = (route("10.1.0.0/16", GATEWAY), rule())
    add(s, *held)
    s.kernel = s.another_kernel()
    assert add(s, *held) == []
    assert read_all(s.kernel).lost == ()
    assert remove(s, *held) == []
    assert routes_of(s) == rules_of(s) == []


def test_sweeping_takes_what_has_our_mark_and_leaves_everything_else(s: Stage) -> None:
    s.ip("route", "add", "10.9.0.0/16", "via", GATEWAY)
    s.ip("rule", "add", "from", "192.0.2.9", "table", "9", "priority", "900")
    kept = (route("10.1.0.0/16", GATEWAY), rule(1000))
    left = (route("10.2.0.0/16", GATEWAY, table=100, metric=7), rule(1001), route("::/0", device="eth0"))
    add(s, *kept, *left)
    s.kernel = s.another_kernel()
    swept = s.kernel.sweep({key(s, one) for one in kept})
    assert sorted(swept) == ["route 10.2.0.0/16 table 100 metric 7", "route ::/0 metric 1024", "rule 1001"]
    assert [one["dst"] for one in routes_of(s)] == ["10.1.0.0/16"]
    assert routes_of(s, 6) == []
    assert sorted(one["priority"] for one in rules_of(s)) == [900, 1000]
    assert len(shown(s.host, "route", "show", "10.9.0.0/16")) == 1


def test_events_of_routes_are_heard_only_from_the_first_one_on(s: Stage) -> None:
    add(s, vip("10.88.0.5/24"))
    assert not s.kernel._watch.listens
    add(s, rule())
    assert s.kernel._watch.listens


def test_a_storm_of_routes_costs_no_look_at_the_interfaces(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    held = route("10.1.0.0/16", GATEWAY)
    add(s, held)
    read_all(s.kernel)
    monkeypatch.setattr(s.kernel._around, "_look_around", lambda: pytest.fail("looked at the interfaces"))
    s.batch([f"route add 10.{100 + number // 250}.{number % 250}.0/24 dev eth0" for number in range(9000)])
    s.ip("route", "del", "10.1.0.0/16")
    assert read_all(s.kernel).lost == (key(s, held),)
