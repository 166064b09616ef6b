"""Starts, restarts and stops the workers, and speaks to systemd and to the control socket.

Knows no protocol: what a virtual router does is the worker's business, and this process may be slow
without any advert being late.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Final

from havip import __version__, journal, process
from havip.claims import Taken
from havip.clock import monotonic, wall
from havip.config.anyfile import USUAL, How
from havip.config.devices import keep_names
from havip.config.model import Configuration
from havip.config.placing import TwoNames
from havip.config.plan import plan
from havip.config.problems import ConfigurationError
from havip.control.server import Server
from havip.errors import HavipError
from havip.managed import Managed
from havip.messages import (
    Alive,
    Commit,
    Committed,
    Described,
    DropRouter,
    GroupReport,
    Key,
    LogLine,
    Message,
    Notice,
    PutRouter,
    RouterGone,
    RouterReport,
    Setup,
    Transition,
)
from havip.overview import overview
from havip.reloads import Reloads
from havip.services import Handler, Json, Service
from havip.services.catalogue import SERVICES
from havip.services.descriptions import Descriptions
from havip.systemd import Notifier
from havip.tenancy import Elsewhere, Tenancy
from havip.workers import VrrpWorker

log = logging.getLogger("havip.supervisor")

IN_FORCE_WITHIN: Final = 2.0  # seconds for the worker to take a reload up before we answer without it
FEED_EVERY: Final = 1.0  # seconds between two looks at a worker that is between two lives
NO_DEADLINE: Final = -1


@dataclass
class Supervisor:
    """One daemon.  ``configuration`` is what is in force; a bad reload leaves it so."""

    path: str
    socket: str | None
    tenancy: Tenancy = field(default_factory=Tenancy)
    systemd: Notifier = field(default_factory=Notifier)
    configuration: Configuration = field(default_factory=Configuration)
    reports: dict[Key, RouterReport] = field(default_factory=dict)
    reloads: Reloads = field(default_factory=Reloads)

    def __post_init__(self) -> None:
        self._managed = Managed(
            self.systemd, self.reports.values, lambda: [one.summary() for one in self._services]
        )
        self._worker = VrrpWorker(self._worker_started, self._on_message, self._worker_ended)
        self._since = wall()
        self._stop = asyncio.Event()
        self._committed: dict[int, asyncio.Event] = {}
        self._reloading = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._descriptions = Descriptions(self)
        self._services: list[Service] = [self._descriptions, *(make(self) for make in SERVICES)]

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT.  Returns the exit code.

        Raises `Elsewhere` if the configuration wants another network namespace than this one.
        """
        self._heed_signals()  # before there is anything that they could leave half done
        # Its interpreter starts while we read the file; without messages it touches nothing.
        self._worker.start()
        try:
            async with self._reloading:  # a hangup that comes now waits
                server = await self._begin()
            if server is not None:
                return await self._serve(server)
            await self._worker.leave()
            return 1
        except Elsewhere:
            await self._worker.leave()
            if self._stop.is_set():
                return 0
            raise
        finally:
            self.tenancy.move_out()

    async def _begin(self) -> Server | None:
        """Load the configuration, open the control socket, tell the worker; None: the log says why not."""
        try:
            # Signals are heard meanwhile.
            new = keep_names(await asyncio.to_thread(self.tenancy.load, self.path))
            self.tenancy.move_in(new)
            self.configuration = new
            self.reloads.accepted(wall())
            self._worker.leftovers = self.tenancy.leftovers
            server = Server(self.socket or self.configuration.daemon.control_socket, self._handlers())
            await server.start()
        except ConfigurationError as error:
            for problem in error.problems:
                log.critical("%s", problem)
            return None
        except Elsewhere:
            raise
        except HavipError as error:
            log.critical("%s", error)
            return None
        for service in self._services:
            await service.prepare(self.configuration)
        if not self._stop.is_set():
            self._configure_worker()
        return server

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload_on_signal)
        for service in self._services:
            for other, heed in service.signals().items():
                loop.add_signal_handler(other, heed)

    async def _serve(self, server: Server) -> int:
        self.spawn(self._worker.watch())
        self.spawn(self._feed_between_lives())
        await self._stop.wait()
        self._managed.stopping()
        await self._worker.leave()
        for service in reversed(self._services):
            await service.leave()
        for task in self._tasks:
            task.cancel()
        await server.close()
        return 0

    def _handlers(self) -> dict[str, Handler]:
        verbs: dict[str, Handler] = {
            "status": self._status,
            "reload": self._reload_on_request,
            "version": self._version,
        }
        for service in self._services:
            verbs |= service.verbs()
        return verbs

    # What services ask (`services.Host`).

    async def show(self) -> Json:
        """Return the whole status, fresh."""
        await asyncio.gather(*(service.refresh() for service in self._services))
        keys = (router.key for router in self.configuration.virtual_routers)
        reports = [self.reports[key] for key in keys if key in self.reports]
        workers = [self._worker, *(other for service in self._services for other in service.workers())]
        shown = self.reloads.as_dict(self.path)
        return overview(self.configuration.daemon, self._since, shown, workers, reports, self._services)

    def spread(self, message: Message) -> None:
        """Let every service hear a message."""
        if isinstance(message, Transition) and message.kind == "service":
            self._managed.changed()
        for service in self._services:
            service.hear(message)

    async def ask(self, request: Json) -> Json:
        """Answer a request as the control socket would."""
        return await self._handlers()[request["verb"]](request)

    async def refresh(self) -> None:
        """Have every router reported afresh."""
        await self._descriptions.refresh()

    @property
    def between_lives(self) -> bool:
        """Say whether the VRRP worker is dead and about to be started again."""
        return self._worker.between_lives

    def post(self, message: Message) -> None:
        """Send a message to the VRRP worker."""
        self._worker.post(message)

    def linger(self, seconds: float) -> None:
        """Let the service manager know that the end may take so long."""
        self._managed.lingering(seconds)

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run a coroutine beside everything else, until the daemon ends."""
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed", task.get_name(), exc_info=error)

    # The worker's side.

    def _worker_started(self) -> None:
        """A worker's later lives begin with the configuration in force."""
        if self.reloads.generation:
            self._configure_worker()

    def _worker_ended(self) -> None:
        """What it last said is no longer true, and nobody answers what it was asked."""
        for key, report in self.reports.items():
            self.reports[key] = replace(
                report,
                state="INIT",
                since=wall(),
                why="the VRRP worker has ended",
                next_deadline=NO_DEADLINE,
                master="",
            )
        self._managed.changed()
        self._descriptions.give_up()

    def _configure_worker(self) -> None:
        self._worker.post(Setup(self.configuration.daemon.rank))
        for message in self.tenancy.briefing():
            self._worker.post(message)
        for router in self.configuration.virtual_routers:
            self._worker.post(PutRouter(router.bare))
        self._commit()

    def _commit(self) -> None:
        """Tell the worker what the services add, and that this is all."""
        for service in self._services:
            for message in service.briefing(self.configuration):
                self._worker.post(message)
        self._worker.post(Commit(self.reloads.generation))

    def _on_message(self, message: Message) -> None:
        match message:
            case RouterReport():
                self.reports[message.key] = message
                self._managed.changed()
            case RouterGone(key=key):
                self.reports.pop(key, None)
            case Alive():
                self._managed.watchdog()
            case Committed(generation=generation):
                self._on_committed(generation)
            case LogLine() | Transition() | Notice() | Described() | GroupReport():
                pass  # a matter for the services
            case _:
                log.error("the VRRP worker sent %r, which only we send", message)
        self.spread(message)

    def _on_committed(self, generation: int) -> None:
        if not self._managed.ready:
            self._settle_down()
            self._managed.complete()
            many = len(self.configuration.virtual_routers)
            log.info("%d virtual %s running", many, "router is" if many == 1 else "routers are")
        for number in [number for number in self._committed if number <= generation]:
            self._committed.pop(number).set()

    async def _feed_between_lives(self) -> None:
        """Keep systemd's watchdog quiet while a dead worker's next start is only a matter of time."""
        while True:
            await asyncio.sleep(FEED_EVERY)
            if self._worker.between_lives:
                self._managed.watchdog()

    # The operator's side.

    async def _settle(self, new: Configuration, done: asyncio.Event) -> None:
        """Put away what nobody needs any more, once the worker has taken ``new`` up."""
        await done.wait()
        if new is self.configuration:  # and not overtaken by the next reload
            for service in self._services:
                await service.settle(new)
            self._settle_down()

    def _settle_down(self) -> None:
        """Claim what is in force and nothing else: what an earlier run or configuration left is swept."""
        self.tenancy.settle(self.configuration)
        self._worker.leftovers = self.tenancy.leftovers

    async def _version(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "version": __version__, "pid": os.getpid()}

    async def _status(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"status": await self.show()}

    def _reload_on_signal(self) -> None:
        self.spawn(self._reload())

    async def _reload_on_request(self, request: dict[str, Any]) -> dict[str, Any]:
        return await self._reload()

    async def _reload(self) -> dict[str, Any]:
        """Put the file's difference to what runs into force, or change nothing and say why."""
        async with self._reloading:
            self._managed.reloading(monotonic())
            try:
                new = await asyncio.to_thread(self.tenancy.load, self.path)
                new = keep_names(new, self.configuration)
                self.tenancy.take(new)
                self._worker.leftovers = self.tenancy.leftovers
                return await self._apply(new)
            except ConfigurationError as error:
                for problem in error.problems:
                    log.error("%s", problem)
                return self._refuse("bad-configuration", [problem.as_dict() for problem in error.problems])
            except (Taken, TwoNames) as error:
                log.error("%s", error)
                return self._refuse(error.reason, [{"file": self.path, "message": str(error)}])
            finally:
                if self._managed.ready and not self._stop.is_set():
                    self._managed.complete()

    def _refuse(self, reason: str, problems: list[dict[str, Any]]) -> dict[str, Any]:
        """Say why a file is not put in force."""
        log.error("reload refused: the configuration in force is unchanged")
        self.reloads.refused(wall(), problems)
        return {"ok": False, "reason": reason, "errors": problems}

    async def _apply(self, new: Configuration) -> dict[str, Any]:
        changes = plan(self.configuration, new)
        for service in self._services:
            await service.prepare(new)
        self.configuration = new
        generation = self.reloads.accepted(wall())
        done = self._committed[generation] = asyncio.Event()
        for router in changes.drop:
            self.reports.pop(router.key, None)  # between two lives of the worker nobody else would
            self._worker.post(DropRouter(router.key))
        for was, router in changes.change:
            if was.bare != router.bare:
                self._worker.post(PutRouter(router.bare))
        for router in changes.add:
            self._worker.post(PutRouter(router.bare))
        self._commit()
        settled = self.spawn(self._settle(new, done))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IN_FORCE_WITHIN):
                await asyncio.shield(settled)
        log.info("reloaded %s: %s", self.path, changes)
        if not done.is_set():
            log.warning("the VRRP worker has not taken the changes up yet: it does as soon as it can")
        return {"ok": True, "plan": changes.describe(), "in_force": done.is_set()}


def main(
    path: str,
    socket: str | None = None,
    instance: str | None = None,
    state: str | None = None,
    *,
    how: How = USUAL,
) -> int:
    """Run the daemon in the foreground.  Returns the exit code.  Raises `NoNamespace`, `NotPermitted`."""
    journal.configure(logging.INFO)
    systemd = Notifier()

    async def run() -> int:
        return await Supervisor(path, socket, Tenancy(instance, state, how=how), systemd).run()

    try:
        try:
            return asyncio.run(run())
        except Elsewhere as elsewhere:
            namespace = elsewhere.namespace
        # All of it begins again there, so that no thread, socket or child is left outside.
        # Not in the handler of the exception: it would be told of with every later one.
        process.enter_network_namespace(namespace)
        log.info("running in the network namespace %s", namespace)
        return asyncio.run(run())
    except KeyboardInterrupt:  # before the handlers stood
        return 130


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
