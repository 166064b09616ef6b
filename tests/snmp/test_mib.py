"""The order in which managed objects are walked, and what a request is answered."""

from __future__ import annotations

import pytest

from havip.snmp.agentx import Binding, Get, GetBulk, GetNext, Range, Response, SetTest, Step
from havip.snmp.mib import MOST_BINDINGS, SCALAR, Mib, Table, answer
from havip.snmp.values import (
    END_OF_MIB_VIEW,
    NO_SUCH_INSTANCE,
    NO_SUCH_OBJECT,
    Oid,
    Value,
    gauge,
    integer,
    text,
)

SCALARS = Table((9, 1), {1: lambda _: text("x"), 2: lambda _: integer(3)}, [(SCALAR, None)])
#: given out of order; the row 7 has no cell in column 2
ROWS: list[tuple[Oid, int]] = [((10,), 10), ((7,), 7), ((9, 1), 91)]
TABLE = Table((9, 1, 3, 1), {4: gauge, 2: lambda row: None if row == 7 else integer(row)}, ROWS)
EMPTY: Table[int] = Table((9, 1, 4, 1), {1: integer}, [])
MIB = Mib([TABLE, SCALARS, EMPTY])

WALK = [
    ((9, 1, 1, 0), text("x")),
    ((9, 1, 2, 0), integer(3)),
    ((9, 1, 3, 1, 2, 9, 1), integer(91)),
    ((9, 1, 3, 1, 2, 10), integer(10)),
    ((9, 1, 3, 1, 4, 7), gauge(7)),
    ((9, 1, 3, 1, 4, 9, 1), gauge(91)),
    ((9, 1, 3, 1, 4, 10), gauge(10)),
]


def test_a_walk_meets_every_cell_once_in_order() -> None:
    found, at = [], (0,)
    while True:
        binding = MIB.first_in(Range(at, False, ()))
        if binding.value is END_OF_MIB_VIEW:
            break
        found.append(tuple(binding))
        at = binding.name
    assert found == WALK
    assert [name for name, _ in found] == sorted(name for name, _ in found)


@pytest.mark.parametrize(
    ("start", "include", "end", "expected"),
    [
        ((9,), False, (), (9, 1, 1, 0)),
        ((9, 1, 1, 0), True, (), (9, 1, 1, 0)),
        ((9, 1, 1, 0), False, (), (9, 1, 2, 0)),
        ((9, 1, 2, 0), False, (), (9, 1, 3, 1, 2, 9, 1)),
        ((9, 1, 3, 1, 2), False, (), (9, 1, 3, 1, 2, 9, 1)),
        ((9, 1, 3, 1, 2, 9), False, (), (9, 1, 3, 1, 2, 9, 1)),
        ((9, 1, 3, 1, 2, 9, 1), True, (), (9, 1, 3, 1, 2, 9, 1)),
        ((9, 1, 3, 1, 2, 9, 1, 5), False, (), (9, 1, 3, 1, 2, 10)),
        ((9, 1, 3, 1, 2, 10), False, (), (9, 1, 3, 1, 4, 7)),
        ((9, 1, 3, 1, 3), False, (), (9, 1, 3, 1, 4, 7)),
        ((9, 1, 3, 1, 4, 10), False, (), None),
        ((9, 1, 3, 1, 4, 10), True, (), (9, 1, 3, 1, 4, 10)),
        ((10,), False, (), None),
        ((9, 1, 3, 1, 2, 10), False, (9, 1, 3, 1, 4, 7), None),
        ((9, 1, 3, 1, 2, 10), False, (9, 1, 3, 1, 4, 7, 0), (9, 1, 3, 1, 4, 7)),
    ],
)
def test_the_first_of_a_range_is_found(start: Oid, include: bool, end: Oid, expected: Oid | None) -> None:
    found = MIB.first_in(Range(start, include, end))
    assert found.name == (start if expected is None else expected)
    assert (found.value is END_OF_MIB_VIEW) is (expected is None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ((9, 1, 1, 0), text("x")),
        ((9, 1, 2, 0), integer(3)),
        ((9, 1, 3, 1, 4, 9, 1), gauge(91)),
        ((9, 1, 3, 1, 4, 8), NO_SUCH_INSTANCE),
        ((9, 1, 3, 1, 2, 7), NO_SUCH_INSTANCE),
        ((9, 1, 3, 1, 4), NO_SUCH_INSTANCE),
        ((9, 1, 3, 1, 3, 7), NO_SUCH_OBJECT),
        ((9, 1, 3, 1), NO_SUCH_OBJECT),
        ((8,), NO_SUCH_OBJECT),
    ],
)
def test_one_cell_is_there_or_is_told_missing(name: Oid, value: Value) -> None:
    assert MIB.get(name) == value
    assert answer(MIB, Get((Range(name, False, ()),))) == Response(bindings=(Binding(name, value),))


def test_several_questions_are_answered_in_their_order() -> None:
    asked = GetNext((Range((9, 1, 3, 1, 4, 9, 1), False, ()), Range((9,), False, (9, 1, 2))))
    assert answer(MIB, asked) == Response(
        bindings=(Binding((9, 1, 3, 1, 4, 10), gauge(10)), Binding((9, 1, 1, 0), text("x")))
    )


def test_a_bulk_repeats_the_later_ranges_until_all_have_ended() -> None:
    asked = GetBulk(1, 100, (Range((9,), False, ()), Range((9, 1, 3, 1, 4), False, ())))
    assert answer(MIB, asked) == Response(
        bindings=(
            Binding((9, 1, 1, 0), text("x")),
            Binding((9, 1, 3, 1, 4, 7), gauge(7)),
            Binding((9, 1, 3, 1, 4, 9, 1), gauge(91)),
            Binding((9, 1, 3, 1, 4, 10), gauge(10)),
            Binding((9, 1, 3, 1, 4, 10), END_OF_MIB_VIEW),
        )
    )


def test_a_bulk_is_bounded_whatever_is_asked_for() -> None:
    wide = Mib([Table((9,), {1: integer}, (((number,), number) for number in range(5000)))])
    found = answer(wide, GetBulk(0, 65535, (Range((9,), False, ()),) * 3))
    assert found is not None
    assert MOST_BINDINGS - 3 < len(found.bindings) <= MOST_BINDINGS


def test_nothing_can_be_set() -> None:
    assert answer(MIB, SetTest((Binding((9, 1, 2, 0), integer(4)),))) == Response(error=17, index=1)
    assert answer(MIB, Step(9)) == Response(error=14)  # commitFailed
    assert answer(MIB, Step(10)) == Response(error=15)  # undoFailed
    assert answer(MIB, Step(11)) is None  # CleanupSet wants no answer
