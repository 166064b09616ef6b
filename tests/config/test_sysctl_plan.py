"""Kernel settings that a virtual MAC needs: written, remembered, put back."""

from __future__ import annotations

from havip.config.sysctl_plan import (
    Memory,
    SysctlPlan,
    loose_everywhere,
    on_device,
    on_parents,
    plan_sysctls,
)

IGNORE = "net/ipv4/conf/eth0/arp_ignore"
ALL = "net/ipv4/conf/all/rp_filter"


def test_a_setting_is_remembered_as_it_was() -> None:
    assert plan_sysctls({IGNORE: "1"}, {IGNORE: "0"}, {}) == SysctlPlan(
        {IGNORE: "1"}, {IGNORE: Memory("0", "1")}
    )


def test_a_setting_that_holds_already_is_not_ours() -> None:
    assert plan_sysctls({IGNORE: "1"}, {IGNORE: "1"}, {}) == SysctlPlan()


def test_a_later_look_does_not_take_our_own_value_for_the_original() -> None:
    known = {IGNORE: Memory("0", "1")}
    assert plan_sysctls({IGNORE: "1"}, {IGNORE: "1"}, known) == SysctlPlan({}, known)


def test_what_is_not_wanted_any_more_is_put_back() -> None:
    assert plan_sysctls({}, {IGNORE: "1"}, {IGNORE: Memory("0", "1")}) == SysctlPlan({IGNORE: "0"}, {})


def test_what_somebody_has_changed_since_is_his() -> None:
    assert plan_sysctls({}, {IGNORE: "2"}, {IGNORE: Memory("0", "1")}) == SysctlPlan()


def test_what_somebody_undid_is_done_again_and_his_value_remembered() -> None:
    assert plan_sysctls({IGNORE: "1"}, {IGNORE: "2"}, {IGNORE: Memory("0", "1")}) == SysctlPlan(
        {IGNORE: "1"}, {IGNORE: Memory("2", "1")}
    )


def test_what_went_with_its_interface_is_forgotten() -> None:
    assert plan_sysctls({IGNORE: "1"}, {}, {IGNORE: Memory("0", "1")}) == SysctlPlan()
    assert plan_sysctls({}, {}, {IGNORE: Memory("0", "1")}) == SysctlPlan()


def test_the_parent_keeps_quiet_about_what_is_not_its_own() -> None:
    assert on_parents(["eth0"]) == {
        "net/ipv4/conf/eth0/arp_ignore": "1",
        "net/ipv4/conf/eth0/arp_announce": "2",
    }


def test_a_device_takes_packets_in_and_says_nothing_of_its_own() -> None:
    parent = {"net/ipv4/conf/eth0/forwarding": "1", "net/ipv6/conf/eth0/forwarding": "0"}
    assert on_device("vrrp.51", "eth0", parent) == {
        "net/ipv4/conf/vrrp.51/arp_ignore": "1",
        "net/ipv4/conf/vrrp.51/arp_announce": "2",
        "net/ipv4/conf/vrrp.51/accept_local": "1",
        "net/ipv4/conf/vrrp.51/rp_filter": "0",
        "net/ipv4/conf/vrrp.51/promote_secondaries": "1",
        "net/ipv4/conf/vrrp.51/forwarding": "1",
        "net/ipv6/conf/vrrp.51/addr_gen_mode": "1",
        "net/ipv6/conf/vrrp.51/accept_dad": "0",
        "net/ipv6/conf/vrrp.51/accept_ra": "0",
        "net/ipv6/conf/vrrp.51/autoconf": "0",
        "net/ipv6/conf/vrrp.51/router_solicitations": "0",
        "net/ipv6/conf/vrrp.51/forwarding": "0",
    }


def test_a_common_reverse_path_filter_moves_to_every_other_interface() -> None:
    present = {"all": "1", "default": "0", "eth0": "0", "eth1": "2", "lo": "1", "vrrp.51": "0"}
    wanted = loose_everywhere(present, {"vrrp.51"}, {})
    assert wanted == {
        "net/ipv4/conf/default/rp_filter": "1",
        "net/ipv4/conf/eth0/rp_filter": "1",
        "net/ipv4/conf/eth1/rp_filter": "2",
        "net/ipv4/conf/lo/rp_filter": "1",
        ALL: "0",
    }
    assert list(wanted)[-1] == ALL, "the others first: there is no moment without a filter"


def test_no_common_filter_is_nobodys_business() -> None:
    assert loose_everywhere({"all": "0", "default": "1", "eth0": "1"}, {"vrrp.51"}, {}) == {}


def test_a_lowered_filter_still_counts_for_interfaces_that_come_later() -> None:
    present = {"all": "0", "default": "1", "eth2": "0"}
    assert loose_everywhere(present, {"vrrp.51"}, {ALL: Memory("1", "0")}) == {
        "net/ipv4/conf/default/rp_filter": "1",
        "net/ipv4/conf/eth2/rp_filter": "1",
        ALL: "0",
    }
