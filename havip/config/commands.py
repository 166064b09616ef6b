"""An operator's own programs as the configuration names them: words, and who runs them.  Pure.

Whether a program is there and may be run is a question for the file system: `havip.programs`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from havip.config.fields import ListOf
from havip.config.kinds import Text, Wrong

MOST_WORDS = 64
LONGEST_WORD = 4096  # bytes

COMMAND_EXPECTED = 'a command: "/path/program argument ..." or a list of words, the first an absolute path'

#: one word of a command; what a shell would do with it is of no matter
WORD = Text("a word of printable characters", r"^", longest=LONGEST_WORD)
#: the name of a user or of a group, or its number
ACCOUNT = Text("the name of a user or group, or its number", r"^[^\s:/]{1,32}$", longest=32)


@dataclass(frozen=True, slots=True)
class Program:
    """A command and whose rights it gets; without a user, those of the daemon."""

    words: tuple[str, ...] = ()  # the path of the program first; none: there is no program
    user: str = ""
    group: str = ""  # empty: the user's own

    def __bool__(self) -> bool:
        return bool(self.words)

    def __str__(self) -> str:
        return shlex.join(self.words)


def split(text: str) -> tuple[str, ...]:
    """Return the words of a command given as one text: quotation marks and backslashes count, nothing else.

    No shell: ``$``, ``*``, ``;`` and ``>`` stand for themselves.  Raises `Wrong`.
    """
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise Wrong(COMMAND_EXPECTED, why=str(error).lower()) from None
    if not words:
        raise Wrong(COMMAND_EXPECTED)
    return tuple(WORD.read(word) for word in words)


def judge(words: tuple[str, ...]) -> None:
    """Raise `Wrong` for words that cannot name a program."""
    if not words[0].startswith("/"):
        raise Wrong("the absolute path of a program")


#: a command, as a list of its words or as one text; keys beside it may be ``user`` and ``group``
COMMAND = ListOf(WORD, MOST_WORDS, split, judge, COMMAND_EXPECTED)
