"""A LAN of real machines in virtual time: hosts, the wire between them, and what can go wrong with both.

A discrete-event simulator.  Each host does what a worker does, with the real packet, machine and announce
code and real bytes; only the sockets, the kernel's addresses and the clock are working models.  Nothing
here decides who is master, reads a real clock, or draws a random number from outside its seed.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any, Final, assert_never

from havip.clock import NEVER, ZERO, Duration, Instant, seconds
from havip.errors import Refusal
from havip.vrrp import announce, machine, packet
from havip.vrrp.actions import (
    Action,
    AddAddresses,
    AnnounceAddresses,
    Followed,
    HeardWeaker,
    RemoveAddresses,
    SendAdvert,
    Tell,
)
from havip.vrrp.events import (
    AddressesLost,
    AddressesRefused,
    Cleared,
    Event,
    Impeded,
    SettingsChanged,
    Start,
    Stop,
    Tick,
)
from havip.vrrp.machine import Initialize, State
from havip.vrrp.settings import Settings
from tests.sim.host import Clock, Datagram, Host, Weather, advert_from
from tests.sim.neighbour import Neighbour
from tests.sim.watch import Watch

INBOX: Final = 256  # packets that a socket holds for a worker that does not read
VRID: Final = 51


class Timeline:
    """The true time, what happens when, and the one source of chance: for all LANs of a run."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = Instant(0)
        self.watches: list[Callable[[], None]] = []  # called after all that happens
        self._queue: list[tuple[Instant, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = 0

    def at(self, when: Instant, do: Callable[..., None], *arguments: Any) -> None:
        """Do something at a true instant; what is due at one instant happens in the order of asking."""
        self._number += 1
        heapq.heappush(self._queue, (when, self._number, do, arguments))

    def run(self, length: int) -> None:
        """Let ``length`` of true time pass."""
        end = Instant(self.now + length)
        while self._queue and self._queue[0][0] <= end:
            self.now, _, do, arguments = heapq.heappop(self._queue)
            do(*arguments)
            for look in self.watches:
                look()
        self.now = end


class Lan:
    """The hosts, the wire, the and what happens to them."""

    def __init__(
        self,
        seed: int = 0,
        weather: Weather | None = None,
        version: int = 3,
        family: int = 4,
        timeline: Timeline | None = None,
    ):
        self.timeline = timeline or Timeline(seed)
        self.random = self.timeline.random
        self.weather = weather or Weather()
        self.version = version
        self.family = family
        self.hosts: dict[str, Host] = {}
        self.neighbours: dict[str, Neighbour] = {}  # one client on the same switch as each host
        self.sides: dict[str, int] = {}  # the part of a partitioned LAN that a host and its neighbour are in
        self.links: dict[tuple[str, str], Weather] = {}  # exceptions from ``weather``
        self.drops: Callable[[str, str], bool] = lambda sender, receiver: (
            False
        )  # a chosen loss, beside chance
        self.watch = Watch(self)
        self.timeline.watches.append(self.watch.look)
        self._arrivals: dict[tuple[str, str], Instant] = {}

    def add(self, name: str, priority: int, *, ppm: int = 0, lateness: Duration = ZERO, **more: Any) -> Host:
        """Plug in a host with these settings; it takes no part until `start`."""
        number = len(self.hosts) + 1
        more.setdefault("interval", seconds(1))
        more.setdefault("address", self._address(number))
        settings = Settings(version=self.version, vrid=VRID, priority=priority, **more)
        clock = Clock(self.random.randrange(seconds(1), seconds(1_000_000)), ppm)
        host = Host(name, number, settings, clock)
        host.lateness = lateness
        self.hosts[name] = host
        self.neighbours[name] = Neighbour()
        self.sides[name] = 0
        return host

    def _address(self, number: int) -> bytes:
        if self.family == 4:
            return bytes((192, 0, 2, 10 + number))
        return b"\xfe\x80" + bytes(13) + bytes((number,))

    # --- time ---------------------------------------------------------------------------------------

    @property
    def now(self) -> Instant:
        """Return the true time."""
        return self.timeline.now

    def at(self, when: Instant, do: Callable[..., None], *arguments: Any) -> None:
        """Do something at a true instant; what is due at one instant happens in the order of asking."""
        self.timeline.at(when, do, *arguments)

    def run(self, length: int) -> None:
        """Let ``length`` of true time pass."""
        self.timeline.run(length)

    # --- what the worker does -----------------------------------------------------------------------

    def wake(self, host: Host) -> None:
        """Hear everything that waits, then judge: the worker's one turn."""
        if not host.active:
            return
        while host.inbox:
            self._hear(host, host.inbox.popleft())
        while host.backlog:
            host.backlog.popleft()()
        now = host.clock.read(self.now)
        if now >= machine.next_deadline(host.state):
            self._step(host, Tick())
        self.watch.deadline(host, machine.next_deadline(host.state))
        self.set_timer(host)

    def _ring(self, host: Host, deadline: Instant) -> None:
        if host.alarm == deadline:
            self.wake(host)

    def _hear(self, host: Host, datagram: Datagram) -> None:
        if host.family == 4:
            heard = packet.split_ipv4(datagram.data)
        else:
            heard = (datagram.data, datagram.source, datagram.destination, datagram.hop_limit)
        advert = packet.decode(*heard)
        if isinstance(advert, Refusal):
            verdict: Refusal | None = advert
        elif advert.vrid != host.settings.vrid:
            verdict = Refusal.UNKNOWN_VRID
        else:
            verdict = packet.refuse(host.settings, advert)
        if verdict is not None:
            host.counted[verdict] += 1
        elif not isinstance(advert, Refusal):
            self.watch.believed(host, datagram)
            self._step(host, advert)

    def _step(self, host: Host, event: Event) -> None:
        if host.group is not None:
            host.group.step(host, event)
            return
        state, actions = machine.step(host.settings, host.state, event, host.clock.read(self.now))
        self.enter(host, event, state, actions)

    def enter(self, host: Host, event: Event, state: State, actions: list[Action]) -> None:
        """Have a host in the state that follows from an event, and do what comes with it."""
        before, host.state = host.state, state
        self.watch.step(host, before, event, actions)
        follow_up: list[Event] = []
        for action in actions:
            self._carry_out(host, action, follow_up)
        self.watch.addresses(host, event)
        for later in follow_up:
            self._step(host, later)

    def set_timer(self, host: Host) -> None:
        """Have a host woken at its next deadline."""
        deadline = machine.next_deadline(host.state)
        if deadline != host.alarm and deadline != NEVER:
            late = self.random.randint(0, host.lateness) if host.lateness else 0
            when = max(self.now, Instant(host.clock.when(deadline) + late))
            self.at(when, self._ring, host, deadline)
        host.alarm = deadline

    def _carry_out(self, host: Host, action: Action, follow_up: list[Event]) -> None:
        match action:
            case SendAdvert(priority=priority):
                self.watch.sends(host, priority)
                host.sent += 1
                self.transmit(host, advert_from(host, priority))
            case AddAddresses():
                host.excused = host.refusing
                if host.refusing:
                    follow_up += [AddressesRefused("the kernel says no")] * len(host.addresses)
                else:
                    host.held.update(host.addresses)
            case RemoveAddresses():
                host.held.clear()
            case AnnounceAddresses(repeat=repeat):
                for _ in range(repeat if host.held else 0):
                    self._announce(host)
            case Followed():
                pass
            case HeardWeaker():
                host.heard_weaker += 1
            case Tell(why=why):
                self.watch.note(host.name, f"{type(host.state).__name__.upper()}: {why}")
            case _:
                assert_never(action)

    # --- the wire -----------------------------------------------------------------------------------

    def transmit(self, sender: Host, datagram: Datagram) -> None:
        """Give a datagram to everybody whom ``sender`` reaches, and to itself: multicast loops back."""
        if not sender.link:
            return
        for name, host in self.hosts.items():
            if host is sender:
                self.at(self.now, self._arrive, sender, host, datagram)
            else:
                for when in self._journeys(sender.name, name):
                    self.at(when, self._arrive, sender, host, self._damage(sender, host, datagram))

    def inject(self, datagram: Datagram, *hosts: Host) -> None:
        """Let a stranger on the LAN send a datagram to these hosts, or all: it arrives at once."""
        for host in hosts or self.hosts.values():
            self._arrive(host, host, datagram)

    def _announce(self, sender: Host) -> None:
        if not sender.link:
            return
        for address in sorted(sender.held):
            frame = announce.frame(address, sender.mac, True)
            for name in self.neighbours:
                whens = [self.now] if name == sender.name else self._journeys(sender.name, name)
                for when in whens:
                    self.at(when, self._learn, sender, name, frame)

    def _journeys(self, sender: str, receiver: str) -> Iterable[Instant]:
        """Yield when each copy of one frame arrives."""
        weather = self.links.get((sender, receiver), self.weather)
        if self.sides[sender] != self.sides[receiver] or self.drops(sender, receiver):
            return
        for _ in range(1 + (self.random.random() < weather.duplication)):
            if self.random.random() < weather.loss:
                continue
            when = Instant(self.now + weather.delay(self.random))
            if not weather.reorders:
                when = max(when, self._arrivals.get((sender, receiver), when))
                self._arrivals[sender, receiver] = when
            yield when

    def _damage(self, sender: Host, receiver: Host, datagram: Datagram) -> Datagram:
        weather = self.links.get((sender.name, receiver.name), self.weather)
        if self.random.random() >= weather.corruption:
            return datagram
        start = packet.IPV4_HEADER.size if receiver.family == 4 else 0  # the kernel checks the IP header
        bit = self.random.randrange(start * 8, len(datagram.data) * 8)
        data = bytearray(datagram.data)
        data[bit // 8] ^= 1 << bit % 8
        return replace(datagram, data=bytes(data), spoilt=True)

    def _arrive(self, sender: Host, host: Host, datagram: Datagram) -> None:
        if self.sides[sender.name] != self.sides[host.name] or not host.running or not host.link:
            return
        if host.deaf or len(host.inbox) >= INBOX:
            return
        host.inbox.append(datagram)
        self.wake(host)

    def _learn(self, sender: Host, name: str, frame: bytes) -> None:
        if self.sides[sender.name] == self.sides[name]:
            self.neighbours[name].learn(frame)

    # --- what happens to hosts ----------------------------------------------------------------------

    def tell(self, host: Host, event: Event, note: str) -> None:
        """Let an event reach a host's worker, if one runs: now, or when it thaws."""
        self._ask(host, lambda: self._step(host, event), note)

    def _ask(self, host: Host, do: Callable[[], None], note: str) -> None:
        if host.running:
            self.watch.note(host.name, note)
            host.backlog.append(do)
            self.wake(host)
            self.watch.look()

    def start(self, *hosts: Host, resume: bool = False) -> None:
        """Start these hosts' daemons at this instant, those without power too.

        ``resume``: as a worker does whose predecessor's adverts still bind the peers.
        """
        for host in hosts:
            if host.running or host.frozen:
                continue
            host.powered = host.running = True
            self._ask(host, partial(self._begin, host, resume), "starts")

    def _begin(self, host: Host, resume: bool) -> None:
        host.settings = host.configured
        if not (resume and host.link):
            host.held.clear()  # leftovers are swept
        self._step(host, Start(resume) if host.link else Impeded("no carrier"))

    def stop(self, host: Host) -> None:
        """Stop a daemon in an orderly way."""
        self.tell(host, Stop(), "is told to stop")
        host.running = False

    def kill(self, host: Host) -> None:
        """Take the power from a host: its state, its addresses and its queues are gone."""
        self.crash(host)
        host.powered = False
        host.held.clear()

    def crash(self, host: Host) -> None:
        """Kill a worker, not its host: the addresses stay on the interface."""
        self.watch.note(host.name, "dies")
        host.running = host.frozen = host.deaf = False
        host.state, host.alarm = Initialize(), NEVER
        host.inbox.clear()
        host.backlog.clear()
        self.watch.forget(host)
        self.watch.look()

    def freeze(self, host: Host, deaf: bool = False) -> None:
        """Stop a host's time for its worker, not for the world; ``deaf``: its packets are lost."""
        if host.frozen or not host.powered:
            return
        self.watch.note(host.name, "freezes" + (" and loses what is sent to it" if deaf else ""))
        host.frozen, host.deaf = True, deaf
        self.watch.look()

    def thaw(self, host: Host) -> None:
        """Let a frozen host go on."""
        if not host.frozen:
            return
        self.watch.note(host.name, f"thaws with {len(host.inbox)} packets waiting")
        host.frozen = host.deaf = False
        self.watch.thawed(host)
        self.wake(host)
        self.watch.look()

    def set_link(self, host: Host, up: bool) -> None:
        """Change a host's carrier; the kernel tells its worker."""
        if host.link == up:
            return
        host.link = up
        self.tell(host, Cleared() if up else Impeded("no carrier"), f"link {'up' if up else 'down'}")

    def strip(self, host: Host) -> None:
        """Let somebody else remove the virtual addresses; the kernel tells the worker."""
        if host.held:
            host.held.clear()
            host.excused = host.frozen
            self.tell(host, AddressesLost(), "is stripped of its addresses")

    def reload(self, host: Host, **changes: Any) -> None:
        """Give a host other settings: now, when it thaws, or when it is started."""

        def change() -> None:
            host.settings = host.configured
            self._step(host, SettingsChanged())

        host.configured = replace(host.configured, **changes)
        shown = ", ".join(f"{key}={value}" for key, value in changes.items())
        self._ask(host, change, f"reloads: {shown}")

    def partition(self, *sides: Iterable[Host]) -> None:
        """Cut the LAN silently: hosts of different sides do not hear each other."""
        names = [[host.name for host in side] for side in sides]
        self.sides |= {name: number for number, side in enumerate(names) for name in side}
        self.watch.note("lan", "cut: " + " | ".join(map(" ".join, names)))

    def heal(self) -> None:
        """Join all sides."""
        self.watch.note("lan", "whole again")
        self.sides = dict.fromkeys(self.sides, 0)
