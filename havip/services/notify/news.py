"""One thing to tell the world about a virtual router or sync group, and how each channel words it.  Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from havip.config.notify import Notify

ROUTER: Final = "router"
GROUP: Final = "group"
#: what a news is about, as keepalived's scripts and FIFO readers know it
SUBJECT: Final = {ROUTER: "INSTANCE", GROUP: "GROUP"}
IN_WORDS: Final = {ROUTER: "virtual router", GROUP: "sync group"}

STATES: Final = ("MASTER", "BACKUP", "FAULT", "STOP", "DELETED")
RX_LOWER: Final = "MASTER_RX_LOWER_PRI"  # as MASTER we heard a weaker one
PRIORITIES: Final = ("MASTER_PRIORITY", "BACKUP_PRIORITY")  # the effective priority is another now
EVENTS: Final = (*STATES, RX_LOWER, *PRIORITIES)


@dataclass(frozen=True, slots=True)
class News:
    """One change, or one event in a state."""

    serial: int  # 1 and up in a daemon's life, over all routers: the order in which things happened
    kind: str  # ROUTER or GROUP
    name: str
    event: str  # one of EVENTS
    state: str  # one of STATES: the same, or the one in which the event came
    previous: str  # the state before; empty: there was none
    priority: int  # effective; 0 for a group
    why: str
    time: float  # seconds since 1970

    @property
    def is_state(self) -> bool:
        """Say whether the state itself changed."""
        return self.event in STATES

    @property
    def subject(self) -> tuple[str, str]:
        """Return what must be told in order: (kind, name)."""
        return self.kind, self.name

    @property
    def told(self) -> tuple[str, str, str, str]:
        """Return the four arguments that a script gets: INSTANCE or GROUP, name, event, priority."""
        return SUBJECT[self.kind], self.name, self.event, str(self.priority)

    def __str__(self) -> str:
        """Return what happened, for the log."""
        return f"{self.name}: {self.event}"


def as_keepalived_says(news: News, settings: Notify) -> News:
    """Return the news for scripts and FIFO readers: without `deleted`, a deleted router is in FAULT."""
    if news.event != "DELETED" or settings.deleted:
        return news
    return replace(news, event="FAULT", state="FAULT")


def programs(news: News, settings: Notify) -> tuple[tuple[str, ...], ...]:
    """Return the commands to run for a change, one after the other: that of the event, then `any`."""
    specific = {
        "MASTER": settings.master,
        "BACKUP": settings.backup,
        "FAULT": settings.fault,
        "STOP": settings.stop,
        "DELETED": settings.deleted,
        RX_LOWER: settings.master_rx_lower_priority,
    }.get(news.event, ())
    generic = (*settings.any, *news.told) if settings.any and news.is_state else ()
    return tuple(filter(None, (specific, generic)))


def fifo_line(news: News) -> bytes:
    """Return the line that keepalived writes for the same change."""
    return f'{SUBJECT[news.kind]} "{news.name}" {news.event} {news.priority}\n'.encode()


def mail_subject(told: Sequence[News], host: str) -> str:
    """Return the subject of a mail that tells these news, of which there is at least one."""
    if len(told) == 1:
        news = told[0]
        return f"[{host}] {IN_WORDS[news.kind]} {news.name} is {news.event}"
    last = {news.subject: news.event for news in told}
    shown = [event for event in STATES if event in last.values()]
    counts = ", ".join(f"{list(last.values()).count(event)} {event}" for event in shown)
    return f"[{host}] {len(told)} changes of {len(last)} virtual routers and groups: {counts}"


def mail_body(told: Sequence[News], host: str, clock: Callable[[float], str], dropped: int = 0) -> str:
    """Return the text of a mail; ``clock`` words a time, ``dropped`` earlier changes are not told."""
    parts = []
    for news in told:
        before = f" (before: {news.previous})" if news.previous else ""
        priority = f", priority {news.priority}" if news.kind == ROUTER else ""
        why = f"\n  {news.why}" if news.why else ""
        parts.append(
            f"{clock(news.time)}  {IN_WORDS[news.kind]} {news.name}: {news.event}{before}{priority}{why}"
        )
    if dropped:
        parts.append(f"{dropped} earlier changes are not told: the mail server did not take them in time.")
    return "\n\n".join([*parts, f"-- \nhavip on {host}"]) + "\n"


def webhook_body(news: News, host: str, life: str) -> bytes:
    """Return the JSON of one change; ``life`` names this run of the daemon and makes the id unique."""
    return json.dumps(
        {
            "id": event_id(news, life),
            "sequence": news.serial,
            "host": host,
            "kind": news.kind,
            "name": news.name,
            "event": news.event,
            "state": news.state,
            "previous_state": news.previous or None,
            "priority": news.priority,
            "why": news.why,
            "time": news.time,
        }
    ).encode()


def event_id(news: News, life: str) -> str:
    """Return what is the same in every attempt to tell this news, and in no other news."""
    return f"{life}-{news.serial}"
