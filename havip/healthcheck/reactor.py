"""Runs probes, thousands at once, on an epoll of their own beneath the event loop: one wake-up, many events.

A task and a transport a probe would cost more than the probe.  Here a probe is a coroutine that yields the
descriptor it waits for, watched for that alone, edge-triggered, and forgotten when its socket is closed.
"""

from __future__ import annotations

import asyncio
import logging
import select
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Final

from havip.clock import Duration, Instant, monotonic, to_seconds
from havip.healthcheck.attempt import TimedOut, Wait
from havip.healthcheck.outcome import Failed, Failure, Outcome, of_error

log = logging.getLogger("havip.checker")

EDGE: Final = select.EPOLLET
TROUBLE: Final = select.EPOLLERR | select.EPOLLHUP
BATCH: Final = 256  # events of one turn; then the rest of the process gets its turn
MOST_TURNS: Final = 64  # in which to hear what has arrived before anything is taken for late

Done = Callable[[Outcome], None]


class Run:
    """One probe under way."""

    __slots__ = ("_reactor", "coroutine", "deadline", "descriptors", "done", "timeout", "waits_for")

    def __init__(
        self,
        reactor: Reactor,
        coroutine: Coroutine[Any, Any, Outcome],
        timeout: Duration,
        now: Instant,
        done: Done,
    ) -> None:
        self._reactor = reactor
        self.coroutine = coroutine
        self.timeout = timeout
        self.deadline: int = now + timeout
        self.done: Done | None = done  # None: it is over
        self.descriptors: list[int] = []  # watched
        self.waits_for: Wait = (-1, 0)

    @property
    def over(self) -> bool:
        """Say whether nothing of it is left."""
        return self.done is None

    def cancel(self) -> None:
        """End it; nobody is told an outcome."""
        self._reactor.cancel(self)


class Reactor:
    """The probes that are under way, and what each waits for."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._waiting: dict[int, Run] = {}  # by descriptor
        #: by timeout those that wait, as keys: in each dictionary the first to end comes first
        self._patience: dict[Duration, OrderedDict[Run, None]] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: int | None = None
        self.under_way = 0
        self._loop.add_reader(self._epoll.fileno(), self._turn)

    def close(self) -> None:
        """End every probe."""
        for runs in list(self._patience.values()):
            for run in list(runs):
                self.cancel(run)
        if self._alarm is not None:
            self._alarm.cancel()
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def start(
        self, coroutine: Coroutine[Any, Any, Outcome], timeout: Duration, now: Instant, done: Done
    ) -> Run:
        """Run a probe; ``done`` is called once, perhaps before this returns."""
        run = Run(self, coroutine, timeout, now, done)
        self.under_way += 1
        self._resume(run, None)
        if run.done is not None:
            runs = self._patience.get(timeout)
            if runs is None:
                runs = self._patience[timeout] = OrderedDict()
            runs[run] = None
            if self._alarm_at is None or run.deadline < self._alarm_at:
                self._set_alarm(run.deadline)
        return run

    def cancel(self, run: Run) -> None:
        """End a probe; nobody is told an outcome."""
        if run.done is not None:
            self._over(run)
            run.coroutine.close()

    def _over(self, run: Run) -> None:
        run.done = None
        self.under_way -= 1
        runs = self._patience.get(run.timeout)
        if runs is not None:
            runs.pop(run, None)
        for descriptor in run.descriptors:
            if self._waiting.get(descriptor) is run:  # not another's, who was given the number since
                del self._waiting[descriptor]

    def _turn(self) -> int:
        """Go on with every probe that can; return how many events there were."""
        waiting = self._waiting
        # Whose they are is looked up first: a probe that ends gives its numbers to the next ones.
        happened = [
            (waiting.get(descriptor), descriptor, events) for descriptor, events in self._epoll.poll(0, BATCH)
        ]
        for run, descriptor, events in happened:
            if run is not None and waiting.get(descriptor) is run:
                wanted, mask = run.waits_for
                if wanted == descriptor and events & (mask | TROUBLE):
                    self._resume(run, None)
        return len(happened)

    def _resume(self, run: Run, error: Exception | None) -> None:
        try:
            wait: Wait = run.coroutine.send(None) if error is None else run.coroutine.throw(error)
            if error is None:
                self._watch(wait, run)
                return
            run.coroutine.close()  # it has had its time, and heeds that not
            outcome = Outcome(Failure.TIMED_OUT)
        except StopIteration as end:
            outcome = end.value
        except Failed as failed:
            outcome = failed.outcome
        except TimedOut:
            outcome = Outcome(Failure.TIMED_OUT)
        except OSError as problem:
            outcome = of_error(problem)
        except Exception as fault:  # a fault of ours must not end the checks of everybody else
            log.error("a probe broke", exc_info=fault)
            outcome = Outcome(Failure.INTERNAL, f"{type(fault).__name__}: {fault}")
        done = run.done
        if done is not None:
            self._over(run)
            done(outcome)

    def _watch(self, wait: Wait, run: Run) -> None:
        """Have the events that a probe waits for, those included that are there already.

        That its descriptor was watched before proves nothing: the number may be another socket's since.
        Raises OSError for one that cannot be watched.
        """
        run.waits_for = wait
        descriptor, mask = wait
        if self._waiting.get(descriptor) is run:
            try:
                self._epoll.modify(descriptor, mask | EDGE)
            except FileNotFoundError:
                self._epoll.register(descriptor, mask | EDGE)
            return
        try:
            self._epoll.register(descriptor, mask | EDGE)
        except FileExistsError:
            self._epoll.modify(descriptor, mask | EDGE)
        self._waiting[descriptor] = run
        run.descriptors.append(descriptor)

    def _set_alarm(self, at: int) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = self._loop.call_later(max(0.0, to_seconds(at - monotonic())), self._expire)

    def _expire(self) -> None:
        """End what has had its time; whatever has arrived by now is heard first, however late we are."""
        now = monotonic()
        self._alarm = self._alarm_at = None
        for _ in range(MOST_TURNS):
            if self._turn() < BATCH:
                break
        places = BATCH
        for runs in list(self._patience.values()):
            while places and (run := next(iter(runs), None)) is not None and run.deadline <= now:
                places -= 1
                self._resume(run, TimedOut())
        following = [next(iter(runs)).deadline for runs in self._patience.values() if runs]
        if following:
            self._set_alarm(min(following))
