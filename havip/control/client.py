"""Ask a running daemon: the library that programs import, and what the command line uses.

Synchronous and small: standard library only, one connection a request.

    >>> from havip.control.client import Client
    >>> for router in Client().status().virtual_routers:      # doctest: +SKIP
    ...     print(router.name, router.state)
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from typing import Any, TypeAlias

from havip.control.checkviews import Checks
from havip.control.serviceviews import Services
from havip.control.views import Status
from havip.errors import HavipError, NotPermitted, Unreachable

Json: TypeAlias = dict[str, Any]

DEFAULT_SOCKET = "/run/havip/havip.sock"  #: as `havip.config.model.Daemon` has it
TIMEOUT = 10.0  # seconds without a sign of an answer
LONGEST_ANSWER = 64 * 1024 * 1024  # bytes; a thousand routers take about one mebibyte


class Refused(HavipError):
    """The daemon understood and said no.  ``answer`` is all that it said."""

    reason = "refused"

    def __init__(self, answer: Json) -> None:
        super().__init__(
            answer.get("message") or answer.get("reason") or "the daemon refused without a reason"
        )
        self.answer = answer
        self.reason = str(answer.get("reason", "refused"))


class Client:
    """Asks the daemon that listens on ``path``.

    Every method raises `Unreachable` if no daemon answers there, `NotPermitted` if it does not talk to us,
    and `Refused` if it says no.
    """

    def __init__(self, path: str = DEFAULT_SOCKET, timeout: float = TIMEOUT) -> None:
        self.path = path
        self.timeout = timeout

    def status(self) -> Status:
        """Return how the daemon and its virtual routers are."""
        try:
            return Status.of(self.status_as_dict())
        except (KeyError, TypeError) as error:
            raise self._not_havip(f"its status lacks {error}") from error

    def status_as_dict(self) -> Json:
        """Return the same as the daemon sent it (docs/cli.md lists the keys)."""
        status = self.ask("status").get("status")
        if not isinstance(status, dict):
            raise self._not_havip("its answer holds no status")
        return status

    def checks(self, *names: str, failed: bool = False) -> Checks:
        """Return the health checks: all, those of some names, or those of them that have failed.

        Raises `Refused`: ``no-such-check``.
        """
        try:
            return Checks.of(self.checks_as_dict(*names, failed=failed))
        except (KeyError, TypeError) as error:
            raise self._not_havip(f"its checks lack {error}") from error

    def checks_as_dict(self, *names: str, failed: bool = False) -> Json:
        """Return the same as the daemon sent it (docs/cli.md lists the keys)."""
        checks = self.ask("checks", names=list(names), failed=failed).get("checks")
        if not isinstance(checks, dict):
            raise self._not_havip("its answer holds no checks")
        return checks

    def services(self, *names: str, failed: bool = False) -> Services:
        """Return the virtual services: all, those of some names or patterns, or what of them is in trouble.

        Raises `Refused`: ``no-such-service``.
        """
        try:
            return Services.of(self.services_as_dict(*names, failed=failed))
        except (KeyError, TypeError) as error:
            raise self._not_havip(f"its services lack {error}") from error

    def services_as_dict(self, *names: str, failed: bool = False) -> Json:
        """Return the same as the daemon sent it (docs/cli.md lists the keys)."""
        services = self.ask("services", names=list(names), failed=failed).get("services")
        if not isinstance(services, dict):
            raise self._not_havip("its answer holds no services")
        return services

    def watch(self) -> Iterator[Json]:
        """Yield how everything is (``now``), and then every change as it happens, without end.

        docs/cli.md lists the keys.  Raises `Unreachable` when the daemon ends, or has given us up because we
        did not read: then the last event was ``lost``.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            with self._in_words():
                self._send(connection, "watch")
                stream = connection.makefile("rb")
                answer = json.loads(stream.readline(LONGEST_ANSWER))
            self._accepted(answer)
            connection.settimeout(None)
            with contextlib.suppress(OSError), stream:
                for line in stream:
                    yield json.loads(line)
        raise Unreachable(f"the daemon on {self.path} has ended the stream")

    def reload(self) -> Json:
        """Have the daemon read its configuration again; return the plan that it carried out.

        Raises `Refused`, whose ``answer["errors"]`` holds what is wrong with the file; nothing changed then.
        """
        plan = self.ask("reload").get("plan")
        return plan if isinstance(plan, dict) else {}

    def failover(self, router: str, wait: float | None = None) -> Json:
        """Have a virtual router that is MASTER there let another machine take over.

        With ``wait``, return only once another one has (seconds; the client waits that much longer).  The
        answer has the ``state`` now and the ``master``, None while unknown.  Raises `Refused`:
        ``not-master``, ``nobody-took-over``, ``no-such-router``.
        """
        patient = Client(self.path, self.timeout + (wait or 0.0))
        return patient.ask(
            "failover", router=router, login=login(), **({} if wait is None else {"wait": wait})
        )

    def maintenance(self, on: bool, router: str | None = None, reason: str = "") -> Json:
        """Keep one virtual router, or all, out of the election until it is let in again.

        Raises `Refused`: ``no-such-router``, ``all-in-maintenance``, ``state-unwritable`` and
        ``state-unreadable``.
        """
        which = {} if router is None else {"router": router}
        return self.ask("maintenance", state="on" if on else "off", reason=reason, login=login(), **which)

    def priority(self, router: str, priority: int | None, reason: str = "") -> Json:
        """Have a virtual router elect with this priority (1 to 254); None: with the configured one again.

        Raises `Refused`: ``no-such-router``, ``owner``, ``state-unwritable``, ``state-unreadable``.
        """
        wanted = "auto" if priority is None else priority
        return self.ask("priority", router=router, priority=wanted, reason=reason, login=login())

    def drain(self, *servers: str, wait: float | None = None, reason: str = "") -> Json:
        """Have real servers get no new connection, across reloads too, until `ready`.

        Each is SERVICE/SERVER, SERVER in every service, a pattern of these, or an address with or without a
        port.  With ``wait``, return only once none of them has a connection left (seconds; the client waits
        that much longer).  The answer has ``servers`` and ``warnings``.  Raises `Refused`:
        ``no-such-server``, ``not-drained``, ``state-unwritable``.
        """
        patient = Client(self.path, self.timeout + (wait or 0.0))
        return patient._server("drain", servers, reason, **({} if wait is None else {"wait": wait}))

    def ready(self, *servers: str, reason: str = "") -> Json:
        """Have real servers that were drained get connections again.  Raises `Refused` like `drain`."""
        return self._server("ready", servers, reason)

    def weight(self, *servers: str, weight: int | None, reason: str = "") -> Json:
        """Have real servers of this weight (0 to 65535); None: of the configured one again.

        Raises `Refused` like `drain`.
        """
        return self._server("weight", servers, reason, weight="auto" if weight is None else weight)

    def _server(self, action: str, servers: tuple[str, ...], reason: str, **more: object) -> Json:
        return self.ask("server", do=action, servers=list(servers), reason=reason, login=login(), **more)

    def version(self) -> Json:
        """Return the daemon's ``version`` and ``pid``."""
        return self.ask("version")

    def ask(self, verb: str, **arguments: object) -> Json:
        """Send one request and return the whole answer."""
        with self._in_words():
            answer = json.loads(self._exchange(verb, **arguments))
        return self._accepted(answer)

    def _accepted(self, answer: object) -> Json:
        """Return an answer that says yes."""
        if not isinstance(answer, dict):
            raise self._not_havip("what came back is no object")
        if answer.get("ok") is not True:
            raise (
                NotPermitted(answer["message"])
                if answer.get("reason") == "not-permitted"
                else Refused(answer)
            )
        return answer

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn what can go wrong on the way into what a person can read."""
        try:
            yield
        except PermissionError:
            raise NotPermitted(
                f"no permission to use {self.path}: be root or a member of the group havip"
            ) from None
        except TimeoutError:
            raise Unreachable(
                f"the daemon on {self.path} did not answer within {self.timeout:g} s: see its log "
                "(journalctl -u havip)"
            ) from None
        except OSError as error:
            raise Unreachable(
                f"no daemon answers on {self.path} ({os.strerror(error.errno or 0)}): is it running "
                "(systemctl status havip), and with this socket (--socket)?"
            ) from None
        except (ValueError, RecursionError):
            raise self._not_havip("what came back is not JSON") from None

    def _send(self, connection: socket.socket, verb: str, **arguments: object) -> None:
        """Connect, and send one request.  Raises OSError."""
        connection.settimeout(self.timeout)
        connection.connect(self.path)
        connection.sendall(json.dumps({"verb": verb, **arguments}).encode() + b"\n")

    def _exchange(self, verb: str, **arguments: object) -> bytes:
        """Send one request and return the line that comes back.  Raises OSError, ValueError."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            self._send(connection, verb, **arguments)
            received = bytearray()
            while not received.endswith(b"\n"):
                chunk = connection.recv(1 << 18)
                if not chunk or len(received) > LONGEST_ANSWER:
                    raise ValueError("the answer is cut off or endless")
                received += chunk
        return bytes(received)

    def _not_havip(self, why: str) -> Unreachable:
        return Unreachable(f"what answers on {self.path} is not a havip that this one understands: {why}")


def login() -> str:
    """Return who is behind root, for the record; empty where nobody says so."""
    name = os.environ.get("SUDO_USER", "")
    return name if name.isprintable() and len(name) <= 32 else ""
