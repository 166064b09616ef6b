"""Asks a worker to describe itself, however many want to know at once, and never waits for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

from havip.waiting import happens

ANSWER_WITHIN: Final = 2.0  # seconds for a worker to describe itself before what it last said must do

Spawn: TypeAlias = Callable[[Coroutine[Any, Any, Any]], "asyncio.Task[Any]"]


class Asking:
    """``ask`` sends the question with its token; it returns False where nobody could hear it.

    Everybody who asks while a description is under way gets the next one, all of them the same: however
    many clients there are, the worker never has two in hand.
    """

    def __init__(self, spawn: Spawn, ask: Callable[[int], bool]) -> None:
        self._spawn = spawn
        self._ask = ask
        self._waiting: dict[int, asyncio.Event] = {}
        self._one_at_a_time = asyncio.Lock()
        self._next: asyncio.Task[bool] | None = None
        self._token = 0

    async def refresh(self) -> bool:
        """Have the worker describe itself.  Says whether it did."""
        if self._next is None:
            self._next = self._spawn(self._describe())
        return await asyncio.shield(self._next)

    def answered(self, token: int) -> None:
        """Take note that all has been said."""
        waiting = self._waiting.pop(token, None)
        if waiting is not None:
            waiting.set()

    def give_up(self) -> None:
        """Let nobody wait any longer: the worker has ended."""
        for waiting in self._waiting.values():
            waiting.set()

    async def _describe(self) -> bool:
        async with self._one_at_a_time:
            self._next = None
            self._token += 1
            token = self._token
            arrived = self._waiting[token] = asyncio.Event()
            if self._ask(token):
                await happens(arrived, ANSWER_WITHIN)
            return self._waiting.pop(token, None) is None
