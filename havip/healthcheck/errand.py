"""An operator's program as a probe: a task of the event loop, unlike the probes that the reactor runs.

One that takes too long has failed at that moment; it is over once it has ended, with all that it started.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from havip import programs
from havip.clock import spell, to_seconds
from havip.config.health import Check
from havip.config.probes import Script
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthcheck.runs import Runs

BAD = 1  #: the exit code that means failed, whatever the others ask for
LEAST_ASKING = 2  #: the exit code that asks for the weight 0


class Errand:
    """One program that runs.  ``done`` is told its outcome, ``gone`` that nothing is left of it."""

    def __init__(
        self,
        check: Check,
        runs: Runs,
        done: Callable[[Outcome], None],
        gone: Callable[[Errand], None],
        note: Callable[[str], None] | None = None,
    ) -> None:
        self._check = check
        self._runs = runs
        self._done: Callable[[Outcome], None] | None = done
        self._gone = gone
        self._note = note
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"script {check.name}")
        self._task.add_done_callback(lambda _: gone(self))

    @property
    def over(self) -> bool:
        """Say whether nothing of it is left."""
        return self._task.done()

    def cancel(self) -> None:
        """Kill it; nobody is told an outcome."""
        self._done = None
        self._task.cancel()

    async def _run(self) -> None:
        script, timeout = self._check.script, self._check.timeout
        assert script is not None
        try:
            run = programs.Run(script.command, programs.identify(script.user, script.group))
        except programs.CannotRun as error:
            self._tell(Outcome(Failure.LOCAL, f"cannot be run: {error}"))
            return
        self._runs.begin(run.pid)
        if self._note is not None:
            self._note(f"runs {script.command[0]} as process {run.pid}")
        try:
            if await run.ends(to_seconds(timeout)):
                self._tell(meaning(script, await run.result()))
            else:
                self._tell(Outcome(Failure.TIMED_OUT, f"did not end within {spell(timeout)}"))
                await run.end()
                await run.result()
        except asyncio.CancelledError:
            run.abandon()
            raise
        finally:
            self._runs.end(run.pid)

    def _tell(self, outcome: Outcome) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(outcome)


def meaning(script: Script, ended: programs.Outcome) -> Outcome:
    """Return what the end of a program says."""
    if ended.ok:
        return Outcome(words="ended with exit code 0")
    if script.dynamic and ended.code is not None and ended.code >= LEAST_ASKING and not ended.timed_out:
        weight = ended.code - LEAST_ASKING
        return Outcome(words=f"ended with exit code {ended.code}", weight=weight)
    return Outcome(Failure.STATUS, str(ended))
