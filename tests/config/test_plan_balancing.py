"""What a reload tells of the load balancer: one line a key, each change once."""

from __future__ import annotations

import pytest

from havip.config.plan import Plan, plan
from tests.config.reading import read
from tests.config.test_balancing import service

PROBED = service("probes: {tcp: {tcp: {}, interval: 1s}}", "forwarding: {method: nat}")
GROUP = "service_groups: {front: {addresses: [192.0.2.10, 192.0.2.20-22], fwmarks: [7]}}\n"
CHANGES = {
    "a weight": (
        PROBED,
        PROBED.replace("192.168.1.11", "192.168.1.11, weight: 3"),
        ["virtual_services.web.servers.web1.weight: 1 -> 3"],
    ),
    "a server more": (
        PROBED,
        PROBED.replace("192.168.1.11}", "192.168.1.11}, web2: {address: 192.168.1.12}"),
        ["virtual_services.web.servers.web2: added"],
    ),
    "a server less": (
        PROBED.replace("192.168.1.11}", "192.168.1.11}, web2: {address: 192.168.1.12}"),
        PROBED,
        ["virtual_services.web.servers.web2: removed"],
    ),
    "a service more": (
        PROBED,
        PROBED + "  tls: {address: 192.0.2.1, port: 443, servers: {web1: {address: 192.168.1.11}}}\n",
        ["virtual_services.tls: added"],
    ),
    "a probe of every server": (
        PROBED,
        PROBED.replace("interval: 1s", "interval: 2s"),
        ["virtual_services.web.probes.tcp.interval: 1s -> 2s"],
    ),
    "what a default was": (
        "service_defaults: {scheduler: rr}\n" + PROBED,
        "service_defaults: {scheduler: sh}\n" + PROBED,
        ["virtual_services.web.scheduler: rr -> sh"],
    ),
    "a method": (
        PROBED,
        PROBED.replace("{method: nat}", "{method: tunnel, encapsulation: gue, port: 6080}"),
        [
            "virtual_services.web.forwarding.method: nat -> tunnel",
            "virtual_services.web.forwarding.encapsulation: ipip -> gue",
            "virtual_services.web.forwarding.port: none -> 6080",
        ],
    ),
    "a sorry server": (
        PROBED,
        PROBED + "    sorry_server: 192.168.1.99\n",
        ["virtual_services.web.sorry_server: none -> set"],
    ),
    "a group": (
        PROBED + GROUP,
        PROBED + GROUP.replace("20-22", "20-23").replace("[7]", "[{fwmark: 8, family: 6}]"),
        [
            "service_groups.front.addresses: 192.0.2.20-192.0.2.23 added, 192.0.2.20-192.0.2.22 removed",
            "service_groups.front.fwmarks: fwmark 8 of IPv6 added, fwmark 7 removed",
        ],
    ),
    "IPVS as a whole": (
        PROBED,
        "load_balancer: {on_stop: leave, timeouts: {tcp: 15min}}\n" + PROBED,
        ["load_balancer.timeouts.tcp: none -> 900s", "load_balancer.on_stop: remove -> leave"],
    ),
}


def planned(old: str, new: str) -> Plan:
    """Return the plan from one text to another."""
    return plan(read(old), read(new))


@pytest.mark.parametrize(("old", "new", "lines"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_one_line(old: str, new: str, lines: list[str]) -> None:
    assert (list(planned(old, new).settings), planned(old, new).restart) == (lines, ())


def test_a_check_of_the_file_is_told_beside_those_of_servers() -> None:
    old = PROBED + "checks: {up: {ping: {}, host: 192.0.2.9}}\n"
    assert planned(old, old.replace("192.0.2.9", "192.0.2.8")).settings == (
        "checks.up.host: 192.0.2.9 -> 192.0.2.8",
    )


def test_the_network_namespace_of_ipvs_waits_for_the_next_start() -> None:
    new = "load_balancer: {network_namespace: blue, on_stop: leave}\n" + PROBED
    assert planned(PROBED, new).restart == ("load_balancer.network_namespace: none -> blue",)
    assert planned(PROBED, new).settings == ("load_balancer.on_stop: remove -> leave",)


def test_the_order_of_servers_is_no_change() -> None:
    two = PROBED.replace(
        "{web1: {address: 192.168.1.11}}", "{b: {address: 10.0.0.2}, a: {address: 10.0.0.1}}"
    )
    turned = PROBED.replace(
        "{web1: {address: 192.168.1.11}}", "{a: {address: 10.0.0.1}, b: {address: 10.0.0.2}}"
    )
    assert planned(two, turned) == Plan()
