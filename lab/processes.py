"""Ending processes for certain and in bounded time.

Owns the order: ask, wait for a while, kill.  Must never wait without a bound and never signal a pid
that could have been reused: every signal goes through a pidfd.
"""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

#: seconds a process has between SIGTERM and SIGKILL
GRACE: Final = 5.0


def end(pids: Iterable[int]) -> None:
    """End processes: SIGTERM to all, `GRACE` for all together, SIGKILL to the rest and a wait for that.

    Children of ours are left for their `Popen` to collect.
    """
    waiting: dict[int, int] = {}  # pid -> pidfd
    try:
        for pid in pids:
            with suppress(ProcessLookupError):
                waiting[pid] = os.pidfd_open(pid)
        # SIGCONT: a stopped process would not read its SIGTERM.
        for numbers in ((signal.SIGTERM, signal.SIGCONT), (signal.SIGKILL,)):
            for descriptor in waiting.values():
                with suppress(ProcessLookupError):
                    for number in numbers:
                        signal.pidfd_send_signal(descriptor, number)
            _wait(waiting, GRACE)
    finally:
        for descriptor in waiting.values():
            os.close(descriptor)


def _wait(waiting: dict[int, int], patience: float) -> None:
    """Take processes that end out of ``waiting``, until none is left or ``patience`` seconds are over."""
    deadline = time.monotonic() + patience
    poll = select.poll()
    owner = {descriptor: pid for pid, descriptor in waiting.items()}
    for descriptor in owner:
        poll.register(descriptor, select.POLLIN)
    while waiting and (left := deadline - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(left * 1000):
            poll.unregister(descriptor)
            os.close(waiting.pop(owner[descriptor]))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore SIGINT, SIGTERM and SIGHUP inside; outside the main thread Python delivers none anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before[number] = signal.signal(number, signal.SIG_IGN)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
