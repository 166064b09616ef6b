"""The kernel's IPVS as `havip.ipvs.kernel` programs and reads it, with ipvsadm as witness: inside a guest."""

from __future__ import annotations

import pytest

from tests.uml import edge_guest
from tests.uml.conftest import Guest, run

pytestmark = [pytest.mark.root, pytest.mark.uml]


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """Run the checks of `edge_guest`; the kernel loads what it needs by itself."""
    return run("tests.uml.edge_guest", tmp_path_factory.mktemp("edge"), ("ipv6", "veth"))


@pytest.mark.parametrize("check", [check.__name__ for check in edge_guest.CHECKS])
def test_the_kernel(edge: Guest, check: str) -> None:
    edge.good(check)
