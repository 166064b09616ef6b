"""What is wrong with a configuration, and where: values for people and for `--json`.  Pure.

A problem names the file, line and column, the key's path, what was found, what was expected and the
nearest valid spelling.  It never holds an exception and never prints.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

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
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[tuple[int, int, str, str], Problem] = {}
        self._notes: dict[tuple[int, int], Problem] = {}
        self._hidden: set[str] = set()
        self._hidden_lines: set[int] = set()

    def hide(self, text: str, lines: Iterable[int] = ()) -> None:
        """Never show a line of the file that holds a piece of ``text``: it is a secret, or meant to be.

        ``lines`` are the numbers of those on which it stands, perhaps written in another way.
        """
        self._hidden |= set(text.split())
        self._hidden_lines.update(lines)

    def shown(self, lines: Iterable[str]) -> tuple[str, ...]:
        """Return the lines of the file, empty where a secret stands."""
        if not self._hidden and not self._hidden_lines:
            return tuple(lines)
        return tuple(
            "" if number in self._hidden_lines or any(piece in line for piece in self._hidden) else line
            for number, line in enumerate(lines, 1)
        )

    def add(self, place: Place, found: str, expected: str = "", *, nearest: str = "", why: str = "") -> None:
        """Record what stands at ``place`` as an error."""
        problem = Problem(self.file, *place, found, expected, nearest, why)
        self._found.setdefault((place.line, place.column, found, expected), problem)

    def note(self, place: Place, found: str, *, why: str = "") -> None:
        """Record what stands at ``place`` as worth a look, though valid."""
        self._notes.setdefault((place.line, place.column), Problem(self.file, *place, found, why=why))

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return the errors in the order of the file."""
        return in_order(self._found.values())

    @property
    def notes(self) -> tuple[Problem, ...]:
        """Return the notes in the order of the file."""
        return in_order(self._notes.values())


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort by place; problems at one place keep the order in which they were found."""
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.column)))


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
