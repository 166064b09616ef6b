"""VLAN, bond, VRF and ipvlan interfaces, and lines that lose, delay, double and reorder: inside a guest."""

from __future__ import annotations

import pytest

from tests.uml.conftest import Guest

pytestmark = [pytest.mark.root, pytest.mark.uml]


def test_a_pair_works_over_any_interface(guest: Guest) -> None:
    guest.good("settle", "client_reaches", "a_failover_happens_and_heals", "the_end")


def test_the_owner_of_an_address_is_heard_over_any_interface(guest: Guest) -> None:
    guest.good("the_owner_returns")


def test_an_ipvlan_holds_the_addresses(guest: Guest) -> None:
    guest.good("ipvlan_holds", "the_end")


def test_a_bond_whose_slave_fails_causes_no_failover(guest: Guest) -> None:
    guest.good("a_failing_slave_is_no_failover")


def test_a_line_that_loses_delays_doubles_and_reorders_makes_no_second_master(guest: Guest) -> None:
    guest.good("a_bad_line_makes_no_second_master")
