"""Looks up the names of unicast peers, as long as it takes, and tells the VRRP worker what has changed.

The worker never waits for DNS.  What was found stays in force until something else is found: a name server
that fails takes no peer away, not even from the next run of the daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Final, TypeAlias

from havip.backoff import pause_after
from havip.clock import Duration, to_seconds, wall
from havip.config.cast import Address
from havip.config.model import Configuration
from havip.messages import Message, Resolved
from havip.services import Host, Service
from havip.services.answers import FILE, Answers, Question, ago
from havip.waiting import happens, in_own_thread

log = logging.getLogger("havip.resolver")

GRACE: Final = 0.5  # seconds that a start or a reload waits for names that are new
LAST_RETRY: Final = 5.0  # seconds; the most for a name without any address: its router may be in FAULT
MOST_ADDRESSES: Final = 64  # of one name that become peers


LookUp: TypeAlias = Callable[[str, int], list[Address]]
Nap: TypeAlias = Callable[[asyncio.Event, float], Awaitable[None]]


def look_up(name: str, version: int) -> list[Address]:
    """Return the addresses of a name by the rules of the host, `/etc/hosts` included.  Raises OSError."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    found = socket.getaddrinfo(name, None, family, socket.SOCK_DGRAM)
    return [ip_address(str(address[0]).partition("%")[0]) for *_, address in found]


async def nap(wake: asyncio.Event, seconds: float) -> None:
    """Return when so many seconds have passed, or at once when ``wake`` is set."""
    await happens(wake, seconds)


def questions(configuration: Configuration) -> dict[Question, Duration]:
    """Return every name of a peer, and how often it is to be looked up."""
    asked: dict[Question, Duration] = {}
    for router in configuration.virtual_routers:
        if router.unicast is not None:
            for name in router.unicast.names:
                question = Question(name, router.family)
                every = router.unicast.resolve_every
                asked[question] = min(every, asked.get(question, every))
    return asked


def usable(found: Iterable[Address]) -> tuple[Address, ...]:
    """Return the addresses that another host can have, in order, each once."""
    fit = {one for one in found if not (one.is_loopback or one.is_multicast or one.is_unspecified)}
    return tuple(sorted(fit, key=int)[:MOST_ADDRESSES])


class Resolver(Service):
    """One task for each question, and for each look-up a thread that nobody waits for at the end."""

    def __init__(
        self, host: Host, look_up: LookUp = look_up, nap: Nap = nap, answers: Answers | None = None
    ) -> None:
        self._host = host
        self._look_up = look_up
        self._nap = nap
        self._every: dict[Question, Duration] = {}
        self._found: dict[Question, tuple[Address, ...]] = {}
        self._answers = answers  # on the disk; known once a configuration is
        self._old: set[Question] = set()  # what is in force for them an earlier run has found
        self._errors: dict[Question, str] = {}  # what the last look-up failed for
        self._tasks: dict[Question, asyncio.Task[None]] = {}
        self._wake: dict[Question, asyncio.Event] = {}
        self._answered: dict[Question, asyncio.Event] = {}

    async def prepare(self, new: Configuration) -> None:
        """Look up what is new, and all else anew; wait a moment for what has no answer yet."""
        if self._answers is None:
            self._answers = Answers(Path(new.daemon.state_directory) / FILE)
            await self._answers.read()
        self._every |= questions(new)
        for question in questions(new):
            if question in self._tasks:
                self._wake[question].set()
            else:
                self._wake[question], self._answered[question] = asyncio.Event(), asyncio.Event()
                self._tasks[question] = self._host.spawn(self._watch(question))
        answers = [self._answered[question].wait() for question in questions(new)]
        if answers:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    await asyncio.gather(*answers)
        for question in questions(new):
            self._make_do(question)

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Tell what is known of every name."""
        return [
            Resolved(*question, self._found[question])
            for question in questions(new)
            if question in self._found
        ]

    async def settle(self, new: Configuration) -> None:
        """Forget names that no peer has any more."""
        self._every = questions(new)
        if self._answers is not None:
            await self._answers.keep_only(self._every.keys(), wall())
        for question in self._tasks.keys() - self._every.keys():
            self._tasks.pop(question).cancel()
            for kept in (self._wake, self._answered, self._found, self._errors):
                kept.pop(question, None)
            self._old.discard(question)

    async def leave(self) -> None:
        """Ask no more."""
        for task in self._tasks.values():
            task.cancel()
        if self._answers is not None:
            await self._answers.write(wall())

    async def _watch(self, question: Question) -> None:
        """Look a name up again and again: soon after a failure, at the regular distance after a success."""
        failures = 0
        while True:
            self._wake[question].clear()
            found = await self._ask(question)
            pause = to_seconds(self._every[question])
            if isinstance(found, str):
                self._fail(question, found)
                known = question in self._found and question not in self._old
                longest = pause if known else min(pause, LAST_RETRY)
                failures += 1
                pause = pause_after(failures, longest)
            else:
                self._learn(question, found)
                failures = 0
            self._answered[question].set()
            if not isinstance(found, str) and self._answers is not None:
                await self._answers.note(question, found, wall())
            await self._nap(self._wake[question], pause)

    async def _ask(self, question: Question) -> tuple[Address, ...] | str:
        """Return the addresses of a name, or what went wrong in words."""
        try:
            looked_up = await in_own_thread(lambda: self._look_up(*question), f"look up {question.name}")
        except (OSError, UnicodeError) as error:
            return getattr(error, "strerror", None) or str(error)
        return usable(looked_up) or "it has no address that another host could have"

    def _learn(self, question: Question, found: tuple[Address, ...]) -> None:
        before = self._found.get(question)
        failed = self._errors.pop(question, None) is not None or question in self._old
        self._old.discard(question)
        if failed and before == found:
            log.info("%s can be looked up again, and is still %s", question, words(found))
        if before == found:
            return
        self._found[question] = found
        log.info("%s is %s%s", question, words(found), f", no more {words(before)}" if before else "")
        self._host.post(Resolved(*question, found))

    def _make_do(self, question: Question) -> None:
        """Go by what an earlier run has found, where nothing has been found yet."""
        old = None if self._answers is None else self._answers.old(question, now := wall())
        if question in self._found or old is None:
            return
        self._old.add(question)
        self._found[question] = old.addresses
        log.warning(
            "%s is taken to be %s until it can be looked up: an answer that is %s",
            *(question, words(old.addresses), ago(now - old.at)),
        )

    def _fail(self, question: Question, error: str) -> None:
        if self._errors.get(question) == error:
            return  # said already
        self._errors[question] = error
        known = self._found.get(question)
        stays = f"{words(known)} stays in force" if known else "no address of it is known"
        log.warning("cannot look up %s: %s; %s", question, error, stays)


def words(addresses: tuple[Address, ...]) -> str:
    """Return addresses for people."""
    return ", ".join(map(str, addresses))
