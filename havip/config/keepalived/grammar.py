"""Lines to the tree of statements: blocks that belong together, words with their places.  Pure.

keepalived goes on after a brace too many or too few, and takes what follows for something else.  Here both
are errors, whatever else is let pass.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from havip.config.keepalived import spelling
from havip.config.keepalived.lines import Endless, Hearer, Lines, Outside, Over
from havip.config.keepalived.sources import Sources, Spelled
from havip.config.keepalived.tree import Statement, Tree, Word

DEEPEST: Final = 20  # blocks within blocks; keepalived knows four
MOST_WORDS: Final = 200_000
#: what no word may hold; a byte that is no UTF-8 was read as one of the last
_STRANGE: Final = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")


class _Open(NamedTuple):
    """A block that is not closed yet."""

    head: Statement | None
    place: tuple[int, int]
    statements: list[Statement]


def read(
    path: str, lines: tuple[str, ...], outside: Outside, instance: str, sources: Sources, report: Hearer
) -> Tree | None:
    """Return the statements of a file and of all that it includes; ``report`` hears what is wrong.

    None: it has no end, so there is no use in what was read of it.
    """
    return Grammar(outside, instance, sources, report).read(path, lines)


class Grammar:
    """Reads one configuration."""

    def __init__(self, outside: Outside, instance: str, sources: Sources, report: Hearer) -> None:
        self._sources = sources
        self._report = report
        self._lines = Lines(outside, instance, sources, report)
        self._open = [_Open(None, (1, 1), [])]
        self._may_open = False  # a brace may follow
        self._left = MOST_WORDS

    def read(self, path: str, lines: tuple[str, ...]) -> Tree | None:
        """Return the statements of a file and of all that it includes; None: it has no end."""
        try:
            self._lines.begin(path, lines)
            while (found := self._lines.next()) is not None:
                if isinstance(found, Over):
                    self._end_of_file(found)
                elif found.text == "{":
                    self._begin_block(found)
                elif found.text == "}":
                    self._end_block(found)
                else:
                    self._statement(found)
        except Endless as error:
            self._report.refuse(error.place, error.found, error.expected)
            return None
        return tuple(self._open[0].statements)

    def _statement(self, spelled: Spelled) -> None:
        """Add the words of one line."""
        strange = _STRANGE.search(spelled.text)
        if strange is not None:
            code = ord(strange[0])
            byte = f"byte 0x{code - 0xDC00:02x}" if code > 0xFF else f"the control character U+{code:04X}"
            self._report.refuse(spelled.place(strange.start()), byte, "text in UTF-8")
            return
        line = 0
        if any(mark.origin is not None for mark in spelled.marks):
            line = self._sources.expanded(spelled.marks)
        try:
            words, more = self._words(spelled, line)
        except spelling.Unclosed as error:
            place = spelled.place(error.offset)
            what = "a backslash at the end" if error.found == "\\" else f"{error.found} without its other one"
            self._report.refuse(place, what, "pairs of quotation marks")
            return
        if not words:
            return  # nothing but an empty definition was there
        self._left -= len(words) + 1
        if self._left < 0:
            raise Endless(spelled.place(0), f"more than {MOST_WORDS} words", "a configuration")
        self._open[-1].statements.append(Statement(words, more))
        self._may_open = True

    def _words(self, spelled: Spelled, line: int) -> tuple[tuple[Word, ...], tuple[Word, ...]]:
        """Return the words of a line in both readings.  Raises `spelling.Unclosed`."""
        text = spelled.text
        if not spelling.has_escapes(text):
            words = spelling.placed(spelled, spelling.words(text), line)
            return words, words
        try:
            plain = spelling.words(text)
        except spelling.Unclosed:
            both = spelling.placed(spelled, spelling.spelled_words(text), line)
            return both, both
        try:
            more = spelling.spelled_words(text)
        except spelling.Unclosed:
            more = plain  # an apostrophe that is one
        words = spelling.placed(spelled, plain, line)
        return words, words if more == plain else spelling.placed(spelled, more, line)

    def _begin_block(self, spelled: Spelled) -> None:
        place = spelled.place(0)
        if len(self._open) > DEEPEST:
            raise Endless(place, "blocks nested too deeply", f"at most {DEEPEST} within each other")
        if not self._may_open:
            self._report.refuse(place, 'a "{" that nothing stands before', "the name of a block before it")
            head = None
        else:
            head = self._open[-1].statements.pop()
        self._open.append(_Open(head, place, []))
        self._lines.depth += 1
        self._may_open = False

    def _end_block(self, spelled: Spelled) -> None:
        if self._lines.depth <= self._lines.floor:
            why = "the block began in another file" if self._lines.depth else ""
            self._report.refuse(spelled.place(0), 'a "}" too many', "a block that it ends", why)
            return
        self._close()

    def _close(self) -> None:
        block = self._open.pop()
        self._lines.depth -= 1
        self._may_open = False
        if block.head is not None:
            self._open[-1].statements.append(block.head._replace(block=tuple(block.statements)))

    def _end_of_file(self, over: Over) -> None:
        while self._lines.depth > over.depth:
            line, column = self._open[-1].place
            self._report.refuse((line, column), 'a block without its "}"', '"}" before the end of the file')
            self._close()
        self._may_open = False
