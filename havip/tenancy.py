"""The daemon's place among others on its host: its namespace, the one lock of its instance, and its claims.

Blocks for moments only, and belongs to the supervisor.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from havip import claims, instance, process
from havip.claims import Claims, Record, Unrecorded
from havip.config.anyfile import USUAL, How, examine
from havip.config.model import Configuration, Estate
from havip.config.placing import placed
from havip.config.understood import settle
from havip.errors import AlreadyRunning, HavipError
from havip.messages import Leftovers

log = logging.getLogger("havip.supervisor")

ESTATES_A_MESSAGE: Final = 16  # of 255 addresses each they stay well below what the channel takes


class Elsewhere(HavipError):
    """The daemon must run in another network namespace than this process is in."""

    reason = "elsewhere"

    def __init__(self, namespace: str) -> None:
        super().__init__(f"the daemon belongs into the network namespace {namespace}")
        self.namespace = namespace


class Tenancy:
    """``name`` and ``state`` are instance and state directory as the command line has them.

    The file may have them instead.  ``how`` is how the file is read.
    """

    def __init__(
        self,
        name: str | None = None,
        state: str | None = None,
        directory: Path = claims.DIRECTORY,
        how: How = USUAL,
    ) -> None:
        self._how = how
        self._name = name
        self._state = state
        self._directory = directory
        self._lock: socket.socket | None = None
        self._claims: Claims | None = None
        self._unrecorded: tuple[Estate, ...] = ()

    def load(self, path: str) -> Configuration:
        """Return the configuration in a file, placed as our instance.  Raises `HavipError`."""
        examined = examine(path, self._how)
        configuration = settle(examined.findings)
        for decision in examined.decisions:
            if decision.is_loss:
                log.warning("%s", decision)
        return placed(configuration, self._name, self._state)

    def move_in(self, configuration: Configuration) -> None:
        """Become the one daemon of our instance, with everything that the configuration claims.

        Raises `Elsewhere`, `AlreadyRunning`, `Taken`.
        """
        daemon = configuration.daemon
        namespace = daemon.network_namespace
        if namespace is not None and not process.in_network_namespace(namespace):
            raise Elsewhere(namespace)
        name = daemon.instance or ""
        try:
            self._lock = process.abstract_lock(instance.lock(name))
        except AlreadyRunning as error:
            raise AlreadyRunning(f"{error} as instance {name}" if name else str(error)) from None
        self._claims = Claims(daemon.instance, self._directory)
        self.take(configuration)

    def take(self, new: Configuration) -> None:
        """Claim what ``new`` needs beside what we have.  Raises `Taken`."""
        assert self._claims is not None
        try:
            self._claims.take(new)
        except Unrecorded as error:
            # Alone in its namespace, as almost always, a daemon is as well off without a record.
            log.warning("no other daemon can know what belongs to this one: %s", error)
            self._unrecorded = Record.of(new).estates

    def settle(self, configuration: Configuration) -> None:
        """Give up what the configuration, now in force, does not claim."""
        assert self._claims is not None
        try:
            self._claims.settle(configuration)
        except Unrecorded as error:
            log.warning("no other daemon can know what this one has given up: %s", error)

    def move_out(self) -> None:
        """Give everything up: it is gone from the kernel."""
        if self._claims is not None:
            self._claims.leave()
            self._claims = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def briefing(self) -> Iterator[Leftovers]:
        """Yield what a worker must know of it: at least one message, and none that is too long."""
        estates = self.leftovers
        for first in range(0, max(1, len(estates)), ESTATES_A_MESSAGE):
            yield Leftovers(estates[first : first + ESTATES_A_MESSAGE])

    @property
    def leftovers(self) -> tuple[Estate, ...]:
        """Return what with our mark is ours to remove; nothing before we have moved in."""
        return self._unrecorded + (() if self._claims is None else self._claims.held.estates)
