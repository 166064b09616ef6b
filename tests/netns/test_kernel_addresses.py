"""`havip.vrrp.kernel`: what it puts on interfaces and takes off again, in a real kernel."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from havip.config.model import Family
from havip.errors import KernelRefused
from havip.netlink import codec
from havip.netlink.socket import RequestSocket
from havip.vrrp import holdings
from havip.vrrp.kernel import Changes, Kernel
from tests.netns.kernel_stage import (
    FIRST_VIP,
    SECOND_VIP,
    Stage,
    key,
    packed,
    read_all,
    stage,
    vip,
    vips,
    without_net_admin,
)

pytestmark = pytest.mark.root

NOTHING = Changes(frozenset(), ())


@pytest.fixture
def s() -> Iterator[Stage]:
    with stage() as made:
        yield made


def many(count: int, family: int) -> list[str]:
    """Return addresses of one subnet that is nobody else's."""
    if family == 4:
        return [f"10.99.{number >> 8}.{number & 255}/16" for number in range(1, count + 1)]
    return [f"2001:db8:99::{number:x}/64" for number in range(1, count + 1)]


def test_an_ipv4_address_is_added_with_our_mark_in_global_scope_and_without_a_broadcast_address(
    s: Stage,
) -> None:
    assert s.add("10.88.0.5/24") == []
    added = s.shown()["10.88.0.5/24"]
    assert added["scope"] == "global"
    assert "broadcast" not in added
    assert "address" not in added  # no peer
    assert added["valid_life_time"] == added["preferred_life_time"] == 4294967295
    assert s.marks()["10.88.0.5/24"] == 112
    assert s.marks()["10.77.0.1/24"] is None


def test_an_ipv6_address_can_be_used_at_once_where_duplicate_detection_is_on() -> None:
    with stage(dad=True) as s:
        assert s.add("2001:db8::5/64") == []
        with s.host.entered(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as user:
            user.bind(("2001:db8::5", 0))  # refused while the address is tentative
        added = s.shown()["2001:db8::5/64"]
        assert "tentative" not in added
        assert added["nodad"] is True
        assert s.marks()["2001:db8::5/64"] == 112


def test_an_ipv6_host_address_is_deprecated_so_that_nothing_is_sent_from_it(s: Stage) -> None:
    assert s.add("2001:db8::5/128", "2001:db8::6/64") == []
    shown = s.shown()
    assert shown["2001:db8::5/128"]["preferred_life_time"] == 0
    assert shown["2001:db8::5/128"]["valid_life_time"] == 4294967295
    assert shown["2001:db8::6/64"]["preferred_life_time"] == 4294967295


def test_removal_takes_off_what_addition_put_on(s: Stage) -> None:
    before = s.shown()
    ours = (FIRST_VIP, "10.77.0.101/32", "10.88.0.5/24", "2001:db8::5/64", "2001:db8::6/128")
    assert s.add(*ours) == []
    assert s.shown().keys() == before.keys() | set(ours)
    assert s.remove(*ours) == []
    assert s.shown().keys() == before.keys()


def test_adding_what_we_hold_already_changes_nothing(s: Stage) -> None:
    s.add(FIRST_VIP, "2001:db8::5/64")
    before = s.shown()
    assert s.add(FIRST_VIP, "2001:db8::5/64") == []
    assert s.shown() == before
    assert s.remove(FIRST_VIP, "2001:db8::5/64") == []
    assert s.shown().keys().isdisjoint({FIRST_VIP, "2001:db8::5/64"})


@pytest.mark.parametrize("address", ["10.77.0.1/24", "2001:db8::1/64"])
def test_an_address_that_was_there_before_us_is_held_but_never_removed(s: Stage, address: str) -> None:
    if address not in s.shown():
        s.ip("addr", "add", address, "dev", "eth0")
    before = s.shown()[address]
    assert s.add(address) == []
    assert s.remove(address) == []
    assert s.shown()[address] == before
    assert s.marks()[address] is None


def test_an_ipv6_address_that_was_there_with_another_prefix_length_is_left_alone(s: Stage) -> None:
    s.ip("addr", "add", "2001:db8::1/64", "dev", "eth0")
    read_all(s.kernel)
    assert s.add("2001:db8::1/128") == []
    assert s.remove("2001:db8::1/128") == []
    assert "2001:db8::1/64" in s.shown()


def test_an_address_that_appeared_before_we_heard_of_it_is_left_alone_too(s: Stage) -> None:
    s.ip("addr", "add", SECOND_VIP, "dev", "eth0")  # and no event is read
    assert s.add(FIRST_VIP, SECOND_VIP) == []
    assert s.remove(FIRST_VIP, SECOND_VIP) == []
    assert SECOND_VIP in s.shown()
    assert FIRST_VIP not in s.shown()


def test_an_address_with_our_mark_from_an_earlier_process_is_ours(s: Stage) -> None:
    s.add(FIRST_VIP, "2001:db8::5/64")
    s.kernel = s.another_kernel()
    assert s.add(FIRST_VIP, "2001:db8::5/64") == []
    assert s.remove(FIRST_VIP, "2001:db8::5/64") == []
    assert s.shown().keys().isdisjoint({FIRST_VIP, "2001:db8::5/64"})


def test_leftovers_can_be_removed_without_having_been_added(s: Stage) -> None:
    s.add(FIRST_VIP)
    s.kernel = s.another_kernel()
    assert s.remove(FIRST_VIP) == []
    assert FIRST_VIP not in s.shown()


@pytest.mark.parametrize(("old", "new"), [("/64", "/128"), ("/128", "/64")])
def test_an_ipv6_address_of_ours_takes_on_another_prefix_length(s: Stage, old: str, new: str) -> None:
    s.add("2001:db8::5" + old)
    assert s.add("2001:db8::5" + new) == []
    assert "2001:db8::5" + new in s.shown()
    assert "2001:db8::5" + old not in s.shown()
    assert s.remove("2001:db8::5" + old) == []  # as a reload does that adds before it removes
    assert "2001:db8::5" + new in s.shown()
    assert read_all(s.kernel).lost == ()
    assert s.remove("2001:db8::5" + new) == []
    assert "2001:db8::5" + new not in s.shown()


def test_an_ipv4_address_of_ours_takes_on_another_prefix_length(s: Stage) -> None:
    s.add("10.88.0.5/24")
    assert s.add("10.88.0.5/32") == []
    assert s.remove("10.88.0.5/24") == []
    assert "10.88.0.5/32" in s.shown()
    assert "10.88.0.5/24" not in s.shown()


def test_of_two_ipv4_addresses_that_differ_in_prefix_length_each_keeps_its_owner(s: Stage) -> None:
    s.ip("addr", "add", "10.88.0.5/32", "dev", "eth0")
    s.add("10.88.0.5/24")
    s.kernel = s.another_kernel()
    assert s.add("10.88.0.5/24") == []
    s.ip("addr", "del", "10.88.0.5/32", "dev", "eth0")
    assert read_all(s.kernel).lost == ()
    s.ip("addr", "add", "10.88.0.5/32", "dev", "eth0")
    assert s.remove("10.88.0.5/24") == []
    assert "10.88.0.5/32" in s.shown()
    assert "10.88.0.5/24" not in s.shown()


@pytest.mark.parametrize("address", [FIRST_VIP, "2001:db8::5/64"])
def test_an_address_that_another_puts_in_the_place_of_ours_is_left_alone(s: Stage, address: str) -> None:
    s.add(address)
    read_all(s.kernel)
    s.remove(address)
    s.ip("addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
    assert s.remove(address) == []  # again, before we hear of it
    assert address in s.shown()
    assert s.add(address) == []
    assert s.remove(address) == []
    assert address in s.shown()


def test_an_address_that_we_lost_to_another_is_left_alone(s: Stage) -> None:
    s.add(FIRST_VIP)
    s.ip("addr", "del", FIRST_VIP, "dev", "eth0")
    assert read_all(s.kernel).lost == (key(s.ifindex, FIRST_VIP),)
    s.ip("addr", "add", FIRST_VIP, "dev", "eth0")
    assert s.add(FIRST_VIP) == []
    assert s.remove(FIRST_VIP) == []
    assert FIRST_VIP in s.shown()


def test_without_the_right_to_change_addresses_every_change_is_refused(s: Stage) -> None:
    s.add(FIRST_VIP)
    with without_net_admin():
        unable = s.another_kernel()
        batch = unable.prepare(s.ifindex, vips(SECOND_VIP, "2001:db8::5/64"))
        refused = unable.add([batch])
        assert [(one.holding, one.error) for one in refused] == [
            (vip(SECOND_VIP), "Operation not permitted (EPERM)"),
            (vip("2001:db8::5/64"), "Operation not permitted (EPERM)"),
        ]
        (kept,) = s.remove(FIRST_VIP)
        assert (kept.holding, kept.error) == (vip(FIRST_VIP), "Operation not permitted (EPERM)")
        with pytest.raises(KernelRefused, match=r"10\.77\.0\.100/24: Operation not permitted \(EPERM\)"):
            s.kernel.sweep(())
    assert s.remove(FIRST_VIP) == []  # it was still held
    assert s.shown().keys().isdisjoint({FIRST_VIP, SECOND_VIP, "2001:db8::5/64"})


@pytest.mark.parametrize("address", [FIRST_VIP, "2001:db8::5/64", "fe80::5/64"])
def test_a_kernel_that_knows_no_marks_is_made_up_for_by_memory(
    s: Stage, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(holdings, "MARK", 0)  # to the kernel the same as no IFA_PROTO at all
    before = [s.kernel.view("eth0", family) for family in Family]
    assert s.add(address) == []
    assert s.marks()[address] is None
    assert read_all(s.kernel) == NOTHING
    assert [s.kernel.view("eth0", family) for family in Family] == before
    assert s.add(address) == []
    s.ip("addr", "del", address, "dev", "eth0")
    assert read_all(s.kernel) == Changes(frozenset(), (key(s.ifindex, address),))
    assert s.add(address) == []
    assert s.remove(address) == []
    assert address not in s.shown()


def test_a_closed_kernel_leaves_its_addresses_and_no_descriptor(s: Stage) -> None:
    s.add(FIRST_VIP)
    before = len(os.listdir("/proc/self/fd"))
    with s.host.entered():
        kernel = Kernel()
    assert len(os.listdir("/proc/self/fd")) == before + 4
    kernel.close()
    kernel.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert FIRST_VIP in s.shown()


def test_a_refusal_names_its_address_in_the_kernels_words_and_stops_nobody_else(s: Stage) -> None:
    s.host.sysctl("net.ipv6.conf.eth0.disable_ipv6", 1)
    ipv4 = s.kernel.prepare(s.ifindex, vips("10.88.0.5/24", "10.88.0.6/24"))
    ipv6 = s.kernel.prepare(s.ifindex, vips("2001:db8::5/64", "2001:db8::6/64"))
    more = s.kernel.prepare(s.ifindex, vips("10.88.0.7/24"))
    refused = s.kernel.add([ipv4, ipv6, more])
    assert [(one.holding, one.batch) for one in refused] == [
        (vip("2001:db8::5/64"), ipv6),
        (vip("2001:db8::6/64"), ipv6),
    ]
    assert {one.error for one in refused} <= {
        "ipv6: IPv6 is disabled on this device (EACCES)",
        "Permission denied (EACCES)",  # Linux 6.1 has no words for it
    }
    assert {"10.88.0.5/24", "10.88.0.6/24", "10.88.0.7/24"} <= s.shown().keys()


def test_a_refused_address_is_not_held(s: Stage) -> None:
    s.host.sysctl("net.ipv6.conf.eth0.disable_ipv6", 1)
    assert len(s.add("2001:db8::5/64")) == 1
    s.host.sysctl("net.ipv6.conf.eth0.disable_ipv6", 0)
    s.ip("addr", "add", "2001:db8::5/64", "dev", "eth0", "nodad")
    assert s.remove("2001:db8::5/64") == []
    assert "2001:db8::5/64" in s.shown()


@pytest.mark.parametrize("address", ["10.88.0.5/24", "2001:db8::5/64"])
def test_an_absent_interface_refuses_addition_but_not_removal(s: Stage, address: str) -> None:
    batch = s.kernel.prepare(4242, vips(address))
    (refused,) = s.kernel.add([batch])
    assert refused.holding == vip(address)
    assert refused.error.endswith("(ENODEV)")
    assert s.kernel.remove([batch]) == []


def test_removing_what_somebody_else_removed_first_is_no_refusal(s: Stage) -> None:
    s.add(FIRST_VIP, "2001:db8::5/64")
    s.ip("addr", "del", FIRST_VIP, "dev", "eth0")
    s.ip("addr", "del", "2001:db8::5/64", "dev", "eth0")
    assert s.remove(FIRST_VIP, "2001:db8::5/64") == []


def test_removing_from_an_interface_that_is_gone_is_no_refusal(s: Stage) -> None:
    batch = s.kernel.prepare(s.ifindex, vips(FIRST_VIP, "2001:db8::5/64"))
    assert s.kernel.add([batch]) == []
    s.ip("link", "del", "eth0")
    assert s.kernel.remove([batch]) == []


@pytest.mark.parametrize("family", [4, 6])
def test_500_addresses_are_added_and_removed_in_one_batch(s: Stage, family: int) -> None:
    addresses = many(500, family)
    batch = s.kernel.prepare(s.ifindex, vips(*addresses))
    before = s.shown().keys()
    assert s.kernel.add([batch]) == []
    assert s.shown().keys() == before | set(addresses)
    assert s.kernel.remove([batch]) == []
    assert s.shown().keys() == before
    assert read_all(s.kernel) == NOTHING


def test_the_addresses_of_many_routers_go_together(s: Stage) -> None:
    ifindex = s.ifindex
    batches = [s.kernel.prepare(ifindex, vips(address)) for address in many(300, 4)]
    assert s.kernel.add(batches) == []
    assert len(s.shown()) == 300 + 2
    assert s.kernel.remove(batches) == []
    assert len(s.shown()) == 2


def test_each_of_500_refusals_is_told(s: Stage) -> None:
    batch = s.kernel.prepare(4242, vips(*many(500, 6)))
    assert [one.holding for one in s.kernel.add([batch])] == vips(*many(500, 6))


def test_addresses_are_removed_from_the_last_to_the_first(s: Stage) -> None:
    first = s.kernel.prepare(s.ifindex, vips("10.88.5.5/24", "10.88.6.6/24"))
    second = s.kernel.prepare(s.ifindex, vips("10.88.7.7/24"))
    s.kernel.add([first, second])
    monitor = s.another_kernel()
    order: list[bytes] = []
    assert s.kernel.remove([first, second]) == []
    for message in monitor._events.drain(64).messages:
        assert message.kind == 21  # RTM_DELADDR
        order.append(message.body[12:16])
    assert order == [packed("10.88.7.7"), packed("10.88.6.6"), packed("10.88.5.5")]


def test_sweeping_removes_what_has_our_mark_and_is_not_kept(s: Stage) -> None:
    s.add(FIRST_VIP, "10.88.0.5/24", "10.88.0.6/24", "2001:db8::5/64", "2001:db8::6/64")
    s.ip("addr", "add", "10.88.0.9/24", "dev", "eth0")
    s.kernel = s.another_kernel()
    keep = {key(s.ifindex, FIRST_VIP), key(s.ifindex, "2001:db8::6/64")}
    swept = s.kernel.sweep(keep)
    assert sorted(map(str, swept)) == ["10.88.0.5/24", "10.88.0.6/24", "2001:db8::5/64"]
    left = s.shown().keys()
    assert {"10.77.0.1/24", FIRST_VIP, "2001:db8::6/64"} <= left
    assert left.isdisjoint({"10.88.0.5/24", "10.88.0.6/24", "2001:db8::5/64"})
    assert s.kernel.sweep(keep) == []


def test_sweeping_goes_by_the_prefix_length_and_the_interface_too(s: Stage) -> None:
    s.add(FIRST_VIP)
    keep = {key(s.ifindex, "10.77.0.100/32"), key(4242, FIRST_VIP)}
    assert s.kernel.sweep(keep) == [FIRST_VIP]
    assert read_all(s.kernel) == NOTHING


def test_sweeping_leaves_the_marks_of_others_alone(s: Stage) -> None:
    keepalived = codec.add_address(1, s.ifindex, packed("10.88.0.9"), 24, protocol=18)
    with s.host.entered(), RequestSocket() as others:
        assert others.submit([keepalived]) == {}
    assert s.marks()["10.88.0.9/24"] == 18
    assert s.kernel.sweep(()) == []
    assert {"10.77.0.1/24", "10.88.0.9/24"} <= s.shown().keys()
