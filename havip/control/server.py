"""The daemon's end of the control socket.

Owns the socket's file, who may talk and how much at a time.  What a verb means belongs to the handlers
that it is given.  Nothing that a client sends, or fails to read, may end or delay the daemon.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import grp
import json
import logging
import os
import pwd
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from havip.control.feed import Feed
from havip.errors import AlreadyRunning, CannotListen

log = logging.getLogger("havip.control")

Json: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[Json], Awaitable[Json]]

GROUP: Final = "havip"  # its members may use the socket, where the group exists
LONGEST_REQUEST: Final = 64 * 1024  # bytes of one line
MOST_CLIENTS: Final = 32
IDLE_TIMEOUT: Final = 30.0  # seconds without a request, or without reading an answer
REFUSED_TIMEOUT: Final = 1.0  # seconds for the request of a client that is refused anyway
FEED: Final = "feed"  # key of an answer that events follow; its value is not sent
LONGEST_PATH: Final = 107  # bytes: sun_path of struct sockaddr_un, less its final zero
CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid
SO_PEERGROUPS: Final = 59


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as the kernel knows it."""

    pid: int
    uid: int
    groups: frozenset[int]

    @classmethod
    def of(cls, connection: socket.socket) -> Peer:
        """Ask the kernel.  Raises OSError."""
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
        pid, uid, gid = CREDENTIALS.unpack(raw)
        try:
            more = connection.getsockopt(socket.SOL_SOCKET, SO_PEERGROUPS, 1024)
        except OSError:
            more = b""  # more than 256 groups: the primary one must do
        return cls(pid, uid, frozenset((gid, *struct.unpack(f"{len(more) // 4}I", more))))

    def may_ask(self, group: int | None) -> bool:
        """Say whether this is root, ourselves, or a member of ``group``."""
        return self.uid in (0, os.geteuid()) or (group is not None and group in self.groups)


#: who asks, for the handlers that want to know
ASKING: ContextVar[Peer] = ContextVar("asking")


def asked_by() -> str:
    """Return the name of the user whose request is being answered, or its number where it has none."""
    uid = ASKING.get().uid
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


class Server:
    """Listens on ``path`` and answers each request with what the handler of its verb returns.

    A handler gets the request and returns the answer; ``"ok": True`` is added where it says nothing.
    """

    def __init__(
        self, path: str, handlers: Mapping[str, Handler], idle_timeout: float = IDLE_TIMEOUT
    ) -> None:
        self.path = path
        self._handlers = dict(handlers)
        self._idle_timeout = idle_timeout
        self._group = group_id(GROUP)
        self._server: asyncio.Server | None = None
        self._identity = (0, 0)  # device and inode of our socket file
        self._clients: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Open the socket.  Raises `CannotListen`, or `AlreadyRunning` if another daemon answers on it."""
        listening = listen(self.path, self._group)
        status = os.stat(self.path)
        self._identity = (status.st_dev, status.st_ino)
        self._server = await asyncio.start_unix_server(self._serve, sock=listening, limit=LONGEST_REQUEST)

    async def close(self) -> None:
        """Stop listening, drop the clients, and remove the socket's file if it is still ours."""
        if self._server is None:
            return
        self._server.close()
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._server = None
        with contextlib.suppress(OSError):
            status = os.stat(self.path)
            if (status.st_dev, status.st_ino) == self._identity:
                os.unlink(self.path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            await self._converse(reader, writer)
        except (OSError, TimeoutError):
            writer.transport.abort()  # the client went away, or does not read: its loss
        finally:
            self._clients.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client's requests until it leaves, idles, or breaks the framing."""
        peer = Peer.of(writer.get_extra_info("socket"))
        objection = self._objection(peer)
        patience = self._idle_timeout if objection is None else REFUSED_TIMEOUT
        while True:
            try:
                async with asyncio.timeout(patience):
                    line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as error:
                if error.partial:
                    await self._answer(
                        writer, refusal("bad-request", "the request does not end with a newline")
                    )
                return None
            except asyncio.LimitOverrunError:
                await self._answer(writer, refusal("bad-request", f"longer than {LONGEST_REQUEST} bytes"))
                return None
            if objection is not None:  # told only now: a close before the request would hide it
                await self._answer(writer, objection)
                return None
            answer = await self._handle(line, peer)
            feed: Feed | None = answer.pop(FEED, None)
            if feed is not None:
                return await self._follow(reader, writer, feed, answer)
            await self._answer(writer, answer)

    def _objection(self, peer: Peer) -> Json | None:
        """Return why this client is not served, or None."""
        if not peer.may_ask(self._group):
            return refusal("not-permitted", f"user {peer.uid} may not talk to this daemon")
        if len(self._clients) > MOST_CLIENTS:
            return refusal("busy", f"{MOST_CLIENTS} clients are connected already")
        return None

    async def _answer(self, writer: asyncio.StreamWriter, answer: Json) -> None:
        writer.write(json.dumps(answer, separators=(",", ":")).encode() + b"\n")
        async with asyncio.timeout(self._idle_timeout):
            await writer.drain()

    async def _follow(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, feed: Feed, answer: Json
    ) -> None:
        """Send events until the client says anything more, leaves, or does not keep up."""
        leaves = asyncio.ensure_future(reader.read(1))
        takes: asyncio.Future[list[Json]] | None = None
        try:
            await self._answer(writer, answer)
            while not feed.ended:
                takes = asyncio.ensure_future(feed.take())
                await asyncio.wait((leaves, takes), return_when=asyncio.FIRST_COMPLETED)
                if leaves.done():
                    return
                for event in takes.result():
                    await self._answer(writer, event)
        finally:
            feed.close()
            for waiting in (leaves, takes):
                if waiting is not None:
                    waiting.cancel()
            await asyncio.gather(leaves, return_exceptions=True)  # a reset is no news

    async def _handle(self, line: bytes, peer: Peer) -> Json:
        """Return the answer to one line, whatever it holds and whatever the handler does."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:
            return refusal("bad-request", f"not JSON: {error}")
        if not isinstance(request, dict) or not isinstance(request.get("verb"), str):
            return refusal("bad-request", 'expected an object with a "verb", such as {"verb": "status"}')
        verb = request["verb"]
        handler = self._handlers.get(verb)
        if handler is None:
            return refusal(
                "unknown-verb", f'no verb "{verb[:40]}"; there are: {", ".join(sorted(self._handlers))}'
            )
        ASKING.set(peer)
        log.debug("pid %d, user %d asks for %s", peer.pid, peer.uid, verb)
        try:
            return {"ok": True} | await handler(request)
        except Exception as error:
            log.exception("the handler of %s failed", verb)
            return refusal("internal-error", f"{type(error).__name__}: {error}")


def refusal(reason: str, message: str) -> Json:
    """Return an answer that says no."""
    return {"ok": False, "reason": reason, "message": message}


def group_id(name: str) -> int | None:
    """Return the number of a group, or None where there is no such group."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def listen(path: str, group: int | None) -> socket.socket:
    """Return a listening socket at ``path`` that root and ``group`` may connect to (mode 0660).

    Makes its directory (0755) if it is missing and takes the place of a socket that nobody listens on.
    Raises `CannotListen`, `AlreadyRunning`.
    """
    if not path.startswith("/") or len(os.fsencode(path)) > LONGEST_PATH:
        raise CannotListen(
            f"the control socket needs an absolute path of at most {LONGEST_PATH} bytes, not {path!r}"
        )
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        make_directory(Path(path).parent)
        remove_stale(path)
        with umask(0o117):  # born with mode 0660: nobody else can connect, not even for a moment
            listening.bind(path)
        if group is not None:
            os.chown(path, -1, group, follow_symlinks=False)
        listening.listen(MOST_CLIENTS)
    except OSError as error:
        listening.close()
        raise CannotListen(
            f"cannot open the control socket {path}: {os.strerror(error.errno or 0)}"
        ) from error
    except BaseException:
        listening.close()
        raise
    return listening


def make_directory(directory: Path) -> None:
    """Make ``directory`` and what is missing above it, mode 0755 whatever the umask.  Raises OSError."""
    if directory.is_dir():
        return
    make_directory(directory.parent)
    directory.mkdir(exist_ok=True)
    directory.chmod(0o755)


def remove_stale(path: str) -> None:
    """Remove the socket of a daemon that is gone.  Raises `AlreadyRunning`, `CannotListen`, OSError."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise CannotListen(f"{path} is in the way of the control socket, and it is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError as error:
            if error.errno != errno.EAGAIN:  # its queue is full: somebody listens
                raise
    raise AlreadyRunning(f"another daemon answers on {path}")


@contextlib.contextmanager
def umask(mask: int) -> Iterator[None]:
    """Create files under another umask inside the block."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
