"""A master agent that a test speaks for: the other end of AgentX, as far as a sub-agent sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path

from havip.snmp.agentx import (
    HEADER,
    Close,
    Notify,
    Open,
    Packet,
    Pdu,
    Ping,
    Register,
    Response,
    decode,
    decode_header,
    encode,
)
from havip.snmp.values import Oid

SESSION = 7
UPTIME = 60_000


class Master:
    """Listens on a unix socket, or without a path on TCP.  It grants all but what is in ``denied``."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.denied: Mapping[Oid, int] = {}
        self.port = 0
        self.silent = False  # takes a connection, and says nothing
        self.deaf = False  # does not even read
        self.heard: list[Pdu] = []
        self.granted: list[Oid] = []
        self.connections = 0
        self._news = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._numbers = count(1000)
        self._answers: dict[int, asyncio.Future[Response]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Master:
        if self.path is not None:
            self._server = await asyncio.start_unix_server(self._serve, self.path)
        else:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.path is not None:
            self.path.unlink(missing_ok=True)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once something holds that changes with what is heard."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(holds), 10)

    async def until_heard(self, wanted: type[Pdu], number: int = 1) -> None:
        """Return once so many PDUs of one type have come."""
        await self.until(lambda: sum(isinstance(pdu, wanted) for pdu in self.heard) >= number)

    def send(self, data: bytes) -> None:
        """Send bytes, whatever they are."""
        assert self._writer is not None
        self._writer.write(data)

    def request(self, pdu: Pdu, context: bytes | None = None) -> asyncio.Future[Response]:
        """Ask something; return what will be the answer."""
        number = next(self._numbers)
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        self.send(encode(Packet(pdu, SESSION, 99, number, context)))
        return answer

    async def ask(self, pdu: Pdu, context: bytes | None = None) -> Response:
        """Ask something and return the answer."""
        return await asyncio.wait_for(self.request(pdu, context), 10)

    def hang_up(self) -> None:
        """Close the connection."""
        assert self._writer is not None
        self._writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writer = writer
        async with self._news:
            self.connections += 1
            self._news.notify_all()
        try:
            if self.deaf:
                await asyncio.Event().wait()
            while True:
                header = decode_header(await reader.readexactly(HEADER))
                packet = decode(header, await reader.readexactly(header.length))
                await self._hear(packet)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass  # the session or the test has ended
        finally:
            writer.close()

    async def _hear(self, packet: Packet) -> None:
        async with self._news:
            self.heard.append(packet.pdu)
            self._news.notify_all()
        match packet.pdu:
            case Response():
                answer = self._answers.pop(packet.packet, None)
                if answer is not None and not answer.done():
                    assert (packet.session, packet.transaction) == (SESSION, 99)
                    answer.set_result(packet.pdu)
            case Register(subtree=subtree):
                error = self.denied.get(subtree, 0)
                self._reply(packet, error)
                async with self._news:
                    self.granted += [] if error else [subtree]
                    self._news.notify_all()
            case Open() | Close() | Notify() | Ping():
                self._reply(packet, 0)

    def _reply(self, packet: Packet, error: int) -> None:
        if not self.silent:
            self.send(encode(Packet(Response(UPTIME, error), SESSION, 0, packet.packet)))
