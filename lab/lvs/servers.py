"""The real servers: HTTP that says who answers, and an echo that a transfer can go through.

Owns the listening sockets, which live in the servers' namespaces, and the threads that serve them.  Knows
nothing of load balancing: a server does not see whether a request came to it directly.
"""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Final

from lab.lvs.plan import ECHO, HTTP, WAYS
from lab.netns import Host

HEALTH: Final = "/health"
BLOCK: Final = 65536


class Listener(socketserver.ThreadingTCPServer):
    """One TCP port of one server, for IPv4 and IPv6."""

    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, server: Server, port: int, handler: type[socketserver.BaseRequestHandler]) -> None:
        self.owner = server
        with server.host.entered():
            super().__init__(("::", port), handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Listen no longer; connections that were accepted live on."""
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away."""


class Page(BaseHTTPRequestHandler):
    """Says who answers; ``/health`` says whether it wants work."""

    server: Listener
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with the server's name, and with its health on `HEALTH`."""
        healthy = self.path != HEALTH or self.server.owner.healthy
        body = f"{self.server.owner.name}\n".encode()
        self.send_response(HTTPStatus.OK if healthy else HTTPStatus.SERVICE_UNAVAILABLE)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Keep no log."""


class Echo(socketserver.BaseRequestHandler):
    """Says who it is, a line, and then whatever it hears."""

    server: Listener
    request: socket.socket

    def handle(self) -> None:
        """Serve one connection to its end."""
        with suppress(OSError):
            self.request.sendall(f"{self.server.owner.name}\n".encode())
            while data := self.request.recv(BLOCK):
                self.request.sendall(data)


class Server:
    """One real server.  It serves from the start, until `close`."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.name = host.name
        self.healthy = True  #: what its health page says
        self._page: Listener | None = None
        self._echo = Listener(self, ECHO, Echo)
        self._datagrams = Datagrams(self)
        self.recover()

    def fail(self) -> None:
        """Refuse HTTP from now on, as a server whose program has ended."""
        if self._page is not None:
            self._page.end()
            self._page = None

    def recover(self) -> None:
        """Serve HTTP again."""
        if self._page is None:
            self._page = Listener(self, HTTP, Page)

    def close(self) -> None:
        """End."""
        self.fail()
        self._echo.end()
        self._datagrams.end()


class Datagrams:
    """UDP: each datagram is answered with the server's name, from the address that it was sent to."""

    def __init__(self, server: Server) -> None:
        self._name = f"{server.name}\n".encode()
        self._sockets = []
        with server.host.entered():
            for address in sorted(self._addresses(server.name)):
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                one = socket.socket(family, socket.SOCK_DGRAM)
                one.bind((address, ECHO))
                self._sockets.append(one)
                threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    @staticmethod
    def _addresses(name: str) -> set[str]:
        return {way.server(name) if way.forwarding == "-m" else way.address for way in WAYS}

    def _serve(self, one: socket.socket) -> None:
        with suppress(OSError):
            while (sender := one.recvfrom(2048)[1]) is not None:  # None: `end` has shut it down
                one.sendto(self._name, sender)

    def end(self) -> None:
        """Answer no longer."""
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
