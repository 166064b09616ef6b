"""What tests of the mapping share: a keepalived.conf in a file, and what became of it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from havip.config.keepalived.reading import Imported, examine
from havip.config.keepalived.yamltext import write
from havip.config.model import Configuration, VirtualRouter
from havip.config.yamlfile import parse

ROUTER = "vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress { 192.0.2.1/24 }\n"


def imported(text: str, *, compat: bool = False, instance: str = "r1") -> Imported:
    """Return all that can be said about a text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keepalived.conf"
        path.write_text(text)
        return examine(str(path), compat=compat, instance=instance)


def loaded(text: str, *, compat: bool = False) -> Configuration:
    """Return the configuration in a good text, after it was converted to YAML that means the same."""
    found = imported(text, compat=compat)
    assert found.findings.configuration is not None, "\n".join(map(str, found.findings.problems))
    assert found.node is not None
    yaml = write(found.node, found.decisions, "keepalived.conf")
    assert parse(yaml, "havip.yaml") == found.findings.configuration, yaml
    return found.findings.configuration


def complaints(text: str, *, compat: bool = False) -> list[str]:
    """Return what is wrong with a text, without the name of the file."""
    return [
        str(problem).partition("keepalived.conf:")[2]
        for problem in imported(text, compat=compat).findings.problems
    ]


def decisions(text: str, *, compat: bool = False, mapped: bool = False) -> list[str]:
    """Return what was decided, without the name of the file; what was mapped only if that is wished for."""
    said = [
        str(decision).partition("keepalived.conf:")[2] for decision in imported(text, compat=compat).decisions
    ]
    return [line for line in said if mapped or ": mapped: " not in line]


def router(*lines: str, compat: bool = False, before: str = "") -> VirtualRouter:
    """Return the virtual router that a few more lines make."""
    return loaded(
        f"{before}{ROUTER}" + "".join(f" {line}\n" for line in lines) + "}\n", compat=compat
    ).virtual_routers[0]


def pairs(name: str) -> list[tuple[str, str]]:
    """Return what a file beside this one has: pieces of a keepalived.conf, and what they are in havip."""
    text = (Path(__file__).parent / name).read_text()
    pieces = (piece.partition("---- havip\n") for piece in text.split("==== keepalived.conf\n")[1:])
    return [(ours.rstrip("\n"), theirs.rstrip("\n")) for ours, _, theirs in pieces]
