"""One thing to tell the world about something that has states, and how each channel words it.  Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Final

from havip.config.balancing import Programs
from havip.config.notify import About, Notify

ROUTER: Final = "router"
GROUP: Final = "group"
SERVICE: Final = "service"
SERVER: Final = "server"
#: whose news the load balancer's are
BALANCED: Final = (SERVICE, SERVER)
#: what a news is about, as keepalived's scripts and FIFO readers know it
SUBJECT: Final = {ROUTER: "INSTANCE", GROUP: "GROUP", SERVICE: "VS", SERVER: "RS"}
IN_WORDS: Final = {
    ROUTER: "virtual router",
    GROUP: "sync group",
    SERVICE: "virtual service",
    SERVER: "real server",
}

STATES: Final = ("MASTER", "BACKUP", "FAULT", "STOP", "DELETED", "UP", "DOWN")
RX_LOWER: Final = "MASTER_RX_LOWER_PRI"  # as MASTER we heard a weaker one
PRIORITIES: Final = ("MASTER_PRIORITY", "BACKUP_PRIORITY")  # the effective priority is another now
EVENTS: Final = (*STATES, RX_LOWER, *PRIORITIES)


@dataclass(frozen=True, slots=True)
class News:
    """One change, or one event in a state."""

    serial: int  # 1 and up in a daemon's life, over all routers: the order in which things happened
    kind: str  # ROUTER, GROUP, SERVICE or SERVER
    name: str  # of a server SERVICE/SERVER
    event: str  # one of EVENTS
    state: str  # one of STATES: the same, or the one in which the event came
    previous: str  # the state before; empty: there was none
    priority: int  # effective; 0 for all but routers
    why: str
    time: float  # seconds since 1970
    endpoint: str = ""  # of a service or server, as keepalived spells it

    @property
    def is_state(self) -> bool:
        """Say whether the state itself changed."""
        return self.event in STATES

    @property
    def is_new(self) -> bool:
        """Say whether anything changed: to keepalived a service that is in FAULT was DOWN before as well."""
        return self.kind not in BALANCED or self.event != self.previous

    @property
    def subject(self) -> tuple[str, str]:
        """Return what must be told in order: (kind, name)."""
        return self.kind, self.name

    @property
    def told(self) -> tuple[str, str, str, str]:
        """Return the four arguments that `any` gets: INSTANCE or GROUP, name, event, priority."""
        return SUBJECT[self.kind], self.name, self.event, str(self.priority)

    def __str__(self) -> str:
        """Return what happened, for the log."""
        return f"{self.name}: {self.event}"


def as_keepalived_says(news: News, settings: Notify | Programs) -> News:
    """Return the news for scripts and FIFO readers.

    Without `deleted`, a deleted router is in FAULT; a service that the kernel does not have is DOWN.
    """
    if isinstance(settings, Programs):
        event, previous = ("DOWN" if one == "FAULT" else one for one in (news.event, news.previous))
        return replace(news, event=event, state=event, previous=previous)
    if news.event != "DELETED" or settings.deleted:
        return news
    return replace(news, event="FAULT", state="FAULT")


def programs(news: News, settings: Notify | Programs) -> tuple[tuple[str, ...], ...]:
    """Return the commands to run for a change, one after the other: that of the event, then `any`."""
    if isinstance(settings, Programs):
        return tuple(filter(None, (settings.up if news.event == "UP" else settings.down,)))
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
    """Return the line that keepalived writes for the same change.

    Versions of keepalived end those of services with a zero byte, which tells nobody anything: ours do not.
    """
    if news.kind in BALANCED:
        return f"{SUBJECT[news.kind]} {news.endpoint} {news.event}\n".encode()
    return f'{SUBJECT[news.kind]} "{news.name}" {news.event} {news.priority}\n'.encode()


def concerns(about: About, kind: str) -> bool:
    """Say whether a FIFO gets lines about subjects of a kind."""
    return about is About.ALL or (about is About.SERVICES) is (kind in BALANCED)


def mail_subject(told: Sequence[News], host: str) -> str:
    """Return the subject of a mail that tells these news, of which there is at least one."""
    if len(told) == 1:
        news = told[0]
        return f"[{host}] {IN_WORDS[news.kind]} {news.name} is {news.event}"
    last = {news.subject: news.event for news in told}
    shown = [event for event in STATES if event in last.values()]
    counts = ", ".join(f"{list(last.values()).count(event)} {event}" for event in shown)
    return f"[{host}] {len(told)} changes of {len(last)} {whose({kind for kind, _ in last})}: {counts}"


def whose(kinds: Set[str]) -> str:
    """Return what subjects of these kinds are called together."""
    if not kinds & set(BALANCED):
        return "virtual routers and groups"
    return "services and servers" if kinds <= set(BALANCED) else "routers, groups, services and servers"


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
            **parts(news),
        }
    ).encode()


def parts(news: News) -> dict[str, Any]:
    """Return what is told of a service or server beside what is told of all."""
    if news.kind not in BALANCED:
        return {}
    service, server = news.name, ""
    if news.kind == SERVER:
        service, _, server = news.name.rpartition("/")
    return {"service": service, "server": server or None, "endpoint": news.endpoint}


def event_id(news: News, life: str) -> str:
    """Return what is the same in every attempt to tell this news, and in no other news."""
    return f"{life}-{news.serial}"
