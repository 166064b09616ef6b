"""What became of each directive of a keepalived.conf, and what is wrong with the file.  Pure.

Nothing is skipped in silence: what is not mapped, or not as keepalived has it, is a decision or a problem.
What keepalived passes over with a line in its log is a decision with ``compat``, and a problem without.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

from havip.config.keepalived.sources import Sources
from havip.config.keepalived.tree import Word
from havip.config.problems import Place, Problems, clean, quote

MOST_TOLD: Final = 1000  # problems of one file: who mends these will see the others
MOST_GUESSES: Final = 100  # at what an unknown word stands for


class Outcome(StrEnum):
    """What became of a directive."""

    MAPPED = "mapped"  #: it means the same
    ALWAYS = "always"  #: havip always does so
    DIFFERS = "differs"  #: it works, and something is different
    DEFAULT = "default"  #: keepalived's default, where havip's own would be another one
    DEPRECATED = "deprecated"  #: an old spelling, taken for the new one
    IGNORED = "ignored"  #: it has no effect
    UNKNOWN = "unknown"  #: keepalived does not know it either, and it has no effect


#: what each group of decisions is called, in the order in which they are shown
TITLES: Final = {
    Outcome.MAPPED: "the same in havip",
    Outcome.ALWAYS: "what havip always does",
    Outcome.DEFAULT: "keepalived's defaults, where havip's own are other ones",
    Outcome.DIFFERS: "different from keepalived",
    Outcome.DEPRECATED: "deprecated",
    Outcome.IGNORED: "ignored",
    Outcome.UNKNOWN: "unknown, to keepalived too",
}


class Decision(NamedTuple):
    """One decision and where it stands.  ``key`` is the path of havip's key, if there is one."""

    outcome: Outcome
    file: str
    line: int
    column: int
    directive: str
    key: str
    why: str

    @property
    def where(self) -> str:
        """Return the place as compilers print it."""
        return f"{self.file}:{self.line}:{self.column}"

    @property
    def is_loss(self) -> bool:
        """Say whether something that is written has no effect."""
        return self.outcome in (Outcome.IGNORED, Outcome.UNKNOWN)

    def __str__(self) -> str:
        key = f" -> {self.key}" if self.key else ""
        return f"{self.where}: {self.outcome}: {self.directive}{key}" + (f": {self.why}" if self.why else "")

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return self._asdict() | {"outcome": str(self.outcome)}


class Noted(NamedTuple):
    """A decision as it is taken down: the place is looked up when somebody asks."""

    outcome: Outcome
    line: int
    column: int
    directive: str
    key: str
    why: str


class Report:
    """Takes down what is decided; what is wrong goes to ``problems``."""

    def __init__(self, problems: Problems, sources: Sources, *, compat: bool) -> None:
        self.problems, self.sources, self.compat = problems, sources, compat
        self.noted: list[Noted] = []
        self.guesses = MOST_GUESSES  # that are left
        self._left = MOST_TOLD

    @property
    def decisions(self) -> Iterator[Decision]:
        """Yield the decisions in the order in which they were taken."""
        for outcome, line, column, directive, key, why in self.noted:
            spot = self.sources.locate(line, column)
            reason = "; ".join(part for part in (why, spot.why) if part)
            yield Decision(outcome, spot.file, spot.line, spot.column, clean(directive), key, reason)

    def take(self, outcome: Outcome, word: Word, key: str = "", why: str = "") -> None:
        """Take down what became of the directive ``word``."""
        self.noted.append(Noted(outcome, word.line, word.column, word.text, key, why))

    def wrong(self, word: Word, found: str, expected: str = "", *, why: str = "", nearest: str = "") -> None:
        """Take down what is wrong, whatever keepalived makes of it."""
        self._left -= 1
        if self._left >= 0:
            self.problems.add(Place(word.line, word.column, ""), found, expected, why=why, nearest=nearest)

    def drop(
        self,
        word: Word,
        found: str,
        expected: str = "",
        *,
        why: str = "",
        nearest: str = "",
        outcome: Outcome = Outcome.IGNORED,
    ) -> None:
        """Leave out what keepalived leaves out as well, with a line in its log."""
        if self.compat:
            said = f"expected {expected}, found {found}" if expected else found
            self.take(outcome, word, "", "; ".join(part for part in (said, why) if part))
        else:
            self.wrong(word, found, expected, why=why, nearest=nearest)

    def lacking(self, word: Word, why: str) -> None:
        """Tell that havip has nothing like ``word``, and cannot do without it unseen."""
        self.drop(word, f"{quote(word.text)} has no counterpart in havip", why=why)

    def refuse(self, place: tuple[int, int], found: str, expected: str = "", why: str = "") -> None:
        """Take what is wrong with the language of the file."""
        self.wrong(Word("", *place), found, expected, why=why)

    def let_pass(self, place: tuple[int, int], found: str, expected: str = "", why: str = "") -> None:
        """Take what keepalived goes on after."""
        self.drop(Word("include", *place), found, expected, why=why)

    def remark(self, place: tuple[int, int], found: str) -> None:
        """Take what is worth a look."""
        self.take(Outcome.IGNORED, Word("include", *place), "", found)
