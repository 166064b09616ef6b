"""The kernel's IPVS does as the model on which plans are judged: inside a guest that has it."""

from __future__ import annotations

import json
import pickle
import shlex
import sys
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from havip.ipvs.model import Change, Sync, SyncRole
from tests.ipvs.tables import Scene, odd_changes, scenes
from tests.machine import namespaces, uml
from tests.uml.ipvs_guest import Work

pytestmark = [pytest.mark.root, pytest.mark.uml]

CHECKOUT = Path(__file__).resolve().parents[2]
MODULES = ("ipv6", "veth", "ip_vs", "ip_vs_pe_sip", *(f"ip_vs_{one}" for one in ("rr", "wlc", "sh", "mh")))
PATIENCE = 120.0  # seconds for a guest that takes ten

INIT = """#!/bin/sh
export PATH={path} HOME=/root PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run
modprobe -d {folder} -a {modules}
echo /bin/false > /proc/sys/kernel/modprobe
ip link set lo up; ip link add eth0 type veth peer name eth1
ip addr add 10.9.0.1/24 dev eth0; ip link set eth0 up; ip link set eth1 up
cd {checkout}
{command} > {folder}/words 2>&1 < /dev/null
halt -f
"""


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
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Run the guest's checks, and return the verdict of each."""
    folder = tmp_path_factory.mktemp("ipvs")
    (folder / "lib").mkdir()
    (folder / "lib/modules").symlink_to(uml.KERNEL_MODULES)
    (folder / "work").write_bytes(pickle.dumps(work()))
    results = folder / "results"
    results.touch()
    init = folder / "init"
    command = [sys.executable, "-m", "tests.uml.ipvs_guest", str(folder / "work"), str(results)]
    init.write_text(
        INIT.format(
            path=namespaces.PATH,
            folder=folder,
            modules=" ".join(MODULES),
            checkout=CHECKOUT,
            command=shlex.join(command),
        )
    )
    init.chmod(0o755)
    console = uml.run(
        *("mem=512M", "rootfstype=hostfs", "rootflags=/", "rw", "quiet", "con=null", "con0=null,fd:1"),
        *(f"init={init}", f"umid={folder.name}", f"uml_dir={folder}"),
        patience=PATIENCE,
    )
    words = folder / "words"
    said = f"{console}\n{words.read_text(errors='replace') if words.exists() else ''}"
    return {"said": said} | dict(json.loads(line) for line in results.read_text().splitlines())


@pytest.mark.parametrize(
    "check",
    [
        "same_refusals_and_same_tables",
        "no_sync_daemon_beside_another_family",
        "plans_end_where_they_should",
    ],
)
def test_the_kernel_does_as_the_model(verdicts: dict[str, str], check: str) -> None:
    assert verdicts.get(check) == "good", f"{verdicts.get(check)}\n{verdicts['said']}"
