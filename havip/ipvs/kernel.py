"""The kernel's IPVS in one network namespace: one socket, synchronous, never waiting for long.

Netlink does its work inside the call that asks for it, so no method waits; each takes as long as the kernel
takes for what it is given.  What is wanted is decided elsewhere.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from havip.balancing import Counts
from havip.errors import HavipError, KernelRefused, NoNamespace, NotPermitted
from havip.ipvs import answers, codec
from havip.ipvs.layout import Layouts
from havip.ipvs.model import (
    Change,
    Destination,
    Pool,
    Reading,
    Refusal,
    Service,
    ServiceKey,
    Sync,
    SyncRole,
    Timeouts,
    Traffic,
)
from havip.ipvs.programmer import Unavailable
from havip.netlink import generic
from havip.netlink.codec import Malformed, Message
from havip.netlink.socket import RequestSocket
from havip.process import (
    THIS_NETWORK_NAMESPACE,
    enter_network_namespace,
    name_of_network_namespace,
    namespace_path,
)


class Kernel:
    """One socket to IPVS; ``namespace`` is the network namespace, None for that of the process."""

    def __init__(self, namespace: str | None = None) -> None:
        """Raises `Unavailable`."""
        self._socket = open_in(namespace)
        self._layouts = Layouts()
        file = THIS_NETWORK_NAMESPACE if namespace is None else namespace_path(namespace)
        self.where = name_of_network_namespace(self._socket.socket, file)
        try:
            self._family = self._find()
            told = self._socket.ask(lambda sequence: codec.get_info(self._family, sequence))
            self.version = answers.version(told[0].body) if told else ""
        except (OSError, Malformed) as error:
            self._socket.close()
            raise Unavailable(why_not(error)) from error

    def _find(self) -> int:
        """Return the number of the generic netlink family; the kernel loads its module for that."""
        for message in self._socket.ask(lambda sequence: generic.get_family(sequence, codec.FAMILY_NAME)):
            number = generic.parse_family(message.body)
            if number is not None:
                return number
        raise OSError(errno.ENOENT, "no such family")

    def close(self) -> None:
        """Close the socket; again without harm."""
        self._socket.close()

    def read(self) -> Reading:
        """Return all that the tables hold, and what goes through them.  Raises OSError."""
        reading = Reading()
        for key, (service, counts) in self.services().items():
            found = self.destinations(key)
            reading.table[key] = Pool(service, {one.key: one for one, _ in found})
            reading.counts[key] = counts
            reading.traffic.update(((key, one.key), traffic) for one, traffic in found)
        return reading

    def services(self) -> dict[ServiceKey, tuple[Service, Counts]]:
        """Return every service, without its destinations.  Raises OSError."""
        told = self._dump(lambda sequence: codec.get_services(self._family, sequence))
        with understood():
            found = [one for message in told if (one := answers.service(message.body)) is not None]
        return {one[0].key: one for one in found}

    def destinations(self, key: ServiceKey) -> list[tuple[Destination, Traffic]]:
        """Return the destinations of a service; none if it is not there.  Raises OSError."""
        try:
            listed = self._dump(lambda sequence: codec.get_destinations(self._family, sequence, key))
        except OSError as error:
            if error.errno in (errno.ESRCH, errno.ENOENT):
                return []  # it has gone in the meantime
            raise
        with understood():
            told = [self._layouts.destination(message.body, key.family) for message in listed]
        return [one for one in told if one is not None]

    def _dump(self, build: Callable[[int], bytes]) -> list[Message]:
        try:
            return self._socket.dump(build).messages
        except KernelRefused as error:
            cause = error.__cause__
            raise OSError(getattr(cause, "errno", None) or errno.EIO, str(error)) from error

    def apply(self, changes: Sequence[Change]) -> list[Refusal]:
        """Carry out changes in order; return those that the kernel has refused."""
        first = self._socket.reserve(len(changes))
        refused = self._socket.submit(codec.changes(self._family, first, changes))
        return [
            Refusal(changes[number - first], answer.code)
            for number, answer in sorted(refused.items())
            if 0 <= number - first < len(changes)  # not a late word about what was asked before
        ]

    def syncs(self) -> list[Sync]:
        """Return the sync daemons that run.  Raises OSError."""
        told = self._dump(lambda sequence: codec.get_syncs(self._family, sequence))
        with understood():
            return [one for message in told if (one := answers.sync(message.body)) is not None]

    def start(self, sync: Sync) -> int:
        """Start a sync daemon; return 0 or an errno."""
        return self._one(lambda sequence: codec.start_sync(self._family, sequence, sync))

    def stop(self, role: SyncRole) -> int:
        """Stop a sync daemon; return 0 or an errno.  A thread that has not run yet is stopped too."""
        return self._one(lambda sequence: codec.stop_sync(self._family, sequence, role))

    def _one(self, build: Callable[[int], bytes]) -> int:
        sequence = self._socket.reserve(1)
        refused = self._socket.submit([build(sequence)])
        return refused[sequence].code if sequence in refused else 0

    def timeouts(self) -> Timeouts:
        """Return the timeouts in force.  Raises OSError."""
        with understood():
            told = self._socket.ask(lambda sequence: codec.get_timeouts(self._family, sequence))
            return answers.timeouts(told[0].body) if told else Timeouts()

    def set_timeouts(self, wanted: Timeouts) -> None:
        """Set those that are not 0.  Raises OSError."""
        number = self._one(lambda sequence: codec.set_timeouts(self._family, sequence, wanted))
        if number:
            raise OSError(number, f"the kernel refuses IPVS's timeouts: {os.strerror(number)}")


@contextmanager
def understood() -> Iterator[None]:
    """Make an answer that cannot be read an OSError: then the kernel does not answer."""
    try:
        yield
    except Malformed as error:
        raise OSError(errno.EBADMSG, f"the kernel's answer cannot be read: {error}") from error


def open_in(namespace: str | None) -> RequestSocket:
    """Return a socket of generic netlink in a network namespace.  Raises `Unavailable`."""
    try:
        return RequestSocket(generic.PROTOCOL) if namespace is None else from_within(namespace)
    except OSError as error:
        raise Unavailable(f"no socket to the kernel: {error.strerror or error}") from error
    except (NoNamespace, NotPermitted) as error:
        raise Unavailable(str(error)) from error


def from_within(namespace: str) -> RequestSocket:
    """Return a socket made by a thread that enters the namespace and ends there: we stay where we are."""
    made: list[RequestSocket | HavipError | OSError] = []

    def make() -> None:
        try:
            enter_network_namespace(namespace)
            made.append(RequestSocket(generic.PROTOCOL))
        except (HavipError, OSError) as error:
            made.append(error)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    (result,) = made
    if isinstance(result, Exception):
        raise result
    return result


def why_not(error: OSError | Malformed) -> str:
    """Return why there is no IPVS, in words, and what may help."""
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return (
            "the kernel has no IPVS, and no module ip_vs that it could load: `modprobe ip_vs`, run as root, "
            "says why"
        )
    if number == errno.EPERM:
        return "programming IPVS takes CAP_NET_ADMIN"
    return f"the kernel's IPVS does not answer: {getattr(error, 'strerror', None) or error}"
