"""`havip.vrrp.kernel`: interfaces as our routers see them, in a real kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from havip.config.model import Family
from tests.netns.kernel_stage import FIRST_VIP, GET_ADDRESS, Stage, packed, read_all, read_until, stage

pytestmark = pytest.mark.root

IPV4, IPV6 = Family.IPV4, Family.IPV6
BOTH = pytest.mark.parametrize("family", [IPV4, IPV6])


@pytest.fixture
def s() -> Iterator[Stage]:
    with stage() as made:
        yield made


def fault(s: Stage, family: Family = IPV4, interface: str = "eth0") -> str | None:
    return s.kernel.view(interface, family).fault


def link_local(s: Stage) -> list[str]:
    """Return the link-local addresses of eth0, without prefix length."""
    return [name.partition("/")[0] for name in s.shown() if name.startswith("fe80")]


def created(s: Stage, address: str) -> int | None:
    """Return when an IPv6 address was made, in centiseconds, as pyroute2 reads it."""
    for read in s.dumped(GET_ADDRESS):
        if read.get_attr("IFA_ADDRESS") == address:
            return int(read.get_attr("IFA_CACHEINFO")["cstamp"])
    return None


def test_a_usable_interface_is_seen_as_ip_shows_it(s: Stage) -> None:
    mac = s.host.mac()
    for family, address in ((IPV4, "10.77.0.1"), (IPV6, link_local(s)[0])):
        view = s.kernel.view("eth0", family)
        assert view.fault is None
        assert (view.ifindex, view.mac, view.mtu) == (s.ifindex, mac, 1500)
        assert view.address == packed(address)


@BOTH
def test_an_interface_that_does_not_exist_is_a_fault(s: Stage, family: Family) -> None:
    view = s.kernel.view("eth7", family)
    assert view.fault == "interface eth7 does not exist"
    assert (view.ifindex, view.mac, view.address, view.mtu) == (0, b"", b"", 0)


@BOTH
def test_an_interface_that_is_down_is_a_fault_until_it_is_up_again(s: Stage, family: Family) -> None:
    s.ip("link", "set", "eth0", "down")
    changes = read_until(s.kernel, lambda: fault(s, family) == "interface eth0 is down")
    assert changes.interfaces == {"eth0"}
    s.ip("link", "set", "eth0", "up")
    changes = read_until(s.kernel, lambda: fault(s, family) is None)
    assert changes.interfaces == {"eth0"}


@BOTH
def test_a_missing_carrier_is_a_fault_until_it_is_back(s: Stage, family: Family) -> None:
    s.net.carrier(s.host, up=False)
    changes = read_until(s.kernel, lambda: fault(s, family) == "interface eth0 has no carrier")
    assert changes.interfaces == {"eth0"}
    s.net.carrier(s.host, up=True)
    read_until(s.kernel, lambda: fault(s, family) is None)


def test_an_interface_without_an_ipv4_address_is_a_fault_for_ipv4_alone(s: Stage) -> None:
    s.ip("addr", "del", "10.77.0.1/24", "dev", "eth0")
    assert read_all(s.kernel).interfaces == {"eth0"}
    assert fault(s, IPV4) == "interface eth0 has no IPv4 address"
    assert fault(s, IPV6) is None
    s.ip("addr", "add", "10.77.0.2/24", "dev", "eth0")
    assert read_all(s.kernel).interfaces == {"eth0"}
    assert s.kernel.view("eth0", IPV4).address == packed("10.77.0.2")


def test_an_interface_without_a_link_local_address_is_a_fault_for_ipv6_alone(s: Stage) -> None:
    s.ip("addr", "add", "2001:db8::1/64", "dev", "eth0")
    s.ip("addr", "del", f"{link_local(s)[0]}/64", "dev", "eth0")
    read_all(s.kernel)
    assert fault(s, IPV6) == "interface eth0 has no usable IPv6 link-local address"
    assert fault(s, IPV4) is None


def test_a_host_without_ipv6_is_a_fault_for_ipv6_alone(s: Stage) -> None:
    s.host.sysctl("net.ipv6.conf.eth0.disable_ipv6", 1)
    read_all(s.kernel)
    assert fault(s, IPV6) == "interface eth0 has no usable IPv6 link-local address"
    assert fault(s, IPV4) is None


def test_a_tentative_link_local_address_is_not_used_until_it_has_been_checked() -> None:
    with stage(dad=True) as s:
        (address,) = link_local(s)
        s.ip("addr", "flush", "dev", "eth0", "scope", "link")
        s.ip("addr", "add", "fe80::77/64", "dev", "eth0")
        read_until(s.kernel, lambda: address not in (fault(s, IPV6) or address))
        assert fault(s, IPV6) == (
            "interface eth0 has no usable IPv6 link-local address (fe80::77 is still tentative)"
        )
        changes = read_until(s.kernel, lambda: fault(s, IPV6) is None)
        assert changes.interfaces == {"eth0"}
        assert s.kernel.view("eth0", IPV6).address == packed("fe80::77")


def test_a_duplicate_link_local_address_is_a_fault_that_says_so() -> None:
    with stage(dad=True) as s:
        other = s.net.host("r2")
        s.net.plug(other, s.switch, addresses=("fe80::77/64",))
        s.ip("addr", "flush", "dev", "eth0", "scope", "link")
        s.ip("addr", "add", "fe80::77/64", "dev", "eth0")
        wanted = (
            "interface eth0 has no usable IPv6 link-local address"
            " (fe80::77 failed duplicate address detection)"
        )
        read_until(s.kernel, lambda: fault(s, IPV6) == wanted)


@BOTH
def test_a_renamed_interface_concerns_both_names(s: Stage, family: Family) -> None:
    s.rename("eth0", "lan0")
    changes = read_until(s.kernel, lambda: fault(s, family, "lan0") is None)
    assert changes.interfaces == {"eth0", "lan0"}
    assert fault(s, family) == "interface eth0 does not exist (renamed to lan0)"
    s.rename("lan0", "eth0")
    changes = read_until(s.kernel, lambda: fault(s, family) is None)
    assert changes.interfaces == {"eth0", "lan0"}
    assert fault(s, family, "lan0") == "interface lan0 does not exist (renamed to eth0)"


@BOTH
def test_a_deleted_interface_comes_back_as_another_one(s: Stage, family: Family) -> None:
    before = s.kernel.view("eth0", family)
    s.ip("link", "del", "eth0")
    assert read_all(s.kernel).interfaces == {"eth0"}
    assert fault(s, family) == "interface eth0 does not exist"
    s.net.plug(s.host, s.switch, addresses=("10.77.0.1/24",))
    read_until(s.kernel, lambda: fault(s, family) is None)
    after = s.kernel.view("eth0", family)
    assert after.ifindex == s.ifindex != before.ifindex
    assert after.mac == s.host.mac() != before.mac


def test_an_interface_that_moves_to_another_namespace_does_not_exist_here(s: Stage) -> None:
    other = s.net.host("r2")
    s.ip("link", "set", "eth0", "netns", other.namespace)
    assert read_all(s.kernel).interfaces == {"eth0"}
    assert fault(s) == "interface eth0 does not exist"
    other.run("ip", "link", "set", "eth0", "netns", s.host.namespace)
    read_until(s.kernel, lambda: fault(s) == "interface eth0 is down")


def test_another_mac_and_another_mtu_are_seen(s: Stage) -> None:
    s.ip("link", "set", "eth0", "address", "02:00:00:00:00:0a")
    assert read_all(s.kernel).interfaces == {"eth0"}
    assert s.kernel.view("eth0", IPV4).mac == bytes.fromhex("02000000000a")
    s.ip("link", "set", "eth0", "mtu", "1400")
    assert read_all(s.kernel).interfaces == {"eth0"}
    assert s.kernel.view("eth0", IPV6).mtu == 1400


def test_changes_of_another_interface_do_not_name_ours(s: Stage) -> None:
    s.ip("link", "add", "other0", "type", "veth", "peer", "name", "other1")
    s.ip("addr", "add", "10.66.0.1/24", "dev", "other0")
    s.ip("link", "set", "other0", "mtu", "1400")
    s.ip("link", "del", "other0")
    assert read_all(s.kernel).interfaces == {"other0", "other1"}
    assert fault(s) is None


def test_an_interface_that_leaves_a_bridge_still_exists(s: Stage) -> None:
    s.ip("link", "add", "br0", "type", "bridge")
    s.ip("link", "set", "eth0", "master", "br0")
    s.ip("link", "set", "eth0", "nomaster")  # told as RTM_DELLINK of family AF_BRIDGE
    read_until(s.kernel, lambda: fault(s) is None)
    assert s.kernel.view("eth0", IPV4).ifindex == s.ifindex


def test_the_primary_ipv4_address_is_the_first_that_is_not_secondary(s: Stage) -> None:
    s.ip("addr", "add", "10.77.0.2/24", "dev", "eth0")
    s.ip("addr", "add", "10.66.0.1/24", "dev", "eth0")
    read_all(s.kernel)
    assert s.kernel.view("eth0", IPV4).address == packed("10.77.0.1")
    s.host.sysctl("net.ipv4.conf.eth0.promote_secondaries", 1)
    s.ip("addr", "del", "10.77.0.1/24", "dev", "eth0")  # .2 is promoted and goes behind 10.66.0.1
    read_all(s.kernel)
    assert s.kernel.view("eth0", IPV4).address == packed("10.66.0.1")
    s.ip("addr", "del", "10.66.0.1/24", "dev", "eth0")
    read_all(s.kernel)
    assert s.kernel.view("eth0", IPV4).address == packed("10.77.0.2")


def test_an_ipv4_address_of_global_scope_is_preferred_to_one_of_the_link(s: Stage) -> None:
    s.ip("addr", "flush", "dev", "eth0", "to", "10.77.0.1")
    s.ip("addr", "add", "127.9.9.9/32", "dev", "eth0", "scope", "host")
    read_all(s.kernel)
    assert fault(s) == "interface eth0 has no IPv4 address"
    s.ip("addr", "add", "169.254.7.7/16", "dev", "eth0", "scope", "link")
    read_all(s.kernel)
    assert s.kernel.view("eth0", IPV4).address == packed("169.254.7.7")
    s.ip("addr", "add", "10.77.0.1/24", "dev", "eth0")
    read_all(s.kernel)
    assert s.kernel.view("eth0", IPV4).address == packed("10.77.0.1")


def test_our_own_addresses_are_never_primary(s: Stage) -> None:
    ours = ("10.66.0.1/24", FIRST_VIP, "fe80::1/64")
    s.add(*ours)
    own = link_local(s)
    s.ip("addr", "del", "10.77.0.1/24", "dev", "eth0")
    for address in own:
        if address != "fe80::1":
            s.ip("addr", "del", f"{address}/64", "dev", "eth0")
    read_all(s.kernel)
    assert fault(s, IPV4) == "interface eth0 has no IPv4 address"
    assert fault(s, IPV6) == "interface eth0 has no usable IPv6 link-local address"
    s.kernel = s.another_kernel()  # which knows them by their mark alone
    assert fault(s, IPV4) == "interface eth0 has no IPv4 address"
    assert fault(s, IPV6) == "interface eth0 has no usable IPv6 link-local address"


def test_our_own_addresses_come_and_go_without_a_word(s: Stage) -> None:
    before = s.kernel.view("eth0", IPV4), s.kernel.view("eth0", IPV6)
    s.add(FIRST_VIP, "fe80::1/64", "2001:db8::5/64")
    assert read_all(s.kernel).interfaces == set()
    assert (s.kernel.view("eth0", IPV4), s.kernel.view("eth0", IPV6)) == before
    s.remove(FIRST_VIP, "fe80::1/64", "2001:db8::5/64")
    assert read_all(s.kernel).interfaces == set()


def test_the_address_owner_sends_from_the_address_it_owns(s: Stage) -> None:
    assert s.add("10.77.0.1/24") == []
    assert s.kernel.view("eth0", IPV4).address == packed("10.77.0.1")
    assert s.kernel.view("eth0", IPV4).fault is None


def test_a_real_address_serves_even_if_one_of_ours_is_the_primary_of_its_subnet(s: Stage) -> None:
    s.host.sysctl("net.ipv4.conf.eth0.promote_secondaries", 1)
    s.add(FIRST_VIP)
    s.ip("addr", "del", "10.77.0.1/24", "dev", "eth0")  # ours is promoted
    s.ip("addr", "add", "10.77.0.2/24", "dev", "eth0")
    read_all(s.kernel)
    assert s.shown()["10.77.0.2/24"]["secondary"] is True
    assert s.kernel.view("eth0", IPV4).address == packed("10.77.0.2")


def test_a_real_secondary_address_of_a_subnet_of_ours_stands_behind_a_primary_one(s: Stage) -> None:
    s.add("10.88.0.5/24")
    s.ip("addr", "add", "10.88.0.9/24", "dev", "eth0")
    s.ip("addr", "add", "10.66.0.1/24", "dev", "eth0")
    s.ip("addr", "del", "10.77.0.1/24", "dev", "eth0")
    read_all(s.kernel)
    assert s.kernel.view("eth0", IPV4).address == packed("10.66.0.1")


def test_of_several_link_local_addresses_the_oldest_is_used_after_a_restart_too(s: Stage) -> None:
    (oldest,) = link_local(s)
    born = created(s, oldest)
    while created(s, "fe80::1") in (None, born):  # the kernel counts in 10 ms
        s.ip("-force", "addr", "flush", "dev", "eth0", "to", "fe80::1")
        s.ip("addr", "add", "fe80::1/64", "dev", "eth0")
    read_until(s.kernel, lambda: len(link_local(s)) == 2)
    assert s.kernel.view("eth0", IPV6).address == packed(oldest)
    assert s.another_kernel().view("eth0", IPV6).address == packed(oldest)


def test_forwarding_is_part_of_the_view_and_followed(s: Stage) -> None:
    assert s.kernel.view("eth0", IPV6).forwards is False
    s.host.sysctl("net.ipv6.conf.eth0.forwarding", 1)
    changes = read_until(s.kernel, lambda: s.kernel.view("eth0", IPV6).forwards)
    assert changes.interfaces == {"eth0"}
    assert s.kernel.view("lo", IPV6).forwards is False
    s.host.sysctl("net.ipv6.conf.all.forwarding", 0)
    read_until(s.kernel, lambda: not s.kernel.view("eth0", IPV6).forwards)
    s.host.sysctl("net.ipv6.conf.all.forwarding", 1)
    read_until(s.kernel, lambda: s.kernel.view("eth0", IPV6).forwards)
    assert s.another_kernel().view("eth0", IPV6).forwards is True


def test_forwarding_of_ipv6_is_nothing_to_ipv4(s: Stage) -> None:
    s.host.sysctl("net.ipv6.conf.eth0.forwarding", 1)
    read_until(s.kernel, lambda: s.kernel.view("eth0", IPV6).forwards)
    assert s.kernel.view("eth0", IPV4).forwards is False
