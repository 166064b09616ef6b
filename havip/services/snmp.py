"""Serves the SNMP agent of the host: a snapshot of the virtual routers when it asks, traps when they change.

What it is asked is answered from what the VRRP worker last reported, and the worker is asked to report
at most once in `FRESH_FOR`, whoever polls however often.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from typing import Final

from havip.clock import wall
from havip.config.model import Configuration, StartAs
from havip.errors import Refusal, refused_in
from havip.messages import Described, GroupReport, Key, LogLine, Message, RouterGone, RouterReport, Transition
from havip.services import Host, Json, Service
from havip.snmp import traps, view
from havip.snmp.interfaces import interfaces
from havip.snmp.mib import Mib
from havip.snmp.rfc6527 import ERRORS
from havip.snmp.session import Session
from havip.snmp.trees import served, tree
from havip.snmp.view import Past, Times

log = logging.getLogger("havip.snmp")

FRESH_FOR: Final = 1.0  # seconds that what was reported may be shown
REPORTED_WITHIN: Final = 0.3  # seconds to wait for new reports before old ones must do
RUNNING: Final = ("MASTER", "BACKUP")


class Snmp(Service):
    """The session with the master agent, and what it has to be told."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._session: Session | None = None
        self._mib: Mib | None = None  # None: what there is has changed
        self._shown: Configuration | None = None
        self._refreshed_at = float("-inf")  # by the loop's clock
        self._groups: dict[str, GroupReport] = {}
        self._totals: Mapping[str, int] = {}
        self._past: dict[Key, Past] = {}
        self._reports: dict[Key, RouterReport] = {}
        self._told: dict[tuple[str, str], str] = {}
        self._counting_since: float | None = None
        self._agent = Times()  # sysUpTime when the session began

    async def prepare(self, new: Configuration) -> None:
        """Serve as ``new`` wants: a session that is to go on as it is goes on."""
        before = self._session
        if new.snmp == (None if before is None else before.settings):
            return
        self._session = None
        if new.snmp is not None:
            self._session = Session(new.snmp, served(new.snmp), self._current, self._began)
        self._host.spawn(self._change(before, self._session))

    async def settle(self, new: Configuration) -> None:
        """Forget what is gone."""
        keys = {router.key for router in new.virtual_routers}
        for key in self._past.keys() - keys:
            self._past.pop(key)
            self._reports.pop(key, None)
        names = {group.name for group in new.sync_groups}
        self._groups = {name: report for name, report in self._groups.items() if name in names}
        self._mib = None

    def hear(self, message: Message) -> None:
        """Note what happens, and tell what has a notification."""
        match message:
            case RouterReport():
                self._reported(message)
            case GroupReport():
                self._groups[message.name] = message
                self._mib = None
            case RouterGone():
                self._mib = None
            case Described(totals=totals):
                self._totals = totals
            case Transition():
                self._changed(message)
            case LogLine(text=line, fields=fields):
                refused = refused_in(line)
                if refused is not None and "HAVIP_ROUTER" in fields:
                    self._refused(fields["HAVIP_ROUTER"], *refused)
            case _:
                pass

    def status(self) -> Json:
        """Return what became of the session."""
        session = self._session
        shown = None if session is None else {"socket": session.settings.socket, **asdict(session.account)}
        return {"snmp": shown}

    async def leave(self) -> None:
        """Tell the last changes and end the session."""
        if self._session is not None:
            await self._session.close()

    async def _change(self, before: Session | None, after: Session | None) -> None:
        """End one session and begin another one, which registers what the first had."""
        if before is not None:
            await before.close()
        if after is not None and after is self._session:
            after.start(self._host.spawn)

    # What happens.

    def _reported(self, report: RouterReport) -> None:
        """Note when a virtual router began to take part, and when its counters began anew."""
        key, before = report.key, self._reports.get(report.key)
        past = self._past.get(key, Past())
        self._reports[key] = report
        if report.state not in RUNNING:
            past = replace(past, running_since=None)
        elif past.running_since is None:
            past = replace(past, running_since=report.since)
        if before is not None and any(
            report.counters.get(name, 0) < count for name, count in before.counters.items()
        ):
            self._counting_since = wall()
            past = replace(past, counting_since=self._counting_since)
        self._past[key] = past
        if before is None or (before.state, before.effective_priority) != (
            report.state,
            report.effective_priority,
        ):
            self._mib = None

    def _changed(self, change: Transition) -> None:
        """Tell a change of state; one that was told already is not repeated, as after a worker's resume."""
        subject = (change.kind, change.name)
        if self._told.get(subject) == change.state:
            return
        self._told[subject] = change.state
        self._mib = None
        configuration = self._host.configuration
        router = next((one for one in configuration.virtual_routers if one.name == change.name), None)
        if change.kind == "router" and router is not None and change.state == "MASTER":
            past = self._past.get(router.key, Past())
            self._past[router.key] = replace(past, new_master=change.why)
        session = self._session
        if session is None or not session.settings.traps:
            return
        for trap in self._traps_of(change, session):
            session.tell(trap)

    def _traps_of(self, change: Transition, session: Session) -> Iterator[traps.Trap]:
        configuration, settings = self._host.configuration, session.settings
        if change.kind == "group":
            gone = all(group.name != change.name for group in configuration.sync_groups)
            if settings.keepalived_mib:
                yield traps.of_group(change, self._name, gone)
            return
        one = next((one for one in self._view().instances if one.router.name == change.name), None)
        if settings.keepalived_mib:
            start = StartAs.BACKUP if one is None else one.router.start
            yield traps.of_router(change, start, self._name, one is None)
        if one is not None and change.state == "MASTER":
            yield from traps.new_master(one, settings)

    def _refused(self, name: str, source: str, why: Refusal) -> None:
        """Note why a packet was refused, and tell it where it has a notification.

        The worker logs the same reason for the same virtual router once a minute, so nobody who sends bad
        packets decides how many notifications there are.
        """
        one = next((one for one in self._view().instances if one.router.name == name), None)
        if one is None:
            return
        if why in ERRORS:
            self._past[one.router.key] = replace(one.past, last_error=why)
            self._mib = None
        session = self._session
        if session is not None and session.settings.traps:
            for trap in traps.of_refusal(one, source, why, session.settings):
                session.tell(trap)

    # What is asked.

    async def _current(self) -> Mib:
        """Return what there is, as new as the worker can tell in a moment."""
        configuration = self._host.configuration
        now = asyncio.get_running_loop().time()
        if now - self._refreshed_at > FRESH_FOR:
            self._refreshed_at = now
            await asyncio.wait([self._host.spawn(self._host.refresh())], timeout=REPORTED_WITHIN)
            self._mib = None
        session = self._session
        if session is None or configuration.snmp is None:
            return Mib()
        if self._mib is None or self._shown is not configuration:
            self._mib, self._shown = tree(configuration.snmp, self._view()), configuration
        return self._mib

    def _view(self) -> view.View:
        configuration = self._host.configuration
        now = wall()
        return view.view(
            configuration,
            self._host.reports,
            self._groups,
            self._past,
            interfaces(router.interface for router in configuration.virtual_routers),
            totals=self._totals,
            name=self._name,
            times=Times(now, self._agent.uptime + Times(now).age(self._agent.now)),
            counting_since=self._counting_since,
        )

    def _began(self, uptime: int) -> None:
        """Note sysUpTime."""
        self._agent = Times(wall(), uptime)

    @property
    def _name(self) -> str:
        """Return what this machine is called."""
        return self._host.configuration.notify.router_id or socket.gethostname()
