"""What tests of the configuration share: read a text, and say what is wrong with it."""

from __future__ import annotations

from havip.config.model import Configuration
from havip.config.problems import ConfigurationError
from havip.config.yamlfile import parse

FILE = "havip.yaml"

MISSING_INTERFACE = (
    'missing key "interface": the network interface that carries the adverts and the addresses'
)
MISSING_VRID = (
    'missing key "vrid": the virtual router identifier, equal on all routers that share the addresses'
)
MISSING_ADDRESSES = (
    'missing key "addresses": the addresses that the master holds, all of one family, '
    "with the prefix length they get"
)


def complaints(text: str) -> list[str]:
    """Return the lines that a person would see, without the name of the file; none for a good text."""
    try:
        parse(text, FILE)
    except ConfigurationError as error:
        problems = error.problems
    else:
        return []
    lines = [str(problem) for problem in problems]
    assert lines, "a refusal has a reason"
    assert all(line.startswith(f"{FILE}:") and line.isprintable() for line in lines)
    return [line.removeprefix(f"{FILE}:") for line in lines]


def router(*lines: str) -> str:
    """Return a file with one virtual router; ``lines`` begin in line 6."""
    head = "virtual_routers:\n  gateway:\n    interface: eth0\n    vrid: 51\n    addresses: [192.0.2.1/24]\n"
    return head + "".join(f"    {line}\n" for line in lines)


def read(text: str) -> Configuration:
    """Return the configuration in a good text."""
    return parse(text, FILE)
