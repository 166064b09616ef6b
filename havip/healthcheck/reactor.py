"""Runs probes, thousands at once, on an epoll of their own beneath the event loop: one wake-up, many events.

A task and a transport a probe would cost more than the probe.  Here a probe is a coroutine that yields the
descriptor it waits for, registered once, edge-triggered, and forgotten when its socket is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from havip.clock import Duration, Instant, after, monotonic, to_seconds
from havip.healthcheck.attempt import TimedOut, Wait
from havip.healthcheck.outcome import Failed, Failure, Outcome, of_error

log = logging.getLogger("havip.checker")

EVENTS: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
TROUBLE: Final = select.EPOLLERR | select.EPOLLHUP
BATCH: Final = 256  # events of one turn; then the rest of the process gets its turn

Done = Callable[[Outcome], None]


class Run:
    """One probe under way."""

    __slots__ = ("_reactor", "coroutine", "deadline", "descriptors", "done", "waits_for")

    def __init__(
        self, reactor: Reactor, coroutine: Coroutine[Any, Any, Outcome], deadline: Instant, done: Done
    ) -> None:
        self._reactor = reactor
        self.coroutine = coroutine
        self.deadline = deadline
        self.done: Done | None = done  # None: it is over
        self.descriptors: list[int] = []  # registered
        self.waits_for: Wait = (-1, 0)

    def cancel(self) -> None:
        """End it; nobody is told an outcome."""
        self._reactor.cancel(self)


class Reactor:
    """The probes that are under way, and what each waits for."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._waiting: dict[int, Run] = {}  # by descriptor
        self._patience: dict[Duration, deque[Run]] = {}  # by timeout: in each, the first to end comes first
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: Instant | None = None
        self.under_way = 0
        self._loop.add_reader(self._epoll.fileno(), self._turn)

    def close(self) -> None:
        """End every probe."""
        for run in set(self._waiting.values()):
            self.cancel(run)
        if self._alarm is not None:
            self._alarm.cancel()
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def start(
        self, coroutine: Coroutine[Any, Any, Outcome], timeout: Duration, now: Instant, done: Done
    ) -> Run:
        """Run a probe; ``done`` is called once, perhaps before this returns."""
        run = Run(self, coroutine, after(now, timeout), done)
        self.under_way += 1
        self._resume(run, None)
        if run.done is not None:
            self._patience.setdefault(timeout, deque()).append(run)
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
        for descriptor in run.descriptors:
            if self._waiting.get(descriptor) is run:  # not another's, who was given the number since
                del self._waiting[descriptor]

    def _turn(self) -> None:
        """Go on with every probe that can."""
        waiting = self._waiting
        for descriptor, events in self._epoll.poll(0, BATCH):
            run = waiting.get(descriptor)
            if run is None:
                continue
            wanted, mask = run.waits_for
            if wanted == descriptor and events & (mask | TROUBLE):
                self._resume(run, None)

    def _resume(self, run: Run, error: Exception | None) -> None:
        try:
            wait: Wait = run.coroutine.send(None) if error is None else run.coroutine.throw(error)
        except StopIteration as end:
            outcome: Outcome = end.value
        except Failed as failed:
            outcome = failed.outcome
        except TimedOut:
            outcome = Outcome(Failure.TIMED_OUT)
        except OSError as problem:
            outcome = of_error(problem)
        except Exception as fault:  # a fault of ours must not end the checks of everybody else
            log.error("a probe broke", exc_info=fault)
            outcome = Outcome(Failure.INTERNAL, f"{type(fault).__name__}: {fault}")
        else:
            run.waits_for = wait
            self._watch(wait[0], run)
            return
        done = run.done
        if done is not None:
            self._over(run)
            done(outcome)

    def _watch(self, descriptor: int, run: Run) -> None:
        """Have the events of a descriptor; what is watched already is not disturbed.

        That it was watched before proves nothing: the number may have been given to another socket since.
        """
        with contextlib.suppress(FileExistsError):
            self._epoll.register(descriptor, EVENTS)
        if self._waiting.get(descriptor) is not run:
            self._waiting[descriptor] = run
            run.descriptors.append(descriptor)

    def _set_alarm(self, at: Instant) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = at
        self._alarm = self._loop.call_later(max(0.0, to_seconds(at - monotonic())), self._expire)

    def _expire(self) -> None:
        """End what has had its time."""
        now = monotonic()
        self._alarm = self._alarm_at = None
        following: Instant | None = None
        for runs in self._patience.values():
            while runs and (runs[0].done is None or runs[0].deadline <= now):
                run = runs.popleft()
                if run.done is not None:
                    self._resume(run, TimedOut())
            if runs and (following is None or runs[0].deadline < following):
                following = runs[0].deadline
        if following is not None:
            self._set_alarm(following)
