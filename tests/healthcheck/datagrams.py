"""What tests of datagrams share: a server over UDP that the test wrote."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable

LOCAL = "127.0.0.1"
#: from what was received to what is sent back, each to be sent from the server's socket
Answering = Callable[[bytes], list[bytes]]


@contextlib.asynccontextmanager
async def answering(answers: Answering, host: str = LOCAL) -> AsyncIterator[int]:
    """Answer datagrams; yield the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.bind((host, 0))

        def hear() -> None:
            data, peer = sock.recvfrom(65535)
            for answer in answers(data):
                sock.sendto(answer, peer)

        loop.add_reader(sock.fileno(), hear)
        try:
            yield sock.getsockname()[1]
        finally:
            loop.remove_reader(sock.fileno())
