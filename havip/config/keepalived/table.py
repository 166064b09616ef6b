"""What a table of directives is made of, and how statements are read by one.  Pure.

A table is data: a row for each directive, with its tier and what is done with it.  Rows of one area stand in
one file; `havip.config.keepalived.root` puts them together.  How to add a block stands in ARCHITECTURE.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from havip.config.keepalived.making import Made
from havip.config.keepalived.report import Outcome, Report
from havip.config.keepalived.tree import Statement, Tree, Word
from havip.config.keepalived.values import BOOL, Argument
from havip.config.kinds import Wrong
from havip.config.problems import nearest_of, quote

if TYPE_CHECKING:
    from havip.config.keepalived.whole import Whole


class Tier(IntEnum):
    """How much a directive is used."""

    P0 = 0  #: nobody would switch without it
    P1 = 1  #: commonly
    P2 = 2  #: rarely


P0, P1, P2 = Tier
EMPTY = "there is nothing in its block"


class Scope:
    """The block that is being read: what it makes, and what its rows remember for its end.

    ``at`` is the name of the block, or what it is called where it has none; ``path`` is that of ``made``.
    """

    __slots__ = ("at", "made", "memory", "path", "report", "whole")

    def __init__(
        self, whole: Whole, made: Made, at: Word, path: str = "", memory: dict[str, Any] | None = None
    ) -> None:
        self.whole, self.made, self.at, self.path = whole, made, at, path
        self.report: Report = whole.report
        self.memory: dict[str, Any] = {} if memory is None else memory

    def key(self, path: str) -> str:
        """Return the path of a key for the report."""
        return f"{self.path}.{path}" if self.path else path

    def put(self, path: str, directive: Word, at: Word, value: Any, why: str = "") -> None:
        """Give a key of havip its value, and take that down; with ``why`` something differs."""
        if self.made.get(path) is not None:
            why = "; ".join(part for part in (why, "given before as well: the last one counts") if part)
        self.made.put(path, at, value, directive)
        self.report.take(Outcome.DIFFERS if why else Outcome.MAPPED, directive, self.key(path), why)

    def default(self, path: str, at: Word, value: str, why: str) -> None:
        """Have keepalived's default of a key where havip has another one, unless the file says something."""
        self.whole.default(path, at, value, why, self.made, self.path)


class Action(Protocol):
    """What is done with a directive."""

    def __call__(self, scope: Scope, statement: Statement) -> None: ...


class Row(NamedTuple):
    """One directive: its name, how much it is used, what is done with it, and its old spellings."""

    name: str
    tier: Tier
    do: Action
    also: tuple[str, ...] = ()  # deprecated


class Table:
    """The directives that may stand in one block, ``by_name`` by every name that they have."""

    def __init__(self, name: str, rows: tuple[Row, ...]) -> None:
        self.name, self.rows = name, rows
        self.by_name = {name: row for row in rows for name in (row.name, *row.also)}

    def read(self, scope: Scope, tree: Tree) -> None:
        """Do what each statement asks for."""
        rows = self.by_name
        for statement in tree:
            word = statement.words[0]
            row = rows.get(word.text)
            if row is None:
                self._unknown(scope.report, statement)
                continue
            if row.name != word.text:
                scope.report.take(Outcome.DEPRECATED, word, "", f"now it is {row.name}")
            row.do(scope, statement)

    def _unknown(self, report: Report, statement: Statement) -> None:
        word = statement.words[0]
        report.guesses -= 1
        nearest = nearest_of(word.text, self.by_name) if report.guesses >= 0 else ""
        what = f"unknown directive {quote(word.text)}" + (f" in {self.name}" if self.name else "")
        why = "keepalived takes what stands in its block for more directives" if statement.block else ""
        report.drop(word, what, nearest=nearest, why=why, outcome=Outcome.UNKNOWN)


def argument(scope: Scope, statement: Statement, kind: Argument, index: int = 1) -> tuple[str, Word] | None:
    """Return an argument as havip writes it, and where it stands; None after it was reported."""
    words = statement.words
    if len(words) <= index:
        scope.report.drop(words[0], f"{quote(words[0].text)} without a value", kind.expected)
        return None
    try:
        return kind.read(words[index].text), words[index]
    except Wrong as wrong:
        scope.report.drop(
            words[index],
            quote(words[index].text),
            wrong.expected or kind.expected,
            why=wrong.why,
            nearest=wrong.nearest,
        )
        return None


def no_more(scope: Scope, statement: Statement, most: int) -> None:
    """Report words that stand behind the last argument, and a block where none belongs."""
    words = statement.words
    if len(words) > most:
        scope.report.drop(words[most], f"{quote(words[most].text)} behind {quote(words[most - 1].text)}")
    if statement.block is not None:
        scope.report.wrong(words[0], f"{quote(words[0].text)} with a block", "none")


class Key(NamedTuple):
    """A directive with one argument, which is a key of havip."""

    path: str
    kind: Argument
    why: str = ""  # what differs

    def __call__(self, scope: Scope, statement: Statement) -> None:
        no_more(scope, statement, 2)
        found = argument(scope, statement, self.kind)
        if found is not None:
            scope.put(self.path, statement.words[0], found[1], found[0], self.why)


class Switch(NamedTuple):
    """A directive that turns something on or off; alone it turns it on."""

    path: str
    turned: bool = False  # havip's key means the opposite
    why: str = ""

    def __call__(self, scope: Scope, statement: Statement) -> None:
        no_more(scope, statement, 2)
        found: tuple[str, Word] | None = ("true", statement.words[0])
        if len(statement.words) > 1:
            found = argument(scope, statement, BOOL)
        if found is not None:
            scope.put(
                self.path, statement.words[0], found[1], (found[0] == "true") is not self.turned, self.why
            )


class Flag(NamedTuple):
    """A directive without an argument that gives a key of havip a value."""

    path: str
    value: str
    why: str = ""

    def __call__(self, scope: Scope, statement: Statement) -> None:
        no_more(scope, statement, 1)
        scope.put(self.path, statement.words[0], statement.words[0], self.value, self.why)


class Always(NamedTuple):
    """A directive for what havip always does."""

    why: str = ""

    def __call__(self, scope: Scope, statement: Statement) -> None:
        scope.report.take(Outcome.ALWAYS, statement.words[0], "", self.why)


class Ignored(NamedTuple):
    """A directive that havip has no use for, and that nobody will miss."""

    why: str

    def __call__(self, scope: Scope, statement: Statement) -> None:
        scope.report.take(Outcome.IGNORED, statement.words[0], "", self.why)


class Lacking(NamedTuple):
    """A directive without a counterpart that somebody may rely on: an error, unless compatible."""

    why: str

    def __call__(self, scope: Scope, statement: Statement) -> None:
        scope.report.lacking(statement.words[0], self.why)


class Block(NamedTuple):
    """A directive with a block of directives.

    ``begin`` returns the scope of the block, or None if it is to be left out, which it has reported.
    """

    table: Table
    begin: Callable[[Scope, Statement], Scope | None]
    end: Callable[[Scope], None] | None = None

    def __call__(self, scope: Scope, statement: Statement) -> None:
        if statement.block is None:
            scope.report.wrong(statement.words[0], f"{quote(statement.name)} without a block", '"{"')
            return
        inner = self.begin(scope, statement)
        if inner is None:
            return
        if not statement.block:
            scope.report.take(Outcome.IGNORED, statement.words[0], "", EMPTY)
        self.table.read(inner, statement.block)
        if self.end is not None:
            self.end(inner)


class Entries(NamedTuple):
    """A directive with a block that holds one entry a line."""

    each: Callable[[Scope, Statement], None]

    def __call__(self, scope: Scope, statement: Statement) -> None:
        for entry in entries(scope, statement):
            self.each(scope, entry)


def entries(scope: Scope, statement: Statement) -> Iterator[Statement]:
    """Yield the entries of a block, one a line."""
    if statement.block is None:
        scope.report.wrong(statement.words[0], f"{quote(statement.name)} without a block", '"{"')
        return
    if not statement.block:
        scope.report.take(Outcome.IGNORED, statement.words[0], "", EMPTY)
    for entry in statement.block:
        if entry.block is not None:
            scope.report.wrong(entry.words[0], f"{quote(entry.name)} with a block", "none")
        else:
            yield entry


def words_of(scope: Scope, statement: Statement) -> list[Word]:
    """Return the words of a block, however they are spread over lines."""
    return [word for entry in entries(scope, statement) for word in entry.words]


def named_block(
    scope: Scope, statement: Statement, kind: str, section: str, seen: dict[str, Scope] | None = None
) -> Scope | None:
    """Return the scope of a block with a name, which becomes a key below ``section``.

    ``seen`` keeps the scopes by name.  None after it was reported that there is no name, or the name again.
    """
    words = statement.words
    if len(words) != 2:
        at = words[min(len(words) - 1, 2)]
        scope.report.drop(at, f"{kind} with {len(words) - 1} names", "one name", why="it is left out")
        return None
    made = scope.whole.made.into(section, words[1])
    if words[1].text in made.entries:
        scope.report.drop(words[1], f"{kind} {quote(words[1].text)} again", why="the first one counts")
        return None
    inner = Made(words[1])
    made.name(words[1].text, words[1], inner)
    path = f"{section}.{words[1].text}"
    scope.report.take(Outcome.MAPPED, words[0], path)
    result = Scope(scope.whole, inner, words[1], path)
    if seen is not None:
        seen[words[1].text] = result
    return result


def leave_out(scope: Scope, section: str) -> None:
    """Take a block with a name away again."""
    made = scope.whole.made.get(section)
    if isinstance(made, Made):
        made.entries.pop(scope.at.text, None)
        if not made.entries:
            scope.whole.made.entries.pop(section, None)


def same_scope(scope: Scope, statement: Statement) -> Scope:
    """Return a scope for a block whose directives belong to the block around it."""
    return Scope(scope.whole, scope.made, statement.words[0], scope.path, scope.memory)


def rows(tier: Tier, do: Action, names: str) -> Iterable[Row]:
    """Return a row for each of some names that are treated alike."""
    return tuple(Row(name, tier, do) for name in names.split())
