"""What the names of unicast peers were last found to be: on the disk, for a start without a name server.

An old answer serves only for a name that is still asked for, and for a week.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from havip import statefile
from havip.config.cast import Address
from havip.plain import Unfit, from_plain, to_plain
from havip.statefile import Unreadable, Unwritable

log = logging.getLogger("havip.resolver")

FILE: Final = "peers.json"
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
OLDEST: Final = 7 * DAY  # seconds since an answer that still serves
WRITE_EVERY: Final = HOUR  # if nothing but the time of the answers changes


class Question(NamedTuple):
    """A name in one IP version."""

    name: str
    version: int

    def __str__(self) -> str:
        return f"peer {self.name} (IPv{self.version})"


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, and when (seconds since 1970)."""

    name: str
    version: int
    addresses: tuple[Address, ...]
    at: float


@dataclass(frozen=True, slots=True)
class Record:
    """What the file holds."""

    answers: tuple[Answer, ...] = ()


class Answers:
    """The last answer to each question.  ``path`` None: nothing is kept on the disk."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known: dict[Question, Answer] = {}
        self._written_at = 0.0
        self._due = False  # something is not on the disk
        self._one_at_a_time = asyncio.Lock()

    async def read(self) -> None:
        """Read what an earlier run kept; what cannot be read is as if nothing was."""
        if self._path is None:
            return
        try:
            stored = await asyncio.to_thread(statefile.read, self._path)
            record = Record() if stored is None else from_plain(Record, stored.get("answers"))
        except Unreadable as error:
            log.warning("%s: addresses of peers that an earlier run knew are forgotten", error)
        except Unfit as error:
            log.warning("%s is damaged: %s: addresses of peers in it are forgotten", self._path, error)
        else:
            self._known = {Question(one.name, one.version): one for one in record.answers}

    def old(self, question: Question, now: float) -> Answer | None:
        """Return an answer that may serve until there is another one."""
        answer = self._known.get(question)
        if answer is None or now - answer.at > OLDEST:
            return None
        fits = answer.addresses and all(one.version == question.version for one in answer.addresses)
        return answer if fits else None

    async def note(self, question: Question, addresses: tuple[Address, ...], now: float) -> None:
        """Keep an answer: on the disk at once if it is another one, else within the hour."""
        before = self._known.get(question)
        self._known[question] = Answer(*question, addresses, now)
        self._due = True
        if before is None or before.addresses != addresses or abs(now - self._written_at) > WRITE_EVERY:
            await self.write(now)

    async def keep_only(self, questions: Collection[Question], now: float) -> None:
        """Forget the answers to all other questions."""
        gone = self._known.keys() - set(questions)
        for question in gone:
            del self._known[question]
        if gone:
            self._due = True
            await self.write(now)

    async def write(self, now: float) -> None:
        """Have all of it on the disk."""
        async with self._one_at_a_time:
            if self._path is None or not self._due:
                return
            self._due, self._written_at = False, now
            record = Record(tuple(self._known.values()))
            try:
                await asyncio.to_thread(statefile.write, self._path, {"answers": to_plain(record)})
            except Unwritable as error:
                log.warning("%s: the next start will need a name server", error)


def ago(seconds: float) -> str:
    """Return for people how long ago something was; the clock may have been set back since."""
    if seconds < 0:
        return "from a time that is still to come by this clock"
    for length, unit in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit} old"
    return "less than two minutes old"
