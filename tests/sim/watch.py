"""The watcher of a simulated LAN: the rules that hold at every instant, and the record of who was master.

Each rule has a name, which a test of the simulator itself can ask for.  A rule that is broken ends the run
with a `Violation` that prints what happened, one line an event.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from havip.clock import NEVER, Duration, Instant, seconds
from havip.vrrp.actions import Action, AddAddresses, AnnounceAddresses, RemoveAddresses, SendAdvert
from havip.vrrp.events import AddressesLost, Event, SettingsChanged
from havip.vrrp.machine import Backup, Initialize, Master, State
from havip.vrrp.packet import Advert

if TYPE_CHECKING:
    from tests.sim.host import Datagram, Host
    from tests.sim.lan import Lan

LINES: Final = 60  # of the timeline that a violation prints
MOST_PARTINGS: Final = 3  # adverts of a backup that gave way, and was not answered
ROUNDING: Final = 10  # nanoseconds by which a host's clock may jump over an instant


class Violation(AssertionError):
    """A rule is broken.  ``rule`` is its name."""

    def __init__(self, rule: str, text: str, timeline: str) -> None:
        super().__init__(f"{rule}: {text}\n{timeline}")
        self.rule = rule


@dataclass(frozen=True, slots=True)
class Promise:
    """A master's last advert: its host must speak again within ``interval`` of its own clock."""

    local: Instant
    interval: Duration


class Reign(NamedTuple):
    """From ``start`` to ``end`` the working masters were ``masters``."""

    start: Instant
    end: Instant
    masters: tuple[str, ...]


class Watch:
    """Sees every step of every host."""

    def __init__(self, lan: Lan) -> None:
        self.lan = lan
        self.longest_interval = seconds(0)
        self._takeovers: list[tuple[Instant, str]] = []  # who became master when
        self._lines: deque[tuple[Instant, str, str]] = deque(maxlen=LINES)
        self._history: list[tuple[Instant, tuple[str, ...]]] = [(Instant(0), ())]
        self._resigned: set[str] = set()
        self._partings: dict[str, int] = {}  # what a host that was master may still say
        self._promises: dict[str, Promise] = {}

    # --- the record ---------------------------------------------------------------------------------

    def note(self, who: str, what: str) -> None:
        """Write a line into the timeline."""
        self._lines.append((self.lan.now, who, what))

    def timeline(self) -> str:
        """Return the last lines, true time in seconds from the start of the run."""
        return "\n".join(f"{when / 1e9:13.6f}s  {who:<4} {what}" for when, who, what in self._lines)

    def broken(self, rule: str, text: str) -> Violation:
        """Return the violation of a rule, at this instant."""
        return Violation(rule, f"{text} at {self.lan.now / 1e9:.6f}s", self.timeline())

    def look(self) -> None:
        """Record who is master now: working hosts with a link, in the order of plugging in."""
        masters = tuple(
            host.name for host in self.lan.hosts.values() if host.is_master and host.active and host.link
        )
        if masters != self._history[-1][1]:
            self._history.append((self.lan.now, masters))

    def masters(self) -> tuple[str, ...]:
        """Return who is master now."""
        self.look()
        return self._history[-1][1]

    def takeovers_since(self, start: Instant) -> list[str]:
        """Return who became master after ``start``, be it for no time at all."""
        return [name for when, name in self._takeovers if when > start]

    def reigns(self, start: Instant, end: Instant) -> Iterator[Reign]:
        """Yield who was master when between two instants, without gaps; no reign has no length."""
        self.look()
        ends = [when for when, _ in self._history[1:]] + [NEVER]
        for (since, masters), until in zip(self._history, ends, strict=True):
            first, last = max(since, start), min(until, end)
            if first < last:
                yield Reign(first, last, masters)

    def longest(self, start: Instant, end: Instant, masters: int) -> Duration:
        """Return the longest unbroken time with this many masters; 2 means two or more."""
        longest = run = 0
        for reign in self.reigns(start, end):
            fits = len(reign.masters) >= 2 if masters == 2 else len(reign.masters) == masters
            run = run + reign.end - reign.start if fits else 0
            longest = max(longest, run)
        return Duration(longest)

    # --- the rules ----------------------------------------------------------------------------------

    def step(self, host: Host, before: State, event: Event, actions: Sequence[Action]) -> None:
        """Check one step before its actions are carried out."""
        self.longest_interval = max(self.longest_interval, host.settings.interval)
        if isinstance(before, Initialize) and not isinstance(host.state, Initialize):
            self._resigned.discard(host.name)
        if isinstance(before, Backup) and isinstance(host.state, Master):
            self._resigned.discard(host.name)  # it stepped down, and nobody took over for good
        if not isinstance(host.state, Master) or not isinstance(before, Master):
            self._promises.pop(host.name, None)
        kinds = [type(action) for action in actions]
        adds, removes = kinds.count(AddAddresses), kinds.count(RemoveAddresses)
        leaves = isinstance(before, Master) and not isinstance(host.state, Master)
        enters = isinstance(host.state, Master) and not isinstance(before, Master)
        if enters:
            self._takeovers.append((self.lan.now, host.name))
        repairs = isinstance(event, AddressesLost | SettingsChanged) or not host.held
        if removes != leaves:
            raise self.broken("each action once", f"{host.name} removes its addresses {removes} times")
        if adds > 1 or (adds and not enters and not repairs):
            raise self.broken(
                "each action once", f"{host.name} adds its addresses {adds} times, holding them"
            )
        if AnnounceAddresses in kinds and not isinstance(host.state, Master):
            raise self.broken("only a master announces", f"{host.name} as {host.state}")
        if leaves and isinstance(host.state, Backup):
            self._partings[host.name] = MOST_PARTINGS
        if SendAdvert in kinds and not isinstance(host.state, Master) and not isinstance(before, Master):
            self._parts(host, event)
        if AddAddresses in kinds and AnnounceAddresses in kinds[: kinds.index(AddAddresses)]:
            raise self.broken("addresses before announcements", host.name)

    def _parts(self, host: Host, event: Event) -> None:
        """Let a backup speak that was master, a few times, to a better one that may not have heard it."""
        left = self._partings.get(host.name, 0)
        us = host.settings
        better = isinstance(event, Advert) and (event.priority, event.source) > (us.priority, us.address)
        if not left or not better or not isinstance(host.state, Backup):
            raise self.broken("only a master speaks", f"{host.name} as {host.state}")
        self._partings[host.name] = left - 1
        self._resigned.discard(host.name)

    def sends(self, host: Host, priority: int) -> None:
        """Check an advert that is about to leave."""
        if host.name in self._resigned:
            raise self.broken("silent after priority 0", f"{host.name} sends priority {priority}")
        if priority == 0:
            self.note(host.name, "sends priority 0")
            self._resigned.add(host.name)
            return
        now = host.clock.read(self.lan.now)
        self._keeps_promise(host, now)
        if host.is_master:  # a farewell promises nothing
            self._promises[host.name] = Promise(now, host.settings.interval)

    def _keeps_promise(self, host: Host, now: Instant) -> None:
        promise = self._promises.get(host.name)
        slack = host.lateness * 11 // 10 + ROUNDING  # true time; a clock may run 10 % fast
        if promise and now - promise.local > promise.interval + slack:
            late = (now - promise.local) / 1e9
            raise self.broken("a master speaks in time", f"{host.name} was silent for {late:.3f}s")

    def addresses(self, host: Host, event: Event) -> None:
        """Check what is on the interface after the actions of one step."""
        wanted = set(host.addresses) if host.is_master else set()
        if host.held != wanted and not (host.excused and not host.held):
            held = f"{host.name} holds {len(host.held)} of {len(host.addresses)} addresses"
            state = type(host.state).__name__
            raise self.broken("addresses if and only if MASTER", f"{held} as {state} after {event}")

    def deadline(self, host: Host, deadline: Instant) -> None:
        """Check the deadline of a host that has just done everything that was due."""
        now = host.clock.read(self.lan.now)
        self._keeps_promise(host, now)
        longest = Duration(max(self.longest_interval, host.settings.interval))
        match host.state:
            case Master():
                bound = Instant(now + host.settings.interval)
            case Backup():
                bound = Instant(now + host.settings.master_down(longest))
                if host.group is not None:
                    bound = Instant(bound + host.group.longest_pause())
            case Initialize():
                bound = NEVER
        if not now < deadline <= bound:
            wait = (deadline - now) / 1e9
            raise self.broken("deadlines are sane", f"{host.name} as {host.state} waits {wait:.6f}s")

    def believed(self, host: Host, datagram: Datagram) -> None:
        """Check that what passed all the receive checks was sent by a router."""
        if datagram.spoilt:
            raise self.broken("no invalid packet counts", f"{host.name} believed {datagram.data.hex()}")

    # --- what excuses a host ------------------------------------------------------------------------

    def forget(self, host: Host) -> None:
        """A host lost its power: nothing that it said before binds it."""
        self._resigned.discard(host.name)
        self._promises.pop(host.name, None)

    def thawed(self, host: Host) -> None:
        """A host was frozen: it could not keep its promise."""
        self._promises.pop(host.name, None)
