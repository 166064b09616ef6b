"""The client: single requests, a steady stream of them, and transfers that go on for as long as one likes.

Owns its sockets, which live in the client's namespace.  Sees what a client sees, and asks nobody else.
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final

from lab.lvs.plan import ECHO, HTTP, Way
from lab.netns import Host

PATIENCE: Final = 30.0  # seconds until an answer that has not come is taken for none
IN_TIME: Final = 4.0  # seconds that a client of the steady stream waits: TCP asks again after 1 and 3
REQUEST: Final = b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"
BETWEEN_BLOCKS: Final = 0.01  # seconds: a transfer is to last, not to take the whole processor
BLOCK: Final = 8192  # bytes: several packets, to and fro


class Lost(Exception):
    """A request was not answered, or a transfer broke."""


class Visitor:
    """Makes requests from the client."""

    def __init__(self, host: Host) -> None:
        self.host = host
        # One after the other: IPVS knows a connection for two minutes after its end, by the client's port.
        self._ports = itertools.cycle(range(20000, 60000))

    def connect(self, address: str, port: int, patience: float = PATIENCE) -> socket.socket:
        """Return a connection.  Raises `OSError`."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.host.entered():
            one = socket.socket(family, socket.SOCK_STREAM)
        try:
            one.settimeout(patience)
            one.bind(("", next(self._ports)))
            one.connect((address, port))
        except OSError:
            one.close()
            raise
        return one

    def ask(self, address: str, port: int = HTTP, patience: float = PATIENCE) -> str:
        """Return the name of the server that answers one request.  Raises `OSError`, or `Lost`."""
        with self.connect(address, port, patience) as one:
            one.sendall(REQUEST)
            answer = b""
            while data := one.recv(4096):
                answer += data
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise Lost(f"{address}: {head[:80]!r}")
        return body.decode().strip()

    def spread(self, address: str, requests: int, port: int = HTTP) -> Counter[str]:
        """Return who answered how many of so many requests, one after the other."""
        return Counter(self.ask(address, port) for _ in range(requests))

    def datagram(self, address: str, port: int = ECHO, patience: float = PATIENCE) -> str:
        """Return the name of the server that answers a datagram, each from a port of its own."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self.host.entered():
            one = socket.socket(family, socket.SOCK_DGRAM)
        with one:
            one.settimeout(patience)
            one.connect((address, port))
            one.send(b"?")
            return one.recv(2048).decode().strip()


class Transfer:
    """One connection over which blocks go to a server and come back, one after the other, until it is closed.

    A block that does not come back as it went breaks the transfer for good, and so does an end that nobody
    asked for.
    """

    def __init__(self, visitor: Visitor, way: Way, port: int = ECHO) -> None:
        self._socket = visitor.connect(way.address, port)
        self._file = self._socket.makefile("rb")
        self.port: int = self._socket.getsockname()[1]  #: the client's
        self.server = self._file.readline().decode().strip()  #: who serves it
        self.blocks = 0  #: that came back
        self.broken = ""  #: why
        self._over = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"transfer {way.name}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Transfer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def goes_on(self, blocks: int = 20, patience: float = 60.0) -> float:
        """Return, once so many blocks more have come back, how many seconds that took.  Raises `Lost`."""
        began = time.monotonic()
        with self._news:
            goal = self.blocks + blocks
            if not self._news.wait_for(lambda: self.broken or self.blocks >= goal, patience):
                raise Lost(f"the transfer by {self.server} stands still at {self.blocks} blocks")
            if self.broken:
                raise Lost(f"the transfer by {self.server} broke after {self.blocks} blocks: {self.broken}")
        return time.monotonic() - began

    def close(self) -> None:
        """End it in order."""
        self._over = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        self._thread.join(PATIENCE)
        self._file.close()
        self._socket.close()

    def _run(self) -> None:
        self._socket.settimeout(None)  # TCP itself says when it gives up
        try:
            for number in itertools.count():
                if self._over:
                    return
                block = number.to_bytes(8) + os.urandom(BLOCK - 8)
                self._socket.sendall(block)
                if self._file.read(BLOCK) != block:
                    raise Lost("it ended, or a block came back as another")
                self._tell()
                time.sleep(BETWEEN_BLOCKS)
        except (OSError, Lost) as reason:
            if not self._over:
                self._tell(str(reason) or type(reason).__name__)

    def _tell(self, broken: str = "") -> None:
        with self._news:
            self.broken = broken
            self.blocks += not broken
            self._news.notify_all()


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one request of the stream."""

    sent: int  # ns
    came: int  # ns
    server: str  #: "": none
    reason: str = ""


class Stream:
    """Requests to one way, one every ``pause`` seconds, from the start until `close`."""

    def __init__(
        self, visitor: Visitor, way: Way, pause: float = 0.05, tell: Callable[[Answer], None] | None = None
    ) -> None:
        self.way = way
        self.answers: list[Answer] = []
        self._visitor = visitor
        self._tell = tell
        self._pause = pause
        self._over = threading.Event()
        self.news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"stream {way.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._over.set()
        self._thread.join()

    def next(self, count: int, patience: float = 60.0) -> list[Answer]:
        """Return what became of the next requests, as many as there were after ``patience`` seconds."""
        with self.news:
            begin = len(self.answers) + 1  # the one that is under way began before
            self.news.wait_for(lambda: len(self.answers) >= begin + count, patience)
            return self.answers[begin : begin + count]

    def since(self, at: int) -> list[Answer]:
        """Return what became of the requests that were sent at ``at`` (ns) or later."""
        with self.news:
            return [answer for answer in self.answers if answer.sent >= at]

    def _run(self) -> None:
        while not self._over.wait(self._pause):
            sent = time.monotonic_ns()
            server = reason = ""
            try:
                server = self._visitor.ask(self.way.address, patience=IN_TIME)
            except (OSError, Lost) as error:
                reason = str(error)
            answer = Answer(sent, time.monotonic_ns(), server, reason)
            with self.news:
                self.answers.append(answer)
                self.news.notify_all()
            if self._tell:
                self._tell(answer)
