"""Puts into the log what becomes of virtual services and their servers: each change, with its reason.

However many servers fail at once, the log gets so many lines, and one that counts the others.  What becomes
of a service always gets a line: there are few, and it is what matters.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

from havip.balancing import DOWN, FAULT, UP
from havip.config.model import Configuration
from havip.journal import fields_of
from havip.messages import Message, Transition
from havip.services import Host, Service
from havip.services.sparing import PERIOD, Sparing

log = logging.getLogger("havip.services")

KINDS: Final = ("service", "server")


class ServiceLog(Service):
    """Logs what turned.  What is told again after the checker worker was started again is no news."""

    def __init__(self, host: Host) -> None:
        self._told: dict[tuple[str, str], str] = {}
        self._sparing: Sparing[str] = Sparing(host.spawn, self._count, period=PERIOD)

    def hear(self, message: Message) -> None:
        """Log what is news."""
        if not isinstance(message, Transition) or message.kind not in KINDS:
            return
        kind, name, state = message.kind, message.name, message.state
        if self._told.get((kind, name)) == state:
            return
        self._told[kind, name] = state
        if kind == "service" or self._sparing.may_tell(state):
            level = logging.WARNING if state in (DOWN, FAULT) else logging.INFO
            fields = fields_of(kind, name, state)
            log.log(level, "%s %s: %s: %s", kind, name, state, message.why, extra={"fields": fields})

    async def settle(self, new: Configuration) -> None:
        """Forget what is no longer there."""
        there = {("service", service.name) for service in new.virtual_services}
        for service in new.virtual_services:
            there |= {("server", f"{service.name}/{server.name}") for server in service.servers}
        self._told = {key: state for key, state in self._told.items() if key in there}

    def _count(self, untold: Counter[str]) -> None:
        counts = ", ".join(f"{untold[state]} {state}" for state in (DOWN, UP) if untold[state])
        other = sum(untold.values()) - untold[DOWN] - untold[UP]
        counts = ", ".join(filter(None, (counts, f"{other} others" if other else "")))
        log.warning(
            "servers: %d more have changed their state in %gs: %s; "
            "`havip services --failed` shows what is wrong now",
            *(sum(untold.values()), PERIOD, counts),
        )
