"""Runs a check once, and those that it goes by, as the checker worker would; each step is told at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from havip.clock import monotonic, to_seconds
from havip.config.health import Check
from havip.config.model import Configuration
from havip.healthcheck.probes import probe_of
from havip.healthcheck.record import clean
from havip.healthcheck.relations import Word, all_of, any_of, orphaned
from havip.healthcheck.runner import Result, Runner, way_of
from havip.services.checkbook import place
from havip.services.tracked import checks_of, in_use


def definitions(configuration: Configuration) -> dict[str, Check]:
    """Return the checks by name, their programs with the users that they get."""
    return checks_of(in_use(configuration))


class Rehearsal:
    """``words`` has what each check said that was run, ``shown`` its run for JSON."""

    def __init__(self, checks: Mapping[str, Check], show: Callable[[str], None]) -> None:
        self._checks = checks
        self._show = show
        self.words: dict[str, Word] = {}
        self.shown: list[dict[str, Any]] = []

    async def run(self, name: str) -> Word:
        """Run a check, and first those that it goes by.  None of the configuration is in a circle."""
        runner = Runner()
        try:
            return await self._word(name, runner)
        finally:
            runner.close()

    async def _word(self, name: str, runner: Runner) -> Word:
        if name not in self.words:
            self.words[name] = await self._judge(self._checks[name], runner)
        return self.words[name]

    async def _judge(self, check: Check, runner: Runner) -> Word:
        if check.parent:
            parent = await self._word(check.parent, runner)
            if not parent.good:
                return orphaned(check.parent, parent)
        if check.all is not None:
            return all_of([(name, await self._word(name, runner)) for name in check.all])
        if check.any is not None:
            return any_of([(name, await self._word(name, runner)) for name in check.any])
        result, steps = await self._run(check, runner)
        outcome = result.outcome
        self.shown.append(
            {
                "check": check.name,
                "kind": check.kind,
                "where": place(check),
                "steps": steps,
                "passed": outcome.passed,
                "words": clean(str(result)),
                "failure": None if outcome.failure is None else str(outcome.failure),
                "warning": clean(outcome.warning) or None,
                "weight": outcome.weight,
                "took": to_seconds(result.took),
            }
        )
        return Word(outcome.passed, clean(str(result)), outcome.weight)

    async def _run(self, check: Check, runner: Runner) -> tuple[Result, list[dict[str, Any]]]:
        ended: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        steps: list[dict[str, Any]] = []
        self._show(" ".join(filter(None, (f"{check.name}:", check.kind, place(check)))))
        if check.script is None:
            probe_of(check.kind)  # imported now: that is no part of the run
        began = monotonic()

        def note(text: str) -> None:
            at, text = to_seconds(monotonic() - began), clean(text)
            steps.append({"at": at, "text": text})
            self._show(step(at, text))

        runner.start(way_of(check), began, ended.set_result, note)
        result = await ended
        outcome = result.outcome
        verdict = "passed" if outcome.passed else f"failed ({outcome.failure})"
        self._show(step(to_seconds(result.took), f"{verdict}: {clean(outcome.words)}"))
        if outcome.warning:
            self._show(step(to_seconds(result.took), f"WARNING: {clean(outcome.warning)}"))
        if outcome.weight is not None:
            self._show(step(to_seconds(result.took), f"asks for the weight {outcome.weight}"))
        return result, steps


def step(at: float, text: str) -> str:
    """Return a line of the account: when, and what."""
    return f"{at * 1000:10.1f} ms  {text}"
