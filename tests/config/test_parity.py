"""`docs/keepalived-parity.md` names keys and tests; each must exist, and each row must be a whole one."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from havip.config.fields import walk
from havip.config.keys import CONFIGURATION
from tests.config.directives import DIRECTIVES
from tests.naming import named, names_of_tests

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "keepalived-parity.md").read_text()
STATES = {"works", "differs", "always", "not offered", "not yet"}


class Row(NamedTuple):
    """One directive, or one behaviour."""

    directive: str
    havip: str
    state: str
    note: str
    test: str


def rows(text: str) -> list[Row]:
    """Return the rows of every table in ``text``."""
    found = []
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith(("| directive |", "| behaviour |")):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]
            assert len(cells) == 5, line
            found.append(Row(*cells))
    return found


@cache
def keys() -> frozenset[str]:
    """Return the path of every key, those of a virtual router also without their beginning."""
    paths = {path for path, _, _ in walk(CONFIGURATION)}
    return frozenset(paths | {path.removeprefix("virtual_routers.NAME.") for path in paths})


@pytest.mark.parametrize("row", rows(PAGE), ids=lambda row: row.directive.strip("`")[:40])
def test_a_row_is_whole_and_true(row: Row) -> None:
    assert named(row.directive) or not row.directive.startswith("`")
    assert row.state in STATES
    wrong = [name for name in named(row.havip) if not name.startswith("havip ") and name not in keys()]
    assert wrong == [], "no such key"
    assert [name for name in named(row.test) if name not in names_of_tests()] == [], "no such test"
    if row.state in ("works", "differs", "always"):
        assert named(row.test), "nothing proves it"
    if row.state in ("differs", "not offered", "not yet"):
        assert row.note, "it does not say why"
    assert bool(row.havip) == (row.state in ("works", "differs")) or row.state == "always"


def test_no_directive_stands_twice() -> None:
    seen: set[tuple[str, str]] = set()
    for section in PAGE.split("\n## ")[1:]:
        for row in rows(section):
            for name in named(row.directive):
                assert (section.partition("\n")[0], name) not in seen, name
                seen.add((section.partition("\n")[0], name))


def test_every_directive_has_its_row() -> None:
    told = {
        word.lstrip("-")
        for row in rows(PAGE)
        for name in named(row.directive)
        for word in re.findall(r"[A-Za-z0-9_-]+", name)
    }
    assert sorted(DIRECTIVES - told) == []
