"""A real VRRP worker without its supervisor: the test holds the other end of the channel."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from ipaddress import ip_interface
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from havip.channel import Channel
from havip.config.model import Rank, VirtualAddress, VirtualRouter
from havip.messages import (
    Commit,
    Committed,
    Describe,
    Described,
    LogLine,
    Message,
    PutRouter,
    RouterReport,
    Setup,
)
from havip.vrrp import blackbox
from havip.workers import BOOT
from lab.netns import Host

PATIENCE = 15.0  # seconds until something that has not happened is taken for a failure
CHECKOUT = Path(__file__).resolve().parents[2]
M = TypeVar("M", bound=Message)


class Worker:
    """One worker process, started as `havip.workers` starts it, on one host."""

    def __init__(self, host: Host, epilogue: str = "", box: int | None = None) -> None:
        self.heard: list[Message] = []
        self._box = blackbox.create() if box is None else os.dup(box)
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        boot = BOOT.format(root=str(CHECKOUT), channel=theirs.fileno(), box=self._box) + epilogue
        with theirs:
            self.process: subprocess.Popen[str] = host.popen(
                *(sys.executable, "-I", "-S", "-c", boot),
                pass_fds=(theirs.fileno(), self._box),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
            )

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.channel.close()
        os.close(self._box)

    def tell(self, *messages: Message) -> None:
        """Post messages, and wait until all of them are on their way."""
        for message in messages:
            self.channel.post(message)
        while self.channel.wants_write:
            assert select.select([], [self.channel], [], PATIENCE)[1], "the worker reads no more"
            self.channel.flush()

    def configure(self, *routers: VirtualRouter, generation: int = 1) -> None:
        """Have it run these, and wait until it does."""
        self.tell(Setup(Rank()), *map(PutRouter, routers), Commit(generation))
        self.wait_for(Committed, lambda answer: answer.generation == generation)

    def wait_for(self, kind: type[M], holds: Callable[[M], bool] = lambda message: True) -> M:
        """Return the first message of a kind, among those not yet waited for, for which ``holds``."""
        deadline = time.monotonic() + PATIENCE
        while True:
            while self.heard:
                message = self.heard.pop(0)
                if isinstance(message, kind) and holds(message):
                    return message
            left = deadline - time.monotonic()
            ready = select.select([self.channel], [], [], max(0.0, left))[0]
            assert ready, f"the worker never said {kind.__name__}"
            assert not self.channel.closed, f"the worker ended before it said {kind.__name__}"
            self.heard += self.channel.receive()

    def wait_for_state(self, name: str, state: str) -> RouterReport:
        """Return the first report of a router in a state."""
        return self.wait_for(RouterReport, lambda report: (report.name, report.state) == (name, state))

    def wait_for_line(self, words: str) -> LogLine:
        """Return the first line of the log that holds these words."""
        return self.wait_for(LogLine, lambda line: words in line.text)

    def describe(self, token: int = 1) -> dict[str, RouterReport]:
        """Return every router as it is now."""
        self.tell(Describe(token))
        reports: dict[str, RouterReport] = {}

        def last(message: Message) -> bool:
            if isinstance(message, RouterReport):
                reports[message.name] = message
            return isinstance(message, Described) and message.token == token

        self.wait_for(object, last)  # type: ignore[type-var, arg-type]
        return reports

    def end(self) -> str:
        """Wait for the end in order, which somebody has asked for, and return what it printed."""
        printed, _ = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0
        return printed

    def descriptors(self) -> int:
        """Return how many descriptors it holds."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident(self) -> int:
        """Return the memory that it occupies, in KiB."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


def virtual(name: str, vrid: int, *addresses: str, **fields: Any) -> VirtualRouter:
    """Return a router on eth0 with an interval of 100 ms."""
    held = tuple(VirtualAddress(one.ip, one.network.prefixlen) for one in map(ip_interface, addresses))
    return VirtualRouter(
        name, vrid=vrid, addresses=held, **{"interface": "eth0", "interval": 100_000_000} | fields
    )
