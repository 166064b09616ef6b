"""Checks under simulated time: a clock that a test moves, and servers that answer when it says so."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from havip.clock import Duration, Instant, after, milliseconds, seconds
from havip.config.health import Check, Damping
from havip.config.probes import Tcp
from havip.healthcheck.checks import Checks
from havip.healthcheck.outcome import Failure, Outcome
from havip.healthcheck.runner import Done, Result, Runner, Way
from havip.healthcheck.turns import Turns
from havip.messages import TrackResult

BEGIN = Instant(1000 * 10**9)
LATENCY = milliseconds(2)
GOOD = Outcome(words="took the connection")
DAMPING = Damping(half_life=seconds(10), suppress=2500, reuse=750, longest=seconds(40))
REFUSED = Outcome(Failure.REFUSED, "connection refused")


@dataclass(slots=True)
class Call:
    """Something that will happen."""

    do: Callable[[], None]
    off: bool = False

    def cancel(self) -> None:
        self.off = True


class Time:
    """The loop's time, which passes only in `until`; ``lag`` is added to every wake-up."""

    def __init__(self) -> None:
        self.time = BEGIN
        self.lag = 0
        self._calls: list[tuple[int, int, Call]] = []
        self._serial = 0

    def now(self) -> Instant:
        return self.time

    def at(self, when: Instant, do: Callable[[], None]) -> Call:
        self._serial += 1
        call = Call(do)
        heapq.heappush(self._calls, (max(when, self.time) + self.lag, self._serial, call))
        return call

    def soon(self, do: Callable[[], None]) -> Call:
        return self.at(self.time, do)

    def until(self, when: Instant) -> None:
        """Let time pass."""
        while self._calls and self._calls[0][0] <= when:
            due, _, call = heapq.heappop(self._calls)
            self.time = Instant(max(due, self.time))
            if not call.off:
                call.do()
        self.time = Instant(max(when, self.time))

    def pass_by(self, length: Duration) -> None:
        self.until(after(self.time, length))

    def stall(self, length: Duration) -> None:
        """Let time pass in which nothing of ours runs."""
        self.time = after(self.time, length)


@dataclass(eq=False, slots=True)
class Visit:
    """A run under way."""

    over: bool = False

    def cancel(self) -> None:
        self.over = True


@dataclass(frozen=True, slots=True)
class Began:
    """A run that began."""

    name: str
    at: Instant


@dataclass(slots=True)
class Servers:
    """What is asked: by host what it answers, and how long that takes."""

    time: Time
    answers: dict[str, Outcome] = field(default_factory=dict)
    takes: dict[str, Duration] = field(default_factory=dict)
    began: list[Began] = field(default_factory=list)
    busy: dict[str, int] = field(default_factory=dict)
    most_at_once: int = 0
    overlaps: int = 0
    on_gone: Callable[[], None] = lambda: None
    _visits: list[Visit] = field(default_factory=list)

    @property
    def under_way(self) -> int:
        return sum(not one.over for one in self._visits)

    @property
    def programs_under_way(self) -> int:
        return 0

    def close(self) -> None:
        for one in self._visits:
            one.cancel()

    def start(self, way: Way, now: Instant, done: Done, note: object = None) -> Visit:
        check = way.check
        self._visits = [one for one in self._visits if not one.over]
        visit, host = Visit(), check.host
        self._visits.append(visit)
        self.most_at_once = max(self.most_at_once, len(self._visits))
        self.began.append(Began(check.name, now))
        takes = min(self.takes.get(host, LATENCY), check.timeout)
        outcome = self.answers.get(host, GOOD)
        if takes == check.timeout:
            outcome = Outcome(Failure.TIMED_OUT, "connecting took longer")

        def end() -> None:
            if not visit.over:
                visit.over = True
                done(Result(outcome, f"{host}:80", takes))

        self.time.at(after(now, takes), end)
        return visit


class Scene:
    """A whole set of checks in simulated time."""

    def __init__(self, places: int = 10_000) -> None:
        self.time = Time()
        self.servers = Servers(self.time)
        self.told: list[TrackResult] = []
        runner, turns = cast(Runner, self.servers), cast(Turns, self.time)
        self.checks = Checks(self.told.append, runner, turns, places)

    def put(self, *checks: Check) -> None:
        for one in checks:
            self.checks.put(one, None)
        self.checks.begin()

    def pass_by(self, length: Duration) -> None:
        self.time.pass_by(length)

    def runs(self, name: str) -> list[Instant]:
        return [one.at for one in self.servers.began if one.name == name]

    def said(self, name: str) -> list[tuple[bool, str]]:
        return [(one.good, one.why) for one in self.told if one.name == name]

    def verdicts(self, name: str) -> list[bool]:
        return [one.good for one in self.told if one.name == name]

    def fails(self, host: str) -> None:
        self.servers.answers[host] = REFUSED

    def heals(self, host: str) -> None:
        self.servers.answers.pop(host, None)


def check(name: str, host: str = "", **more: Any) -> Check:
    """Return a check of a host of its own unless told otherwise."""
    kind: dict[str, Any] = {} if {"all", "any", "script"} & more.keys() else {"tcp": Tcp(), "port": 80}
    if kind or host:
        kind["host"] = host or name
    return Check(name, **{**kind, "interval": seconds(1), **more})


def busiest(times: list[Instant], window: int) -> int:
    """Return the most runs that began within one window of time."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


def began_after(scene: Scene, at: int) -> list[Instant]:
    """Return when the runs began that did not before an instant."""
    return [one.at for one in scene.servers.began if one.at >= at]
