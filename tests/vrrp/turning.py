"""The worker's loop on working models of everything around it, in a time that only the test moves.

Descriptors are numbers, epoll and the timer are models: a turn that would sleep lets the time pass until
the timer's instant, and hearing may be made to cost time.
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from havip import rank
from havip.channel import Channel, pair
from havip.clock import NEVER, Duration, Instant
from havip.config.model import VirtualRouter
from havip.messages import Commit, Message, PutRouter
from havip.vrrp import worker as module
from havip.vrrp.blackbox import BlackBox
from havip.vrrp.kernel import Changes, Kernel
from havip.vrrp.packet import Heard
from havip.vrrp.roster import Roster
from havip.vrrp.router import Router
from havip.vrrp.sockets import FrameSender, Target
from havip.vrrp.wire import Wire
from havip.vrrp.worker import Worker
from tests.vrrp.model import ModelKernel, ModelPort, ModelReceiver, ModelTap, at

KERNEL, TIMER = 9001, 9002


class EventfulKernel(ModelKernel):
    """A kernel with a queue of events."""

    def __init__(self) -> None:
        super().__init__()
        self.events: deque[Changes] = deque()

    def fileno(self) -> int:
        return KERNEL

    def read_events(self) -> Changes:
        return self.events.popleft()


class Turning:
    """A worker whose turns the test counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, descriptor: int) -> None:
        self.now = at(0)
        self.kernel = EventfulKernel()
        self.armed_for = NEVER
        self.registered: dict[int, int] = {}  # descriptor -> mask
        self.cost = Duration(0)  # of hearing one batch
        self.paused = 0
        self.turns = 0
        self.receivers: list[TimedReceiver] = []
        self.handed_over: list[int] = []  # descriptors: to the interpreter, for signals
        self.channel, theirs = pair()
        fakes = {
            "monotonic": lambda: self.now,
            "pause": self.pause,
            "Kernel": lambda: self.kernel,
            "Tap": ModelTap,
            "Roster": partial(Roster, make_port=self.port),
            "process": SimpleNamespace(
                TimerFd=lambda: SimpleNamespace(
                    arm=self.arm, acknowledge=lambda: self.arm(NEVER), fileno=lambda: TIMER
                ),
                run_on=lambda cpus: None,
                set_realtime=lambda priority: "no real time" if priority else None,
                lock_memory=lambda: None,
                keep_capabilities=self.keep_capabilities,
            ),
            "select": SimpleNamespace(
                epoll=lambda: self, EPOLLIN=select.EPOLLIN, EPOLLOUT=select.EPOLLOUT, **vars_of_poll()
            ),
            "signal": SimpleNamespace(
                SIGTERM=15, SIGINT=2, SIGHUP=1, SIG_IGN=None, signal=lambda *_: None,
                set_wakeup_fd=lambda number, **_: self.handed_over.append(number),
            ),
        }  # fmt: skip
        for name, fake in fakes.items():
            monkeypatch.setattr(module, name, fake)
        monkeypatch.setattr(rank, "process", fakes["process"])
        self.theirs = Channel(theirs)
        self.worker = Worker(self.theirs, BlackBox(descriptor))

    # What the worker sees.

    def arm(self, instant: Instant) -> None:
        self.armed_for = instant

    def pause(self, length: Duration) -> None:
        self.now = Instant(self.now + length)
        self.paused += 1

    def keep_capabilities(self, names: object) -> str | None:
        raise OSError(1, "Operation not permitted", "prctl")

    def port(self, wire: Wire, kernel: Kernel, spares: list[FrameSender]) -> ModelPort:
        return TimedPort(self, wire, kernel, spares)

    def register(self, descriptor: int, mask: int) -> None:
        assert descriptor not in self.registered, "registered twice"
        self.registered[descriptor] = mask

    def modify(self, descriptor: int, mask: int) -> None:
        self.registered[descriptor] = mask

    def unregister(self, descriptor: int) -> None:
        del self.registered[descriptor]

    def poll(self, timeout: float = -1) -> list[tuple[int, int]]:
        """Return what is ready; if that is nothing, and the caller would sleep, let the time pass."""
        self.now = Instant(self.now + 10_000)  # a turn costs ten microseconds
        ready = self.ready()
        if not ready and timeout != 0:
            assert self.armed_for != NEVER, "it would sleep for ever"
            self.now = max(self.now, self.armed_for)
            ready = self.ready()
        return ready

    def ready(self) -> list[tuple[int, int]]:
        channel = self.theirs.fileno()
        able = dict.fromkeys((one.fileno() for one in self.receivers if one.waiting), select.EPOLLIN)
        able |= {KERNEL: select.EPOLLIN} if self.kernel.events else {}
        able |= {TIMER: select.EPOLLIN} if self.armed_for <= self.now else {}
        able |= {channel: mask} if (mask := polled(channel) & self.registered[channel]) else {}
        assert not able.keys() - self.registered.keys(), "readable, and nobody listens"
        return list(able.items())

    # What the test does.

    def turn(self, count: int = 1) -> None:
        for _ in range(count):
            self.worker._turn()
            self.turns += 1

    def run(self, length: float) -> None:
        """Let so many seconds pass."""
        end = Instant(self.now + round(length * 10**9))
        while self.now < end:
            self.turn()

    def settle(self) -> None:
        """Turn until nothing is left that could be done at once."""
        while True:
            self.channel.flush()
            heard = polled(self.theirs.fileno()) & select.POLLIN or self.theirs.has_input
            if not (heard or self.worker._executor.busy or self.worker._reporter.busy):
                return
            self.turn()

    def configure(self, *routers: VirtualRouter) -> None:
        for config in routers:
            self.channel.post(PutRouter(config))
        self.channel.post(Commit(1))
        self.settle()

    def router(self, vrid: int = 51, interface: str = "eth0") -> Router:
        return self.worker._roster.routers[interface, vrid, 4, ""]

    def wire(self, vrid: int = 51, interface: str = "eth0") -> list[tuple[str, bytes]]:
        return cast(ModelPort, self.router(vrid, interface).port).wire

    def inbox(self, vrid: int = 51, interface: str = "eth0") -> list[Heard]:
        return cast(ModelPort, self.router(vrid, interface).port).inbox

    def heard(self) -> list[Message]:
        """Return all that the worker has to tell, turning until all of it is told."""
        told: list[Message] = []
        while True:
            batch = self.channel.receive()
            told += batch
            if not batch and not self.theirs.wants_write and not self.worker._reporter.waiting:
                return told
            if not batch:
                self.turn()


class TimedReceiver(ModelReceiver):
    """A receiver whose descriptor the next one gets again, as the kernel does it."""

    def __init__(self, turning: Turning) -> None:
        super().__init__()
        taken = {one.fileno() for one in turning.receivers}
        self.number = next(number for number in range(5000, 6000) if number not in taken)
        self.turning = turning
        turning.receivers.append(self)

    def fileno(self) -> int:
        return self.number

    def receive(self, limit: int = 64) -> list[Heard]:
        self.turning.now = Instant(self.turning.now + self.turning.cost)
        return super().receive(limit)

    def lost(self) -> int:
        return 0

    def close(self) -> None:
        self.turning.receivers.remove(self)
        self.turning.registered.pop(self.number, None)  # as epoll forgets what is closed


class TimedPort(ModelPort):
    """A port whose sent adverts carry the time."""

    def __init__(self, turning: Turning, wire: Wire, kernel: Kernel, spares: list[FrameSender]) -> None:
        self.turning = turning
        self.sent_at: list[Instant] = []
        super().__init__(wire, kernel, spares)

    def _open(self) -> None:
        super()._open()
        if self.receiver is not None:
            self.receiver = cast(Any, TimedReceiver(self.turning))
            self._listen()
            sender = cast(Any, self.sender)
            plain: Callable[[bytes, Target], str | None] = sender.send
            sender.send = lambda data, to: (self.sent_at.append(self.turning.now), plain(data, to))[1]


def polled(descriptor: int) -> int:
    """Return what a real descriptor is ready for."""
    poller = select.poll()
    poller.register(descriptor, select.POLLIN | select.POLLOUT)
    return next((mask for _, mask in poller.poll(0)), 0)


def vars_of_poll() -> dict[str, Any]:
    return {"poll": select.poll, "POLLOUT": select.POLLOUT}


@contextmanager
def turning(monkeypatch: pytest.MonkeyPatch, descriptor: int) -> Iterator[Turning]:
    made = Turning(monkeypatch, descriptor)
    yield made
    made.channel.close()
    made.theirs.close()
    for number in made.handed_over:
        os.close(number)
