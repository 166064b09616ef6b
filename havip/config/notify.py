"""Who is told of what happens to virtual routers, sync groups, services and servers, as values.  Pure.

None of this concerns the VRRP worker, and none of it is sent there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from havip.clock import Duration, seconds
from havip.config.authentication import SecretSource


class Told(StrEnum):
    """A state that is told."""

    MASTER = "MASTER"
    BACKUP = "BACKUP"
    FAULT = "FAULT"
    STOP = "STOP"  #: the daemon ends, or its worker was stopped
    DELETED = "DELETED"  #: a reload took the virtual router or group away
    UP = "UP"  #: a virtual service has its quorum, or a server is good
    DOWN = "DOWN"


class About(StrEnum):
    """What a FIFO gets lines about."""

    ALL = "all"
    ROUTERS = "routers"  #: virtual routers and sync groups
    SERVICES = "services"  #: virtual services and their servers


class Tls(StrEnum):
    """How the way to a mail server is protected."""

    NONE = "none"
    STARTTLS = "starttls"  #: begun in clear, then encrypted or not used at all
    TLS = "tls"  #: encrypted from the first byte


PORT = {Tls.NONE: 25, Tls.STARTTLS: 587, Tls.TLS: 465}


@dataclass(frozen=True, slots=True)
class Notify:
    """The programs of one virtual router or sync group, each as its words, and what else tells of it."""

    master: tuple[str, ...] = ()
    backup: tuple[str, ...] = ()
    fault: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()  # without one, `fault` runs and FAULT is said, as in keepalived
    any: tuple[str, ...] = ()  # after the one of the state, with four more arguments
    master_rx_lower_priority: tuple[str, ...] = ()
    timeout: Duration = field(default=seconds(30))
    user: str | None = None  # whose rights the programs get; None: those of `daemon.script_user`
    group: str | None = None
    priority_changes: bool = False  # tell FIFOs and webhooks when the effective priority changes
    mail: bool = True  # where a mail server is configured
    webhooks: bool = True


@dataclass(frozen=True, slots=True)
class Fifo:
    """A named pipe that gets a line for each change."""

    path: str
    script: tuple[str, ...] = ()  # reads it: started with the path as its last argument, and again if it ends
    user: str | None = None  # owns the FIFO and runs the script; None: `daemon.script_user`
    group: str | None = None
    about: About = About.ALL
    on_reload: bool = False  # repeat the states of virtual routers and sync groups after a reload

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class Mail:
    """The server that takes mail, and who gets it."""

    server: str
    sender: str
    to: tuple[str, ...]
    tls: Tls = Tls.STARTTLS
    port: int | None = None  # None: the usual one for `tls`
    ca_file: str | None = None  # None: the certificates that the system trusts
    username: str | None = None
    password: SecretSource | None = None
    helo: str | None = None  # None: the host's name
    timeout: Duration = field(default=seconds(30))  # for one attempt
    give_up_after: Duration = field(default=seconds(3600))
    states: tuple[Told, ...] = tuple(Told)

    @property
    def port_in_force(self) -> int:
        """Return the port to connect to."""
        return PORT[self.tls] if self.port is None else self.port


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that gets a POST with JSON for each change."""

    url: str
    headers: tuple[str, ...] = ()  # "Name: value"
    authorization: SecretSource | None = None  # the value of an Authorization header
    ca_file: str | None = None
    timeout: Duration = field(default=seconds(10))  # for one attempt
    attempts: int = 10
    give_up_after: Duration = field(default=seconds(600))
    states: tuple[Told, ...] = tuple(Told)

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class Channels:
    """What tells of every virtual router and sync group, and what runs around the daemon's life."""

    router_id: str | None = None  # what this machine is called in mails and webhooks; None: its host name
    fifos: tuple[Fifo, ...] = ()
    mail: Mail | None = None
    webhooks: tuple[Webhook, ...] = ()
    startup: tuple[str, ...] = ()  # a program that is run to its end before the first advert
    startup_timeout: Duration = field(default=seconds(10))
    shutdown: tuple[str, ...] = ()  # one after the last
    shutdown_timeout: Duration = field(default=seconds(10))
    stop_timeout: Duration = field(
        default=seconds(5)
    )  # for all that is still to be told when the daemon ends
