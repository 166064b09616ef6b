"""`havip.vrrp.tap` in a real kernel: what it hears, what it must not, and beside what."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from havip.config.model import Family
from havip.vrrp.tap import Tap
from tests.netns.raw import ADDRESS, Pair, pair, receiver
from tests.vrrp.wire import ip, message

pytestmark = pytest.mark.root

THEIRS = ADDRESS["r2", Family.IPV4]
GROUP = ip("224.0.0.18")


@pytest.fixture
def hosts() -> Iterator[Pair]:
    with pair("ttap") as made:
        yield made


@contextmanager
def tapped(hosts: Pair, *sources: bytes) -> Iterator[Tap]:
    with hosts.ours.entered():
        tap = Tap("eth0", socket.if_nametoindex("eth0"))
    try:
        if sources:
            tap.tune(sources, GROUP, {51})
        yield tap
    finally:
        tap.close()


def say(hosts: Pair, payload: bytes, to: str = "224.0.0.18", options: int = 0) -> None:
    """Have the peer send a VRRP message, with IP options if wanted."""
    with hosts.peer.entered(), socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as mouth:
        mouth.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
        if options:
            mouth.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\x01" * options)
        mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
        mouth.sendto(payload, (to, 0))


def marker(hosts: Pair, tap: Tap) -> list[bytes]:
    """Return the messages that were heard before one that is known to pass."""
    say(hosts, message(priority=1, source=THEIRS))
    heard: list[bytes] = []
    while not heard or heard[-1][2] != 1:
        assert select.select([tap], [], [], 10)[0], "nothing heard"
        heard += [payload for payload, *_ in tap.receive()]
    return heard[:-1]


def test_an_advert_from_our_own_address_is_heard_by_the_tap_alone(hosts: Pair) -> None:
    """Linux drops it at routing: the reason for taps."""
    hosts.ours.run("ip", "addr", "add", "10.77.0.2/24", "dev", "eth0")
    payload = message(priority=255, source=THEIRS)
    with receiver(hosts.ours, Family.IPV4) as ears, tapped(hosts, THEIRS) as tap:
        say(hosts, payload)
        assert marker(hosts, tap) == [payload]  # as short as it is, without the padding of the frame
        assert ears.receive() == []


def test_what_is_heard_is_what_a_raw_socket_would_tell(hosts: Pair) -> None:
    with receiver(hosts.ours, Family.IPV4) as ears, tapped(hosts, THEIRS) as tap:
        for options in (0, 8):
            say(hosts, message(source=THEIRS), options=options)
            assert select.select([tap], [], [], 10)[0]
            assert tap.receive() == ears.receive() == [(message(source=THEIRS), THEIRS, GROUP, 255)]


def test_a_new_tap_is_deaf_and_can_be_made_so_again(hosts: Pair) -> None:
    with tapped(hosts) as tap:
        say(hosts, message(source=THEIRS))
        tap.tune({THEIRS}, GROUP, {51})
        assert marker(hosts, tap) == []
        tap.deafen()
        say(hosts, message(source=THEIRS))
        tap.tune({THEIRS}, GROUP, {51})
        assert marker(hosts, tap) == []


def test_other_routers_other_sources_and_other_destinations_are_not_heard(hosts: Pair) -> None:
    hosts.peer.run("ip", "addr", "add", "10.77.0.3/24", "dev", "eth0")
    with tapped(hosts, THEIRS) as tap:
        say(hosts, message(vrid=52, source=THEIRS))
        say(hosts, message(source=THEIRS), to="10.77.0.1")
        assert marker(hosts, tap) == []
        tap.tune({ip("10.77.0.3")}, GROUP, {51})
        say(hosts, message(source=THEIRS))
        tap.tune({THEIRS}, GROUP, {51})
        assert marker(hosts, tap) == []


def test_what_we_send_ourselves_is_not_heard(hosts: Pair) -> None:
    ours = ADDRESS["r1", Family.IPV4]
    with tapped(hosts, ours, THEIRS) as tap:
        with hosts.ours.entered(), socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as mouth:
            mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0")
            mouth.sendto(message(source=ours), ("224.0.0.18", 0))  # looped back, too
        assert marker(hosts, tap) == []


def test_more_sources_than_a_filter_can_hold_are_told_apart_all_the_same(hosts: Pair) -> None:
    many = {ip(f"10.78.{high}.{low}") for high in range(3) for low in range(200)}
    hosts.peer.run("ip", "addr", "add", "10.77.0.3/24", "dev", "eth0")
    with tapped(hosts, *many, THEIRS) as tap:
        assert marker(hosts, tap) == []
    with tapped(hosts, *many) as tap:
        say(hosts, message(source=THEIRS))
        tap.tune({THEIRS}, GROUP, {51})  # the first passed the filter, and waits
        tap.sources = set()
        say(hosts, message(source=THEIRS))
        assert select.select([tap], [], [], 10)[0]
        assert tap.receive() == []


def test_a_tap_outlives_a_link_that_goes_down_and_comes_up(hosts: Pair) -> None:
    with tapped(hosts, THEIRS) as tap:
        hosts.ours.run("ip", "link", "set", "eth0", "down")
        assert tap.receive() == []
        assert not tap.adrift
        hosts.ours.run("ip", "link", "set", "eth0", "up")
        hosts.ours.wait_for_carrier()
        assert marker(hosts, tap) == []


def test_a_tap_knows_that_its_interface_is_gone_and_moves_to_another(hosts: Pair) -> None:
    with tapped(hosts, THEIRS) as tap:
        hosts.ours.run("ip", "link", "del", "eth0")
        assert tap.adrift
        hosts.plug(hosts.ours, 1)
        with hosts.ours.entered():
            tap.move_to("eth0", socket.if_nametoindex("eth0"))
        assert not tap.adrift
        assert marker(hosts, tap) == []


def test_a_stranger_under_the_same_name_is_not_tapped(hosts: Pair) -> None:
    with hosts.ours.entered(), pytest.raises(OSError, match="another one"):
        Tap("eth0", 9999)
