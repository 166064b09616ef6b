"""The daemon's place among others: what it takes at the start, and what it tells its worker of it."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from havip import channel
from havip.config.model import Configuration
from havip.errors import AlreadyRunning
from havip.messages import encode
from havip.tenancy import Elsewhere, Tenancy
from tests.config.reading import read

#: a name that no daemon of this namespace has
NAME = f"test-{os.getpid()}"


def many(routers: int, addresses: int) -> Configuration:
    """Return a configuration that claims a lot."""
    lines = (
        f"  r{vrid}: {{interface: eth0, vrid: {vrid}, addresses: ["
        + ", ".join(f'"2001:db8:{vrid:x}::{number:x}/64"' for number in range(1, addresses + 1))
        + "]}\n"
        for vrid in range(1, routers + 1)
    )
    return read("virtual_routers:\n" + "".join(lines))


def moved_in(tmp_path: Path, configuration: Configuration) -> Tenancy:
    file = tmp_path / "havip.yaml"
    file.write_text("virtual_routers:\n  r1: {interface: eth0, vrid: 1, addresses: [192.0.2.1/24]}\n")
    tenancy = Tenancy(NAME, directory=tmp_path / "claims")
    placed = tenancy.load(str(file))
    tenancy.move_in(Configuration(configuration.virtual_routers, placed.daemon))
    return tenancy


def test_a_worker_is_told_of_everything_in_messages_that_the_channel_takes(tmp_path: Path) -> None:
    configuration = many(100, 89)
    tenancy = moved_in(tmp_path, configuration)
    messages = list(tenancy.briefing())
    tenancy.move_out()
    assert max(len(encode(message)) for message in messages) < channel.LARGEST / 4
    told = [estate for message in messages for estate in message.estates]
    assert told == [router.estate for router in configuration.virtual_routers]


def test_a_worker_is_told_that_there_is_nothing(tmp_path: Path) -> None:
    (message,) = Tenancy(NAME, directory=tmp_path).briefing()
    assert message.estates == ()  # and not: sweep whatever has our mark


def test_one_daemon_of_an_instance_is_enough(tmp_path: Path) -> None:
    first = moved_in(tmp_path, many(1, 1))
    with pytest.raises(AlreadyRunning, match=rf"\(pid {os.getpid()}\) .* as instance {NAME}"):
        moved_in(tmp_path, many(1, 1))
    first.move_out()
    moved_in(tmp_path, many(1, 1)).move_out()


def test_nothing_is_taken_in_the_wrong_namespace(tmp_path: Path) -> None:
    configuration = read(
        "daemon: {network_namespace: none-such}\n"
        "virtual_routers:\n  r1: {interface: eth0, vrid: 1, addresses: [192.0.2.1/24]}\n"
    )
    tenancy = Tenancy(NAME, directory=tmp_path)
    with pytest.raises(Elsewhere) as elsewhere:
        tenancy.move_in(configuration)
    assert elsewhere.value.namespace == "none-such"
    assert list(tmp_path.iterdir()) == []
    tenancy.move_out()


def test_without_a_record_a_daemon_runs_and_sweeps_what_its_configuration_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "claims").write_text("in the way")
    configuration = many(2, 1)
    with caplog.at_level(logging.WARNING):
        tenancy = moved_in(tmp_path, configuration)
    assert "no other daemon can know what belongs to this one" in caplog.text
    assert tenancy.leftovers == tuple(router.estate for router in configuration.virtual_routers)
    tenancy.settle(configuration)
    tenancy.move_out()
