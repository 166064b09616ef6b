"""What the supervisor does beside keeping the workers running: one service a concern, one file each.

A service never touches another one, and never keeps an advert waiting: it lives in the supervisor's process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

from havip.config.model import Configuration
from havip.messages import Key, Message, RouterReport
from havip.workers import Worker

Json: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[Json], Awaitable[Json]]


class Host(Protocol):
    """What a service may ask of the supervisor."""

    @property
    def configuration(self) -> Configuration:
        """Return the configuration in force."""

    @property
    def reports(self) -> Mapping[Key, RouterReport]:
        """Return every router as the VRRP worker last reported it."""

    @property
    def socket(self) -> str | None:
        """Return the control socket that the command line names; None: that of the configuration."""

    @property
    def between_lives(self) -> bool:
        """Say whether the VRRP worker is dead and about to be started again."""

    async def show(self) -> Json:
        """Return the daemon's whole status, fresh."""

    def spread(self, message: Message) -> None:
        """Let every service hear what another worker than that of VRRP said."""

    async def ask(self, request: Json) -> Json:
        """Return what the control socket would answer to a request."""

    async def refresh(self) -> None:
        """Have every router reported afresh; if the worker cannot, what it last said must do."""

    def post(self, message: Message) -> None:
        """Send a message to the VRRP worker; between two lives it is dropped: `Service.briefing` follows."""

    def linger(self, seconds: float) -> None:
        """Let the service manager know that the end may take so long."""

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine beside everything else.  A failure is logged; the daemon's end cancels it."""


class Service:
    """What a service may do.  Here each step does nothing."""

    async def prepare(self, new: Configuration) -> None:
        """Make ready for ``new``, of which the VRRP worker has not been told yet.

        Must not refuse: what cannot be made ready impedes the routers that need it, by `briefing`.
        """

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Return what the VRRP worker must know beside its routers, before it starts those that are new.

        Asked at every reload and at the beginning of each life of the worker.
        """
        return ()

    async def settle(self, new: Configuration) -> None:
        """Put away what ``new``, now in force, does not need."""

    def hear(self, message: Message) -> None:
        """Take note of what the VRRP worker said, or a service has spread."""

    def verbs(self) -> Mapping[str, Handler]:
        """Return the verbs of the control socket that the service answers."""
        return {}

    def signals(self) -> Mapping[int, Callable[[], None]]:
        """Return the signals that the service heeds, and what it does then, without waiting."""
        return {}

    def workers(self) -> Iterable[Worker]:
        """Return the processes that the service keeps running."""
        return ()

    async def refresh(self) -> None:
        """Learn anew what `status` shows, in bounded time; what cannot be learnt is shown as it was."""

    def status(self) -> Json:
        """Return the sections that the service adds to the daemon's status."""
        return {}

    def summary(self) -> str:
        """Return what the service manager's line says of it; empty: nothing."""
        return ""

    def status_of(self, key: Key) -> Json:
        """Return the keys that the service adds to the status of one virtual router."""
        return {}

    async def leave(self) -> None:
        """Put everything away: the VRRP worker has resigned and ended."""
