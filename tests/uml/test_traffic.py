"""Real traffic through real IPVS: inside a guest that has it."""

from __future__ import annotations

import pytest

from lab.lvs.plan import MODULES
from tests.uml.conftest import Guest, run

pytestmark = [pytest.mark.root, pytest.mark.uml]


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """Run the checks of traffic."""
    return run("tests.uml.traffic", tmp_path_factory.mktemp("lvs"), MODULES)


def test_the_stage_carries_traffic_by_nat_direct_routing_and_every_tunnel(guest: Guest) -> None:
    guest.good("every_way_carries_traffic")
