"""Every directive of keepalived that concerns VRRP has its row in the tables of the mapping."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from havip.config.keepalived.global_defs import GLOBAL_DEFS
from havip.config.keepalived.instance import INSTANCE as OF_INSTANCE
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.root import ROOT
from havip.config.keepalived.table import Block, Row, Table
from havip.config.keepalived.virtual_servers import SERVER, SERVICE
from tests.config.directives import GLOBAL, INSTANCE
from tests.config.keepalived.mapping import ROUTER, imported


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
    """Yield the rows of the tables of blocks, with the block around them."""
    for table in (GLOBAL_DEFS, OF_INSTANCE, SERVICE, SERVER):
        for row in table.rows:
            yield table.name, row


#: what stands before a line in a block, and what behind it
AROUND = {
    "global_defs": ("global_defs {\n", f"}}\n{ROUTER}}}\n"),
    "vrrp_instance": (ROUTER, "}\n"),
    "virtual_server": ("virtual_server 192.0.2.1 80 {\n", "}\n"),
    "real_server": ("virtual_server 192.0.2.1 80 {\n real_server 192.168.1.1 {\n", " }\n}\n"),
}


@pytest.mark.parametrize(("block", "row"), [pytest.param(block, row, id=row.name) for block, row in rows()])
def test_whatever_stands_behind_a_directive_it_is_told_what_became_of_it(block: str, row: Row) -> None:
    before, behind = AROUND[block]
    number = before.count("\n") + 1
    for words in ("", " 1", " on", " x y z", " { }", " { a b }"):
        found = imported(f"{before}{row.name}{words}\n{behind}")
        lines = [one.line for one in (*found.findings.problems, *found.decisions)]
        assert number in lines, words
    for name in row.also:
        old = imported(f"{before}{name} 1\n{behind}")
        said = [str(one) for one in old.decisions if one.outcome is Outcome.DEPRECATED]
        assert any(f"deprecated: {name}: now it is {row.name}" in one for one in said)
