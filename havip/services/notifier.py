"""Tells the world what happens to whatever has states: the service that owns the channels.

It hears every change that a worker tells, in order, and hands it on; no channel ever waits for another.
What mail and webhooks take is imported for a configuration that has them, and by nobody else.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from havip.balancing import DOWN, UP
from havip.clock import Duration, to_seconds, wall
from havip.config.model import Configuration, Daemon
from havip.config.notify import Channels, Notify, Webhook
from havip.messages import Message, Notice, Transition
from havip.programs import CannotRun, identify, run
from havip.services import Host, Json, Service
from havip.services.notify.fifo import Pipe
from havip.services.notify.news import (
    BALANCED,
    PRIORITIES,
    ROUTER,
    RX_LOWER,
    SERVICE,
    STATES,
    News,
    as_keepalived_says,
    concerns,
    fifo_line,
)
from havip.services.notify.scripts import Scripts
from havip.services.notify.subjects import Concern, Subject, owned, renamed, subjects

if TYPE_CHECKING:
    from havip.services.notify.mail import Mailer
    from havip.services.notify.webhook import Hook

log = logging.getLogger("havip.notify")

WEAKER_EVERY: Final = 1.0  # seconds between two news of weaker masters: whoever sends them sets no pace
RETIRED_WITHIN: Final = 60.0  # seconds for a channel that a reload took away to tell what it has

NOTHING_SAID: Final = Concern(Notify())


class Notifications(Service):
    """All channels, and what each subject's state was when they last heard of it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._life = os.urandom(16).hex()
        self._configuration = Configuration()
        self._name = ""
        self._started = False
        self._serial = 0
        self._concerns: dict[Subject, Concern] = {}  # of the configuration in force and of the coming one
        self._leaving: dict[Subject, Concern] = {}  # services and servers whose end is still to be heard
        self._wanted: frozenset[Subject] = frozenset()  # what the coming one has
        self._told: dict[Subject, str] = {}
        self._priorities: dict[Subject, int] = {}  # as they were last heard of
        self._weaker_at: dict[Subject, float] = {}  # when a weaker master was last told of
        self._scripts = Scripts()
        self._pipes: dict[str, Pipe] = {}
        self._mailer: Mailer | None = None
        self._hooks: list[Hook] = []
        self._retired: list[Mailer | Hook] = []

    async def prepare(self, new: Configuration) -> None:
        """Have the channels of the coming configuration; the first time run the startup program before."""
        if not self._started:
            self._started = True
            await self._around("startup", new, new.notify.startup, new.notify.startup_timeout)

        self._end_leavers()
        for subject, was in renamed(self._host.configuration, new):
            if was in self._told and subject not in self._told:
                self._told[subject] = self._told.pop(was)
                self._priorities[subject] = self._priorities.pop(was, 0)
        coming = dict(subjects(new))
        self._concerns |= coming
        self._wanted = frozenset(coming)
        self._configuration = new
        self._use(new.notify, new.daemon)

    async def settle(self, new: Configuration) -> None:
        """Forget what is gone, and repeat every state to those that want it after a reload."""
        for subject in [one for one in self._told if one not in self._wanted and one[0] not in BALANCED]:
            self._end(subject, "a reload has taken it away")
        # The checker worker says what becomes of services, in order, and may do so later.
        self._leaving = {
            subject: concern
            for subject, concern in self._concerns.items()
            if subject[0] in BALANCED and subject not in self._wanted and self._told.get(subject) != DOWN
        }
        self._concerns = dict(subjects(new))
        there = self._concerns.keys() | self._leaving.keys()
        self._told = {subject: state for subject, state in self._told.items() if subject in there}
        self._priorities = {subject: self._priorities.get(subject, 0) for subject in self._told}
        self._weaker_at.clear()
        kept = {fifo.path for fifo in new.notify.fifos}
        gone = [self._pipes.pop(path) for path in list(self._pipes) if path not in kept]
        if gone:
            self._host.spawn(close_all(gone, to_seconds(new.notify.stop_timeout)))
        self._repeat(new)

    def hear(self, message: Message) -> None:
        """Tell what a worker told us."""
        match message:
            case Transition():
                self._changed(message)
            case Notice():
                self._noticed(message)
            case _:
                pass

    def status(self) -> Json:
        """Return what became of the notifications, by channel."""
        return {
            "notifications": {
                "scripts": self._scripts.status(),
                "fifos": [pipe.status() for pipe in self._pipes.values()],
                "mail": None if self._mailer is None else self._mailer.status(),
                "webhooks": [hook.status() for hook in self._hooks],
            }
        }

    async def leave(self) -> None:
        """Tell the end of everything within bounds, and run the shutdown program after it."""
        self._end_leavers()
        # A worker that was killed had no last words.  Servers have theirs before their services.
        for subject in sorted(self._told, key=lambda subject: subject[0] == SERVICE):
            if self._concerns.get(subject, NOTHING_SAID).last_words:
                self._end(subject, "the daemon ends")
        channels = self._configuration.notify
        within = to_seconds(channels.stop_timeout)
        others = [*self._hooks, *self._retired, *([self._mailer] if self._mailer is not None else [])]
        await asyncio.gather(
            self._scripts.finish(within),
            close_all(list(self._pipes.values()), within),
            *(other.finish(within) for other in others),
        )
        await self._around("shutdown", self._configuration, channels.shutdown, channels.shutdown_timeout)

    # What happened.

    def _changed(self, message: Transition) -> None:
        """Tell a change of state; one that was told already is not repeated, as after a worker's resume."""
        subject = (message.kind, message.name)
        state = message.state
        if message.kind in BALANCED:  # what an operator wants of a server is nothing new to him
            if state not in (UP, DOWN, "FAULT") or not self._concerned(subject):
                return
        elif state not in STATES:  # it was stopped
            state = "STOP" if subject in self._wanted else "DELETED"
        previous = self._told.get(subject, "")
        if state == previous or (not previous and state in ("STOP", "DELETED")):
            return
        self._told[subject] = state
        self._priorities[subject] = message.priority
        self._tell(subject, state, state, previous, message.priority, message.why, message.at)
        if state == DOWN and self._leaving.pop(subject, None) is not None:
            del self._told[subject]

    def _concerned(self, subject: Subject) -> bool:
        return subject in self._concerns or subject in self._leaving

    def _end_leavers(self) -> None:
        """Tell the end of services that a checker worker which died has not told the end of."""
        for subject in sorted(self._leaving, key=lambda subject: subject[0] == SERVICE):
            if self._told.get(subject) == UP:
                self._end(subject, "a reload has taken it away")
        self._told = {subject: state for subject, state in self._told.items() if subject in self._concerns}
        self._leaving = {}

    def _end(self, subject: Subject, why: str) -> None:
        """Tell the end of what the worker has not told the end of."""
        state = self._told[subject]
        if subject[0] in BALANCED:
            if state == UP:
                self._changed(Transition(*subject, DOWN, 0, why, wall()))
        elif state not in ("STOP", "DELETED"):
            self._changed(Transition(*subject, "INIT", self._priorities.get(subject, 0), why, wall()))

    def _noticed(self, message: Notice) -> None:
        subject = (message.kind, message.name)
        settings = self._concerns.get(subject, NOTHING_SAID).settings
        self._priorities[subject] = message.priority
        event = RX_LOWER if message.event == "rx-lower-priority" else f"{message.state}_PRIORITY"
        if event in PRIORITIES and not (isinstance(settings, Notify) and settings.priority_changes):
            return
        if event == RX_LOWER:
            if abs(message.at - self._weaker_at.get(subject, 0.0)) < WEAKER_EVERY:
                return
            self._weaker_at[subject] = message.at
        if event == RX_LOWER or event in PRIORITIES:
            why = "heard a weaker master" if event == RX_LOWER else "the priority changed"
            state = message.state
            self._tell(subject, event, state, state, message.priority, why, message.at)

    def _tell(
        self, subject: Subject, event: str, state: str, previous: str, priority: int, why: str, at: float
    ) -> None:
        """Hand a news to every channel that is to have it."""
        self._serial += 1
        concern = self._concerns.get(subject) or self._leaving.get(subject, NOTHING_SAID)
        settings = concern.settings
        news = News(self._serial, *subject, event, state, previous, priority, why, at, concern.endpoint)
        known = as_keepalived_says(news, settings)
        if known.is_new:
            self._scripts.tell(known, settings)
            self._write(known)
        if self._mailer is not None and settings.mail:
            self._mailer.tell(news)
        if settings.webhooks:
            for hook in self._hooks:
                hook.tell(news)

    def _write(self, known: News) -> None:
        """Write a line to the FIFOs that are about this."""
        line = fifo_line(known)
        for pipe in self._pipes.values():
            if concerns(pipe.spec.about, known.kind):
                pipe.write(line)

    def _repeat(self, new: Configuration) -> None:
        """Write the states again to the FIFOs that want that after a reload; keepalived knows no others."""
        wanted = [fifo for fifo in new.notify.fifos if fifo.on_reload and concerns(fifo.about, ROUTER)]
        pipes = [self._pipes[fifo.path] for fifo in wanted]
        if not pipes:
            return
        for (kind, name), state in self._told.items():
            if kind in BALANCED:
                continue
            priority = self._priorities.get((kind, name), 0)
            line = fifo_line(News(0, kind, name, state, state, state, priority, "", 0.0))
            for pipe in pipes:
                pipe.write(line)

    # The channels.

    def _use(self, channels: Channels, daemon: Daemon) -> None:
        """Have the channels of a configuration; what changed in them begins anew."""
        self._name = channels.router_id or socket.gethostname()
        for fifo in (owned(fifo, daemon) for fifo in channels.fifos):
            pipe = self._pipes.get(fifo.path)
            if pipe is not None and replace(pipe.spec, on_reload=fifo.on_reload, about=fifo.about) == fifo:
                pipe.spec = fifo
                continue
            if pipe is not None:  # another owner or reader: a FIFO of its own in the same place
                pipe.remove()
                self._host.spawn(pipe.close(to_seconds(channels.stop_timeout)))
            self._pipes[fifo.path] = Pipe(fifo)
            self._pipes[fifo.path].open()
        mailer = self._mailer
        if mailer is not None and (mailer.spec != channels.mail or mailer.host != self._name):
            self._retire(mailer)
            self._mailer = mailer = None
        if mailer is None and channels.mail is not None:
            from havip.services.notify.mail import Mailer

            self._mailer = Mailer(channels.mail, self._name)
        before = {hook.spec: hook for hook in self._hooks if hook.host == self._name}
        self._hooks = [before.pop(spec) if spec in before else self._hook(spec) for spec in channels.webhooks]
        for hook in self._hooks:
            hook.refresh()
        for hook in before.values():
            self._retire(hook)

    def _hook(self, spec: Webhook) -> Hook:
        from havip.services.notify.webhook import Hook

        return Hook(spec, self._name, self._life)

    def _retire(self, channel: Mailer | Hook) -> None:
        """Let a channel that is not wanted any more tell what it has."""
        self._retired.append(channel)
        self._host.spawn(self._see_off(channel))

    async def _see_off(self, channel: Mailer | Hook) -> None:
        await channel.finish(RETIRED_WITHIN)
        self._retired.remove(channel)

    async def _around(
        self, what: str, configuration: Configuration, words: tuple[str, ...], timeout: Duration
    ) -> None:
        """Run the program before the first or after the last thing that the daemon does."""
        if not words:
            return
        daemon = configuration.daemon
        try:
            who = identify(daemon.script_user, daemon.script_group)
            outcome = await run(words, who, to_seconds(timeout))
            level, result = logging.INFO if outcome.ok else logging.ERROR, str(outcome)
        except CannotRun as error:
            level, result = logging.ERROR, f"cannot be run: {error}"
        log.log(level, "the %s program %s %s", what, words[0], result)


async def close_all(pipes: list[Pipe], within: float) -> None:
    """Close FIFOs side by side."""
    await asyncio.gather(*(pipe.close(within) for pipe in pipes))
