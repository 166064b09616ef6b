"""The checker worker at work: a real one on its channel, servers for it to probe, and what its probes cost.

Runs on the host and inside a guest.  CPU time is the scheduler's own account of the worker's process.
"""

from __future__ import annotations

import contextlib
import itertools
import mmap
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Final

from bench import usage
from havip.channel import pair
from havip.clock import Duration, to_seconds
from havip.config.health import Check
from havip.config.http import Http
from havip.config.model import Rank
from havip.config.probes import Tcp
from havip.healthcheck import runs
from havip.messages import Commit, Describe, Described, Message, PutCheck, Resign, Setup, TrackResult
from havip.workers import CHECKER_BOOT

PROJECT: Final = Path(__file__).resolve().parent.parent
PATIENCE: Final = 120.0  # seconds until a step that has not happened is a failure
BACKLOG: Final = 8192
COUNT: Final = Struct("=Q")
ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"
)
REQUEST: Final = b"GET / HTTP/1.1\r\nHost: 127.50.0.1\r\nUser-Agent: bench\r\nConnection: close\r\n\r\n"
ANSWERS: Final = {"TCP": (b"", b""), "HTTP": (ANSWER, REQUEST)}  # what is served, and what is asked
ABORT: Final = Struct("ii").pack(1, 0)


def address(number: int) -> str:
    """Return the loopback address of a server: each has its own, and all are on one port."""
    return f"127.{50 + number // 60_000}.{number // 250 % 240}.{number % 250 + 1}"


@dataclass(frozen=True, slots=True)
class Server:
    """What takes connections, and counts them."""

    port: int
    _count: mmap.mmap

    @property
    def connections(self) -> int:
        """Return how many it has taken."""
        (count,) = COUNT.unpack_from(self._count)
        return int(count)


def serve(listener: socket.socket, count: mmap.mmap, answer: bytes) -> None:
    """Take one connection after the other, and give each the answer if there is one."""
    for number in itertools.count(1):
        connection = listener.accept()[0]
        if answer:
            with contextlib.suppress(ConnectionError):
                connection.recv(4096)
                connection.send(answer)
        connection.close()
        COUNT.pack_into(count, 0, number)


@contextlib.contextmanager
def serving(answer: bytes = b"", cpu: int | None = None) -> Iterator[Server]:
    """Serve TCP, or HTTP with an answer, on every address in a process of its own, on one processor."""
    listener = socket.create_server(("0.0.0.0", 0), backlog=BACKLOG)
    count = mmap.mmap(-1, COUNT.size)
    pid = os.fork()
    if pid == 0:
        try:
            if cpu is not None:
                os.sched_setaffinity(0, (cpu,))
            serve(listener, count, answer)
        finally:
            os._exit(1)
    try:
        yield Server(listener.getsockname()[1], count)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        listener.close()


def checks_of(kind: str, count: int, port: int, interval: Duration) -> list[Check]:
    """Return a check of each of so many servers: TCP, or HTTP."""
    tcp, http = (Tcp(), None) if kind == "TCP" else (None, Http())
    return [
        Check(f"s{number}", tcp=tcp, http=http, host=address(number), port=port, interval=interval)
        for number in range(count)
    ]


@dataclass(frozen=True, slots=True)
class Account:
    """What so many probes took."""

    probes: int
    lasted: int  # ns
    cpu: int  # ns
    late: int  # that began more than 50 ms after they were due
    memory: int  # bytes, proportional

    @property
    def each(self) -> float:
        """Return us of CPU time per probe."""
        return self.cpu / 1e3 / self.probes

    @property
    def rate(self) -> float:
        """Return probes per second."""
        return self.probes / to_seconds(self.lasted)

    @property
    def busy(self) -> float:
        """Return the share of one processor, in per cent."""
        return 100 * self.cpu / self.lasted


class Checker:
    """A checker worker, spoken to as the supervisor does."""

    def __init__(self, cpu: int | None = None) -> None:
        self._page = runs.create()
        self._channel, theirs = pair()
        boot = CHECKER_BOOT.format(root=str(PROJECT), channel=theirs.fileno(), runs=self._page)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", boot],
                pass_fds=(theirs.fileno(), self._page),
                stdin=subprocess.DEVNULL,
            )
        self._poll = select.poll()
        self._generation = 0
        self.results: dict[str, bool] = {}
        self.news = 0  # results that were told
        self._post(Setup(Rank(cpu_affinity=() if cpu is None else (cpu,))))

    def __enter__(self) -> Checker:
        return self

    def __exit__(self, *exc: object) -> None:
        self._channel.post(Resign())
        try:
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._channel.close()
            os.close(self._page)

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._process.pid

    def put(self, checks: Sequence[Check]) -> None:
        """Have it run these checks, and wait for a result of each."""
        for check in checks:
            self._post(PutCheck(check, None))
        self._generation += 1
        self._post(Commit(self._generation))
        deadline = time.monotonic() + PATIENCE
        while len(self.results) < len(checks):
            self.hear(deadline)

    def hear(self, deadline: float) -> list[Message]:
        """Return what it says next.  Raises RuntimeError after the deadline."""
        self._poll.register(
            self._channel, select.POLLIN | (select.POLLOUT if self._channel.wants_write else 0)
        )
        left = deadline - time.monotonic()
        if left <= 0 or self._process.poll() is not None:
            raise RuntimeError("the checker does not answer")
        self._poll.poll(left * 1000)
        self._channel.flush()
        heard = self._channel.receive()
        for message in heard:
            if isinstance(message, TrackResult):
                self.results[message.name] = message.good
                self.news += 1
        return heard

    def totals(self) -> dict[str, int]:
        """Return its counters."""
        self._generation += 1
        self._post(Describe(self._generation))
        deadline = time.monotonic() + PATIENCE
        while True:
            for message in self.hear(deadline):
                if isinstance(message, Described):
                    return message.totals

    def measure(self, length: Duration) -> Account:
        """Let it work for a while and return what that took."""
        before, used, begun = self.totals(), usage.cpu_time((self.pid,)), time.monotonic_ns()
        end = time.monotonic() + to_seconds(length)
        while time.monotonic() < end:
            with contextlib.suppress(RuntimeError):
                self.hear(end)
        after = self.totals()
        used, lasted = usage.cpu_time((self.pid,)) - used, time.monotonic_ns() - begun
        return Account(
            after["runs"] - before["runs"],
            lasted,
            used,
            after["late"] - before["late"],
            usage.memory((self.pid,)).proportional,
        )

    def _post(self, message: Message) -> None:
        self._channel.post(message)
        while self._channel.wants_write:
            self.hear(time.monotonic() + PATIENCE)


def floor(port: int, count: int, request: bytes = b"") -> float:
    """Return us of CPU time per probe of a loop over the same system calls that does nothing else."""
    epoll = select.epoll()
    begun = time.thread_time_ns()
    for number in range(count):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        there = (address(number % 1000), port)
        sock.connect_ex(there)
        epoll.register(sock.fileno(), select.EPOLLOUT | select.EPOLLET)
        while not epoll.poll(1):
            pass
        if sock.connect_ex(there):
            raise RuntimeError("the server does not take the connection")
        if request:
            sock.send(request)
            epoll.modify(sock.fileno(), select.EPOLLIN | select.EPOLLET)
            while not epoll.poll(1):
                pass
            sock.recv(16384)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        sock.close()
    used = time.thread_time_ns() - begun
    epoll.close()
    return used / 1e3 / count
