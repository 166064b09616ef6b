"""A whole configuration in the making, and what is decided when all of it was read.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from havip.config.keepalived.making import Made
from havip.config.keepalived.report import Outcome, Report
from havip.config.keepalived.tree import Word
from havip.config.nodes import Scalar

if TYPE_CHECKING:
    from havip.config.keepalived.table import Scope

FIRST = Word("", 1, 1)


class Host(Protocol):
    """What the meaning of a configuration depends on."""

    def has_user(self, name: str) -> bool:
        """Say whether this machine has a user."""

    def program(self, name: str) -> str | None:
        """Return the path of a program that is named without one; None: it is nowhere."""

    def name(self) -> str:
        """Return the host's name."""


class Whole:
    """What the blocks of one file make together.

    What a block means may depend on others that follow it: `root.FINISH` is done when all was read.
    """

    def __init__(self, report: Report, host: Host) -> None:
        self.report = report
        self.host = host
        self.made = Made(FIRST)
        self.away = False  # another machine will run by it
        self.memory: dict[str, Any] = {}  # of `global_defs`, however often it comes
        self.globals: dict[str, Word] = {}  # what was said globally and concerns other blocks
        self.instances: dict[str, Scope] = {}
        self.groups: dict[str, Scope] = {}
        self.rules = 0  # that have no priority of their own
        self.track_groups: dict[str, list[Word]] = {}
        self.needed: dict[str, Word] = {}  # track groups that something static names
        self.needing: dict[str, Word] = {}  # virtual routers that need it
        self.checks_sources = False  # unicast adverts are taken from peers only
        self.ssl: dict[str, Word] = {}  # of every SSL_GET
        self.services: list[Scope] = []
        self.gaps: dict[str, dict[int, Word]] = {}  # between announcements, by interface and IP version

    @staticmethod
    def word(node: Scalar) -> Word:
        """Return a single value as a word that stands where it does."""
        return Word(node.text, node.line, node.column)

    def default(
        self, path: str, at: Word, value: str, why: str, made: Made | None = None, above: str = ""
    ) -> None:
        """Have keepalived's default where havip has another one, unless the file says something.

        ``above`` is the path of ``made``.
        """
        target = self.made if made is None else made
        if target.get(path) is None:
            target.put(path, at, value)
            self.report.take(Outcome.DEFAULT, at, f"{above}.{path}" if above else path, why)
