"""Health checks as configured: what is probed, how often, and how many runs make a verdict.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from havip.clock import ZERO, Duration, seconds
from havip.config import probes
from havip.config.cast import Address
from havip.config.http import Http


class FirstState(StrEnum):
    """What a check counts as before its first run has ended."""

    UNKNOWN = "unknown"  #: the first run decides, whatever ``rise`` and ``fall`` say
    GOOD = "good"  #: it is good: only ``fall`` bad runs change that
    FAILED = "failed"  #: it failed: only ``rise`` good runs change that


@dataclass(frozen=True, slots=True)
class Damping:
    """How a check that fails again and again is held back (RFC 2439): each failure adds 1000 to a penalty."""

    half_life: Duration = field(default=seconds(60))  # in which the penalty halves
    suppress: int = 2500  # above this it is held back
    reuse: int = 750  # below this it is let go of
    longest: Duration = field(default=seconds(240))  # that it is held back after its last failure


@dataclass(frozen=True, slots=True)
class Check:
    """One check.  Of the kinds of probes exactly one is given."""

    name: str
    tcp: probes.Tcp | None = None
    udp: probes.Udp | None = None
    dns: probes.Dns | None = None
    ping: probes.Ping | None = None
    redis: probes.Redis | None = None
    postgresql: probes.Postgresql | None = None
    mysql: probes.Mysql | None = None
    script: probes.Script | None = None
    file: probes.File | None = None
    all: tuple[str, ...] | None = None  # names of checks that must all be good
    any: tuple[str, ...] | None = None  # names of checks of which one must be good
    http: Http | None = None
    smtp: probes.Smtp | None = None
    grpc: probes.Grpc | None = None
    host: str = ""  # an address, or a name that is resolved again and again
    port: int | None = None  # None: that of the kind
    source: Address | None = None
    source_port: int | None = None  # None: any
    interface: str = ""
    fwmark: int = 0  # 0: none
    interval: Duration = field(default=seconds(2))  # between two runs while it is good
    retry_interval: Duration | None = None  # while runs speak against the verdict; None: as otherwise
    failed_interval: Duration | None = None  # while it has failed; None: `interval`
    timeout: Duration = field(default=seconds(3))  # of one run, all of it
    rise: int = 2  # good runs in a row that mend it
    fall: int = 3  # bad runs in a row that fail it
    start: FirstState = FirstState.UNKNOWN
    warm_up: Duration = ZERO  # over which first runs are spread, beside what is needed anyway
    parent: str = ""  # the check without which this one cannot be good; empty: none
    damping: Damping | None = None
    log_failures: bool = False  # each, not those alone that turn the verdict
    weight: int = 0
    reverse: bool = False

    @property
    def kind(self) -> str:
        """Return the key that says what it does."""
        return next(kind for kind in probes.KINDS if getattr(self, kind) is not None)

    @property
    def probes(self) -> bool:
        """Say whether it has a probe of its own, and is not one of several together."""
        return self.all is None and self.any is None

    @property
    def needs(self) -> tuple[str, ...]:
        """Return the names of the checks that this one goes by."""
        members = (*(self.all or ()), *(self.any or ()))
        return (*members, self.parent) if self.parent else members

    @property
    def port_in_force(self) -> int:
        """Return the port to go to; 0 for what goes to no host."""
        kind = self.kind
        usual: int | None = getattr(getattr(self, kind), "usual_port", None) or probes.PORTS.get(kind)
        return self.port or usual or 0

    @property
    def probed(self) -> Check:
        """Return what makes one probe: checks that are alike in it share every run."""
        return replace(self, name="", weight=0, reverse=False, parent="")

    def pace(self, good: bool | None, against: int) -> Duration:
        """Return how long it is from one run to the next, given the verdict and the runs that deny it."""
        if against and self.retry_interval is not None:
            return self.retry_interval
        if good is False and self.failed_interval is not None:
            return self.failed_interval
        return self.interval
