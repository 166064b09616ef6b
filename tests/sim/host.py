"""A host on the simulated LAN, its clock, and what travels between hosts.

Working models: `Host` is what one worker keeps for one virtual router beside the kernel that the worker
would talk to.  Nothing here takes a decision or moves by itself; `tests.sim.lan` moves it.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from havip.clock import NEVER, ZERO, Duration, Instant, milliseconds
from havip.errors import Refusal
from havip.vrrp import packet
from havip.vrrp.machine import Initialize, Master, State
from havip.vrrp.settings import Settings

if TYPE_CHECKING:
    from tests.sim.band import Band

MILLION: Final = 1_000_000
LEAST_DELAY: Final = milliseconds(0.1)
MOST_DELAY: Final = milliseconds(1)
VIRTUAL: Final = {  # packed virtual addresses by family: 192.0.2.1 and .2, 2001:db8::1 and ::2
    4: tuple(bytes((192, 0, 2, last)) for last in (1, 2)),
    6: tuple(bytes.fromhex("20010db8") + bytes(11) + bytes((last,)) for last in (1, 2)),
}
GROUPS: Final = {4: packet.GROUP_IPV4, 6: packet.GROUP_IPV6}


@dataclass(frozen=True, slots=True)
class Weather:
    """What the wire does to a frame on its way to one receiver."""

    least: Duration = LEAST_DELAY
    most: Duration = MOST_DELAY
    late: float = 0.0  # share of frames that take longer
    latest: Duration = ZERO  # their greatest delay
    loss: float = 0.0
    duplication: float = 0.0
    reorders: bool = False
    corruption: float = 0.0  # share of frames with one bit turned

    @property
    def worst(self) -> Duration:
        """Return the greatest delay of a frame that arrives."""
        return max(self.most, self.latest if self.late else ZERO)

    def delay(self, random: Random) -> int:
        """Draw one delay."""
        if self.late and random.random() < self.late:
            return random.randint(self.most, max(self.most, self.latest))
        return random.randint(self.least, self.most)


@dataclass(frozen=True, slots=True)
class Clock:
    """A host's monotonic clock: its own epoch, and a rate that is wrong by ``ppm``."""

    epoch: int = 0
    ppm: int = 0

    def read(self, true: Instant) -> Instant:
        """Return what the clock shows at a true instant."""
        return Instant(self.epoch + true * (MILLION + self.ppm) // MILLION)

    def when(self, local: Instant) -> Instant:
        """Return the first true instant at which the clock shows ``local``."""
        return Instant(-((self.epoch - local) * MILLION // (MILLION + self.ppm)))


@dataclass(frozen=True, slots=True)
class Datagram:
    """What travels: over IPv4 ``data`` starts with the IP header, over IPv6 with the VRRP message."""

    data: bytes
    source: bytes
    destination: bytes
    hop_limit: int = packet.TTL
    spoilt: bool = False  # damaged or forged: nobody may believe it


class Host:
    """One router: what its worker keeps, and the kernel that the worker would talk to."""

    def __init__(self, name: str, number: int, settings: Settings, clock: Clock) -> None:
        self.name = name
        self.mac = bytes((2, 0, 0, 0, 0, number))
        self.settings = settings
        self.configured = settings  # what its file says, which a worker takes up at its start or a reload
        self.clock = clock
        self.addresses = VIRTUAL[self.family]
        self.state: State = Initialize()
        self.inbox: deque[Datagram] = deque(maxlen=None)
        self.backlog: deque[Callable[[], None]] = deque()  # what else waits for a worker that is frozen
        self.held: set[bytes] = set()  # virtual addresses on the interface
        self.powered = True
        self.running = False  # its daemon was started, and neither stopped nor lost with the power
        self.frozen = False
        self.deaf = False  # frozen, and its packets are lost rather than kept
        self.link = True
        self.refusing = False  # the kernel refuses addresses
        self.excused = False  # it holds none because they were refused, or taken while it was frozen
        self.lateness = ZERO  # how late its timers may fire
        self.alarm = NEVER  # local instant for which the timer is set
        self.sent = 0  # adverts
        self.group: Band | None = None  # those that move together with it
        self.heard_weaker = 0  # how often its scripts would be told of a weaker master
        self.counted: Counter[Refusal] = Counter()

    @property
    def family(self) -> int:
        """Return 4 or 6."""
        return 4 if len(self.settings.address) == 4 else 6

    @property
    def is_master(self) -> bool:
        """Say whether the machine is MASTER, be the host reachable or not."""
        return isinstance(self.state, Master)

    @property
    def stands_aside(self) -> bool:
        """Say whether it waits before it takes part again, its addresses having been refused."""
        return isinstance(self.state, Initialize) and self.state.retry_at != NEVER

    @property
    def active(self) -> bool:
        """Say whether the host works at all: it is powered and not frozen."""
        return self.powered and not self.frozen


def advert_from(host: Host, priority: int) -> Datagram:
    """Return the ADVERTISEMENT that ``host`` sends with this priority, as it goes onto the wire."""
    us = host.settings
    group = GROUPS[host.family]
    message = packet.encode(us, priority, host.addresses, group)
    data = packet.ipv4_datagram(message, us.address, group) if host.family == 4 else message
    return Datagram(data, us.address, group)
