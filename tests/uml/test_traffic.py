"""Real traffic through real IPVS, programmed by havip: inside a guest that has it."""

from __future__ import annotations

import pytest

from lab.lvs.plan import MODULES
from tests.uml.conftest import Guest, run

pytestmark = [pytest.mark.root, pytest.mark.uml]


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """Run the checks of traffic: each begins with what the one before has left."""
    return run("tests.uml.traffic", tmp_path_factory.mktemp("lvs"), MODULES, patience=400.0)


def test_the_stage_carries_traffic_by_nat_direct_routing_and_every_tunnel(guest: Guest) -> None:
    guest.good("every_way_carries_traffic")


def test_what_havip_programs_carries_traffic_on_every_way(guest: Guest) -> None:
    guest.good("havip_carries_traffic_on_every_way")


def test_what_havip_shows_is_what_ipvsadm_lists_to_the_last_byte(guest: Guest) -> None:
    guest.good("what_is_shown_is_what_the_kernel_has")


def test_an_operator_drains_a_machine_waits_for_its_end_and_shifts_weights(guest: Guest) -> None:
    guest.good(
        "a_wait_ends_with_the_last_connection",
        "an_operator_drains_a_machine_and_lets_it_in_again",
        "another_weight_shifts_the_traffic_and_outlives_a_reload",
    )


def test_a_servers_health_becomes_its_weight_and_that_its_share_of_the_traffic(guest: Guest) -> None:
    guest.good("health_becomes_weight_becomes_traffic")


def test_transfers_go_on_through_a_reload(guest: Guest) -> None:
    guest.good("transfers_go_on_through_a_reload")


def test_a_killed_checker_costs_no_request_and_no_transfer(guest: Guest) -> None:
    guest.good("a_killed_checker_changes_nothing")


def test_a_transfer_goes_on_through_a_restart_that_leaves_the_services(guest: Guest) -> None:
    guest.good("a_restart_leaves_the_services_to_the_next_start")


def test_what_another_program_changes_is_put_back_and_what_is_not_ours_let_be(guest: Guest) -> None:
    guest.good("what_others_change_is_put_back")


def test_a_server_that_a_reload_removes_is_drained_and_cuts_nobody_off(guest: Guest) -> None:
    guest.good("a_server_that_a_reload_removes_is_drained")


def test_a_transfer_survives_the_death_of_its_director(guest: Guest) -> None:
    guest.good("a_transfer_survives_the_directors_death")


def test_a_stop_that_removes_the_services_leaves_the_transfer_to_the_other_director(guest: Guest) -> None:
    guest.good("the_end")
