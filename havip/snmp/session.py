"""A session with the AgentX master agent: connect, register, answer, notify, and begin again when it ends.

Owns the connection.  Whatever the master agent sends, or fails to read, ends at most the session: sizes are
bounded, every wait has an end, and between two requests everything else in the process has its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, Final

from havip.backoff import pause_after
from havip.config.snmp import Snmp
from havip.snmp.agentx import (
    DUPLICATE_REGISTRATION,
    ERRORS,
    GENERAL_ERROR,
    HEADER,
    SHUTDOWN,
    UNSUPPORTED_CONTEXT,
    Close,
    Get,
    GetBulk,
    GetNext,
    Malformed,
    Notify,
    Open,
    Packet,
    Pdu,
    Ping,
    Register,
    Response,
    SetTest,
    Step,
    decode,
    decode_header,
    encode,
)
from havip.snmp.mib import Mib, answer
from havip.snmp.traps import Trap
from havip.snmp.trees import Served
from havip.snmp.values import Oid
from havip.waiting import happens, in_own_thread

log = logging.getLogger("havip.snmp")

WITHIN: Final = 10.0  # seconds for the master agent to connect, to answer, to read, to end what it began
QUIET: Final = 60.0  # seconds without a request before it is asked whether it is there
LONGEST_PAUSE: Final = 15.0  # seconds between two attempts
RETRY_EVERY: Final = 60.0  # seconds between two attempts to register what another agent has
ANSWERED_WITHIN: Final = 3  # seconds that we ask it to wait for our answers
MOST_TRAPS: Final = 5000  # that wait to be sent: what a failover of a thousand virtual routers has to tell
TRAP_LIVES: Final = 60.0  # seconds: what is older when the master agent is back is not sent
LAST_WORDS_WITHIN: Final = 1.0  # seconds for what is to be said at the end


class Lost(Exception):
    """The session is over."""


@dataclass
class Account:
    """What became of a session, for `status`."""

    connected: bool = False
    error: str = ""
    requests: int = 0
    traps_sent: int = 0
    traps_dropped: int = 0
    refused: list[str] = field(default_factory=list)  # MIBs that another agent has


class Session:
    """Serves ``mibs`` until `close`; ``current`` returns what there is at the moment."""

    def __init__(
        self,
        settings: Snmp,
        mibs: list[Served],
        current: Callable[[], Awaitable[Mib]],
        on_uptime: Callable[[int], None],
    ) -> None:
        self.settings = settings
        self.account = Account()
        self._mibs = mibs
        self._current = current
        self._on_uptime = on_uptime  # told sysUpTime, in hundredths of a second
        self._traps: deque[tuple[float, Trap]] = deque()
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._writer: asyncio.StreamWriter | None = None
        self._session = 0
        self._fault = ""  # of ours, the last that was logged
        self._registered: set[Oid] = set()  # in this session
        self._numbers = count(1)
        self._waiting: dict[int, asyncio.Future[Response]] = {}
        self._task: asyncio.Task[None] | None = None

    # What the service wants.

    def start(self, spawn: Callable[[Any], asyncio.Task[Any]]) -> None:
        """Begin to connect."""
        self._task = spawn(self._run())

    def tell(self, trap: Trap) -> None:
        """Send a notification when it can be sent; of too many that wait the oldest is dropped."""
        if len(self._traps) == MOST_TRAPS:
            self._traps.popleft()
            self.account.traps_dropped += 1
        self._traps.append((asyncio.get_running_loop().time(), trap))
        self._empty.clear()
        self._news.set()

    async def close(self) -> None:
        """Send what there is to send within bounds, and end the session."""
        if self._task is None:
            return
        if self.account.connected:
            await happens(self._empty, LAST_WORDS_WITHIN)
            with contextlib.suppress(OSError, Lost, TimeoutError):
                async with asyncio.timeout(LAST_WORDS_WITHIN):
                    await self._call(Close(SHUTDOWN))  # answered, it has also read what was sent before
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        log.info("SNMP: the session has ended")

    # The life of the connection.

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._live()
            except (OSError, Lost, Malformed, TimeoutError) as error:
                was, self.account.connected = self.account.connected, False
                failures = 1 if was else failures + 1
                self._note(str(error) or "no answer", was)
            await asyncio.sleep(pause_after(failures, LONGEST_PAUSE))

    def _note(self, error: str, was_connected: bool) -> None:
        """Log a new reason; the same one again is no news."""
        if was_connected or error != self.account.error:
            log.warning("no SNMP: the AgentX master agent at %s: %s", self.settings.socket, error)
        self.account.error = error

    async def _live(self) -> None:
        """Serve one connection to its end, which raises."""
        async with asyncio.timeout(WITHIN):
            reader, writer = await self._connect()
        self._writer, self._session = writer, 0
        parts = [asyncio.ensure_future(self._read(reader)), asyncio.ensure_future(self._speak())]
        try:
            done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        finally:
            self._writer = None
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            writer.transport.abort()  # whatever it has not read, it will not

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        tcp = self.settings.tcp
        if tcp is None:
            return await asyncio.open_unix_connection(self.settings.socket)
        host, port = tcp
        # Not in a thread of asyncio's: it would be waited for when the daemon ends.
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        trouble = OSError(f"{host} has no address")
        for *_, address in await in_own_thread(look_up, "agentx"):
            try:
                return await asyncio.open_connection(str(address[0]), port)
            except OSError as error:
                trouble = error
        raise trouble

    async def _speak(self) -> None:
        """Open the session, register, and send notifications for as long as it lasts."""
        response = await self._call(Open(ANSWERED_WITHIN, b"havip"))
        if response.error:
            raise Lost(f"the session is refused: {in_words(response.error)}")
        self._on_uptime(response.uptime)
        self._registered.clear()
        await self._register_all()
        if len(self.account.refused) == len(self._mibs):
            raise Lost(f"another agent has registered {' and '.join(self.account.refused)}")
        self.account.connected, self.account.error = True, ""
        told = ", ".join(name for name, *_ in self._mibs if name not in self.account.refused)
        log.info("SNMP: %s by the AgentX master agent at %s", told, self.settings.socket)
        while True:
            await self._send_traps()
            if not await happens(self._news, RETRY_EVERY if self.account.refused else None):
                await self._register_all()  # whoever had it may be gone

    async def _register_all(self) -> None:
        """Register what is not yet; note the MIBs of which another agent has a part."""
        refused: list[str] = []
        for name, subtrees, _ in self._mibs:
            for subtree in subtrees:
                if subtree in self._registered:
                    continue
                error = (await self._call(Register(subtree))).error
                if not error:
                    self._registered.add(subtree)
                    continue
                why = in_words(error)
                if error != DUPLICATE_REGISTRATION:
                    raise Lost(f"{name} is refused: {why}")
                refused.append(name)
                if name not in self.account.refused:
                    log.error("SNMP: %s (%s): %s", name, ".".join(map(str, subtree)), why)
                break
        self.account.refused = refused

    async def _send_traps(self) -> None:
        self._news.clear()
        while self._traps:
            at, trap = self._traps[0]
            if asyncio.get_running_loop().time() - at > TRAP_LIVES:
                self.account.traps_dropped += 1
            else:
                await self._send(Notify(trap))
                self.account.traps_sent += 1
            # While it was sent, too many new ones may have pushed it out.
            if self._traps and self._traps[0][1] is trap:
                self._traps.popleft()
        self._empty.set()

    async def _call(self, pdu: Pdu) -> Response:
        """Send a PDU and return what it is answered."""
        number = next(self._numbers)
        waiting: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        try:
            await self._send(pdu, number)
            async with asyncio.timeout(WITHIN):
                return await waiting
        finally:
            self._waiting.pop(number, None)

    async def _send(self, pdu: Pdu, number: int | None = None) -> None:
        packet = Packet(pdu, self._session, 0, next(self._numbers) if number is None else number)
        await self._write(encode(packet))

    async def _write(self, data: bytes) -> None:
        """Write, and wait until most of what was written is read: what waits here never grows."""
        writer = self._writer
        if writer is None:
            raise Lost("the connection has ended")
        writer.write(data)
        async with asyncio.timeout(WITHIN):
            await writer.drain()

    # What the master agent wants.

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            header = decode_header(await self._next_header(reader))
            await self._heed(decode(header, await self._exactly(reader, header.length)))
            # What has arrived already is read without waiting: give everybody else a turn.
            await asyncio.sleep(0)

    async def _next_header(self, reader: asyncio.StreamReader) -> bytes:
        """Return the next header.  A master agent that says nothing for long is asked whether it is there."""
        try:
            async with asyncio.timeout(QUIET):
                first = await reader.read(1)
        except TimeoutError:
            await self._send(Ping())
            async with asyncio.timeout(WITHIN):
                first = await reader.read(1)
        return first + await self._exactly(reader, HEADER - len(first))

    async def _exactly(self, reader: asyncio.StreamReader, size: int) -> bytes:
        try:
            async with asyncio.timeout(WITHIN):
                return await reader.readexactly(size)
        except asyncio.IncompleteReadError:
            raise Lost("the connection is closed") from None

    async def _heed(self, packet: Packet) -> None:
        match packet.pdu:
            case Response():
                self._session = self._session or packet.session  # the answer to `Open` has it first
                waiting = self._waiting.get(packet.packet)
                if waiting is not None and not waiting.done():
                    waiting.set_result(packet.pdu)
            case Close():
                raise Lost("the session is ended")
            case Get() | GetNext() | GetBulk() | SetTest() | Step():
                response = await self._answer(packet, packet.pdu)
                if response is not None:
                    reply = Packet(response, packet.session, packet.transaction, packet.packet)
                    await self._write(encode(reply))
            case Ping():
                reply = Packet(Response(), packet.session, packet.transaction, packet.packet)
                await self._write(encode(reply))
            case Open() | Register() | Notify():
                raise Lost("it speaks as if we were the master agent")

    async def _answer(
        self, packet: Packet, request: Get | GetNext | GetBulk | SetTest | Step
    ) -> Response | None:
        self.account.requests += 1
        if packet.context:
            return Response(error=UNSUPPORTED_CONTEXT)
        try:
            return answer(await self._current(), request)
        except Exception as error:  # a fault of ours must not keep the other objects from being asked for
            if repr(error) != self._fault:  # once: a walk meets the same one a thousand times
                self._fault = repr(error)
                log.exception("SNMP: %r cannot be answered", request)
            return Response(error=GENERAL_ERROR, index=1)


def in_words(error: int) -> str:
    """Return what a response's error means."""
    return ERRORS.get(error, f"error {error}")
