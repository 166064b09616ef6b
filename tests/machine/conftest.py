"""One tree for all tests of this folder: provisioned three times by the script, then booted once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.machine import namespaces, trees, uml

GUEST = Path(__file__).with_name("guest")
SCRIPT = "/havip/vagrant/provision.sh"
AS_R1 = ("r1", "--interface", "eth1", "--vip", "10.77.0.100/24")
WHEELS = "/var/cache/wheels"


@dataclass
class Machine:
    """A tree, and what was seen in it."""

    tree: Path
    said: list[str] = field(default_factory=list)  # by the first, the second, the third provisioning
    releases: list[str] = field(default_factory=list)  # in use after each of them

    def provision(self, *arguments: str, check: bool = True) -> str:
        """Run the script."""
        return self.install(SCRIPT, *arguments, check=check)

    def install(self, *words: str, check: bool = True) -> str:
        """Run a command; apt's packages come from the cache where it has them, pip's from there alone."""
        wheels = self.tree / WHEELS.lstrip("/")
        wheels.mkdir(parents=True, exist_ok=True)
        packages = self.tree / "var/cache/apt/archives"
        with trees.cache_locked():
            done = namespaces.run_in(
                self.tree,
                *words,
                mounts=[("--bind", trees.CACHE / "packages", packages), ("--bind", trees.wheels(), wheels)],
                environment={"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": WHEELS},
                check=check,
            )
        return done.stdout

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command in the tree and return its output."""
        return namespaces.run_in(self.tree, *words, check=check).stdout


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A tree in which the script ran on bare Debian, then again, then with a newer checkout."""
    with trees.cache_locked():
        bare = trees.bare_tree()
    with trees.copy_of(bare) as tree:
        machine = Machine(tree)
        trees.copy_of_checkout(tree / "havip")
        for newer in (False, False, True):
            if newer:
                source = tree / "havip/havip/__init__.py"
                source.write_text(f"{source.read_text()}\nNEWER = True\n")
            machine.said.append(machine.provision(*AS_R1))
            machine.releases.append(str((tree / "opt/havip/current").readlink()))
        yield machine


@dataclass(frozen=True)
class Life:
    """What is left of a machine that was booted, ran its checks and powered off."""

    machine: Machine
    verdicts: dict[str, str]  # of each check, in their order
    priorities: list[str]  # of all adverts that another host on its LAN heard
    told: str  # the console and the checks' own words


@pytest.fixture(scope="session")
def life(machine: Machine) -> Iterator[Life]:
    """The life of a copy of the provisioned machine."""
    with trees.copy_of(machine.tree) as tree:
        checks, out = tree / "checks", tree / "checks/out"
        shutil.copytree(GUEST, checks, ignore=shutil.ignore_patterns("__pycache__"))
        out.mkdir()
        for log in ("results", "wire", "words"):  # whatever happens, there is something to read
            (out / log).touch()
        shutil.copy(tree / "etc/havip/havip.yaml", checks / "provisioned.yaml")
        for unit in GUEST.glob("*.service"):
            shutil.copy(unit, tree / "etc/systemd/system")
            namespaces.run_in(tree, "systemctl", "enable", unit.name)
        console = uml.boot(tree, patience=420)
        lines = (line.partition(" ") for line in (out / "results").read_text().splitlines())
        yield Life(
            machine=Machine(tree),
            verdicts={name: verdict for name, _, verdict in lines},
            priorities=(out / "wire").read_text().splitlines(),
            told=f"{console}\n{(out / 'words').read_text()}",
        )
