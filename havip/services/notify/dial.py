"""Connections to the world outside.  Nothing here ever holds up the daemon's end.

Names are resolved in threads of their own: those that asyncio keeps are waited for when the daemon ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
from typing import Any

Addresses = list[tuple[Any, ...]]


async def dial(host: str, port: int) -> socket.socket:
    """Return a connected socket.  Raises OSError with the last address's reason."""
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in await resolve(host, port):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


async def resolve(host: str, port: int) -> Addresses:
    """Return what getaddrinfo(3) says.  Raises OSError."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Addresses] = loop.create_future()

    def settle(found: Addresses | None, error: Exception | None) -> None:
        if answer.done():
            return
        if found is None:
            answer.set_exception(error or OSError("no answer"))
        else:
            answer.set_result(found)

    def ask() -> None:
        found: Addresses | None = None
        problem: Exception | None = None
        try:
            found = list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            problem = OSError(f"{host}: {getattr(error, 'strerror', None) or error}")
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, found, problem)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    return await answer


def trust(ca_file: str | None) -> ssl.SSLContext:
    """Return what verifies a server's certificate and name.  Raises OSError, or ssl.SSLError (one too)."""
    return ssl.create_default_context(cafile=ca_file)
