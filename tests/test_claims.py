"""Daemons of one network namespace never share a virtual router or an address."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path

import pytest

from havip import process
from havip.claims import Claims, Record, Taken, Unrecorded
from havip.config.model import Configuration
from tests.config.reading import read


def gateway(
    name: str = "gateway", interface: str = "eth0", vrid: int = 51, address: str = "192.0.2.1/24"
) -> str:
    return f'  {name}: {{interface: {interface}, vrid: {vrid}, addresses: ["{address}"]}}\n'


def configuration(*routers: str) -> Configuration:
    return read("virtual_routers:\n" + "".join(routers or (gateway(),)))


Daemon = Callable[[str | None], Claims]

OTHER = configuration(gateway(vrid=52, address="192.0.2.2/24"))


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Return what makes the claims of an instance; all of them end with the test."""
    with ExitStack() as lives:

        def make(instance: str | None) -> Claims:
            claims = Claims(instance, tmp_path)
            lives.callback(claims.leave)
            return claims

        yield make


def test_two_daemons_with_nothing_in_common_live_side_by_side(daemon: Daemon) -> None:
    blue, green = daemon("blue"), daemon("green")
    blue.take(configuration())
    green.take(OTHER)
    assert green.held.claims == {("", ip_address("192.0.2.2"))}


@pytest.mark.parametrize(
    ("second", "what"),
    [
        (gateway(address="192.0.2.2/24"), "VRID 51 on eth0 for IPv4"),
        (gateway(interface="eth1", vrid=9, address="192.0.2.1/32"), "192.0.2.1"),
    ],
)
def test_what_a_living_daemon_has_is_refused_by_name(second: str, what: str, daemon: Daemon) -> None:
    blue, green = daemon("blue"), daemon("green")
    blue.take(configuration())
    with pytest.raises(Taken, match=f"^{what} belongs to instance blue, which runs in the same network"):
        green.take(configuration(second))
    assert green.held == Record()


def test_the_daemon_without_a_name_is_no_exception(daemon: Daemon) -> None:
    unnamed, green = daemon(None), daemon("green")
    unnamed.take(configuration())
    with pytest.raises(Taken, match="belongs to the daemon without an instance"):
        green.take(configuration())


def test_a_link_local_address_is_anothers_only_on_its_own_interface(daemon: Daemon) -> None:
    blue, green = daemon("blue"), daemon("green")
    blue.take(configuration(gateway(address="fe80::1/64")))
    green.take(configuration(gateway(interface="eth1", address="fe80::1/64")))


def test_a_refused_reload_leaves_the_claims_as_they_were(daemon: Daemon) -> None:
    blue, green, red = daemon("blue"), daemon("green"), daemon("red")
    blue.take(configuration())
    green.take(OTHER)
    with pytest.raises(Taken):
        green.take(configuration(gateway(vrid=53, address="192.0.2.3/24"), gateway("second", vrid=54)))
    red.take(configuration(gateway(vrid=53, address="192.0.2.3/24")))


def test_what_a_reload_gives_up_is_free_once_it_is_in_force_and_not_before(daemon: Daemon) -> None:
    blue, green = daemon("blue"), daemon("green")
    blue.take(configuration())
    blue.take(OTHER)
    with pytest.raises(Taken):
        green.take(configuration())
    blue.settle(OTHER)
    green.take(configuration())


def test_what_a_dead_daemon_had_is_free_and_its_next_life_knows_what_it_left(daemon: Daemon) -> None:
    blue = daemon("blue")
    blue.take(configuration())
    os.close(blue._alive)  # as its death does
    blue._alive = -1
    daemon("green").take(configuration(gateway(vrid=77)))
    again = daemon("blue")
    again.take(OTHER)
    assert again.held.claims == {("", ip_address("192.0.2.1")), ("", ip_address("192.0.2.2"))}


def test_an_orderly_end_leaves_no_file(tmp_path: Path, daemon: Daemon) -> None:
    blue = daemon("blue")
    blue.take(configuration())
    blue.leave()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"claims": 1}', '{"claims": [[], [["eth0", "nonsense"]]]}'])
def test_a_damaged_record_of_ones_own_names_nothing(text: str, tmp_path: Path, daemon: Daemon) -> None:
    namespace = process.name_of_network_namespace()
    (tmp_path / f"{namespace}.blue.json").write_text(text)
    blue = daemon("blue")
    blue.take(OTHER)
    assert blue.held == Record.of(OTHER)


def test_where_nothing_can_be_recorded_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unrecorded, match="cannot be used"):
        Claims("blue", tmp_path / "file" / "claims").take(OTHER)
