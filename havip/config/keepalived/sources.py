"""Where text comes from: lines of several files, and text that a definition put into a line.  Pure.

All lines have one numbering: those of the first file come first, as they are in it; those of an included
file follow.  A line in which a definition was replaced gets a number of its own, and its marks say what
stands where.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from havip.config.problems import Spot


class Origin(NamedTuple):
    """The definition that a piece of text came out of."""

    name: str
    line: int  # on which that piece was defined; 0: the language has it


class Mark(NamedTuple):
    """Where the text from ``offset`` on stands.

    Text of the file itself is ``steady``: its columns go on.  What came out of a definition stands where that
    was used, all of it in one place.
    """

    offset: int
    line: int
    column: int
    steady: bool = True
    origin: Origin | None = None


class Spelled(NamedTuple):
    """A piece of one line, and where its characters stand."""

    text: str
    marks: tuple[Mark, ...]  # by offset, the first at 0

    @classmethod
    def at(cls, text: str, line: int, column: int) -> Spelled:
        """Return text as it stands in a file."""
        return cls(text, (Mark(0, line, column),))

    def mark_at(self, offset: int) -> Mark:
        """Return the mark that says where a character stands."""
        if len(self.marks) == 1:
            return self.marks[0]
        return self.marks[bisect_right(self.marks, offset, key=lambda mark: mark.offset) - 1]

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column of a character."""
        mark = self.mark_at(offset)
        return mark.line, mark.column + (offset - mark.offset if mark.steady else 0)

    def piece(self, start: int, end: int | None = None) -> Spelled:
        """Return a part of it."""
        if len(self.marks) == 1 and self.marks[0].steady:
            mark = self.marks[0]
            return Spelled(self.text[start:end], (mark._replace(column=mark.column + start),))
        line, column = self.place(start)
        first = self.mark_at(start)._replace(offset=0, line=line, column=column)
        later = (mark._replace(offset=mark.offset - start) for mark in self.marks if mark.offset > start)
        return Spelled(self.text[start:end], (first, *later))

    def replaced(self, start: int, end: int, text: str, origin: Origin) -> Spelled:
        """Return it with other text from ``start`` to ``end``, which stands where the old text began."""
        line, column = self.place(start)
        before = tuple(mark for mark in self.marks if mark.offset < start)
        rest = self.piece(end)
        at = start + len(text)
        after = tuple(mark._replace(offset=mark.offset + at) for mark in rest.marks)
        new = (Mark(start, line, column, steady=False, origin=origin),) if text else ()
        return Spelled(self.text[:start] + text + rest.text, (*before, *new, *after))


class SourceFile(NamedTuple):
    """One file that was read, and the number of its first line."""

    name: str
    first: int
    lines: tuple[str, ...]


class Sources:
    """The files and replaced lines of one configuration."""

    def __init__(self) -> None:
        self.files: list[SourceFile] = []
        self._expanded: dict[int, tuple[Mark, ...]] = {}
        self._next = 1

    def add(self, name: str, lines: tuple[str, ...]) -> SourceFile:
        """Take a file in."""
        file = SourceFile(name, self._next, lines)
        self.files.append(file)
        self._next += len(lines)
        return file

    def expanded(self, marks: tuple[Mark, ...]) -> int:
        """Return the number of a line that holds text of definitions."""
        number = self._next
        self._next += 1
        self._expanded[number] = marks
        return number

    def locate(self, line: int, column: int) -> Spot:
        """Return where people find a place."""
        marks = self._expanded.get(line)
        why = ""
        if marks is not None:
            spelled = Spelled("", marks)
            mark = spelled.mark_at(max(column - 1, 0))
            line, column = spelled.place(max(column - 1, 0))
            if mark.origin is not None:
                name, defined = mark.origin
                why = f"it came out of {name}" + (f", defined in {self.said(defined)}" if defined else "")
        file = self.file_of(line)
        return Spot(file.name, line - file.first + 1 if line else 0, column, why)

    def file_of(self, line: int) -> SourceFile:
        """Return the file that has a line."""
        index = bisect_right(self.files, line, key=lambda file: file.first) - 1
        return self.files[max(index, 0)]

    def said(self, line: int) -> str:
        """Return a line for people: the first file needs no name."""
        spot = self.locate(line, 1)
        return f"line {spot.line}" if spot.file == self.files[0].name else f"{spot.file}:{spot.line}"
