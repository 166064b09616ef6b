"""From files to the lines that count: conditions, definitions, sequences and includes carried out.  Pure.

What is outside (files, the environment, chance) is asked for through `Outside`.  Each line comes with its
braces apart, each brace a line of its own.  However a file is made, the work is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from havip.config.keepalived import sequences
from havip.config.keepalived.definitions import (
    LONGEST_LINE,
    CannotExpand,
    Definitions,
    Piece,
    begins_definition,
)
from havip.config.keepalived.includes import (
    Include,
    Included,
    Refused,
    TooMuch,
    checks_after,
    said,
)
from havip.config.keepalived.sources import SourceFile, Sources, Spelled
from havip.config.keepalived.spelling import BLANK, first_brace, without_comment
from havip.config.problems import quote

MOST_WAITING: Final = 200  # sequences, definitions of several lines and files within each other
MOST_LINES: Final = 200_000  # that are read, each as often as it is read
MOST_TEXT: Final = 8 * 1024 * 1024  # characters of all lines that are read


class Endless(Exception):
    """A file asks for more than there may be, at a place: reading ends."""

    def __init__(self, place: tuple[int, int], found: str, expected: str) -> None:
        super().__init__(found)
        self.place, self.found, self.expected = place, found, expected


class Outside(Protocol):
    """What a configuration takes from the machine."""

    def included(self, include: Include, directory: str) -> Included:
        """Return the files that an include means, in order.  Raises `Refused`."""

    def read(self, path: str) -> tuple[str, ...]:
        """Return the lines of a plain file.  Raises `Refused`."""

    def directory(self, path: str) -> str:
        """Return the directory in which a file stands, as an absolute path."""

    def variable(self, name: str) -> str | None:
        """Return a variable of the environment."""

    def chance(self, least: int, most: int) -> int:
        """Return a number from ``least`` to ``most``."""


class Hearer(Protocol):
    """Who is told what is wrong."""

    def refuse(self, place: tuple[int, int], found: str, expected: str = "", why: str = "") -> None:
        """Take an error."""

    def let_pass(self, place: tuple[int, int], found: str, expected: str = "", why: str = "") -> None:
        """Take what keepalived goes on after, which may or may not be an error here."""

    def remark(self, place: tuple[int, int], found: str) -> None:
        """Take what is worth a look."""


@dataclass(slots=True)
class _Waiting:
    """Lines that are read before those below them, and the file if they are one."""

    lines: Iterator[Spelled]
    file: SourceFile | None = None
    directory: str = ""
    depth: int = 0
    checks: frozenset[str] = frozenset()  # of every include in the file


class Over(NamedTuple):
    """A file ends that began with so many blocks open."""

    place: tuple[int, int]
    depth: int


class Lines:
    """The lines of a configuration, one at a time: words, or a single brace.

    ``depth`` is how many blocks are open, which the reader of the lines keeps.
    """

    def __init__(self, outside: Outside, instance: str, sources: Sources, hearer: Hearer) -> None:
        self._outside, self._instance, self._sources = outside, instance, sources
        self._hearer = hearer
        self._waiting: list[_Waiting] = []
        self._definitions = Definitions(self._predefined)
        self._lines_left, self._text_left = MOST_LINES, MOST_TEXT
        self._rest: Spelled | None = None  # of a line with braces
        self.depth = 0

    def begin(self, path: str, lines: tuple[str, ...]) -> None:
        """Read a file next."""
        file = self._sources.add(path, lines)
        checks = self._file.checks if self._waiting else frozenset[str]()
        waiting = _Waiting(self._of_file(file), file, self._outside.directory(path), self.depth, checks)
        self._push(waiting, (file.first, 1))

    @property
    def floor(self) -> int:
        """Return how many blocks were open when the file began that is read."""
        return self._file.depth

    @property
    def _file(self) -> _Waiting:
        return next(one for one in reversed(self._waiting) if one.file is not None)

    def next(self) -> Spelled | Over | None:
        """Return the next line, None at the end.  Raises `Endless`."""
        while self._waiting:
            spelled = self._rest or next(self._waiting[-1].lines, None)
            self._rest = None
            if spelled is None:
                over = self._waiting.pop()
                if over.file is not None:
                    return Over((over.file.first + max(len(over.file.lines) - 1, 0), 1), over.depth)
                continue
            self._count(spelled)
            result = self._settle(spelled)
            if result is not None:
                return result
        return None

    def _count(self, spelled: Spelled) -> None:
        self._lines_left -= 1
        self._text_left -= len(spelled.text)
        if self._lines_left < 0:
            raise Endless(spelled.place(0), f"more than {MOST_LINES} lines", "a configuration")
        if self._text_left < 0:
            raise Endless(spelled.place(0), f"more than {MOST_TEXT} characters", "a configuration")

    def _push(self, waiting: _Waiting, place: tuple[int, int]) -> None:
        if len(self._waiting) >= MOST_WAITING:
            raise Endless(
                place,
                "files, sequences and definitions within each other without an end",
                f"at most {MOST_WAITING}",
            )
        self._waiting.append(waiting)

    def _settle(self, spelled: Spelled) -> Spelled | None:
        """Return a line with all that it asks for carried out; None: nothing of it is left."""
        conditional = True  # one condition a line, unless a definition holds another
        while True:
            text = spelled.text
            if not text:
                return None
            first = text[0]
            if first == "@" and conditional:
                found = self._condition(spelled)
                if found is None:
                    return None
                spelled, conditional = found, False
                continue
            if first == "$" and (name := begins_definition(text)) is not None:
                self._definitions.define(name[0], [Piece(text[name[1] :], spelled.place(0)[0])])
                return None
            if first == "~" and sequences.is_sequence(text):
                self._sequence(spelled)
                return None
            if text.startswith("include_check"):
                self._file.checks = checks_after(text, self._file.checks)
                return self._until_brace(spelled)
            if text.startswith("include") and (include := Include.of(text)) is not None:
                self._include(include, spelled)
                return None
            if first == "~" or "$" not in text:
                return self._until_brace(spelled)
            again = self._expanded(spelled)
            if again is None:
                return None
            if again is spelled:
                return self._until_brace(spelled)
            spelled, conditional = again, True

    def _condition(self, spelled: Spelled) -> Spelled | None:
        """Return what stands behind ``@id`` if that is us, behind ``@^id`` if it is not."""
        text = spelled.text
        begin = 2 if text.startswith("@^") else 1
        end = next((at for at, character in enumerate(text) if character in BLANK and at >= begin), len(text))
        if (text[begin:end] == self._instance) == (begin == 2):
            return None
        rest = text[end:].lstrip(BLANK)
        return spelled.piece(len(text) - len(rest)) if rest else None

    def _expanded(self, spelled: Spelled) -> Spelled | None:
        """Return the line with its definitions replaced, itself if there were none."""
        try:
            result, following = self._definitions.expand(spelled)
        except CannotExpand as error:
            self._refuse(error)
            return None
        for lines in following:
            self._push(_Waiting(lines), spelled.place(0))
        self._text_left -= len(result.text)
        return result

    def _refuse(self, error: CannotExpand) -> None:
        """Report a definition that cannot be used.  Raises `Endless`."""
        place = error.spelled.place(error.offset)
        if error.spelled.mark_at(error.offset).origin is not None:
            place = self._sources.expanded(error.spelled.marks), error.offset + 1
        if self._definitions.left < 0:
            raise Endless(place, error.found, error.expected)
        self._hearer.refuse(place, error.found, error.expected)

    def _sequence(self, spelled: Spelled) -> None:
        """Have the text of a sequence read once for each value."""
        line, column = spelled.place(0)
        try:
            found = sequences.head(spelled.text)
            inside = self._definitions.expand(spelled.piece(*found.span(2)))[0].text
            sequence = sequences.read(found, inside)
        except CannotExpand as error:
            self._refuse(error)
            return
        except sequences.Bad as error:
            self._hearer.refuse((line, column), quote(spelled.text), "a sequence", str(error))
            return
        rest = spelled.piece(sequence.text)
        if rest.text:
            self._push(_Waiting(self._turns(sequence, rest, line)), (line, column))

    def _turns(self, sequence: sequences.Sequence, rest: Spelled, line: int) -> Iterator[Spelled]:
        for values in sequence.turns():
            for name, value in zip(sequence.names, values, strict=True):
                self._definitions.define(name, [Piece(value, line)])
            yield rest

    def _include(self, include: Include, spelled: Spelled) -> None:
        """Have the files of an include read next."""
        place = spelled.place(0)
        include = include._replace(checks=include.checks | self._file.checks)
        try:
            included = self._outside.included(include, self._file.directory)
        except TooMuch as refused:
            raise Endless(place, refused.found, refused.expected) from None
        except Refused as refused:
            self._hearer.refuse(place, refused.found, refused.expected, refused.why)
            return
        for missing in included.missing:
            self._hearer.remark(place, f"no file {said(missing)} is there")
        for path in reversed(included.paths):
            try:
                self.begin(path, self._outside.read(path))
            except TooMuch as refused:
                raise Endless(place, refused.found, refused.expected) from None
            except Refused as refused:
                tell = self._hearer.refuse if include.checks else self._hearer.let_pass
                tell(place, refused.found, refused.expected, refused.why)

    def _until_brace(self, spelled: Spelled) -> Spelled | None:
        """Return the words before a brace, or the brace; what is left is read next."""
        text = spelled.text
        at = first_brace(text)
        if at < 0:
            return spelled
        end = at or 1
        rest = text[end:].lstrip(BLANK)
        if rest:
            self._rest = spelled.piece(len(text) - len(rest))
        part = spelled.piece(0, end)
        return part._replace(text=part.text.rstrip(BLANK))

    def _of_file(self, file: SourceFile) -> Iterator[Spelled]:
        """Yield the lines of a file, and take in its definitions of several lines."""
        lines = enumerate(file.lines, file.first)
        for number, raw in lines:
            if len(raw) > LONGEST_LINE:
                raise Endless((number, 1), f"a line of {len(raw)} characters", f"at most {LONGEST_LINE}")
            spelled, goes_on = without_comment(raw, number)
            if not goes_on:
                yield spelled
                continue
            self._take_definition(spelled, lines)

    def _take_definition(self, spelled: Spelled, lines: Iterator[tuple[int, str]]) -> None:
        """Take in a definition of several lines; nothing else may go on in the next line."""
        ours = True
        if spelled.text.startswith("@"):
            found = self._condition(spelled)
            ours, spelled = found is not None, found or spelled
        name = begins_definition(spelled.text) if ours else None
        if ours and name is None:
            place = spelled.place(len(spelled.text))
            why = "only a definition goes on in the next line, up to an empty one"
            self._hearer.refuse(place, "a backslash at the end of the line", "no backslash", why)
            return
        value = "" if name is None else spelled.text[name[1] :]
        pieces = [Piece(value, spelled.place(0)[0])] if value else []
        for number, raw in lines:
            more, goes_on = without_comment(raw, number)
            if more.text:
                pieces.append(Piece(more.text, number))
            if not goes_on:
                break
        if name is not None:
            pieces = pieces or [Piece("", spelled.place(0)[0])]
            self._definitions.define(name[0], pieces, several=len(pieces) > 1)

    def _predefined(self, name: str, words: list[str]) -> str | None:
        """Return what the language itself defines."""
        match name, words:
            case "_PWD", []:
                return self._file.directory
            case "_INSTANCE", []:
                return self._instance
            case "_HASH", []:
                return "#"
            case "_BANG", []:
                return "!"
            case "_ENV", [variable]:
                return self._outside.variable(variable)
            case "_RANDOM", numbers if len(numbers) <= 2 and all(map(str.isdecimal, numbers)):
                least, most = (*map(int, numbers), *(0, 32767)[len(numbers) :])
                return str(self._outside.chance(least, most)) if least <= most else None
        return None
