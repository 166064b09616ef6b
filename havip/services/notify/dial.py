"""Connections to the world outside.  Nothing here ever holds up the daemon's end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any

from havip.errors import HavipError
from havip.waiting import in_own_thread

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
    try:
        return await in_own_thread(
            lambda: list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)), f"look up {host}"
        )
    except (OSError, UnicodeError) as error:
        raise OSError(f"{host}: {getattr(error, 'strerror', None) or error}") from None


def trust(ca_file: str | None) -> ssl.SSLContext:
    """Return what verifies a server's certificate and name.  Raises OSError, or ssl.SSLError (one too)."""
    return ssl.create_default_context(cafile=ca_file)


def reason_of(error: Exception) -> str:
    """Return what went wrong, without what the server may have repeated of a password."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, HavipError | OSError):
        return getattr(error, "strerror", None) or str(error)
    text = str(getattr(error, "message", "") or error)
    return "".join(c if c.isprintable() else " " for c in text)[:200]
