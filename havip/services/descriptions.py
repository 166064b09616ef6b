"""Has the VRRP worker describe every router afresh, however many clients ask for it at once."""

from __future__ import annotations

import asyncio
from typing import Final

from havip.messages import Describe, Described, Message
from havip.services import Host, Json, Service
from havip.waiting import happens

ANSWER_WITHIN: Final = 2.0  # seconds for the worker to describe itself before old reports must do


class Descriptions(Service):
    """`refresh` returns once the reports are new; ``totals`` are the counters of the whole worker."""

    def __init__(self, host: Host) -> None:
        self.totals: dict[str, int] = {}
        self._host = host
        self._waiting: dict[int, asyncio.Event] = {}
        self._one_at_a_time = asyncio.Lock()
        self._next: asyncio.Task[None] | None = None
        self._token = 0

    async def refresh(self) -> None:
        """Have every router reported afresh; if the worker cannot, what it last said must do.

        Everybody who asks while a description is under way gets the next one, all of them the same: however
        many clients there are, the worker never has two in hand.
        """
        if self._next is None:
            self._next = self._host.spawn(self._describe())
        await asyncio.shield(self._next)

    async def _describe(self) -> None:
        async with self._one_at_a_time:
            self._next = None
            if self._host.between_lives:
                return
            self._token += 1
            token = self._token
            arrived = self._waiting[token] = asyncio.Event()
            self._host.post(Describe(token))
            await happens(arrived, ANSWER_WITHIN)
            self._waiting.pop(token, None)

    def hear(self, message: Message) -> None:
        """Take the answer."""
        if isinstance(message, Described):
            self.totals = message.totals
            waiting = self._waiting.pop(message.token, None)
            if waiting is not None:
                waiting.set()

    def status(self) -> Json:
        """Return the counters of the whole worker."""
        return {"totals": self.totals}

    def give_up(self) -> None:
        """Let nobody wait any longer: the worker has ended."""
        for waiting in self._waiting.values():
            waiting.set()
