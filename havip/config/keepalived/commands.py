"""Programs as keepalived writes them: the command in one word, and whose rights it gets.  Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import Scope, no_more
from havip.config.keepalived.tree import Statement, Word
from havip.config.problems import quote

_PART: Final = re.compile(r"[ \t\n\f\v\r]+|'([^']*)'|[^ \t\n\f\v\r']+|'")
SHELL: Final = "/bin/sh"
USUAL: Final = "/usr/bin/"  # where a program is taken to be that is not on this machine


def split(text: str) -> list[str] | None:
    """Return the words of a command: apart by blanks, unless these stand in single quotation marks.

    None: a quotation mark lacks its other one.
    """
    words: list[str] = []
    apart = True
    for found in _PART.finditer(text):
        part = found[0]
        if part == "'":
            return None
        if part.isspace():
            apart = True
            continue
        piece = part if found[1] is None else found[1]
        if apart:
            words.append(piece)
        else:
            words[-1] += piece
        apart = False
    return words


def command(scope: Scope, statement: Statement, index: int = 1) -> tuple[list[Word], str] | None:
    """Return the words of a command, and what differs; None after it was reported.

    A program that cannot be run is refused in any case: keepalived goes on as if it had succeeded.
    """
    words = statement.spelled
    if len(words) <= index or not words[index].text.strip():
        scope.report.drop(statement.words[0], f"{quote(statement.name)} without a command", "a command")
        return None
    word, why = words[index], ""
    parts = split(word.text)
    if parts is None:
        scope.report.wrong(word, quote(word.text), "pairs of single quotation marks")
        return None
    if parts[0].startswith("<"):
        parts, why = [SHELL, "-c", word.text], f"run by {SHELL}, whatever that is on this machine"
    elif "/" not in parts[0]:
        path = scope.whole.host.program(parts[0])
        why = f"{quote(parts[0])} was looked for now, and its path is kept"
        if path is None and scope.whole.away:
            path, why = f"{USUAL}{parts[0]}", f"{quote(parts[0])} is not on this machine: its path is a guess"
        if path is None:
            scope.report.wrong(word, quote(parts[0]), "a program that is there")
            return None
        parts[0] = path
    return [Word(part, word.line, word.column) for part in parts], why


class Program(NamedTuple):
    """A directive with a command, and perhaps a user and a group.

    With ``once`` the first of several counts, as in keepalived; ``account`` is where havip has the user.
    """

    path: str
    account: str = ""
    once: bool = False
    why: str = ""

    def __call__(self, scope: Scope, statement: Statement) -> None:
        words = statement.spelled
        no_more(scope, statement._replace(words=words), 4 if self.account else 2)
        if self.once and scope.made.get(self.path) is not None:
            scope.report.drop(
                statement.words[0], f"{quote(statement.name)} again", why="the first one counts"
            )
            return
        found = command(scope, statement)
        if found is None:
            return
        why = "; ".join(part for part in (self.why, found[1]) if part)
        scope.put(self.path, statement.words[0], words[1], found[0], why)
        if self.account and len(words) > 2:
            account(scope, self.account, words[2:4])


def account(scope: Scope, path: str, words: tuple[Word, ...]) -> None:
    """Let programs run with the rights of a user, and perhaps of a group.

    havip has one account for all programs of a block: another one is refused.
    """
    made = scope.made.into(path, words[0]) if path else scope.made
    for key, word in zip(("user", "group"), words, strict=False):
        before = made.text(key)
        if before and before != word.text:
            why = "in havip all programs of a block run with the same rights"
            scope.report.wrong(word, f"{key} {quote(word.text)} beside {quote(before)}", why=why)
            return
        made.put(key, word, word.text)


def user(scope: Scope, statement: Statement) -> None:
    """Take the directive ``user USER [GROUP]``."""
    no_more(scope, statement, 3)
    if len(statement.words) < 2:
        scope.report.drop(statement.words[0], "user without a name", "a user")
        return
    account(scope, "", statement.words[1:3])
    scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("user"))
