"""Track scripts: each is run at its pace, never twice at once, and judged by its exit code.

What cannot be run counts as a run that failed.  One that takes too long is a failure at that moment, and
is made to end before the next one may begin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from havip import programs
from havip.clock import Instant, monotonic, spell, to_seconds
from havip.config.tracking import Script, Start, TrackerKind
from havip.healthcheck.runs import Runs
from havip.healthcheck.schedule import next_due
from havip.healthcheck.verdict import Verdict
from havip.messages import TrackResult

NOT_YET: Final = "has not been good often enough yet"

Tell = Callable[[TrackResult], None]


class ScriptCheck:
    """One script.  ``good`` is its verdict by an earlier life, None if there is none."""

    def __init__(self, script: Script, good: bool | None, tell: Tell, runs: Runs | None = None) -> None:
        self.script = script
        self._tell = tell
        self._runs = runs or Runs(None)
        if good is None and script.start is Start.FAILED:
            good = False
        self._verdict = Verdict(good)
        self._told: bool | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, due: Instant) -> None:
        """Run the script from ``due`` on."""
        self._task = asyncio.get_running_loop().create_task(
            self._go_on(due), name=f"script {self.script.name}"
        )

    def stop(self) -> None:
        """Run it no more, and kill it if it runs now."""
        if self._task is not None:
            self._task.cancel()

    async def _go_on(self, due: Instant) -> None:
        if self._verdict.good is False and self.script.start is Start.FAILED:
            self._say(False, NOT_YET)
        while True:
            await asyncio.sleep(max(0.0, to_seconds(due - monotonic())))
            await self._run()
            due = next_due(due, self.script.interval, monotonic())

    async def _run(self) -> None:
        script = self.script
        try:
            who = programs.identify(script.user, script.group)
            run = programs.Run(script.command, who)
        except programs.CannotRun as error:
            self._judge(False, f"cannot be run: {error}")
            return
        self._runs.begin(run.pid)
        try:
            if await run.ends(to_seconds(script.patience)):
                outcome = await run.result()
                self._judge(outcome.ok, str(outcome))
            else:
                self._judge(False, f"did not end within {spell(script.patience)}")
                await run.end()
                await run.result()
        except asyncio.CancelledError:
            run.abandon()
            raise
        finally:
            self._runs.end(run.pid)

    def _judge(self, passed: bool, how: str) -> None:
        self._verdict = self._verdict.after(passed, self.script.rise, self.script.fall)
        if self._verdict.good is passed:
            self._say(passed, "is good" if passed else how)
        elif self._told is None and self._verdict.good is not None:
            self._say(self._verdict.good, "is good" if self._verdict.good else NOT_YET)

    def _say(self, good: bool, why: str) -> None:
        """Tell a verdict that is news; the reason is that of the run which turned it."""
        if good is not self._told:
            self._told = good
            self._tell(TrackResult(TrackerKind.SCRIPT, self.script.name, good, why=why))
