"""Every kind of virtual service with real traffic through real IPVS: inside a guest that has it."""

from __future__ import annotations

import pytest

from lab.lvs.plan import MODULES
from tests.uml import kinds, kinds_stage
from tests.uml.conftest import Guest, run

pytestmark = [pytest.mark.root, pytest.mark.uml]


@pytest.fixture(scope="module")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """Run the checks of `kinds`: each begins with what the one before has left."""
    return run("tests.uml.kinds", tmp_path_factory.mktemp("kinds"), (*MODULES, *kinds_stage.MODULES))


@pytest.mark.parametrize("check", [check.__name__ for check in kinds.CHECKS])
def test_of_every_kind_of_service(guest: Guest, check: str) -> None:
    guest.good(check)
