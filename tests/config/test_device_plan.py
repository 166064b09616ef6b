"""From the interfaces that are there to those that are wanted: made, adopted, replaced, removed, refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from havip.config.device_plan import Adjust, Create, DevicePlan, Present, Remove, plan_devices
from havip.config.devices import Device

KEY = ("eth0", 51, 4, "")
MAC = "00:00:5e:00:01:33"
WANTED = Device("gateway", KEY, "macvlan", "vrrp.51", "eth0", mac=MAC)
IPVLAN = Device("gateway", KEY, "ipvlan", "vrrp.51", "eth0", mode="private")
ALIAS = "havip - eth0 51 ipv4"
ETHER = 1
ETH0 = Present("eth0", 2, mac="02:00:00:00:00:01")
ETH1 = Present("eth1", 3, mac="02:00:00:00:00:02")
OURS = Present("vrrp.51", 9, kind="macvlan", parent=2, mac=MAC, mode="vepa", alias=ALIAS)


def plan(*present: Present, wanted: tuple[Device, ...] = (WANTED,), remove: bool = True) -> DevicePlan:
    return plan_devices(wanted, (ETH0, ETH1, *present), "", remove=remove)


def test_a_missing_interface_is_made() -> None:
    assert plan() == DevicePlan((Create(WANTED, ETH0, ALIAS),))


def test_one_that_fits_is_adopted_untouched() -> None:
    assert plan(OURS) == DevicePlan()


@pytest.mark.parametrize("changed", [{"mtu": 1400}, {"up": False}, {"group": 7}])
def test_one_that_fits_is_brought_in_line_without_being_made_anew(changed: dict[str, int]) -> None:
    there = replace(OURS, **changed)
    assert plan(there) == DevicePlan((Adjust(WANTED, there, 1500, ALIAS),))


@pytest.mark.parametrize(
    "changed",
    [{"parent": 3}, {"mac": "02:00:00:00:00:09"}, {"mode": "private"}, {"kind": "ipvlan", "mode": "bridge"}],
)
def test_one_of_ours_that_does_not_fit_is_replaced_once_no_router_stands_on_it(
    changed: dict[str, object],
) -> None:
    there = replace(OURS, **changed)  # type: ignore[arg-type]
    assert plan(there, remove=False) == DevicePlan()
    assert plan(there) == DevicePlan((Remove(there), Create(WANTED, ETH0, ALIAS)))


def test_one_that_nobody_wants_any_more_is_removed_when_the_routers_have_left_it() -> None:
    assert plan(OURS, wanted=(), remove=False) == DevicePlan()
    assert plan(OURS, wanted=()) == DevicePlan((Remove(OURS),))


def test_another_name_waits_until_no_router_stands_on_the_old_one() -> None:
    renamed = replace(WANTED, name="gw0")
    assert plan(OURS, wanted=(renamed,), remove=False) == DevicePlan()
    assert plan(OURS, wanted=(renamed,)) == DevicePlan((Remove(OURS), Create(renamed, ETH0, ALIAS)))


def test_another_instances_interfaces_are_left_alone() -> None:
    blue = replace(OURS, alias="havip blue eth0 51 ipv4")
    assert plan(blue, wanted=()) == DevicePlan()
    assert plan_devices((), (ETH0, OURS), "blue", remove=True) == DevicePlan()
    assert plan_devices((), (ETH0, blue), "blue", remove=True) == DevicePlan((Remove(blue),))


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"kind": "veth"}, "it is no macvlan"),
        ({"parent": 3}, "it does not stand on eth0"),
        ({"mac": "02:00:00:00:00:09"}, f"its MAC address is 02:00:00:00:00:09, not {MAC}"),
        ({"mode": "private"}, "its mode is private, not vepa"),
    ],
)
def test_somebody_elses_interface_is_never_touched(changed: dict[str, object], why: str) -> None:
    theirs = replace(OURS, alias="", **changed)  # type: ignore[arg-type]
    reason = f"interface vrrp.51 exists and is not ours: {why}"
    assert plan(theirs) == DevicePlan((), {KEY: reason})


def test_somebody_elses_interface_that_fits_is_used_and_stays() -> None:
    theirs = replace(OURS, alias="made by the distribution")
    assert plan(theirs) == DevicePlan()
    assert plan(theirs, wanted=()) == DevicePlan()
    assert plan(replace(theirs, up=False, mtu=1400)) == DevicePlan()


def test_it_is_in_the_vrf_of_its_parent_and_in_no_bridge() -> None:
    blue = Present("blue", 20, hardware=ETHER, kind="vrf")
    bridge = Present("br0", 21, kind="bridge")
    inside = replace(ETH0, master=20)
    alone = plan_devices((WANTED,), (inside, blue), "", remove=True)
    assert alone == DevicePlan((Create(WANTED, inside, ALIAS, 20),))
    moved = plan_devices((WANTED,), (inside, blue, OURS), "", remove=True)
    assert moved == DevicePlan((Adjust(WANTED, OURS, 1500, ALIAS, 20),))
    port = replace(ETH0, master=21)
    assert plan_devices((WANTED,), (port, bridge, OURS), "", remove=True) == DevicePlan()


def test_without_a_parent_there_is_nothing_to_do_yet() -> None:
    assert plan_devices((WANTED,), (ETH1,), "", remove=True) == DevicePlan()


def test_an_interface_whose_parent_was_renamed_waits_for_it() -> None:
    renamed = replace(ETH0, name="wan0")
    assert plan_devices((WANTED,), (renamed, OURS), "", remove=True) == DevicePlan()


def test_only_ethernet_can_carry_one() -> None:
    tunnel = replace(ETH0, hardware=65534)
    reason = "interface eth0 is not Ethernet: it can carry no macvlan"
    assert plan_devices((WANTED,), (tunnel,), "", remove=True) == DevicePlan((), {KEY: reason})


def test_an_ipvlan_is_judged_by_its_flag_and_not_by_its_mac_address() -> None:
    there = replace(OURS, kind="ipvlan", mode="private", mac=ETH0.mac)
    assert plan(there, wanted=(IPVLAN,)) == DevicePlan()
    bridge = replace(there, mode="bridge")
    assert plan(bridge, wanted=(IPVLAN,)) == DevicePlan((Remove(bridge), Create(IPVLAN, ETH0, ALIAS)))


def test_a_replaced_name_is_free_before_it_is_taken() -> None:
    """Two routers swap the names of their interfaces."""
    first = replace(WANTED, name="b")
    second = Device("other", ("eth0", 52, 4, ""), "macvlan", "a", "eth0", mac="00:00:5e:00:01:34")
    a = replace(OURS, name="a")
    b = replace(OURS, name="b", ifindex=10, mac="00:00:5e:00:01:34", alias="havip - eth0 52 ipv4")
    steps = plan(a, b, wanted=(first, second)).steps
    assert [type(step).__name__ for step in steps] == ["Remove", "Remove", "Create", "Create"]
