"""Every directive of keepalived that concerns VRRP has its row in the tables of the mapping."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from havip.config.keepalived.global_defs import GLOBAL_DEFS
from havip.config.keepalived.instance import INSTANCE as OF_INSTANCE
from havip.config.keepalived.root import ROOT
from havip.config.keepalived.table import Block, Row, Table
from tests.config.directives import GLOBAL, INSTANCE
from tests.config.keepalived.mapping import ROUTER, complaints, decisions


@pytest.mark.parametrize("name", GLOBAL.split())
def test_every_global_directive_is_known(name: str) -> None:
    assert name in ROOT.by_name or name in GLOBAL_DEFS.by_name


@pytest.mark.parametrize("name", INSTANCE.split())
def test_every_directive_of_a_virtual_router_is_known(name: str) -> None:
    assert name in OF_INSTANCE.by_name


def tables(table: Table) -> Iterator[Table]:
    """Yield a table and all that are within it."""
    yield table
    for row in table.rows:
        if isinstance(row.do, Block):
            yield from tables(row.do.table)


def test_no_name_stands_for_two_rows_of_a_table() -> None:
    for table in tables(ROOT):
        names = [name for row in table.rows for name in (row.name, *row.also)]
        assert sorted(names) == sorted(set(names)), table.name


def rows() -> Iterator[tuple[str, Row]]:
    """Yield the rows of VRRP's tables that may stand alone, with the block around them."""
    for row in GLOBAL_DEFS.rows:
        yield "global_defs", row
    for row in OF_INSTANCE.rows:
        yield "vrrp_instance", row


@pytest.mark.parametrize(("block", "row"), [pytest.param(block, row, id=row.name) for block, row in rows()])
@pytest.mark.parametrize("words", ["", " 1", " on", " x y z", " { }", " { a b }"])
def test_whatever_stands_behind_a_directive_it_is_told_what_became_of_it(
    block: str, row: Row, words: str
) -> None:
    line = f"{row.name}{words}\n"
    text = ROUTER + line + "}\n" if block == "vrrp_instance" else f"global_defs {{\n{line}}}\n{ROUTER}}}\n"
    number = 5 if block == "vrrp_instance" else 2
    said = complaints(text) + decisions(text, mapped=True)
    assert any(one.startswith(f"{number}:") for one in said), said
    for name in row.also:
        old = text.replace(f"{row.name}{words}", f"{name}{words}")
        assert any(f"deprecated: {name}: now it is {row.name}" in one for one in decisions(old))
