"""What `accept: false` drops, and in which words nftables is told."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from havip.config.model import VirtualAddress
from havip.services.dropset import DropSet, drop_set, dropped_for, script
from tests.config.reading import complaints, read


def dropped(*lines: str, addresses: str = "192.0.2.1/24", more: str = "") -> DropSet:
    """Return what one virtual router with these keys wants dropped."""
    keys = ", ".join(("interface: eth0", "vrid: 1", f"addresses: [{addresses}]", *lines))
    return drop_set(read(f"virtual_routers:\n  web: {{{keys}}}\n{more}"))


def words(wanted: DropSet) -> tuple[list[str], list[str]]:
    return sorted(map(str, wanted.everywhere)), sorted(f"{name} {one}" for name, one in wanted.on_link)


def test_everything_is_accepted_unless_somebody_says_otherwise() -> None:
    assert not dropped()
    assert not dropped("accept: true")


def test_every_address_is_dropped_a_link_local_one_by_its_interface() -> None:
    wanted = dropped("accept: false", addresses="'fe80::1/64', '2001:db8::1/64'")
    assert words(wanted) == (["2001:db8::1"], ["eth0 fe80::1"])


def test_an_address_that_adverts_do_not_tell_is_dropped_too() -> None:
    (web,) = read(
        "virtual_routers:\n  web: {interface: eth0, vrid: 1, addresses: [192.0.2.1/24], accept: false}\n"
    ).virtual_routers
    more = (
        VirtualAddress(ip_address("fe80::7"), 64, device="eth1"),
        VirtualAddress(ip_address("2001:db8::1"), 64),
    )
    wanted = dropped_for(replace(web, excluded_addresses=more))
    assert words(wanted) == (["192.0.2.1", "2001:db8::1"], ["eth1 fe80::7"])


def test_the_owner_accepts_whatever_the_file_says() -> None:
    assert not dropped("accept: false", "priority: 255")


def test_the_defaults_may_say_it_for_all() -> None:
    wanted = dropped(more="defaults: {accept: false}\n")
    assert words(wanted) == (["192.0.2.1"], [])


def test_the_table_is_replaced_as_a_whole_in_one_transaction() -> None:
    text = script("havip-blue", dropped("accept: false"))
    assert text.startswith(
        "add table inet havip-blue\ndelete table inet havip-blue\ntable inet havip-blue {\n"
        "  set ipv4 { type ipv4_addr; elements = { 192.0.2.1 }; }\n"
    )
    assert "  set link_ipv6 { type ifname . ipv6_addr; }\n" in text


def test_the_chain_stands_where_the_file_says() -> None:
    assert "hook input priority -10;" in script("havip", dropped("accept: false"))
    later = dropped("accept: false", more="daemon: {nftables_priority: 10}\n")
    assert "hook input priority 10;" in script("havip", later)
    assert dropped("accept: false") | later == later  # what a reload has meanwhile stands where it will
    assert later <= dropped("accept: false")  # where it stands makes no difference to what is dropped


def test_nothing_to_drop_is_no_table() -> None:
    assert script("havip", DropSet()) == "add table inet havip\ndelete table inet havip\n"


def check(*lines: str, interface: str = "eth0", address: str = "192.0.2.1/24") -> list[str]:
    text = (
        f"virtual_routers:\n  web:\n    interface: '{interface}'\n    vrid: 1\n    addresses: ['{address}']\n"
    )
    return complaints(text + "".join(f"    {line}\n" for line in lines))


def test_a_link_local_address_needs_an_interface_that_nftables_can_name() -> None:
    assert check("accept: false", interface='e"0') == []
    (line,) = check("accept: false", interface='e"0', address="fe80::1/64")
    assert line.startswith(
        "6:13: virtual_routers.web.accept: expected an interface name of letters, digits and"
    )


@pytest.mark.parametrize("value", ["no", "1", "off"])
def test_accept_is_true_or_false(value: str) -> None:
    (line,) = check(f"accept: {value}")
    assert line.startswith("6:13: virtual_routers.web.accept: expected true or false")


def test_keepalived_calls_it_no_accept() -> None:
    (line,) = check("no_accept: true")
    assert 'did you mean "accept"?' in line
