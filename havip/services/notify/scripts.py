"""Notify scripts: one after the other for each router, supervised, and never in anybody's way."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final

from havip.clock import to_seconds
from havip.config.balancing import Programs
from havip.config.notify import Notify
from havip.journal import fields_of
from havip.programs import CannotRun, identify, run
from havip.services.notify.backlog import Backlog
from havip.services.notify.lanes import Lanes
from havip.services.notify.news import News, parts, programs

log = logging.getLogger("havip.notify")

MOST_WAITING: Final = 32  # changes of one router that wait for its scripts; superseded ones are then skipped
MOST_RUNNING: Final = 64  # scripts at once: a thousand routers may change their state together


@dataclass(frozen=True, slots=True)
class Job:
    """What is run for one change, with the settings of its time."""

    news: News
    commands: tuple[tuple[str, ...], ...]  # at least one
    settings: Notify | Programs


class Scripts:
    """Runs what `notify` names for each change."""

    def __init__(self) -> None:
        backlog: Backlog[Job] = Backlog(MOST_WAITING, MOST_RUNNING, lambda job: job.news.is_state)
        self._lanes = Lanes(backlog, self._run, self._dropped)

    def tell(self, news: News, settings: Notify | Programs) -> None:
        """Run the scripts for a change when their turn comes, if there are any."""
        commands = programs(news, settings)
        if commands:
            self._lanes.put(news.subject, Job(news, commands, settings))

    async def finish(self, within: float) -> None:
        """Wait for what still runs and waits; kill and drop what is not done within so many seconds."""
        await self._lanes.finish(within)

    def status(self) -> dict[str, Any]:
        """Return what `status` shows."""
        return self._lanes.status()

    async def _run(self, job: Job) -> bool:
        """Run the commands of one change; say whether all of them did well."""
        news, settings = job.news, job.settings
        well = True
        for words in job.commands:
            done, result = False, "was killed: the daemon ends"
            try:
                who = identify(settings.user, settings.group)
                outcome = await run(words, who, to_seconds(settings.timeout), environment(news))
                done, result = outcome.ok, str(outcome)
            except CannotRun as error:
                result = f"cannot be run: {error}"
            finally:
                level = logging.INFO if done else logging.ERROR
                log.log(
                    level,
                    "%s: notify script %s %s",
                    news,
                    words[0],
                    result,
                    extra={"fields": fields_of(news.kind, news.name, news.state)},
                )
                last = {"name": news.name, "event": news.event, "script": words[0], "result": result}
                self._lanes.tally.last = last
            well = well and done
        return well

    def _dropped(self, job: Job) -> None:
        log.warning(
            "%s: its notify script was not run: too many changes wait for their turn, or the daemon ends",
            job.news,
            extra={"fields": fields_of(job.news.kind, job.news.name, job.news.state)},
        )


def environment(news: News) -> dict[str, str]:
    """Return what a script finds in its environment beside the daemon's own."""
    return {
        "HAVIP_KIND": news.kind,
        "HAVIP_NAME": news.name,
        "HAVIP_EVENT": news.event,
        "HAVIP_STATE": news.state,
        "HAVIP_PREVIOUS_STATE": news.previous,
        "HAVIP_PRIORITY": str(news.priority),
        "HAVIP_WHY": news.why,
        **{f"HAVIP_{key.upper()}": part for key, part in parts(news).items() if part},
    }
