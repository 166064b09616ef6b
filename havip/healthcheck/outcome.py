"""What one run of a probe comes to, in a name for machines and in words for people.  Pure."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Failure(StrEnum):
    """Why a run failed: the label of its metric, and a field of the status."""

    REFUSED = "refused"  #: nobody listens there
    UNREACHABLE = "unreachable"  #: no way there: no route, no neighbour, or ICMP said so
    TIMED_OUT = "timed-out"
    RESET = "reset"  #: the other side broke the connection off
    CLOSED = "closed"  #: it ended the connection before it had said all
    NAME = "name"  #: the host's name has no address
    LOCAL = "local"  #: it could not be sent from here: no such source, no port or descriptor left
    TLS = "tls"  #: no encrypted connection came about
    CERTIFICATE = "certificate"  #: the server's certificate does not hold
    MALFORMED = "malformed"  #: it does not speak the protocol
    TOO_LONG = "too-long"  #: it said more than we are ready to read
    STATUS = "status"  #: it answered, and not what is expected
    CONTENT = "content"  #: the answer's content is not what is expected
    INTERNAL = "internal"  #: a fault of ours


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.  ``words`` follow the name of the check: "HTTP 503, expected 200-299"."""

    failure: Failure | None = None  # None: it passed
    words: str = ""
    weight: int | None = None  # that the server asked for
    warning: str = ""  # it passed, but somebody should know

    @property
    def passed(self) -> bool:
        """Say whether all was as expected."""
        return self.failure is None


class Failed(Exception):
    """A run is over, and did not pass."""

    def __init__(self, failure: Failure, words: str) -> None:
        super().__init__(words)
        self.outcome = Outcome(failure, words)


OF_ERRNO: Final = {
    errno.ECONNREFUSED: Failure.REFUSED,
    errno.ECONNRESET: Failure.RESET,
    errno.EPIPE: Failure.RESET,
    errno.ETIMEDOUT: Failure.TIMED_OUT,
    errno.EHOSTUNREACH: Failure.UNREACHABLE,
    errno.ENETUNREACH: Failure.UNREACHABLE,
    errno.EHOSTDOWN: Failure.UNREACHABLE,
    errno.ENETDOWN: Failure.UNREACHABLE,
    errno.EPROTO: Failure.UNREACHABLE,
    errno.ENOPROTOOPT: Failure.UNREACHABLE,
}


def of_error(error: OSError) -> Outcome:
    """Return what an error of the kernel's means."""
    failure = OF_ERRNO.get(error.errno or 0, Failure.LOCAL)
    return Outcome(failure, (error.strerror or str(error)).lower())
