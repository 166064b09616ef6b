"""``$NAME=`` and what is put in place of ``$NAME`` and ``${NAME}``.  Pure.

A value is looked into when it is used, not when it is defined, so it may name what is defined later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from havip.config.keepalived.sources import Mark, Origin, Spelled

_DEFINING: Final = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)=[ \t]*")
_USING: Final = re.compile(
    r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)((?: +[A-Za-z0-9_]+)*) *\}|([A-Za-z_][A-Za-z0-9_]*)(?=[ \t,)]|$))"
)
#: the definitions of the language itself that take words
WITH_WORDS: Final = ("_RANDOM", "_ENV")
LONGEST_LINE: Final = 16384  # characters
MOST_IN_A_LINE: Final = 256  # pieces that a line is made of
#: the work of all replacements: one for each, for each piece of its line, and for so many characters
MOST_WORK: Final = 200_000
CHARACTERS_FOR_ONE: Final = 128


class Piece(NamedTuple):
    """One line of a value, and where it was defined."""

    text: str
    line: int


@dataclass(slots=True)
class Definition:
    """What a name stands for: one line, or several of which the first takes the place of the name."""

    name: str
    pieces: list[Piece]
    several: bool = False

    def origin(self, index: int = 0) -> Origin:
        """Return where a line of the value comes from."""
        return Origin(f"${self.name}", self.pieces[index].line)


class CannotExpand(Exception):
    """Something in a line, replaced so far, cannot be replaced, at an offset."""

    def __init__(self, spelled: Spelled, offset: int, found: str, expected: str) -> None:
        super().__init__(found)
        self.spelled, self.offset, self.found, self.expected = spelled, offset, found, expected


#: the value of a definition of the language itself, by its name and its words; None: there is no such
Predefined = Callable[[str, list[str]], str | None]


class Definitions:
    """The definitions of a configuration as far as it was read."""

    def __init__(self, predefined: Predefined) -> None:
        self._known: dict[str, Definition] = {}
        self._predefined = predefined
        self.left = MOST_WORK

    def define(self, name: str, pieces: list[Piece], *, several: bool = False) -> Definition:
        """Let a name stand for something, whatever it stood for."""
        self._known[name] = definition = Definition(name, pieces, several)
        return definition

    def expand(self, spelled: Spelled) -> tuple[Spelled, list[Iterator[Spelled]]]:
        """Replace every name in a line.  Returns the line, and the lines that follow it, the last ones first.

        A line that begins with a sequence is left alone from there on, for its own text is replaced when it
        is used.  Raises `CannotExpand`.
        """
        following: list[Iterator[Spelled]] = []
        at = 0
        while (found := _USING.search(spelled.text, at)) is not None:
            start, end = found.span()
            value, origin, more = self._value(found, spelled, end == len(spelled.text))
            if value is None or origin is None:
                at = start + 1
                continue
            self.left -= 1 + len(spelled.marks) + len(spelled.text) // CHARACTERS_FOR_ONE
            if self.left < 0:
                raise CannotExpand(spelled, start, "definitions without an end", "fewer uses of definitions")
            if len(spelled.marks) > MOST_IN_A_LINE:
                raise CannotExpand(
                    spelled, start, "definitions without an end", f"at most {MOST_IN_A_LINE} in a line"
                )
            if len(spelled.text) + len(value) > LONGEST_LINE:
                raise CannotExpand(
                    spelled, start, f"a line of more than {LONGEST_LINE} characters", "a shorter one"
                )
            if more:
                following.append(rest_of(more, *spelled.place(start)))
            spelled = spelled.replaced(start, end, value, origin)
            at = start
            if value.lstrip(" \t").startswith("~") and not spelled.text[:start].strip(" \t"):
                break
        return spelled, following

    def _value(
        self, found: re.Match[str], spelled: Spelled, at_end: bool
    ) -> tuple[str | None, Origin | None, Definition | None]:
        """Return what takes the place of a name, whence, and the definition if more lines follow."""
        name, arguments = found[1] or found[3], (found[2] or "").split()
        definition = self._known.get(name)
        if definition is not None and not arguments:
            if definition.several and not at_end:
                return None, None, None
            more = definition if definition.several else None
            return definition.pieces[0].text, definition.origin(), more
        if definition is None and (not arguments or name in WITH_WORDS):
            value = self._predefined(name, arguments)
            if value is not None:
                return value, Origin(found[0], 0), None
        if found[1] and spelled.text[: found.start()].count('"') % 2 == 0:
            # keepalived takes the braces for a block then
            what = f'"{found[0]}", which is not defined'
            raise CannotExpand(spelled, found.start(), what, "a definition further up")
        return None, None, None


def rest_of(definition: Definition, line: int, column: int) -> Iterator[Spelled]:
    """Yield the lines of a definition but the first, as they are used at a place."""
    for index, piece in enumerate(definition.pieces[1:], 1):
        mark = Mark(0, line, column, steady=False, origin=definition.origin(index))
        yield Spelled(piece.text, (mark,))


def begins_definition(text: str) -> tuple[str, int] | None:
    """Return the name that a line defines and where its value begins; None: it defines nothing."""
    found = _DEFINING.match(text)
    return None if found is None else (found[1], found.end())
