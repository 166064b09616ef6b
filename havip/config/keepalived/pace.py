"""The pace of checkers, told by a checker, its real server or its virtual server.  Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import P0, P1, Row, Scope, argument, no_more
from havip.config.keepalived.tree import Statement, Word
from havip.config.keepalived.values import Argument, timer, truth, whole
from havip.config.kinds import Wrong
from havip.config.problems import quote

DAY: Final = timer(0, 86400)
SECONDS: Final = timer(0.000001, 86400)
ONE_RUN: Final = "all of a run together, not each connection"


class Pace(NamedTuple):
    """One value of a checker's pace: what is given, and where."""

    text: str
    word: Word


def of(scope: Scope, key: str) -> str:
    """Return the path of a key of a probe, or of all probes of a server or a service."""
    return scope.key(key) if ".probes." in scope.path else scope.key("probes")


class Timing(NamedTuple):
    """``delay_loop`` and its like, of a service, a server or a checker; the nearest one counts."""

    key: str
    kind: Argument
    why: str = ""  # what differs

    def __call__(self, scope: Scope, statement: Statement) -> None:
        no_more(scope, statement, 2)
        found = argument(scope, statement, self.kind)
        if found is not None:
            scope.memory.setdefault("pace", {})[self.key] = Pace(found[0], statement.words[0])
            outcome = Outcome.DIFFERS if self.why else Outcome.MAPPED
            scope.report.take(outcome, statement.words[0], of(scope, self.key), self.why)


class Noted(NamedTuple):
    """A switch that is kept under a name: of a virtual server, a real server or a checker."""

    key: str

    def __call__(self, scope: Scope, statement: Statement) -> None:
        no_more(scope, statement, 2)
        try:
            on = len(statement.words) < 2 or truth(statement.words[1].text)
        except Wrong:
            scope.report.drop(statement.words[1], quote(statement.words[1].text), "on or off")
            return
        scope.memory.setdefault("pace", {})[self.key] = Pace("true" if on else "false", statement.words[0])
        scope.report.take(Outcome.MAPPED, statement.words[0], of(scope, self.key))


def timing(*retry: str, why: str = "") -> tuple[Row, ...]:
    """Return the rows of a pace; ``retry``: old spellings of it, ``why``: what differs of connect_timeout."""
    return (
        Row("delay_loop", P0, Timing("interval", SECONDS)),
        Row("connect_timeout", P0, Timing("timeout", SECONDS, why)),
        Row("retry", P0, Timing("fall", whole(0, 2**31 - 1)), also=retry),
        Row("delay_before_retry", P0, Timing("retry_interval", DAY)),
        Row("warmup", P1, Timing("warm_up", DAY)),
        Row("alpha", P1, Noted("alpha")),
    )


#: of a service, and of a server
TIMING: Final = timing(why=ONE_RUN)
