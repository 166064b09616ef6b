"""One User-Mode Linux guest for all tests of a file: it boots, runs a module of it, powers off."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import uml

MODULES = ("af_packet", "ipv6", "veth", "bridge", "bonding", "8021q", "vrf", "ipvlan", "macvlan", "sch_netem")
PATIENCE = 180.0  # seconds for a guest that takes forty


@dataclass(frozen=True)
class Guest:
    """What is left of a guest: the verdict of each check, and all that was said."""

    verdicts: dict[str, str]
    said: str

    def good(self, *checks: str) -> None:
        """Fail unless each of these checks was good."""
        for check in checks:
            assert self.verdicts.get(check) == "good", f"{self.verdicts.get(check)}\n{self.said}"


def run(module: str, folder: Path, modules: tuple[str, ...], patience: float = PATIENCE) -> Guest:
    """Run the checks of a module in a guest; its root is the host's, through hostfs."""
    results, words = folder / "results", folder / "words"
    results.touch()
    words.touch()
    command = (sys.executable, "-m", module, results, folder)
    console = uml.Guest(command, folder, modules, words=words).run(patience)
    verdicts = dict(json.loads(line) for line in results.read_text().splitlines())
    return Guest(verdicts, f"{console}\n{words.read_text(errors='replace')}")


@pytest.fixture(scope="session")
def guest(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """Run the checks of interfaces."""
    return run("tests.uml.guest", tmp_path_factory.mktemp("uml"), MODULES)
