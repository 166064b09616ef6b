"""`havip.vrrp.kernel`: what others do to our addresses is reported, what we do ourselves is not."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator
from contextlib import closing

import pytest

from havip.config.model import Family
from havip.errors import KernelRefused
from havip.netlink.socket import Dump, RequestSocket
from havip.vrrp import surroundings
from havip.vrrp.kernel import Changes, InterfaceView, Kernel
from tests.netns.kernel_stage import (
    FIRST_VIP,
    SECOND_VIP,
    Stage,
    key,
    packed,
    read_all,
    read_until,
    stage,
    vips,
)

pytestmark = pytest.mark.root

NOTHING = Changes(frozenset(), ())
IPV4_VIP, IPV6_VIP = FIRST_VIP, "2001:db8::5/64"
EITHER = pytest.mark.parametrize("address", [IPV4_VIP, IPV6_VIP, "2001:db8::6/128", "fe80::5/64"])


@pytest.fixture
def s() -> Iterator[Stage]:
    with stage() as made:
        yield made


@EITHER
def test_an_address_that_somebody_removes_is_lost_once(s: Stage, address: str) -> None:
    s.add(address)
    s.ip("addr", "del", address, "dev", "eth0")
    assert read_all(s.kernel) == Changes(frozenset(), (key(s.ifindex, address),))
    assert read_all(s.kernel) == NOTHING
    assert s.add(address) == []
    assert address in s.shown()
    assert read_all(s.kernel) == NOTHING


@EITHER
def test_our_own_removal_is_not_a_loss(s: Stage, address: str) -> None:
    s.add(address)
    s.remove(address)
    assert read_all(s.kernel) == NOTHING


@EITHER
def test_our_own_removal_is_not_a_loss_even_if_we_hold_the_address_again(s: Stage, address: str) -> None:
    for _ in range(3):
        s.add(address)
        s.remove(address)
    s.add(address)
    assert read_all(s.kernel) == NOTHING
    s.ip("addr", "del", address, "dev", "eth0")
    assert read_all(s.kernel).lost == (key(s.ifindex, address),)


@EITHER
def test_our_own_changes_are_no_loss_however_few_events_one_call_reads(
    s: Stage, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(surroundings, "EVENTS_PER_READ", 1)
    for _ in range(3):
        s.add(address)
        s.remove(address)
    s.add(address)
    assert read_all(s.kernel) == NOTHING


@EITHER
def test_a_loss_between_our_own_changes_is_found(s: Stage, address: str) -> None:
    s.add(address)
    s.remove(address)
    s.add(address)
    s.ip("addr", "del", address, "dev", "eth0")
    assert read_all(s.kernel).lost == (key(s.ifindex, address),)


def test_an_address_that_is_gone_and_back_is_not_lost(s: Stage) -> None:
    s.add(IPV4_VIP)
    s.ip("addr", "del", IPV4_VIP, "dev", "eth0")
    s.ip("addr", "add", IPV4_VIP, "dev", "eth0")
    assert read_all(s.kernel).lost == ()
    s.remove(IPV4_VIP)  # we asked for it: a backup must not keep it
    assert IPV4_VIP not in s.shown()


def test_an_address_of_the_owner_is_lost_too_and_concerns_the_interface(s: Stage) -> None:
    s.add("10.77.0.1/24")
    s.ip("addr", "del", "10.77.0.1/24", "dev", "eth0")
    assert read_all(s.kernel) == Changes(frozenset({"eth0"}), (key(s.ifindex, "10.77.0.1/24"),))


def test_an_ipv6_address_that_was_there_with_another_prefix_length_is_lost_as_we_know_it(s: Stage) -> None:
    s.ip("addr", "add", "2001:db8::1/64", "dev", "eth0")
    s.add("2001:db8::1/128")
    assert read_all(s.kernel).lost == ()
    s.ip("addr", "del", "2001:db8::1/64", "dev", "eth0")
    assert read_all(s.kernel).lost == (key(s.ifindex, "2001:db8::1/128"),)


def test_an_address_that_we_hold_no_more_cannot_be_lost(s: Stage) -> None:
    s.add("10.77.0.1/24")
    s.remove("10.77.0.1/24")
    s.ip("addr", "del", "10.77.0.1/24", "dev", "eth0")
    assert read_all(s.kernel).lost == ()


def test_a_flush_loses_everything(s: Stage) -> None:
    ours = (FIRST_VIP, SECOND_VIP, "10.88.0.5/32", IPV6_VIP)
    s.add(*ours)
    s.ip("addr", "flush", "dev", "eth0")
    changes = read_all(s.kernel)
    assert set(changes.lost) == {key(s.ifindex, address) for address in ours}
    assert len(changes.lost) == 4
    assert changes.interfaces == {"eth0"}


def test_an_interface_that_goes_down_loses_its_ipv6_addresses_and_keeps_the_others(s: Stage) -> None:
    s.add(IPV4_VIP, IPV6_VIP)
    s.ip("link", "set", "eth0", "down")
    changes = read_until(s.kernel, lambda: s.kernel.view("eth0", Family.IPV4).fault is not None)
    assert changes.lost == (key(s.ifindex, IPV6_VIP),)
    assert IPV4_VIP in s.shown()


def test_a_deleted_interface_loses_all_its_addresses(s: Stage) -> None:
    s.add(IPV4_VIP, IPV6_VIP, "10.77.0.1/24")
    ifindex = s.ifindex
    s.ip("link", "del", "eth0")
    changes = read_all(s.kernel)
    assert set(changes.lost) == {key(ifindex, one) for one in (IPV4_VIP, IPV6_VIP, "10.77.0.1/24")}
    assert len(changes.lost) == 3


def test_siblings_that_the_kernel_strips_with_a_primary_address_are_lost(s: Stage) -> None:
    for scope in ("all", "eth0"):
        s.host.sysctl(f"net.ipv4.conf.{scope}.promote_secondaries", 0)
    s.add("10.88.0.5/24")
    s.add("10.88.0.6/24", "10.88.0.7/24")  # another router's, secondary to the first
    s.add("10.88.0.8/32")
    assert s.remove("10.88.0.5/24") == []
    assert read_all(s.kernel).lost == (
        key(s.ifindex, "10.88.0.6/24"),
        key(s.ifindex, "10.88.0.7/24"),
    )
    assert s.add("10.88.0.6/24", "10.88.0.7/24") == []
    assert {"10.88.0.6/24", "10.88.0.7/24", "10.88.0.8/32"} <= s.shown().keys()
    assert read_all(s.kernel) == NOTHING


def test_no_sibling_is_lost_where_secondary_addresses_are_promoted(s: Stage) -> None:
    s.host.sysctl("net.ipv4.conf.eth0.promote_secondaries", 1)
    s.add("10.88.0.5/24")
    s.add("10.88.0.6/24", "10.88.0.7/24")
    assert s.remove("10.88.0.5/24") == []
    assert read_all(s.kernel) == NOTHING
    assert {"10.88.0.6/24", "10.88.0.7/24"} <= s.shown().keys()


def test_the_last_real_address_takes_ours_of_its_subnet_along(s: Stage) -> None:
    for scope in ("all", "eth0"):
        s.host.sysctl(f"net.ipv4.conf.{scope}.promote_secondaries", 0)
    s.add(FIRST_VIP)
    s.ip("addr", "del", "10.77.0.1/24", "dev", "eth0")
    assert read_all(s.kernel) == Changes(frozenset({"eth0"}), (key(s.ifindex, FIRST_VIP),))


def storm(s: Stage) -> None:
    """Make more events than the socket holds, so that the kernel has to drop some."""
    s.batch(["link set dev lo mtu 65000", "link set dev lo mtu 65001"] * 4000)
    assert s.dropped_events() > 0


def test_after_an_overrun_everything_that_differs_is_reported(s: Stage) -> None:
    s.add(FIRST_VIP, SECOND_VIP, IPV6_VIP)
    s.ip("link", "add", "gone0", "type", "veth", "peer", "name", "gone1")
    read_all(s.kernel)
    ifindex = s.ifindex
    storm(s)
    s.ip("addr", "del", SECOND_VIP, "dev", "eth0")
    s.ip("addr", "del", IPV6_VIP, "dev", "eth0")
    s.ip("link", "del", "gone0")
    s.rename("eth0", "lan0")
    s.ip("link", "set", "lan0", "address", "02:00:00:00:00:0a")
    s.kernel.add([s.kernel.prepare(ifindex, vips(FIRST_VIP))])  # ours, unheard: must not be reported
    changes = read_until(s.kernel, lambda: s.kernel.view("lan0", Family.IPV4).fault is None)
    assert changes.interfaces == {"lo", "gone0", "gone1", "eth0", "lan0"}
    assert set(changes.lost) == {key(ifindex, SECOND_VIP), key(ifindex, IPV6_VIP)}
    assert s.kernel.view("lan0", Family.IPV4).mac == bytes.fromhex("02000000000a")
    assert s.kernel.view("eth0", Family.IPV4).fault == "interface eth0 does not exist (renamed to lan0)"


def test_after_an_overrun_events_are_heard_again(s: Stage) -> None:
    storm(s)
    read_all(s.kernel)
    s.ip("link", "set", "eth0", "mtu", "1400")
    assert read_all(s.kernel).interfaces == {"eth0"}
    s.add(FIRST_VIP)
    s.remove(FIRST_VIP)
    assert read_all(s.kernel) == NOTHING


def test_our_own_changes_during_a_storm_are_not_reported(s: Stage) -> None:
    s.add(FIRST_VIP)
    storm(s)
    s.remove(FIRST_VIP)
    s.add(FIRST_VIP, SECOND_VIP, IPV6_VIP)
    s.remove(SECOND_VIP)
    assert read_all(s.kernel).lost == ()
    s.ip("addr", "del", FIRST_VIP, "dev", "eth0")
    assert read_all(s.kernel).lost == (key(s.ifindex, FIRST_VIP),)


def test_a_list_that_was_torn_while_it_was_read_is_read_again_at_the_next_event(
    s: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    s.add(FIRST_VIP, SECOND_VIP)
    storm(s)
    s.ip("addr", "del", SECOND_VIP, "dev", "eth0")
    monkeypatch.setattr(RequestSocket, "dump", lambda *_: Dump([], torn=True))
    assert read_all(s.kernel).lost == ()  # an address that a torn list lacks may well be there
    monkeypatch.undo()
    s.ip("link", "set", "lo", "mtu", "1500")
    assert read_all(s.kernel).lost == (key(s.ifindex, SECOND_VIP),)
    assert s.kernel.view("eth0", Family.IPV4).fault is None


def test_a_list_that_the_kernel_refuses_is_read_at_the_next_event(
    s: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Dump:
        raise KernelRefused("out of memory")

    s.add(FIRST_VIP)
    storm(s)
    s.ip("addr", "del", FIRST_VIP, "dev", "eth0")
    monkeypatch.setattr(RequestSocket, "dump", refuse)
    assert read_all(s.kernel) == NOTHING
    monkeypatch.undo()
    s.ip("link", "set", "lo", "mtu", "1500")
    assert read_all(s.kernel).lost == (key(s.ifindex, FIRST_VIP),)


def test_one_call_reads_a_bounded_part_of_a_storm(s: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "EVENTS_PER_READ", 8)
    s.batch([f"link set dev lo mtu {mtu}" for mtu in range(2000, 2020)])
    s.kernel.read_events()
    assert s.kernel.view("lo", Family.IPV4).mtu == 2007
    read_all(s.kernel)
    assert s.kernel.view("lo", Family.IPV4).mtu == 2019


def test_a_message_that_does_not_come_from_the_kernel_is_ignored(s: Stage) -> None:
    s.add(FIRST_VIP)
    read_all(s.kernel)
    with s.host.entered(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as forger:
        body = struct.pack("=BBBBI", 2, 24, 0, 0, s.ifindex)
        body += struct.pack("=HH4s", 8, 2, packed("10.77.0.100"))
        deletion = struct.pack("=IHHII", 16 + len(body), 21, 0, 0, 0) + body
        port, _ = s.kernel._events._socket.getsockname()
        forger.sendto(deletion, (port, 0))
        answers, _ = s.kernel._requests._socket.getsockname()
        forger.sendto(struct.pack("=IHHIIi16x", 36, 2, 0, 1, 0, -1), (answers, 0))
    assert read_all(s.kernel) == NOTHING
    assert s.add(SECOND_VIP) == []
    assert {FIRST_VIP, SECOND_VIP} <= s.shown().keys()


def test_the_events_of_a_long_history_lead_to_the_same_views_as_a_fresh_look(s: Stage) -> None:
    chance = random.Random(20260701)
    names = ["eth0", "veth1", "veth2"]
    s.ip("link", "add", "veth1", "type", "veth", "peer", "name", "veth2")
    for _ in range(12):
        s.batch([random_change(chance, names) for _ in range(25)])
        s.add(*chance.sample([FIRST_VIP, SECOND_VIP, "10.66.1.1/24", "fe80::5/64"], 2))
        s.remove(*chance.sample([FIRST_VIP, SECOND_VIP, "10.66.1.1/24", "fe80::5/64"], 2))

        def same_views() -> bool:
            with s.host.entered(), closing(Kernel()) as fresh:
                return views(fresh, names) == views(s.kernel, names)

        read_until(s.kernel, same_views)


def views(of: Kernel, names: list[str]) -> list[InterfaceView]:
    return [of.view(name, family) for name in names for family in Family]


def random_change(chance: random.Random, names: list[str]) -> str:
    """Return a line for ``ip -batch`` that may or may not make sense just now."""
    name = chance.choice(names)
    verb = chance.choice(["add", "add", "del"])
    return chance.choice(
        [
            f"addr {verb} 10.66.{chance.randrange(3)}.{chance.randrange(1, 6)}/24 dev {name}",
            f"addr {verb} 10.66.{chance.randrange(3)}.{chance.randrange(1, 6)}/24 dev {name}",
            f"addr {verb} 169.254.7.{chance.randrange(1, 6)}/16 dev {name} scope link",
            f"addr {verb} fe80::{chance.randrange(1, 6):x}/64 dev {name}",
            f"link set {name} {chance.choice(['up', 'up', 'down'])}",
            f"link set {name} mtu {chance.randrange(1300, 1500)}",
            f"link set {name} address 02:00:00:00:00:{chance.randrange(1, 9):02x}",
        ]
    )
