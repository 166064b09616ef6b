"""What is wrong with a configuration, and where: values for people and for `--json`.  Pure.

A problem names the file, line and column, the key's path, what was found, what was expected and the
nearest valid spelling.  It never holds an exception and never prints.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

from havip.errors import HavipError

LONGEST_QUOTE = 60  # characters of the file that a message repeats


class Place(NamedTuple):
    """Where something stands: line and column count from 1, ``path`` is the way of keys to it."""

    line: int
    column: int
    path: str

    def inside(self, key: str) -> str:
        """Return the path of ``key`` in the mapping that stands here."""
        return f"{self.path}.{clean(key)}" if self.path else clean(key)


class Spot(NamedTuple):
    """A place as people know it."""

    file: str
    line: int
    column: int
    why: str = ""  # how the text came there


class Sources(Protocol):
    """Who knows what the numbers of lines stand for."""

    def locate(self, line: int, column: int) -> Spot:
        """Return where people find a place."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to mend.  Without ``expected``, ``found`` is the whole statement.

    Line 0 means the file as a whole, such as a file that is not there.
    """

    file: str
    line: int
    column: int
    path: str
    found: str
    expected: str = ""
    nearest: str = ""  # the valid spelling that is most like what was found
    why: str = ""

    @property
    def message(self) -> str:
        """Return the sentence without the place."""
        said = f"expected {self.expected}, found {self.found}" if self.expected else self.found
        return (
            said
            + (f": {self.why}" if self.why else "")
            + (f"; did you mean {quote(self.nearest)}?" if self.nearest else "")
        )

    @property
    def where(self) -> str:
        """Return the place as compilers print it."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.path, self.message) if part)

    def as_note(self) -> str:
        """Return the line for something that is valid, but worth a look."""
        return f"{self.where}: note: {self.path}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """Return the problem for JSON, with its ``message``."""
        return asdict(self) | {"message": self.message}


class ConfigurationError(HavipError):
    """A configuration cannot be used; ``problems`` holds every reason, in the order of the file."""

    reason = "configuration"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class Problems:
    """The problems of one file as they are found.

    What stands once in the file is reported once, however many routers use it by `defaults` or an alias.
    ``sources`` knows places of several files by one numbering of lines; without it all are of ``file``.
    """

    def __init__(self, file: str, sources: Sources | None = None) -> None:
        self.file = file
        self._sources = sources
        self._found: dict[tuple[int, int, str, str], Problem] = {}
        self._notes: dict[tuple[int, int], Problem] = {}
        self._hidden: set[str] = set()
        self._hidden_lines: set[tuple[str, int]] = set()

    def hide(self, text: str, lines: Iterable[int] = ()) -> None:
        """Never show a line of the file that holds a piece of ``text``: it is a secret, or meant to be.

        ``lines`` are the numbers of those on which it stands, perhaps written in another way.
        """
        self._hidden |= set(text.split())
        for line in lines:
            spot = self._spot(line, 1)
            self._hidden_lines.add((spot.file, spot.line))

    def shown(self, lines: Iterable[str], file: str = "") -> tuple[str, ...]:
        """Return the lines of a file, empty where a secret stands; unless told, of the first one."""
        file = file or self.file
        if not self._hidden and not self._hidden_lines:
            return tuple(lines)
        return tuple(
            ""
            if (file, number) in self._hidden_lines or any(piece in line for piece in self._hidden)
            else line
            for number, line in enumerate(lines, 1)
        )

    def add(self, place: Place, found: str, expected: str = "", *, nearest: str = "", why: str = "") -> None:
        """Record what stands at ``place`` as an error."""
        key = (place.line, place.column, found, expected)
        if key not in self._found:
            self._found[key] = self._problem(place, found, expected, nearest, why)

    def note(self, place: Place, found: str, *, why: str = "") -> None:
        """Record what stands at ``place`` as worth a look, though valid."""
        if (place.line, place.column) not in self._notes:
            self._notes[place.line, place.column] = self._problem(place, found, "", "", why)

    def line(self, place: Place) -> str:
        """Return the line of a place for a sentence: ``line 12``, with the file where that is another one."""
        spot = self._spot(place.line, place.column)
        return f"line {spot.line}" + ("" if spot.file == self.file else f" of {spot.file}")

    def column(self, place: Place) -> int:
        """Return the column of a place for a sentence."""
        return self._spot(place.line, place.column).column

    def _spot(self, line: int, column: int) -> Spot:
        return Spot(self.file, line, column) if self._sources is None else self._sources.locate(line, column)

    def _problem(self, place: Place, found: str, expected: str, nearest: str, why: str) -> Problem:
        spot = self._spot(place.line, place.column)
        why = "; ".join(part for part in (why, spot.why) if part)
        return Problem(spot.file, spot.line, spot.column, place.path, found, expected, nearest, why)

    def _in_order(self, problems: Iterable[Problem]) -> tuple[Problem, ...]:
        """Sort by place, the first file first; problems at one place keep the order of their discovery."""
        return tuple(
            sorted(problems, key=lambda one: (one.file != self.file, one.file, one.line, one.column))
        )

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return the errors in the order of the file."""
        return self._in_order(self._found.values())

    @property
    def notes(self) -> tuple[Problem, ...]:
        """Return the notes in the order of the file."""
        return self._in_order(self._notes.values())


class Noting(Problems):
    """Takes what is wrong on this machine as notes: another one will run by the file."""

    def __init__(self, inner: Problems) -> None:
        super().__init__(inner.file)
        self._inner = inner

    def add(self, place: Place, found: str, expected: str = "", *, nearest: str = "", why: str = "") -> None:
        """Note it."""
        said = f"expected {expected}, found {found}" if expected else found
        self._inner.note(place, f"on this machine: {said}", why=why)

    def note(self, place: Place, found: str, *, why: str = "") -> None:
        """Note it."""
        self._inner.note(place, found, why=why)


def nearest_of(name: str, known: Iterable[str]) -> str:
    """Return which of the names that there are ``name`` most probably stands for; empty: none comes near."""
    import difflib  # only a mistake needs it

    return next(iter(difflib.get_close_matches(name, list(known), 1)), "")


def clean(text: str) -> str:
    """Return a piece of the file fit for one line of a terminal: printable, and not too long."""
    if len(text) > LONGEST_QUOTE:
        text = text[: LONGEST_QUOTE - 1] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quote(text: str) -> str:
    """Return a piece of the file in quotation marks."""
    return f'"{clean(text)}"'
