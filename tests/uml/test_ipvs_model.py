"""The kernel's IPVS does as the model on which plans are judged: inside a guest that has it."""

from __future__ import annotations

import pickle
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from havip.ipvs.model import Change, Sync, SyncRole
from tests.ipvs.tables import Scene, odd_changes, scenes
from tests.uml.conftest import Guest, run
from tests.uml.ipvs_guest import Work

pytestmark = [pytest.mark.root, pytest.mark.uml]

MODULES = ("ipv6", "veth", "ip_vs", "ip_vs_pe_sip", *(f"ip_vs_{one}" for one in ("rr", "wlc", "sh", "mh")))


def work() -> Work:
    """Return what the guest is to do: the same every time."""
    changes: list[list[Change | Sync | SyncRole]] = []
    drawn: list[Scene] = []

    @settings(max_examples=60, database=None, derandomize=True, deadline=None)
    @given(st.lists(odd_changes(), min_size=30, max_size=60), scenes())
    def collect(some: list[Change | Sync | SyncRole], scene: Scene) -> None:
        changes.append(some)
        drawn.append(scene)

    collect()
    return Work([*chain.from_iterable(changes)], drawn)


@pytest.fixture(scope="module")
def ipvs(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """Run the checks of `ipvs_guest`."""
    folder = tmp_path_factory.mktemp("ipvs")
    (folder / "work").write_bytes(pickle.dumps(work()))
    return run("tests.uml.ipvs_guest", folder, MODULES)


@pytest.mark.parametrize(
    "check",
    [
        "same_refusals_and_same_tables",
        "no_sync_daemon_beside_another_family",
        "plans_end_where_they_should",
    ],
)
def test_the_kernel_does_as_the_model(ipvs: Guest, check: str) -> None:
    ipvs.good(check)
