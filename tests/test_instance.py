"""Several daemons on one host keep apart by the name of their instance."""

from __future__ import annotations

import re

import pytest

from havip import instance


def test_the_unnamed_daemon_is_where_it_always_was() -> None:
    assert instance.control_socket("") == "/run/havip/havip.sock"
    assert instance.state_directory("") == "/var/lib/havip"
    assert instance.lock("") == "havip.vrrp"
    assert instance.nftables_table("") == "havip"


def test_every_name_has_its_own_of_everything() -> None:
    assert instance.control_socket("blue") == "/run/havip/blue.sock"
    assert instance.state_directory("blue") == "/var/lib/havip/blue"
    assert instance.lock("blue") == "havip.vrrp/blue"
    assert instance.nftables_table("blue") == "havip-blue"


@pytest.mark.parametrize("name", ["a", "blue", "lan-2", "10.0_x", "havip2", "a" * 32])
def test_good_names(name: str) -> None:
    assert re.search(instance.PATTERN, name)


@pytest.mark.parametrize("name", ["", "havip", "Blue", "-a", ".a", "a/b", "..", "a b", "a" * 33, "ä"])
def test_names_that_would_meet_the_unnamed_daemon_or_leave_their_directory(name: str) -> None:
    assert not re.search(instance.PATTERN, name)
