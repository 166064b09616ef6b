"""docs/install.md: what it tells the reader to do works, word by word."""

from __future__ import annotations

import pytest

from tests.machine import trees
from tests.machine.conftest import Life

pytestmark = pytest.mark.uml

BOOK = (trees.CHECKOUT / "docs/install.md").read_text()


def commands_of(section: str) -> str:
    """Return the first block of commands under a heading."""
    text = BOOK.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return f"set -e; cd /havip\n{text.split('```')[1]}"


def traces_of_havip(life: Life) -> list[str]:
    ours = "( -path /havip -o -path /checks -o -path /proc -o -path /run -o -path /var/log ) -prune"
    found = life.machine.run("find", "/", *ours.split(), "-o", "-name", "*havip*", "-print")
    return [path for path in found.splitlines() if "havip-tests" not in path]


def test_uninstalling_leaves_nothing_and_installing_by_hand_works(life: Life) -> None:
    assert "/opt/havip" in traces_of_havip(life)
    life.machine.install("sh", "-c", commands_of("Uninstalling"))
    assert traces_of_havip(life) == []

    life.machine.install("sh", "-c", commands_of("By hand"))
    assert life.machine.run("havip", "version").startswith("havip ")
    assert life.machine.run("systemd-analyze", "verify", "havip.service") == ""
    assert life.machine.run("systemctl", "is-enabled", "havip") == "enabled\n"
