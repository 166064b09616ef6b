"""What is known of every health check: its verdicts as they came, its runs as the checker describes them.

Verdicts are told by the checker when they change, and outlive it.  The rest is asked for when somebody wants
to see it; a checker that does not answer is not waited for, and what it said before is shown as old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from havip.clock import wall
from havip.config.health import Check
from havip.config.problems import nearest_of
from havip.control.checkviews import FAILED, report_as_dict, state_of
from havip.healthcheck.record import BOUNDS
from havip.healthreport import CheckReport
from havip.messages import Describe, Described, TrackResult
from havip.services import Json
from havip.services.asking import ANSWER_WITHIN, Asking, Spawn
from havip.workers import Worker

SHOWN: Final = 100  # checks; where there are more, `status` shows those that failed, and of them so many
SLICE: Final = 256  # checks that are put together in one turn of the loop
NOT_YET: Final = "waits for its first result"


@dataclass(slots=True)
class Standing:
    """The verdict on one check, and how it came about."""

    good: bool | None
    since: float  # seconds since 1970
    why: str = NOT_YET
    changes: int = 0


class Checkbook:
    """Every health check by name.  ``checks`` are those in force."""

    def __init__(self, spawn: Spawn) -> None:
        self.checks: dict[str, Check] = {}
        self.worker: Worker | None = None
        self.counters: Mapping[str, int] = {}
        self.stale: str | None = None
        self._standings: dict[str, Standing] = {}
        self._reports: dict[str, tuple[CheckReport, float]] = {}  # and when it came
        self._asking = Asking(spawn, self._ask)

    def put(self, checks: Iterable[Check]) -> None:
        """Know of these checks and of no other."""
        now = wall()
        self.checks = {check.name: check for check in checks}
        for name in self._standings.keys() - self.checks.keys():
            del self._standings[name]
            self._reports.pop(name, None)
        for name in self.checks:
            self._standings.setdefault(name, Standing(None, now))

    def file(self, result: TrackResult) -> None:
        """Take a verdict."""
        standing = self._standings.get(result.name)
        if standing is None:
            return
        if standing.good is not result.good:
            standing.changes += standing.good is not None
            standing.good, standing.since = result.good, wall()
        standing.why = result.why

    def hear(self, message: CheckReport | Described) -> None:
        """Take an answer of the checker's."""
        if isinstance(message, CheckReport):
            now = wall()
            for name in message.names:
                if name in self.checks:
                    self._reports[name] = message, now
        else:
            self.counters = message.totals
            self._asking.answered(message.token)

    def ended(self) -> None:
        """Wait no longer: the checker has ended."""
        self._asking.give_up()

    async def refresh(self) -> None:
        """Have the runs described afresh, or say that they are not."""
        if not self.checks:
            self.stale = None
        else:
            await self.describe()

    async def describe(self) -> str | None:
        """Have the checker describe all that it has; return why what it said before must do, if it must."""
        if await self._asking.refresh():
            self.stale = None
        elif self.worker is None or self.worker.pid is None:
            self.stale = "the checker worker is not running"
        else:
            self.stale = f"the checker worker has not answered within {ANSWER_WITHIN:g} s"
        return self.stale

    def _ask(self, token: int) -> bool:
        if self.worker is None or self.worker.pid is None:
            return False
        self.worker.post(Describe(token))
        return True

    def summary(self) -> Json:
        """Return all checks in numbers."""
        states = [state_of(self._standings[name].good) for name in self.checks]
        counts = {state: states.count(state) for state in (state_of(True), state_of(False), state_of(None))}
        warned = sum(bool(report.warning) for report, _ in self._reports.values())
        return counts | {"warned": warned, "stale": self.stale, "counters": dict(self.counters)}

    def briefly(self) -> Json:
        """Return what `status` shows: every check, or of very many those that failed."""
        names = list(self.checks)
        if len(names) > SHOWN:
            names = self.failed()[:SHOWN]
        return self.summary() | {"shown": self.shown(names)}

    def failed(self) -> list[str]:
        """Return the names of the checks that have failed."""
        return [name for name in self.checks if state_of(self._standings[name].good) == FAILED]

    def shown(self, names: Iterable[str]) -> list[Json]:
        """Return these checks as the control socket shows them."""
        return [self._shown(self.checks[name]) for name in names]

    def _shown(self, check: Check) -> Json:
        standing = self._standings[check.name]
        report, now = self._reports.get(check.name, (None, 0.0))
        return {
            "name": check.name,
            "kind": check.kind,
            "where": place(check),
            "state": state_of(standing.good),
            "since": standing.since,
            "why": standing.why,
            "changes": standing.changes,
        } | report_as_dict(report, BOUNDS, now)

    async def answer(self, request: Json) -> Json:
        """Answer the verb `checks`: all of them, those of some names, those that have failed."""
        wanted, failed = request.get("names", []), request.get("failed", False)
        if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
            return {"ok": False, "reason": "bad-request", "message": '"names" must be a list of texts'}
        if not isinstance(failed, bool):
            return {"ok": False, "reason": "bad-request", "message": '"failed" must be true or false'}
        if request.get("fresh", True):
            await self.refresh()
        for name in wanted:
            if name not in self.checks:
                return {"ok": False, "reason": "no-such-check", "message": no_check(name, self.checks)}
        names = list(dict.fromkeys(wanted)) or list(self.checks)
        if failed:
            bad = set(self.failed())
            names = [name for name in names if name in bad]
        shown: list[Json] = []
        for start in range(0, len(names), SLICE):
            shown += self.shown(name for name in names[start : start + SLICE] if name in self.checks)
            await asyncio.sleep(0)
        return {"checks": self.summary() | {"shown": shown}}


def no_check(name: str, there_are: Iterable[str]) -> str:
    """Say that there is no check of that name, and which one may be meant."""
    nearest = nearest_of(name, there_are)
    return f"no check named {name[:80]!r}" + (f"; do you mean {nearest}?" if nearest else "")


def place(check: Check) -> str:
    """Return where a check goes, as configured; empty: nowhere."""
    host = f"[{check.host}]" if ":" in check.host else check.host
    port = check.port_in_force if host else 0
    return f"{host}:{port}" if port else host
