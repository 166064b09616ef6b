"""What a keepalived.conf holds before anything is known about its meaning: statements, words, blocks.  Pure.

``line`` is a line of `Sources`, which knows the file and the line of people that it stands for.
"""

from __future__ import annotations

from typing import NamedTuple


class Word(NamedTuple):
    """One word of a line, quotation marks removed, and where it stands."""

    text: str
    line: int
    column: int


class Statement(NamedTuple):
    """The words of one line, at least one, and the block that follows it.

    ``words`` are those of most directives: only double quotation marks count, and a backslash is one.
    ``spelled`` are those of commands, passwords and the like: single quotation marks count too, and escapes.
    """

    words: tuple[Word, ...]
    spelled: tuple[Word, ...]
    block: tuple[Statement, ...] | None = None

    @property
    def name(self) -> str:
        """Return the first word, which says what the statement is."""
        return self.words[0].text

    @property
    def arguments(self) -> tuple[Word, ...]:
        """Return the other words."""
        return self.words[1:]


Tree = tuple[Statement, ...]
