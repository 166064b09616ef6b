"""What must hold between the keys of a virtual router, and between virtual routers."""

from __future__ import annotations

import pytest

from havip.config.yamlfile import examine_text
from tests.config.reading import MISSING_INTERFACE, complaints, read, router

OWNER = "the owner of the addresses (priority 255) always takes over at once"
STEP = "expected 10ms to 40.95s in steps of 10ms"
WHOLE = "expected whole seconds from 1s to 255s"

CONTRADICTIONS = [
    (("interval: 15ms",), f"6:15: {{}}.interval: {STEP}, found 15ms: VRRPv3"),
    (("interval: 10.5ms",), f"6:15: {{}}.interval: {STEP}, found 10.5ms: VRRPv3"),
    (("interval: 40.96s",), f"6:15: {{}}.interval: {STEP}, found 40.96s: VRRPv3"),
    (("interval: 100ms", "version: 2"), f"6:15: {{}}.interval: {WHOLE}, found 100ms: VRRPv2"),
    (("version: 2", "interval: 1.5s"), f"7:15: {{}}.interval: {WHOLE}, found 1.5s: VRRPv2"),
    (("priority: 255", "preempt: false"), f"7:14: {{}}.preempt: expected true, found false: {OWNER}"),
    (("priority: 255", "preempt_delay: 1s"), f"7:20: {{}}.preempt_delay: expected 0s, found 1s: {OWNER}"),
    (
        ("preempt_delay: 1min", "preempt: false"),
        "6:20: {}.preempt_delay: expected 0s, found 60s: with preempt: false nothing is delayed",
    ),
]


@pytest.mark.parametrize(("keys", "complaint"), CONTRADICTIONS)
def test_a_value_that_contradicts_another_is_shown_with_the_reason(
    keys: tuple[str, ...], complaint: str
) -> None:
    assert complaints(router(*keys)) == [complaint.format("virtual_routers.gateway")]


@pytest.mark.parametrize(
    "keys",
    [
        ("interval: 10ms",),
        ("interval: 40.95s",),
        ("version: 2", "interval: 1s"),
        ("version: 2", "interval: 255s"),
        ("priority: 255", "preempt: true", "preempt_delay: 0s"),
        ("priority: 254", "preempt: false"),
        ("priority: 254", "preempt_delay: 1s"),
    ],
)
def test_values_at_the_bounds_of_a_rule_are_good(keys: tuple[str, ...]) -> None:
    assert complaints(router(*keys)) == []


def test_an_owner_with_both_contradictions_is_told_of_both() -> None:
    text = router("priority: 255", "preempt: false", "preempt_delay: 1s")
    assert [line.split(":")[0] for line in complaints(text)] == ["7", "8"]


def test_a_rule_is_not_applied_to_a_value_that_could_not_be_read() -> None:
    assert complaints(router("version: 4", "interval: 15ms", "priority: 999", "preempt_delay: 1s")) == [
        '6:14: virtual_routers.gateway.version: expected 2 or 3, found "4"',
        '8:15: virtual_routers.gateway.priority: expected a whole number from 1 to 255, found "999"',
    ]


def test_version_2_has_no_ipv6() -> None:
    text = router("version: 2").replace("192.0.2.1/24", "fe80::1/64")
    assert complaints(text) == [
        "6:14: virtual_routers.gateway.version: expected 3, found 2: VRRPv2 has no IPv6"
    ]


def test_a_router_has_one_family() -> None:
    text = router().replace("192.0.2.1/24", "192.0.2.1/24, fe80::1/64, 192.0.2.2")
    assert complaints(text) == [
        "5:31: virtual_routers.gateway.addresses[1]: expected an IPv4 address like the first, "
        'found "fe80::1/64": a virtual router has one family; give the other its own virtual router'
    ]


def test_as_many_addresses_as_fit_into_a_packet_and_no_more() -> None:
    # 1500 - 40 (IPv6) - 8 (VRRP) - 28 (trailer) = 1424 = 89 x 16; IPv4 is bounded by the 8-bit count alone.
    def with_addresses(count: int) -> str:
        listed = ", ".join(["fe80::1"] + [f"2001:db8::{number:x}" for number in range(1, count)])
        return router().replace("192.0.2.1/24", listed)

    assert complaints(with_addresses(89)) == []
    assert complaints(with_addresses(90)) == [
        "5:16: virtual_routers.gateway.addresses: expected at most 89 IPv6 addresses, found 90: "
        "more do not fit into one packet of 1500 bytes"
    ]


def test_an_ipv6_router_whose_first_address_is_not_link_local_is_noted_and_taken() -> None:
    findings = examine_text(router().replace("192.0.2.1/24", "2001:db8::1/64, fe80::1/64"), "f")
    assert findings.configuration is not None
    assert findings.problems == ()
    assert [note.as_note() for note in findings.notes] == [
        "f:5:17: note: virtual_routers.gateway.addresses[0]: 2001:db8::1 is not link-local: "
        "RFC 9568 wants the link-local address of the virtual router first"
    ]
    assert examine_text(router().replace("192.0.2.1/24", "fe80::1/64, 2001:db8::1/64"), "f").notes == ()


def two(first: str, second: str) -> str:
    """Return a file of two virtual routers, `a` in line 2 and `b` in line 3."""
    return f"virtual_routers:\n  a: {{{first}}}\n  b: {{{second}}}\n"


def test_an_address_stands_once_in_a_router_whatever_its_prefix_length() -> None:
    text = router().replace("192.0.2.1/24", "192.0.2.1/24, 192.0.2.2, 192.0.2.1/32")
    assert complaints(text) == [
        "5:42: virtual_routers.gateway.addresses[2]: 192.0.2.1 again: it stands in line 5, column 17"
    ]


def test_an_address_belongs_to_one_router_and_both_places_are_named() -> None:
    text = two(
        "interface: eth0, vrid: 1, addresses: [192.0.2.1/24]",
        "interface: eth1, vrid: 2, addresses: [192.0.2.1]",
    )
    assert complaints(text) == [
        '3:45: virtual_routers.b.addresses[0]: 192.0.2.1 again: "a" has it in line 2, column 45'
    ]


def test_addresses_are_compared_even_where_other_keys_are_wrong() -> None:
    text = two("vrid: 1, addresses: [192.0.2.1/24]", "interface: eth1, vrid: 0, addresses: [192.0.2.1]")
    assert [line.split(": ")[0] for line in complaints(text)] == ["2:3", "3:30", "3:45"]


def test_a_link_local_address_belongs_to_one_router_of_each_interface() -> None:
    apart = two(
        "interface: eth0, vrid: 1, addresses: [fe80::1]", "interface: eth1, vrid: 1, addresses: [fe80::1]"
    )
    together = apart.replace("eth1, vrid: 1", "eth0, vrid: 2")
    assert complaints(apart) == []
    assert complaints(together) == [
        '3:45: virtual_routers.b.addresses[0]: fe80::1 again: "a" has it in line 2, column 45'
    ]


def test_link_local_addresses_of_unknown_interfaces_are_not_compared() -> None:
    text = two("vrid: 1, addresses: [fe80::1]", "vrid: 1, addresses: [fe80::1]")
    assert complaints(text) == [
        f"2:3: virtual_routers.a: {MISSING_INTERFACE}",
        f"3:3: virtual_routers.b: {MISSING_INTERFACE}",
    ]


def test_a_vrid_belongs_to_one_router_of_each_interface_and_family() -> None:
    text = two(
        "interface: eth0, vrid: 7, addresses: [192.0.2.1]", "interface: eth0, vrid: 7, addresses: [192.0.2.2]"
    )
    assert complaints(text) == [
        '3:30: virtual_routers.b.vrid: vrid 7 again on eth0 for IPv4: "a" has it in line 2'
    ]
    assert complaints(text.replace("192.0.2.2", "fe80::1")) == []
    assert complaints(text.replace("  b: {interface: eth0", "  b: {interface: eth1")) == []


def test_255_routers_fit_on_one_interface() -> None:
    text = "virtual_routers:\n" + "".join(
        f"  r{vrid}: {{interface: eth0, vrid: {vrid}, addresses: [10.0.0.{vrid}]}}\n"
        for vrid in range(1, 256)
    )
    assert len(read(text).virtual_routers) == 255
