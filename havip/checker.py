"""The process that runs checks: it may be slow, hang or be killed, and no advert is late for it.

It is told what to track and tells what it finds.  What that means for a router is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import Iterable
from functools import partial
from itertools import chain
from typing import Final

from havip import process, rank, signals
from havip.channel import Channel
from havip.clock import monotonic
from havip.config.tracking import Script, TrackerKind
from havip.healthcheck.checks import MOST_AT_ONCE, Checks
from havip.healthcheck.describing import Describing
from havip.healthcheck.files import FileWatch
from havip.healthcheck.processes import ProcessWatch
from havip.healthcheck.runner import Runner
from havip.healthcheck.runs import Runs
from havip.healthcheck.schedule import first_due
from havip.healthcheck.scripts import ScriptCheck
from havip.loadbalancing import LoadBalancing
from havip.messages import (
    ERROR,
    INFO,
    WARNING,
    Alive,
    Commit,
    Committed,
    Describe,
    DropTracker,
    LogLine,
    Message,
    PutCheck,
    PutFile,
    PutProcess,
    PutScript,
    Resign,
    Setup,
    TrackResult,
)
from havip.plain import Unfit

RARELY: Final = (50_000, 20, 20)  # allocations, and passes over the younger, before a pass of the collector
ALIVE_EVERY: Final = 1.0  # seconds
WORD_WITHIN: Final = 15.0  # seconds: the supervisor has all routers resign first
LONGEST: Final = 300  # characters of what was not understood
KEPT_BACK: Final = 512  # descriptors for scripts, files and ourselves
#: To run scripts as other users and end them, to hear of processes, to read files that are others' alone; to
#: send probes through an interface, with a mark, and as ICMP.
CAPABILITIES: Final = (
    "CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_DAC_OVERRIDE"
)  # fmt: skip


class Checker:
    """One process's checks.  `run` returns when the supervisor says so, or is gone."""

    def __init__(self, channel: Channel, runs: Runs) -> None:
        self._channel = channel
        self._runs = runs
        self._scripts: dict[str, ScriptCheck] = {}
        self._waiting: dict[str, ScriptCheck] = {}  # begin with the next commit
        self._files = FileWatch(self._tell)
        self._processes = ProcessWatch(self._tell)
        self._checks = Checks(self._told, Runner(runs), places=places())
        self._leave = asyncio.Event()
        self._balancer = LoadBalancing(self._post, self._checks, self._leave.set, self._fail)
        self._describing = Describing(self._post, lambda: channel.wants_write)
        self.unfit = False  # it cannot go on, though nobody told it to leave
        self._writing = False

    async def run(self) -> None:
        """Check until told to leave."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._end)
        for number in (
            *signals.DUMPS,
            signal.SIGINT,
            signal.SIGHUP,
        ):  # a terminal's; the supervisor hears them
            loop.add_signal_handler(number, lambda: None)  # not ignored: what we start would inherit that
        loop.add_reader(self._channel.fileno(), self._hear)
        beat = loop.create_task(self._live())
        await self._leave.wait()
        beat.cancel()
        for check in (*self._scripts.values(), *self._waiting.values()):
            check.stop()
        self._files.stop()
        self._processes.stop()
        self._checks.stop()
        self._balancer.stop()
        self._describing.stop()
        await asyncio.sleep(0)  # the scripts that run are killed

    def _end(self) -> None:
        """Leave at SIGTERM; with services in the kernel, once the supervisor had time to say `Depart`.

        systemd sends the signal to both of us at once.
        """
        patience = WORD_WITHIN if self._balancer.in_use and not self._channel.closed else 0.0
        asyncio.get_running_loop().call_later(patience, self._end_unasked)

    def _end_unasked(self) -> None:
        if not self._balancer.departs:
            self._leave.set()

    def _fail(self, why: str) -> None:
        """Leave for another life, which the supervisor starts."""
        self.log(ERROR, why[:LONGEST])
        self.unfit = True
        self._leave.set()

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(ALIVE_EVERY)
            self._post(Alive())

    def _hear(self) -> None:
        self._channel.flush()
        try:
            received = self._channel.receive()
        except Unfit as error:  # as when the package was exchanged under a running daemon
            self._fail(f"the checker worker is told what it does not understand: {error}")
            return
        for message in received:
            self._obey(message)
        if self._channel.has_input:  # after the probes have had their turn: there may be thousands
            asyncio.get_running_loop().call_soon(self._hear)
        elif self._channel.closed:
            self._leave.set()
        self._mind_backlog()

    def _obey(self, message: Message) -> None:
        match message:
            case Setup(enters=enters):
                keep = partial(self._keep_capabilities, enters)
                for warning in rank.take(message.rank, keep):
                    self.log(WARNING, f"the checker worker: {warning}")
            case PutScript(script=script, good=good):
                self._put_script(script, good)
            case PutFile(file=file, fresh=fresh):
                self._files.put(file, fresh)
            case PutProcess(process=tracked):
                self._processes.put(tracked)
            case PutCheck(check=check, last=last):
                self._checks.put(check, last)
                self._balancer.knows(check)
            case DropTracker(kind=TrackerKind.CHECK, name=name):
                self._checks.drop(name)
                self._balancer.forget(name)
            case DropTracker(kind=TrackerKind.SCRIPT, name=name):
                self._drop_script(name)
            case DropTracker(kind=TrackerKind.FILE, name=name):
                self._files.drop(name)
            case DropTracker(kind=TrackerKind.PROCESS, name=name):
                self._processes.drop(name)
            case Commit(generation=generation):
                self._begin(self._waiting.values())
                self._waiting = {}
                self._checks.begin()
                self._balancer.begin()
                settle_down()
                self._post(Committed(generation))
            case Describe(token=token):
                reports = chain(self._checks.reports(), self._balancer.reports())
                self._describing.begin(token, reports, self._checks.totals)
            case Resign():
                self._leave.set()
            case _:
                self._balancer.obey(message)

    def _put_script(self, script: Script, good: bool | None) -> None:
        self._drop_script(script.name)
        self._waiting[script.name] = ScriptCheck(script, good, self._tell, self._runs)

    def _drop_script(self, name: str) -> None:
        self._waiting.pop(name, None)
        check = self._scripts.pop(name, None)
        if check is not None:
            check.stop()

    def _begin(self, checks: Iterable[ScriptCheck]) -> None:
        """Start checks, spread over their interval: a thousand at once would be late, all of them."""
        coming, now = list(checks), monotonic()
        for number, check in enumerate(coming):
            self._scripts[check.script.name] = check
            check.start(first_due(now, check.script.interval, number, len(coming)))

    def _tell(self, result: TrackResult) -> None:
        self._post(result)

    def _told(self, result: TrackResult) -> None:
        """Hand on what a health check says: to routers and to services."""
        self._post(result)
        self._balancer.hear(result)

    def _keep_capabilities(self, enters: bool) -> None:
        """Give up what checks and IPVS do not need; of the rest most checks need nothing either."""
        more = ("CAP_SYS_ADMIN",) if enters else ()
        lacking = process.keep_capabilities((*CAPABILITIES, *more), for_programs=True)
        if lacking is not None:
            self.log(INFO, f"the checker worker is {lacking}")

    def log(self, level: int, text: str) -> None:
        """Have the supervisor log a line."""
        self._post(LogLine(level, text))

    def _post(self, message: Message) -> None:
        self._channel.post(message)
        self._mind_backlog()

    def _mind_backlog(self) -> None:
        loop = asyncio.get_running_loop()
        if self._channel.closed:
            loop.remove_reader(self._channel.fileno())
            self._leave.set()
        wanted = self._channel.wants_write
        if wanted != self._writing:
            self._writing = wanted
            if wanted:
                loop.add_writer(self._channel.fileno(), self._hear)
            else:
                loop.remove_writer(self._channel.fileno())


def settle_down() -> None:
    """Keep the cycle collector from going through every check again and again: that takes 25 ms of 10,000.

    Probes leave no cycles behind: looking for them every few hundred runs was a twentieth of their price.
    """
    gc.set_threshold(*RARELY)
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def places() -> int:
    """Return how many probes may be under way, after asking for as many descriptors as we may have."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    least = min(limit for limit in resource.getrlimit(resource.RLIMIT_NOFILE) if limit >= 0)
    return max(1, min(MOST_AT_ONCE, least - KEPT_BACK))


class ToSupervisor(logging.Handler):
    """Hands log lines to the supervisor, who may write them."""

    def __init__(self, checker: Checker) -> None:
        super().__init__(logging.INFO)
        self._checker = checker

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line."""
        self._checker.log(record.levelno, record.getMessage())


def main(channel: int, runs: int) -> None:
    """Run a checker on the descriptors that the supervisor handed down."""
    process.set_name("havip-checker")
    os.set_inheritable(runs, False)  # no business of what it runs

    async def run() -> bool:
        checker = Checker(Channel(socket.socket(fileno=channel)), Runs(runs))
        log = logging.getLogger("havip.checker")
        log.propagate = False
        log.addHandler(ToSupervisor(checker))
        await checker.run()
        return checker.unfit

    if asyncio.run(run()):
        raise SystemExit(1)  # not 0: the supervisor is to start another one
