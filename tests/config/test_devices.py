"""The interface that a virtual router has to itself: its keys, its name, its MAC address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from havip.config.devices import Device, device_name, device_of, devices_of, keep_names
from havip.config.model import Configuration
from havip.config.plan import plan
from tests.config.reading import complaints, read, router

AT = "virtual_routers.gateway"


def configuration(*lines: str) -> Configuration:
    return keep_names(read("virtual_routers:\n" + "".join(f"  {line}\n" for line in lines)))


def one(name: str, interface: str, vrid: int, address: str, more: str = "virtual_mac: true") -> str:
    return f"{name}: {{interface: {interface}, vrid: {vrid}, addresses: ['{address}'], {more}}}"


def names(configuration: Configuration) -> list[str]:
    return [device_name(router) for router in configuration.virtual_routers]


@pytest.mark.parametrize(
    ("lines", "device"),
    [
        (
            ("virtual_mac: true",),
            Device("gateway", ("eth0", 51, 4, ""), "macvlan", "vrrp.51", "eth0", mac="00:00:5e:00:01:33"),
        ),
        (
            ("virtual_mac: {name: gw0, mac: '02:AA:00:00:00:09'}",),
            Device("gateway", ("eth0", 51, 4, ""), "macvlan", "gw0", "eth0", mac="02:aa:00:00:00:09"),
        ),
        (
            ("virtual_mac: {mac: '02:aa:00:00:00'}",),
            Device("gateway", ("eth0", 51, 4, ""), "macvlan", "vrrp.51", "eth0", mac="02:aa:00:00:00:33"),
        ),
        (
            ("ipvlan: {mode: private, address: 192.0.2.9/24}",),
            Device(
                *("gateway", ("eth0", 51, 4, ""), "ipvlan", "vrrp.51", "eth0"),
                mode="private",
                address="192.0.2.9/24",
            ),
        ),
        (("virtual_mac: false",), None),
        ((), None),
    ],
)
def test_a_router_has_the_interface_that_it_asks_for(lines: tuple[str, ...], device: Device | None) -> None:
    (gateway,) = keep_names(read(router(*lines))).virtual_routers
    assert device_of(gateway) == device


def test_ipv6_has_a_virtual_mac_address_of_its_own() -> None:
    (device,) = devices_of(configuration(one("a", "eth0", 10, "fe80::1/64")).virtual_routers)
    assert device.mac == "00:00:5e:00:02:0a"


def test_a_router_can_do_without_what_the_defaults_ask_for() -> None:
    text = "defaults: {virtual_mac: true}\n" + router("virtual_mac: false")
    assert names(keep_names(read(text))) == [""]


def test_a_mapping_is_merged_with_the_defaults() -> None:
    text = "defaults: {virtual_mac: {transmit_on_parent: true}}\n" + router("virtual_mac: {name: gw0}")
    (gateway,) = read(text).virtual_routers
    assert (gateway.virtual_mac.name, gateway.virtual_mac.transmit_on_parent) == ("gw0", True)


def test_names_are_told_apart_by_family_and_then_by_number() -> None:
    found = configuration(
        one("a", "eth0", 51, "192.0.2.1/24"),
        one("b", "eth0", 51, "fe80::1/64"),
        one("c", "eth1", 51, "192.0.3.1/24"),
        one("d", "eth1", 51, "fe80::1/64"),
        one("e", "eth1", 52, "fe80::2/64"),
    )
    assert names(found) == ["vrrp.51", "vrrp6.51", "vrrp.51.1", "vrrp.51.2", "vrrp.52"]


def test_a_name_that_somebody_asks_for_is_his() -> None:
    found = configuration(
        one("a", "eth0", 51, "192.0.2.1/24"),
        one("b", "eth1", 52, "192.0.3.1/24", "virtual_mac: {name: vrrp.51}"),
    )
    assert names(found) == ["vrrp.51.1", "vrrp.51"]


def test_a_running_router_keeps_its_name_when_another_one_comes_before_it() -> None:
    running = configuration(one("b", "eth1", 51, "192.0.3.1/24"))
    new = configuration(one("a", "eth0", 51, "192.0.2.1/24"), one("b", "eth1", 51, "192.0.3.1/24"))
    unnamed = replace(
        new,
        virtual_routers=tuple(
            replace(router, virtual_mac=replace(router.virtual_mac, name=None))
            for router in new.virtual_routers
        ),
    )
    kept = keep_names(unnamed, running)
    assert names(kept) == ["vrrp.51.1", "vrrp.51"]
    assert [router.name for router in plan(running, kept).keep] == ["b"]


@pytest.mark.parametrize(
    "before_and_after",
    [
        ("virtual_mac: false", "virtual_mac: true"),
        ("virtual_mac: true", "virtual_mac: false"),
        ("virtual_mac: true", "virtual_mac: {name: gw0}"),
        ("virtual_mac: true", "virtual_mac: {mac: '02:00:00:00:00:01'}"),
        ("virtual_mac: true", "virtual_mac: {transmit_on_parent: true}"),
        ("virtual_mac: true", "ipvlan: true"),
    ],
)
def test_another_interface_is_another_router(before_and_after: tuple[str, str]) -> None:
    before, after = (configuration(one("a", "eth0", 51, "192.0.2.1/24", more)) for more in before_and_after)
    changes = plan(before, after)
    assert ([r.name for r in changes.drop], [r.name for r in changes.add]) == (["a"], ["a"])
    assert plan(before, before).keep == before.virtual_routers


MAC = 'a MAC address of six octets such as "02:00:00:00:00:01", or of five, to which the VRID is appended'

REFUSED = [
    (("virtual_mac: maybe",), f'6:18: {AT}.virtual_mac: expected true or false, found "maybe"'),
    (
        ("virtual_mac: {mac: '01:00:5e:00:01:33'}",),
        f'6:24: {AT}.virtual_mac.mac: expected {MAC}, found "01:00:5e:00:01:33"',
    ),
    (
        ("virtual_mac: {mac: '02:00:00:00'}",),
        f'6:24: {AT}.virtual_mac.mac: expected {MAC}, found "02:00:00:00"',
    ),
    (
        ("virtual_mac: {vmac_xmit_base: true}",),
        f'6:19: {AT}.virtual_mac.vmac_xmit_base: unknown key "vmac_xmit_base"; '
        'did you mean "transmit_on_parent"?',
    ),
    (("use_vmac: true",), f'6:5: {AT}.use_vmac: unknown key "use_vmac"; did you mean "virtual_mac"?'),
    (
        ("virtual_mac: {name: eth0}",),
        f'6:25: {AT}.virtual_mac.name: eth0 again: "gateway" runs on it',
    ),
    (
        ("virtual_mac: true", "ipvlan: true"),
        f"7:13: {AT}.ipvlan: expected ipvlan: false, found an ipvlan: "
        "the addresses can stand on one interface only; virtual_mac is on",
    ),
    (
        ("virtual_mac: true", "unicast: [192.0.2.2]"),
        f"6:18: {AT}.virtual_mac: expected true, found false: "
        "unicast adverts leave from the interface itself",
    ),
    (
        ("ipvlan: {mode: open}",),
        f'6:20: {AT}.ipvlan.mode: expected bridge or private or vepa, found "open"',
    ),
]


@pytest.mark.parametrize(("lines", "complaint"), REFUSED)
def test_what_cannot_be_is_shown_where_it_stands(lines: tuple[str, ...], complaint: str) -> None:
    assert complaints(router(*lines)) == [complaint]


def test_a_name_belongs_to_one_router() -> None:
    text = (
        "virtual_routers:\n"
        f"  {one('a', 'eth0', 51, '192.0.2.1/24', 'virtual_mac: {name: gw0}')}\n"
        f"  {one('b', 'eth0', 52, '192.0.2.2/24', 'ipvlan: {name: gw0}')}\n"
    )
    assert complaints(text) == ['3:78: virtual_routers.b.ipvlan.name: gw0 again: "a" has it to itself']


def test_a_mac_address_belongs_to_one_router_of_an_interface() -> None:
    own = "virtual_mac: {mac: '00:00:5e:00:01:33'}"
    text = (
        "virtual_routers:\n"
        f"  {one('a', 'eth0', 51, '192.0.2.1/24')}\n"
        f"  {one('b', 'eth1', 52, '192.0.2.2/24', own)}\n"
        f"  {one('c', 'eth0', 53, '192.0.2.3/24', own)}\n"
    )
    assert complaints(text) == [
        '4:82: virtual_routers.c.virtual_mac.mac: 00:00:5e:00:01:33 again: "a" has it on eth0 already'
    ]
