"""Tables of managed objects and the order in which they are walked.  Pure.

Nothing is written out beforehand: a table has its rows in order, and computes a cell when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, Protocol, TypeAlias, TypeVar

from havip.snmp.agentx import (
    CLEANUP_SET,
    COMMIT_FAILED,
    COMMIT_SET,
    NOT_WRITABLE,
    UNDO_FAILED,
    Binding,
    Get,
    GetBulk,
    GetNext,
    Range,
    Response,
    SetTest,
    Step,
)
from havip.snmp.values import END_OF_MIB_VIEW, NO_SUCH_INSTANCE, NO_SUCH_OBJECT, Oid, Value

T = TypeVar("T")
#: the columns of a table by number; None instead of a value: this row has no such cell
Columns: TypeAlias = Mapping[int, Callable[[T], Value | None]]
SCALAR: Oid = (0,)  # the index of what is there once

MOST_BINDINGS = 1024  # in one response: a GetBulk may ask for any number


class Objects(Protocol):
    """Some managed objects."""

    @property
    def first(self) -> Oid:
        """Return an identifier that none of them precedes."""

    def get(self, oid: Oid) -> Value:
        """Return the value of one of them, or which part of it does not exist."""

    def after(self, oid: Oid, include: bool) -> Binding | None:
        """Return the first of them that follows ``oid``, or is it; None: all precede it."""


class Table(Generic[T]):
    """One table, or scalars with a common parent as a table of the one row `SCALAR`."""

    def __init__(self, entry: Oid, columns: Columns[T], rows: Iterable[tuple[Oid, T]]) -> None:
        self._entry = entry
        self._columns = columns
        self._numbers = sorted(columns)
        ordered = sorted(dict(rows).items(), key=lambda row: row[0])
        self._indexes = [index for index, _ in ordered]
        self._rows = [row for _, row in ordered]

    @property
    def first(self) -> Oid:
        return (*self._entry, self._numbers[0])

    def get(self, oid: Oid) -> Value:
        size = len(self._entry)
        column = self._columns.get(oid[size]) if len(oid) > size and oid[:size] == self._entry else None
        if column is None:
            return NO_SUCH_OBJECT
        index = oid[size + 1 :]
        at = bisect_left(self._indexes, index)
        if at == len(self._indexes) or self._indexes[at] != index:
            return NO_SUCH_INSTANCE
        value = column(self._rows[at])
        return NO_SUCH_INSTANCE if value is None else value

    def after(self, oid: Oid, include: bool) -> Binding | None:
        size = len(self._entry)
        head, rest = oid[:size], oid[size:]
        if head > self._entry:
            return None
        column, row = 0, 0
        if head == self._entry and rest:
            column = bisect_left(self._numbers, rest[0])
            if column < len(self._numbers) and self._numbers[column] == rest[0]:
                row = (bisect_left if include else bisect_right)(self._indexes, rest[1:])
        for number in self._numbers[column:]:
            compute = self._columns[number]
            for at in range(row, len(self._rows)):
                value = compute(self._rows[at])
                if value is not None:
                    return Binding((*self._entry, number, *self._indexes[at]), value)
            row = 0
        return None


class Mib:
    """Everything that is served.  No table stands within another one, or among its cells."""

    def __init__(self, objects: Iterable[Objects] = ()) -> None:
        self._objects = sorted(objects, key=lambda one: one.first)

    def get(self, oid: Oid) -> Value:
        """Return a value, or which part of its name does not exist."""
        for one in self._objects:
            value = one.get(oid)
            if value is not NO_SUCH_OBJECT:
                return value
        return NO_SUCH_OBJECT

    def first_in(self, span: Range) -> Binding:
        """Return the first variable of a range, or that there is none."""
        for one in self._objects:
            found = one.after(span.start, span.include)
            if found is not None:
                if span.end and found.name >= span.end:
                    break
                return found
        return Binding(span.start, END_OF_MIB_VIEW)

    def bulk(self, request: GetBulk) -> list[Binding]:
        """Return what follows, repeatedly (RFC 2741 section 7.2.3.3), within bounds."""
        found = [self.first_in(span) for span in request.ranges[: request.non_repeaters]]
        spans = list(request.ranges[request.non_repeaters :])
        for _ in range(request.repetitions):
            if not spans or len(found) + len(spans) > MOST_BINDINGS:
                break
            row = [self.first_in(span) for span in spans]
            found += row
            if all(binding.value is END_OF_MIB_VIEW for binding in row):
                break
            spans = [Range(binding.name, False, span.end) for binding, span in zip(row, spans, strict=True)]
        return found


Request: TypeAlias = Get | GetNext | GetBulk | SetTest | Step


def answer(mib: Mib, request: Request) -> Response | None:
    """Return what a request is answered; None: it wants no answer.  All that there is can only be read."""
    match request:
        case Get():
            return Response(bindings=tuple(Binding(one.start, mib.get(one.start)) for one in request.ranges))
        case GetNext():
            return Response(bindings=tuple(map(mib.first_in, request.ranges)))
        case GetBulk():
            return Response(bindings=tuple(mib.bulk(request)))
        case SetTest():
            return Response(error=NOT_WRITABLE, index=1)
        case Step(type=step):
            if step == COMMIT_SET:
                return Response(error=COMMIT_FAILED)
            return Response(error=UNDO_FAILED) if step != CLEANUP_SET else None
