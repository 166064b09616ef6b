"""What `AdvertReceiver` hears on a real wire, and what it does not."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from havip.clock import Instant, monotonic
from havip.config.model import Family
from havip.errors import Refusal
from havip.vrrp.packet import Heard, decode
from havip.vrrp.sockets import AdvertReceiver, deafen
from tests.netns.raw import (
    ADDRESS,
    GROUP,
    Pair,
    datagram,
    hear,
    memberships,
    pair,
    payloads,
    receiver,
    say,
    sender,
    wait_readable,
)
from tests.vrrp.wire import ip, message

pytestmark = [pytest.mark.root, pytest.mark.parametrize("family", Family)]

LINK_GROUP = {Family.IPV4: "01:00:5e:00:00:12", Family.IPV6: "33:33:00:00:00:12"}


@pytest.fixture(scope="module")
def wire() -> Iterator[Pair]:
    """One pair for the tests that leave it as it was."""
    with pair("rx_") as made:
        yield made


@pytest.fixture
def fragile() -> Iterator[Pair]:
    """A pair of its own for a test that breaks it."""
    with pair("rxf_") as made:
        yield made


def advert(family: Family, vrid: int = 51, **fields: int) -> bytes:
    """Return a right message from r2, but for ``fields``."""
    source = ADDRESS["r2", family]
    addresses = (ip("10.77.0.200") if family is Family.IPV4 else ip("fe80::200"),)
    return message(vrid=vrid, source=source, addresses=addresses, **fields)  # type: ignore[arg-type]


def test_the_membership_is_visible_and_ends_with_the_socket(wire: Pair, family: Family) -> None:
    wanted = {GROUP[family], LINK_GROUP[family]}
    with receiver(wire.ours, family):
        assert wanted <= memberships(wire.ours)
    assert not wanted & memberships(wire.ours)


@pytest.mark.parametrize("hops", [255, 254, 1])
def test_an_advert_comes_with_source_destination_and_hop_limit(wire: Pair, family: Family, hops: int) -> None:
    with receiver(wire.ours, family) as ears:
        say(wire.peer, family, advert(family), hops=hops)
        assert hear(ears, 1) == [(advert(family), ADDRESS["r2", family], ip(GROUP[family]), hops)]


def test_a_wrong_hop_limit_is_refused_by_name(wire: Pair, family: Family) -> None:
    with receiver(wire.ours, family) as ears:
        say(wire.peer, family, advert(family), hops=254)
        assert decode(*hear(ears, 1)[0]) is Refusal.TTL


def test_the_same_packet_twice_is_one_dictionary_key(wire: Pair, family: Family) -> None:
    with receiver(wire.ours, family) as ears:
        say(wire.peer, family, advert(family), advert(family))
        assert len(dict.fromkeys(hear(ears, 2))) == 1


def test_a_wrong_checksum_reaches_the_decoder(wire: Pair, family: Family) -> None:
    """The kernel could verify it over IPv6 and would then drop it without a word."""
    with receiver(wire.ours, family) as ears:
        say(wire.peer, family, advert(family, damage=1))
        assert decode(*hear(ears, 1)[0]) is Refusal.CHECKSUM


@pytest.mark.parametrize("length", [1, 2, 7])
def test_a_message_cut_short_reaches_the_decoder(wire: Pair, family: Family, length: int) -> None:
    with receiver(wire.ours, family) as ears:
        say(wire.peer, family, advert(family)[:length])
        assert decode(*hear(ears, 1)[0]) is Refusal.LENGTH


def test_nothing_at_all_reaches_the_decoder(wire: Pair, family: Family) -> None:
    with receiver(wire.ours, family) as ears:
        say(wire.peer, family, b"")
        assert decode(*hear(ears, 1)[0]) is Refusal.LENGTH


def test_a_message_longer_than_any_right_one_is_not_cut_to_a_right_one(wire: Pair, family: Family) -> None:
    with receiver(wire.ours, family) as ears:
        whole = message(source=ADDRESS["r2", family], addresses=[ADDRESS["r2", family]] * 255)
        say(wire.peer, family, whole, whole + bytes(3000))
        right, too_long = hear(ears, 2)
        assert not isinstance(decode(*right), Refusal)
        assert decode(*too_long) is Refusal.LENGTH


def test_the_kernel_keeps_exactly_the_wanted_vrids(wire: Pair, family: Family) -> None:
    everybody = [advert(family, vrid) for vrid in range(256)]
    wanted = [1, 31, 32, 51, 128, 254, 255]
    with receiver(wire.ours, family, wanted) as ears:
        say(wire.peer, family, *everybody)
        assert payloads(hear(ears, len(wanted))) == [everybody[vrid] for vrid in wanted]
        assert ears.receive() == []


def test_another_choice_replaces_the_first(wire: Pair, family: Family) -> None:
    with receiver(wire.ours, family, [1, 2]) as ears:
        ears.listen_to([2, 3])
        say(wire.peer, family, *(advert(family, vrid) for vrid in (1, 2, 3)))
        assert payloads(hear(ears, 2)) == [advert(family, 2), advert(family, 3)]
        assert ears.receive() == []


def test_what_waited_before_the_choice_changed_still_waits(wire: Pair, family: Family) -> None:
    with receiver(wire.ours, family, [1]) as ears:
        say(wire.peer, family, advert(family, 1))
        wait_readable(ears)
        ears.listen_to([])
        say(wire.peer, family, advert(family, 1))
        ears.listen_to([2])
        say(wire.peer, family, advert(family, 2))
        assert payloads(hear(ears, 2)) == [advert(family, 1), advert(family, 2)]


def test_nothing_is_heard_before_the_first_choice(wire: Pair, family: Family) -> None:
    with receiver(wire.ours, family, vrids=None) as ears:
        say(wire.peer, family, advert(family, 1))
        ears.listen_to([1, 2])
        say(wire.peer, family, advert(family, 2))
        assert payloads(hear(ears, 1)) == [advert(family, 2)]


def test_only_what_is_sent_to_the_group_is_heard(wire: Pair, family: Family) -> None:
    to_us = socket.inet_ntop(
        socket.AF_INET if family is Family.IPV4 else socket.AF_INET6, ADDRESS["r1", family]
    )
    to_all = "224.0.0.1" if family is Family.IPV4 else "ff02::1"
    with receiver(wire.ours, family, [1, 2, 3]) as ears:
        say(wire.peer, family, advert(family, 1), to=to_us)
        say(wire.peer, family, advert(family, 2), to=to_all)
        say(wire.peer, family, advert(family, 3))
        assert payloads(hear(ears, 1)) == [advert(family, 3)]
        assert ears.receive() == []


def test_another_interface_is_not_heard(fragile: Pair, family: Family) -> None:
    other = fragile.network.switch("other")
    for number, host in enumerate((fragile.ours, fragile.peer), 1):
        fragile.network.plug(host, other, "eth1", (f"10.78.0.{number}/24",))
    with (
        receiver(fragile.ours, family, [1, 2], "eth0") as first,
        receiver(fragile.ours, family, [1, 2], "eth1") as second,
    ):
        say(fragile.peer, family, advert(family, 1))
        say(fragile.peer, family, advert(family, 2), interface="eth1")
        assert payloads(hear(first, 1)) == [advert(family, 1)]
        assert payloads(hear(second, 1)) == [advert(family, 2)]
        assert first.receive() == second.receive() == []


def test_our_own_adverts_are_not_heard_back(wire: Pair, family: Family) -> None:
    payload = message(source=ADDRESS["r1", family])
    with receiver(wire.ours, family) as ears, receiver(wire.peer, family) as far:
        with sender(wire.ours, family) as mouth:
            assert mouth.send(datagram(payload) if family is Family.IPV4 else payload) is None
        assert payloads(hear(far, 1)) == [payload]
        say(wire.peer, family, advert(family))
        assert payloads(hear(ears, 1)) == [advert(family)]


def test_five_hundred_waiting_adverts_come_in_order_and_in_batches(wire: Pair, family: Family) -> None:
    said = [advert(family, priority=number % 254 + 1, timing=number + 1) for number in range(500)]
    with receiver(wire.ours, family) as ears:
        say(wire.peer, family, *said)
        batches: list[list[Heard]] = []
        while not batches or len(batches[-1]) == 64:
            wait_readable(ears)
            batches.append(ears.receive(limit=64))
        assert [len(batch) for batch in batches] == [64, 64, 64, 64, 64, 64, 64, 52]
        assert payloads([heard for batch in batches for heard in batch]) == said
        assert ears.receive() == []


def test_an_overflow_is_counted_and_foreign_adverts_are_not(wire: Pair, family: Family) -> None:
    with receiver(wire.ours, family) as ears:
        say(wire.peer, family, *[advert(family, 52)] * 100)
        assert ears.lost() == 0
        said, heard = 0, 0
        while ears.lost() == 0:
            assert said < 100_000
            say(wire.peer, family, *[advert(family)] * 500)
            said += 500
        while heard + ears.lost() < said:
            wait_readable(ears)
            heard += len(ears.receive())
        assert heard + ears.lost() == said
        assert heard >= 2000  # what a worker that was stopped finds waiting


def test_more_receivers_than_one_socket_may_have_memberships(fragile: Pair, family: Family) -> None:
    names = [f"mv{number}" for number in range(24)]  # igmp_max_memberships is 20
    for name in names:
        fragile.ours.run("ip", "link", "add", "link", "eth0", "name", name, "type", "macvlan")
        fragile.ours.run("ip", "link", "set", name, "up")
    with ExitStack() as opened:
        all_ears = [opened.enter_context(receiver(fragile.ours, family, interface=name)) for name in names]
        say(fragile.peer, family, advert(family))
        assert [payloads(hear(ears, 1)) for ears in all_ears] == [[advert(family)]] * 24


def test_the_membership_outlives_a_link_that_goes_down(fragile: Pair, family: Family) -> None:
    with receiver(fragile.ours, family) as ears:
        fragile.ours.run("ip", "link", "set", "eth0", "down")
        assert ears.receive() == []
        fragile.ours.run("ip", "link", "set", "eth0", "up")
        fragile.ours.wait_for_carrier()
        fragile.ours.wait_for_address("fe80::ff:fe00:1")
        assert {GROUP[family], LINK_GROUP[family]} <= memberships(fragile.ours)
        say(fragile.peer, family, advert(family))
        assert payloads(hear(ears, 1)) == [advert(family)]


def test_the_membership_outlives_a_lost_carrier(fragile: Pair, family: Family) -> None:
    with receiver(fragile.ours, family) as ears:
        fragile.network.carrier(fragile.ours, False)
        assert ears.receive() == []
        fragile.network.carrier(fragile.ours, True)
        say(fragile.peer, family, advert(family))
        assert payloads(hear(ears, 1)) == [advert(family)]


def test_the_membership_outlives_the_loss_of_every_address(fragile: Pair, family: Family) -> None:
    with receiver(fragile.ours, family) as ears:
        fragile.ours.run("ip", "addr", "flush", "dev", "eth0")
        say(fragile.peer, family, advert(family))
        assert payloads(hear(ears, 1)) == [advert(family)]


def test_a_receiver_can_be_opened_while_the_interface_is_down(fragile: Pair, family: Family) -> None:
    fragile.ours.run("ip", "link", "set", "eth0", "down")
    with receiver(fragile.ours, family) as ears:
        fragile.ours.run("ip", "link", "set", "eth0", "up")
        fragile.ours.wait_for_carrier()
        fragile.ours.wait_for_address("fe80::ff:fe00:1")
        say(fragile.peer, family, advert(family))
        assert payloads(hear(ears, 1)) == [advert(family)]


def test_a_deleted_interface_is_silent_and_its_successor_needs_a_new_receiver(
    fragile: Pair, family: Family
) -> None:
    with receiver(fragile.ours, family) as deaf:
        fragile.ours.run("ip", "link", "del", "eth0")
        assert deaf.receive() == []
        deaf.listen_to([1])
        fragile.plug(fragile.ours, 1)
        with receiver(fragile.ours, family) as ears:
            say(fragile.peer, family, advert(family))
            assert payloads(hear(ears, 1)) == [advert(family)]
        assert deaf.receive() == []


def test_what_came_before_the_ears_were_set_is_forgotten(wire: Pair, family: Family) -> None:
    with wire.ours.entered():
        domain = socket.AF_INET if family is Family.IPV4 else socket.AF_INET6
        plain = socket.socket(domain, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 112)
    with plain, receiver(wire.ours, family) as ears:  # a member, so that the host takes the packet in
        say(wire.peer, family, advert(family), advert(family))
        hear(ears, 2)
        deafen(plain)
        say(wire.peer, family, advert(family))
        hear(ears, 1)
        with pytest.raises(BlockingIOError):
            plain.recv(1)


def test_no_child_process_inherits_the_socket(wire: Pair, family: Family) -> None:
    with receiver(wire.ours, family) as ears:
        assert not os.get_inheritable(ears.fileno())


@pytest.mark.parametrize(("name", "offset"), [("eth0", 1), ("lo", 0), ("nosuch0", 0)])
def test_a_name_that_is_not_the_interface_meant_is_refused(
    wire: Pair, family: Family, name: str, offset: int
) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    with wire.ours.entered():
        ifindex = socket.if_nametoindex("eth0") + offset
        with pytest.raises(OSError, match=r"interface|device") as refused:
            AdvertReceiver(name, ifindex, family)
    assert refused.value.errno == errno.ENODEV
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_an_advert_arrived_when_it_was_sent_and_not_when_we_woke_up(wire: Pair, family: Family) -> None:
    """The kernel stamps packets from a moment after it was first asked to; until then they arrive now."""
    with receiver(wire.ours, family) as ears:
        give_up = monotonic() + 10**10
        while True:
            before = monotonic()
            say(wire.peer, family, message())
            hear(ears, 1)
            late = monotonic()
            arrived = ears.arrived(late)
            if arrived < late:
                break
            assert late < give_up
        assert before <= arrived


def test_without_a_packet_nothing_has_arrived_before_now(wire: Pair, family: Family) -> None:
    with receiver(wire.ours, family) as ears:
        assert ears.arrived(Instant(12345)) == 12345
