"""Keeps the checker worker running while something is tracked, and hands its results to the VRRP worker.

Of each tracker the newest result is kept: it counts while the checker is started again, and a VRRP worker
that begins a new life is told it before its routers start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from havip.balancing import BalancerReport, ServiceReport
from havip.clock import spell, to_seconds
from havip.config.health import Check
from havip.config.model import Configuration, Rank, Silence, Then
from havip.config.tracking import (
    Definition,
    Script,
    TrackedFile,
    TrackedProcess,
    TrackerKey,
    TrackerKind,
)
from havip.healthreport import CheckReport
from havip.messages import (
    Alive,
    Commit,
    Committed,
    Delay,
    Described,
    DropTracker,
    LogLine,
    Message,
    PutCheck,
    PutFile,
    PutProcess,
    PutScript,
    Setup,
    TrackResult,
    Transition,
)
from havip.services import Handler, Host, Json, Service
from havip.services.balancer import Balancing, moved
from havip.services.checkbook import Checkbook
from havip.services.tracked import checks_of, in_use, same, tracked_by_routers
from havip.waiting import happens
from havip.workers import CheckerWorker, Worker

log = logging.getLogger("havip.supervisor")
checker_log = logging.getLogger("havip.checker")

#: How long a start or a reload waits for the first results of what is newly tracked, so that a router need
#: not go to FAULT and back for want of them.
FIRST_RESULTS_WITHIN: Final = 1.0  # seconds
#: How long it waits before that for the checker to begin: a process starts slowly on a busy machine.
BEGINS_WITHIN: Final = 3.0  # seconds
SHORTEST_LOOK: Final = 0.1  # seconds between two looks at how long the checker has been silent

Make: TypeAlias = Callable[
    [Callable[[], None], Callable[[Message], None], Callable[[], None]], Worker
]  # how the worker is made


class Trackers(Service):
    """What is tracked, and what was found."""

    def __init__(self, host: Host, make: Make = CheckerWorker) -> None:
        self._host = host
        self._make = make
        self._worker: Worker | None = None
        self._watch: asyncio.Task[None] | None = None
        self._wanted: dict[TrackerKey, Definition] = {}
        self._tracked: frozenset[TrackerKey] = frozenset()  # by a router: the VRRP worker hears of no other
        self._results: dict[TrackerKey, TrackResult] = {}
        self._generation = 0
        self._begun = 0  # the latest generation that the checker has begun with
        self._news = asyncio.Event()
        self._heard_at = 0.0  # by the loop's clock
        self._given_up = False
        self._denied: dict[
            TrackerKey, TrackResult
        ] = {}  # what counts instead of results too old to be believed
        self._silence = Silence()
        self._policy = asyncio.Event()  # has changed
        self._rank = Rank()
        self._book = Checkbook(host.spawn)
        self._balancing = Balancing(host, self._book.describe)

    async def prepare(self, new: Configuration) -> None:
        """Begin to track what is new, and wait a moment for what it says."""
        wanted, tracked = in_use(new), tracked_by_routers(new)
        await self._balancing.prepare(new)
        self._tracked |= tracked
        self._go_by(new.daemon.checker_silence)
        self._book.put({**self._book.checks, **checks_of(wanted)}.values())
        fresh = [key for key in tracked & wanted.keys() if key not in self._results]
        if (wanted or self._balancing.in_use) and self._worker is None:
            self._wanted, self._rank = wanted, new.daemon.checker
            self._start()
        else:
            before, self._wanted = self._wanted, {**self._wanted, **wanted}
            self._forget(key for key in moved(new, before) if key not in self._tracked)
            self._post_all(key for key in wanted if not same(before.get(key), wanted[key]))
        if fresh:
            await self._first_results(fresh)

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Return the delays of interfaces, and every result there is."""
        yield Delay(new.interfaces)
        tracked = tracked_by_routers(new)
        yield from (self._denied.get(key, result) for key, result in self._results.items() if key in tracked)

    async def settle(self, new: Configuration) -> None:
        """Track no more what nobody wants; without anything to track there is no checker."""
        wanted = in_use(new)
        for kind, name in self._wanted.keys() - wanted.keys():
            self._results.pop((kind, name), None)
            self._denied.pop((kind, name), None)
            if (kind, name) in self._tracked:
                self._host.post(DropTracker(kind, name))
            if self._worker is not None:
                self._worker.post(DropTracker(kind, name))
        self._wanted, self._tracked = wanted, tracked_by_routers(new)
        self._book.put(checks_of(wanted).values())
        if not wanted and not self._balancing.in_use:
            await self.leave()

    def hear(self, message: Message) -> None:
        """Take note of what virtual services go by."""
        self._balancing.hear(message)

    def workers(self) -> Iterable[Worker]:
        """Return the checker, if there is one."""
        return () if self._worker is None else (self._worker,)

    def verbs(self) -> Mapping[str, Handler]:
        """Answer for the health checks and the virtual services."""
        return {"checks": self._book.answer, **self._balancing.verbs()}

    async def refresh(self) -> None:
        """Have the runs of health checks and the services described afresh, if the checker can."""
        await asyncio.gather(self._book.refresh(), self._balancing.book.refresh())

    def status(self) -> Json:
        """Return what is tracked by name, and what was last found."""
        shown = []
        for kind, name in self._wanted:
            if kind is TrackerKind.CHECK:
                continue
            result = self._denied.get((kind, name), self._results.get((kind, name)))
            shown.append(
                {
                    "kind": str(kind),
                    "name": name,
                    "good": None if result is None else result.good,
                    "value": None if result is None else value_of(result),
                    "why": "waits for its first result" if result is None else result.why,
                }
            )
        return {"trackers": shown, "checks": self._book.briefly(), **self._balancing.status()}

    def summary(self) -> str:
        """Return how the virtual services are."""
        return self._balancing.book.in_words()

    async def leave(self) -> None:
        """End the checker."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._worker is not None and not await self._balancing.leave(self._worker):
            await self._depart_by_another()
        self._worker = self._book.worker = None

    async def _depart_by_another(self) -> None:
        """Have another worker do with the virtual services what the one that ended could not."""
        self._worker = worker = self._make(self._started, self._on_message, self._book.ended)
        log.warning("%s is started once more, to see to the virtual services", worker.title)
        try:
            worker.start()
        except OSError as error:
            log.error("%s cannot be started: %s: the virtual services stay", worker.title, error)
            return
        await self._balancing.leave(worker)

    def _start(self) -> None:
        worker = self._make(self._started, self._on_message, self._book.ended)
        self._worker = self._book.worker = self._balancing.worker = worker
        self._heard_at = asyncio.get_running_loop().time()
        self._given_up = False
        try:
            worker.start()
        except OSError as error:
            log.error("%s cannot be started: %s", worker.title, error)
            worker.restart_soon()
        self._watch = self._host.spawn(self._mind())

    def _started(self) -> None:
        """Tell a life of the checker all that it is to track, and the verdicts of the one before."""
        if self._worker is not None:
            self._worker.post(Setup(self._rank, self._balancing.enters))
        self._balancing.begin()
        lost = self._denied.keys()  # what was found so long ago is no verdict to begin with
        self._results |= self._denied
        self._post_all(
            self._wanted,
            without=frozenset(lost),
            first=self._worker is not None and not self._worker.restarts,
        )

    def _post_all(
        self, keys: Iterable[TrackerKey], first: bool = True, without: frozenset[TrackerKey] = frozenset()
    ) -> None:
        """Post definitions; ``first``: nobody has tracked them so far as they are.

        Those of ``without`` begin without a verdict.
        """
        worker = self._worker
        if worker is None:
            return
        for key in keys:
            definition = self._wanted[key]
            result = None if key in without else self._results.get(key)
            match definition:
                case Script():
                    worker.post(PutScript(definition, None if result is None else result.good))
                case TrackedFile():
                    worker.post(PutFile(definition, fresh=first))
                case TrackedProcess():
                    worker.post(PutProcess(definition))
                case Check():
                    worker.post(PutCheck(definition, result))
        for message in self._balancing.changes():
            worker.post(message)
        self._generation += 1
        worker.post(Commit(self._generation))

    def _forget(self, keys: Iterable[TrackerKey]) -> None:
        """Let what is about to be put again begin without a verdict."""
        for key in keys:
            self._results.pop(key, None)
            if self._worker is not None:
                self._worker.post(DropTracker(*key))

    def _on_message(self, message: Message) -> None:
        match message:
            case TrackResult():
                if message.key in self._wanted:
                    self._file(message)
                    self._news.set()
            case Alive():
                self._heard_at = asyncio.get_running_loop().time()
                if self._given_up:
                    self._relent()
            case CheckReport() | Described():
                self._book.hear(message)
            case ServiceReport() | BalancerReport():
                self._balancing.reported(message)
            case Transition():
                self._host.spread(message)
            case LogLine(level=level, text=text):
                checker_log.log(level, "%s", text)
            case Committed(generation=generation):
                self._begun = generation
                self._news.set()
            case _:
                log.error("the checker worker sent %r, which only we send", message)

    async def _first_results(self, keys: Sequence[TrackerKey]) -> None:
        """Wait for a result of each, but not for ever."""

        def told() -> bool:
            return all(key in self._results for key in keys)

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BEGINS_WITHIN):
                await self._until(lambda: self._begun >= self._generation or told())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_RESULTS_WITHIN):
                await self._until(told)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._news.clear()
            await self._news.wait()

    async def _mind(self) -> None:
        """Watch the checker, and believe its results only for so long while it is away."""
        worker = self._worker
        assert worker is not None
        watch = asyncio.ensure_future(worker.watch())
        try:
            while True:
                silent = asyncio.get_running_loop().time() - self._heard_at
                believed = to_seconds(self._silence.after)
                if silent >= believed and not self._given_up:
                    self._give_up()
                self._policy.clear()
                await happens(self._policy, max(SHORTEST_LOOK, believed - silent))
        finally:
            watch.cancel()

    def _give_up(self) -> None:
        """Do as the policy says with the results of a checker that has been silent for too long."""
        self._given_up = True
        after = spell(self._silence.after)
        if self._silence.then is Then.KEPT:
            log.error("no sign of life from the checker worker for %s: its last results count on", after)
            return
        log.error("no sign of life from the checker worker for %s: all it tracks has failed", after)
        why = f"is not known: the checker worker has been away for {after}"
        for key in self._wanted:
            self._denied[key] = TrackResult(*key, False, why=why)
            self._show(self._denied[key])

    def _relent(self) -> None:
        """Believe the last results again: the checker that found them lives, or the policy has changed."""
        self._given_up = False
        denied, self._denied = self._denied, {}
        for key, instead in denied.items():
            self._show(self._results.setdefault(key, instead))

    def _go_by(self, silence: Silence) -> None:
        """Put a policy in force at once, for a silence that lasts as well."""
        if silence != self._silence:
            self._silence = silence
            self._relent()
            self._policy.set()

    def _file(self, result: TrackResult) -> None:
        """Keep the newest result of a tracker, and hand it on if a router may go by it."""
        self._denied.pop(result.key, None)
        self._results[result.key] = result
        self._show(result)

    def _show(self, result: TrackResult) -> None:
        if result.kind is TrackerKind.CHECK:
            self._book.file(result)
        self._host.spread(result)
        if result.key in self._tracked:
            self._host.post(result)


def value_of(result: TrackResult) -> int | None:
    """Return the number that a result is about: a file's, or of processes while there are not enough."""
    counts = result.kind is TrackerKind.PROCESS and not result.good
    return result.value if counts or result.kind is TrackerKind.FILE else None
