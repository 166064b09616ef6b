"""One User-Mode Linux guest for all tests of this folder: it boots, runs `guest.py`, and powers off."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.machine import namespaces, uml

CHECKOUT = Path(__file__).resolve().parents[2]
MODULES = ("af_packet", "ipv6", "veth", "bridge", "bonding", "8021q", "vrf", "ipvlan", "macvlan", "sch_netem")
PATIENCE = 180.0  # seconds for a guest that takes forty

INIT = """#!/bin/sh
export PATH={path} HOME=/root PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc; mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run; mkdir -p /run/netns /run/lock /dev/shm
modprobe -d {folder} -a {modules}
cd {checkout}
{command} > {folder}/words 2>&1 < /dev/null
halt -f
"""


@dataclass(frozen=True)
class Guest:
    """What is left of a guest: the verdict of each check, and all that was said."""

    verdicts: dict[str, str]
    said: str


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """Run the guest's checks; its root is the host's, through hostfs."""
    folder = tmp_path_factory.mktemp("uml")
    (folder / "lib").mkdir()
    (folder / "lib/modules").symlink_to(uml.KERNEL_MODULES)
    results = folder / "results"
    results.touch()
    init = folder / "init"
    command = shlex.join([sys.executable, "-m", "tests.uml.guest", str(results), str(folder)])
    init.write_text(
        INIT.format(
            path=namespaces.PATH,
            folder=folder,
            modules=" ".join(MODULES),
            checkout=CHECKOUT,
            command=command,
        )
    )
    init.chmod(0o755)
    console = uml.run(
        *("mem=768M", "rootfstype=hostfs", "rootflags=/", "rw", "quiet", "con=null", "con0=null,fd:1"),
        *(f"init={init}", f"umid={folder.name}", f"uml_dir={folder}"),
        patience=PATIENCE,
    )
    words = folder / "words"
    said = f"{console}\n{words.read_text(errors='replace') if words.exists() else ''}"
    verdicts = dict(json.loads(line) for line in results.read_text().splitlines())
    return Guest(verdicts, said)
