"""`docs/rfc9568.md` names functions and tests; each of them must exist, and each row must be a whole one."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.naming import named, names_of_tests

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "rfc9568.md"
HEADING = "| § | Level | Requirement | Where | Obeys | Refuses |"
LEVELS = {"-", "MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY"}
#: how a row may say that no function of ours answers for it
ELSEWHERE = ("kernel: ", "operator", "not offered: ")
SECTIONS = """
5.1.1.1 5.1.1.2 5.1.1.3 5.1.1.4 5.1.2.1 5.1.2.2 5.1.2.3 5.1.2.4
5.2.1 5.2.2 5.2.3 5.2.4 5.2.5 5.2.6 5.2.7 5.2.8 5.2.9
6.1 6.4.1 6.4.2 6.4.3 7.1 7.2 7.3 7.4
8.1.1 8.1.2 8.1.3 8.2.1 8.2.2 8.2.3 8.2.4 8.3.1 8.3.2 8.4.1 8.4.2 8.4.2.1.1
""".split()  # noqa: SIM905 - reads like the RFC's own contents


class Row(NamedTuple):
    """One requirement."""

    section: str
    level: str
    requirement: str
    where: str
    obeys: str
    refuses: str


def rows(text: str) -> list[Row]:
    """Return the requirements of every table in ``text``."""
    found = []
    for line in text.splitlines():
        if line.startswith("|") and line != HEADING and not set(line) <= set("|-"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 6, line
            found.append(Row(*cells))
    return found


def resolve(dotted: str) -> object:
    """Return what a name below `havip` stands for.  Raises AttributeError or ModuleNotFoundError."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(("havip", *parts[:length])))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(dotted)


def complaints(row: Row) -> list[str]:
    """Return what is wrong with a row."""
    wrong = []
    functions = [name for name in named(row.where) if re.fullmatch(r"(vrrp|config|services)(\.\w+)+", name)]
    for name in functions:
        try:
            resolve(name)
        except (AttributeError, ModuleNotFoundError):
            wrong.append(f"no function {name}")
    tests = named(row.obeys) + named(row.refuses)
    wrong += [f"no test {name}" for name in tests if name not in names_of_tests()]
    if row.level not in LEVELS:
        wrong.append(f"no level {row.level}")
    if not functions:
        if not row.where.startswith(ELSEWHERE):
            wrong.append("neither a function nor a statement")
        if (row.obeys, row.refuses) != ("-", "-"):
            wrong.append("tests of nothing")
    else:
        if not named(row.obeys):
            wrong.append("nothing obeys")
        if not named(row.refuses) and not row.refuses.startswith("none: "):
            wrong.append("nothing refuses")
    return wrong


REQUIREMENTS = rows(TABLE.read_text())


@pytest.mark.parametrize("row", REQUIREMENTS, ids=lambda row: f"{row.section} {row.requirement[:40]}")
def test_every_requirement_names_what_exists(row: Row) -> None:
    assert complaints(row) == []


def test_every_section_that_asks_anything_of_a_router_has_a_row() -> None:
    assert set(SECTIONS) <= {row.section for row in REQUIREMENTS}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            "| 1 | MUST | x | `vrrp.packet.lost` | `test_a_wrong_checksum_is_refused` | none: x |",
            "no function",
        ),
        (
            "| 1 | MUST | x | `vrrp.lost.decode` | `test_a_wrong_checksum_is_refused` | none: x |",
            "no function",
        ),
        ("| 1 | MUST | x | `vrrp.packet.decode` | `test_lost` | none: x |", "no test"),
        ("| 1 | MUST | x | `vrrp.packet.decode` | - | none: x |", "nothing obeys"),
        (
            "| 1 | MUST | x | `vrrp.packet.decode` | `test_a_wrong_checksum_is_refused` | - |",
            "nothing refuses",
        ),
        ("| 1 | must | x | kernel: x | - | - |", "no level"),
        ("| 1 | MUST | x | somebody | - | - |", "neither a function nor a statement"),
        ("| 1 | MUST | x | kernel: x | `test_a_wrong_checksum_is_refused` | - |", "tests of nothing"),
    ],
)
def test_a_row_that_is_not_whole_is_noticed(line: str, complaint: str) -> None:
    [row] = rows(line)
    [found] = complaints(row)
    assert found.startswith(complaint)
