"""Serves the SNMP agent of the host: a snapshot of the virtual routers when it asks, traps when they change.

What it is asked is answered from what the VRRP worker last reported, and the worker is asked to report
at most once in `FRESH_FOR`, whoever polls however often.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Final

from havip.balancing import DRAINED, DRAINING
from havip.clock import wall
from havip.config.model import Configuration, StartAs, VirtualRouter
from havip.errors import Refusal, refused_in
from havip.messages import Described, GroupReport, LogLine, Message, RouterGone, RouterReport, Transition
from havip.services import Host, Json, Service
from havip.services.snmp_balancing import Balancing
from havip.snmp import traps, view
from havip.snmp.history import History
from havip.snmp.interfaces import interface, interfaces
from havip.snmp.mib import Mib
from havip.snmp.rfc6527 import ERRORS
from havip.snmp.session import Session
from havip.snmp.trees import served, tree
from havip.snmp.view import Times

log = logging.getLogger("havip.snmp")

FRESH_FOR: Final = 1.0  # seconds that what was reported may be shown
REPORTED_WITHIN: Final = 0.3  # seconds to wait for new reports before old ones must do


class Agent(Service):
    """The session with the master agent, and what it has to be told."""

    def __init__(self, host: Host, groups: Mapping[str, GroupReport]) -> None:
        self._host = host
        self._groups = groups  # every sync group as the worker last reported it: somebody else minds them
        self._session: Session | None = None
        self._mib: Mib | None = None  # None: what there is has changed
        self._shown: Configuration | None = None
        self._refreshed_at = float("-inf")  # by the loop's clock
        self._totals: Mapping[str, int] = {}
        self._history = History()
        self._told: dict[tuple[str, str], str] = {}
        self._routers: dict[str, tuple[int, VirtualRouter]] = {}  # by name, with their place in the file
        self._agent = Times()  # sysUpTime when the session began
        self._balancing = Balancing(host)
        self._balances = False  # the session serves the load balancer as well
        for report in host.reports.values():
            self._history.note(report, wall())
            self._told["router", report.name] = report.state
        for group in groups.values():
            self._told["group", group.name] = group.state

    async def prepare(self, new: Configuration) -> None:
        """Serve as ``new`` wants: a session that is to go on as it is goes on."""
        before, balances = self._session, bool(new.virtual_services)
        if new.snmp == (None if before is None else before.settings) and balances == self._balances:
            return
        self._balances, self._refreshed_at = balances, float("-inf")
        self._session = None
        if new.snmp is not None:
            self._session = Session(new.snmp, served(new.snmp, balances), self._current, self._began)
        self._host.spawn(self._change(before, self._session))

    async def settle(self, new: Configuration) -> None:
        """Forget what is gone."""
        self._history.keep(router.key for router in new.virtual_routers)
        self._balancing.keep(new)

    def hear(self, message: Message) -> None:
        """Note what happens, and tell what has a notification."""
        session = self._session
        if session is None:
            return
        match message:
            case RouterReport():
                if self._history.note(message, wall()):
                    self._mib = None
            case GroupReport() | RouterGone():
                self._mib = None
            case Described(totals=totals):
                self._totals = totals
            case Transition():
                self._changed(message, session)
            case LogLine(text=line, fields=fields):
                refused = refused_in(line)
                if refused is not None:
                    self._refused(fields.get("HAVIP_ROUTER", ""), *refused, session)
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

    def _changed(self, change: Transition, session: Session) -> None:
        """Tell a change of state; one that was told already is not repeated, as after a worker's resume."""
        subject = (change.kind, change.name)
        self._mib = None
        if change.state in (DRAINING, DRAINED):  # has no notification: what comes after it may be no news
            self._balancing.changed(change, self._name)
            return
        if self._told.get(subject) == change.state:
            return
        self._told[subject] = change.state
        settings = session.settings
        if change.kind in ("service", "server"):
            trap = self._balancing.changed(change, self._name)
            if trap is not None and settings.traps and settings.keepalived_mib:
                session.tell(trap)
            return
        if change.kind == "group":
            gone = all(group.name != change.name for group in self._host.configuration.sync_groups)
            if settings.traps and settings.keepalived_mib:
                session.tell(traps.of_group(change, self._name, gone))
            return
        one = self._instance(change.name)
        if one is not None and change.state == "MASTER":
            past = self._history.became_master(one.router.key, change.why)
            one = replace(one, past=past)
        if settings.traps and settings.keepalived_mib:
            start = StartAs.BACKUP if one is None else one.router.start
            session.tell(traps.of_router(change, start, self._name, one is None))
        if settings.traps and one is not None and change.state == "MASTER":
            for trap in traps.new_master(one, settings):
                session.tell(trap)

    def _refused(self, name: str, source: str, why: Refusal, session: Session) -> None:
        """Note why a packet was refused, and tell it where it has a notification.

        The worker logs the same reason for the same virtual router once a minute, so nobody who sends bad
        packets decides how many notifications there are.
        """
        one = self._instance(name)
        if one is None:
            return
        if why in ERRORS:
            self._history.erred(one.router.key, why)
            self._mib = None
        for trap in traps.of_refusal(one, source, why, session.settings) if session.settings.traps else ():
            session.tell(trap)

    def _instance(self, name: str) -> view.Instance | None:
        """Return one virtual router, for its notifications; None: a reload has taken it away."""
        self._look_up()
        if name not in self._routers:
            return None
        number, router = self._routers[name]
        past, report = self._history.of(router.key), self._host.reports.get(router.key)
        return view.Instance(number, router, report, interface(router.interface), past, self._times)

    def _look_up(self) -> None:
        """Go by the configuration in force, so that nothing is searched at each change."""
        configuration = self._host.configuration
        if self._shown is not configuration:
            self._shown, self._mib = configuration, None
            routers = enumerate(configuration.virtual_routers, 1)
            self._routers = {router.name: (number, router) for number, router in routers}

    # What is asked.

    async def _current(self) -> Mib:
        """Return what there is, as new as the worker can tell in a moment."""
        now = asyncio.get_running_loop().time()
        if now - self._refreshed_at > FRESH_FOR:
            self._refreshed_at = now
            asked = [self._host.spawn(self._host.refresh())]
            asked += [self._host.spawn(self._balancing.refresh())] if self._balances else []
            await asyncio.wait(asked, timeout=REPORTED_WITHIN)
            self._mib = None
        self._look_up()
        configuration = self._host.configuration
        if self._mib is None:
            settings = configuration.snmp
            self._mib = Mib() if settings is None else tree(settings, self._view(configuration))
        return self._mib

    def _view(self, configuration: Configuration) -> view.View:
        shown = view.view(
            configuration,
            self._host.reports,
            self._groups,
            self._history,
            interfaces(router.interface for router in configuration.virtual_routers),
            totals=self._totals,
            name=self._name,
            times=self._times,
        )
        return replace(shown, services=self._balancing.shown, ipvs=self._balancing.ipvs)

    def _began(self, uptime: int) -> None:
        """Note sysUpTime."""
        self._agent = Times(wall(), uptime)
        self._mib = None

    @property
    def _times(self) -> Times:
        now = wall()
        return Times(now, self._agent.uptime + Times(now).age(self._agent.now))

    @property
    def _name(self) -> str:
        """Return what this machine is called."""
        return self._host.configuration.notify.router_id or socket.gethostname()
