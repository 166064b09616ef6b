"""Puts into the log what the VRRP worker, which never writes one itself, has to say."""

from __future__ import annotations

import logging

from havip.journal import fields_of
from havip.messages import LogLine, Message, Transition
from havip.services import Service

log = logging.getLogger("havip.vrrp")


class WorkerLog(Service):
    """Logs lines as they are, and changes of state as people want to read them."""

    def hear(self, message: Message) -> None:
        """Log what is meant for the log."""
        match message:
            case LogLine(level=level, text=text, fields=fields):
                log.log(level, "%s", text, extra={"fields": fields})
            case Transition(kind=kind, name=name, state=state, why=why) if kind in ("router", "group"):
                level = logging.WARNING if state == "FAULT" else logging.INFO
                fields = fields_of(kind, name, state)
                log.log(level, "%s: %s: %s", name, state, why, extra={"fields": fields})
            case _:
                pass
