"""The VRRP process: drain the sockets, read the clock, step the machines, carry out, set one timer.

It never waits for DNS, HTTP, a disk, a script or the supervisor, and it imports the standard library and
havip alone.  Everything that is not an advert is done in slices between the adverts.
"""

from __future__ import annotations

import select
import signal
import socket
from typing import Final

from havip import process, rank, signals
from havip.channel import Channel
from havip.clock import Duration, Instant, after, milliseconds, monotonic, pause, seconds
from havip.config.model import Static
from havip.errors import Refusal
from havip.messages import (
    WARNING,
    Alive,
    Commit,
    Committed,
    Delay,
    Describe,
    Described,
    DropGroup,
    DropRouter,
    DropTracker,
    HandOver,
    HoldBack,
    Impede,
    KeepSequences,
    Leftovers,
    Message,
    Override,
    PutGroup,
    PutRouter,
    PutStatic,
    Resign,
    Resolved,
    RouterGone,
    Setup,
    TrackResult,
)
from havip.vrrp.blackbox import BlackBox
from havip.vrrp.ears import Ear, Ears
from havip.vrrp.engine import Engine
from havip.vrrp.events import AddressesRefused
from havip.vrrp.executor import Executor
from havip.vrrp.kernel import Changes, Kernel
from havip.vrrp.port import Port
from havip.vrrp.reporter import Reporter
from havip.vrrp.roster import Roster
from havip.vrrp.router import Router
from havip.vrrp.sockets import AdvertReceiver
from havip.vrrp.statics import Statics
from havip.vrrp.tap import Tap

#: While packets stream in, let them gather: a wake-up for each costs more than the packet.  For a twentieth
#: of the shortest interval, which is how late a silence may be noticed then, and between these bounds.
GATHER_LEAST, GATHER_MOST = milliseconds(0.25), milliseconds(2)
SHARE: Final = 20
#: No gathering if a deadline comes within this time after it, which must find the timer armed.
NEAR: Final = milliseconds(1)
#: How long before a takeover the loop stops sleeping: a timer's wake-up and cold caches cost 0.2 ms, and a
#: backup comes this near to its deadline only when the master is really silent.
HEAD_START: Final = milliseconds(1)
ALIVE_EVERY: Final = seconds(1)
SOON: Final = milliseconds(100)  # if something is left that is done beside that
LAST_WORDS: Final = 200  # ms that the supervisor may take to read on when we end
MESSAGES: Final = 4  # taken from the supervisor in one turn
STATIC: Final = "static"  # the cause of an impediment
CAPABILITIES: Final = ("CAP_NET_ADMIN", "CAP_NET_RAW")


class Worker:
    """One process's VRRP.  `run` returns when it has resigned from everything."""

    def __init__(self, channel: Channel, blackbox: BlackBox) -> None:
        self._channel = channel
        self._kernel = Kernel()
        self._reporter = Reporter(channel, self._refused)
        self._executor = Executor(self._kernel, blackbox, self._reporter)
        self._engine = Engine(self._executor, self._reporter.remark)
        self._roster = Roster(self._kernel, blackbox, self._engine, self._port_changed)
        self._statics = Statics(self._kernel, self._reporter.log)
        self._ears = Ears(self._roster.ports.by_wire, self._overhear, Tap)
        self._executor.watchers.append(self._ears.moved)
        self._timer = process.TimerFd()
        self._armed_for: Instant | None = None
        self._signals, theirs = socket.socketpair()
        self._epoll = select.epoll()
        self._listening: dict[int, Port | Ear] = {}
        self._receivers: dict[Port, AdvertReceiver] = {}
        self._channel_mask = select.EPOLLIN
        self._alive_at = monotonic()
        self._leaving = False
        self._held = False  # by a start-up delay
        self._lacking: str | None = None  # of the static holdings
        self._heard_at = Instant(0)
        self._streaming = False  # packets came in the last turn, and shortly before
        self._gather = GATHER_LEAST
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.detach(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, lambda *_: None)  # the byte in the wake-up socket is what counts
        for number in (
            *signals.DUMPS,
            signal.SIGINT,
            signal.SIGHUP,
        ):  # a terminal's; the supervisor hears them
            signal.signal(number, signal.SIG_IGN)
        for held in (self._kernel, self._channel, self._timer, self._signals):
            self._epoll.register(held.fileno(), select.EPOLLIN)

    def run(self) -> None:
        """Work until the supervisor, its loss or SIGTERM says to leave."""
        while not self._leaving:
            self._turn()
        now = monotonic()
        self._roster.stop(now)
        self._statics.leave()
        self._executor.flush(now)
        self._say_last_words(now)

    def _say_last_words(self, now: Instant) -> None:
        """Tell the supervisor all that is left, for as long as it reads."""
        writable = select.poll()
        writable.register(self._channel, select.POLLOUT)
        while self._reporter.waiting or self._channel.wants_write:
            if not writable.poll(LAST_WORDS):
                return
            self._channel.flush()
            self._reporter.send(now)

    def _turn(self) -> None:
        """One wake-up: hear, fire, carry out; then, a slice each, all the rest."""
        ready = self._wait()
        now = monotonic()
        drained, heard, others = True, False, []
        for descriptor, _ in ready:
            port = self._listening.get(descriptor)
            if port is None:
                others.append(descriptor)
            else:
                if heard and self._engine.next_deadline(now) <= now:
                    self._engine.fire(now, drained=False)  # our own adverts wait for one socket, not for all
                drained &= self._engine.hear(port, now)
                heard = True
                now = monotonic()
        if heard:
            self._streaming = now - self._heard_at < 2 * self._gather
            self._heard_at = now
        self._engine.fire(now, drained)
        self._executor.flush(now)
        if self._channel.has_input and self._channel.fileno() not in others:
            others.append(self._channel.fileno())  # left over from an earlier turn
        for descriptor in others:
            self._attend(descriptor, now)
        self._roster.attend(now)
        if now >= self._alive_at:
            self._live_on(now)
        if self._reporter.busy and not self._executor.busy:
            self._reporter.send(now)
        self._watch_channel()

    def _wait(self) -> list[tuple[int, int]]:
        busy = (
            self._executor.busy
            or self._reporter.busy
            or self._roster.trackers.busy
            or (self._channel.has_input and not self._channel.closed)
        )
        if busy:
            return self._epoll.poll(0)
        now = monotonic()
        deadline = min(
            self._engine.next_deadline(now),
            self._executor.announcer.next_deadline(),
            self._roster.links.next_deadline,
            self._alive_at,
        )
        takeover_at = self._engine.takeover_at()
        if takeover_at - now < HEAD_START:
            self._engine.rehearse()
            while not (ready := self._epoll.poll(0)) and monotonic() < takeover_at:
                pass
            return ready
        if takeover_at == deadline:
            deadline = Instant(takeover_at - HEAD_START)
        if self._streaming and deadline - now > self._gather + NEAR:
            pause(self._gather)
            self._streaming = False
            return self._epoll.poll(0)
        if deadline != self._armed_for:
            self._timer.arm(deadline)
            self._armed_for = deadline
        return self._epoll.poll()

    def _attend(self, descriptor: int, now: Instant) -> None:
        if descriptor == self._timer.fileno():
            self._timer.acknowledge()
            self._armed_for = None
        elif descriptor == self._kernel.fileno():
            if self._executor.busy:
                return  # most of it is what we did ourselves; it will still be there
            changes = self._kernel.read_events()
            self._roster.apply(changes, now)
            self._statics.apply(changes)
            self._mind_statics(now)
        elif descriptor == self._channel.fileno():
            self._channel.flush()
            for message in self._channel.receive(MESSAGES):
                self._obey(message, now)
            self._leaving |= self._channel.closed
        elif descriptor == self._signals.fileno():
            # SIGTERM may reach the whole control group; the addresses must not outlive us.
            self._leaving |= signal.SIGTERM in self._signals.recv(64)

    def _obey(self, message: Message, now: Instant) -> None:
        match message:
            case Setup():
                self._set_up(message)
            case PutRouter(router=config):
                self._reporter.report(self._roster.put(config, now))
            case DropRouter(key=key):
                router = self._roster.drop(key, now)
                if router is not None:
                    self._reporter.forget(router)
                    self._channel.post(RouterGone(key))
            case Impede(key=key, cause=cause, reason=reason):
                if (impeded := self._roster.routers.get(key)) is not None:
                    self._roster.impede(impeded, cause, reason, now)
            case Resolved():
                for router in self._roster.resolve(message, now):
                    self._reporter.report(router)
            case TrackResult():
                self._roster.trackers.hear(message)
            case DropTracker(kind=kind, name=name):
                self._roster.trackers.drop((kind, name))
            case Delay(interfaces=interfaces):
                self._roster.delay(interfaces, now)
            case Override(key=key, priority=priority):
                if (overridden := self._roster.routers.get(key)) is not None:
                    self._roster.override(overridden, priority, now)
            case HandOver():
                self._hand_over(message, now)
            case Leftovers(estates=estates):
                self._roster.leftovers = (self._roster.leftovers or ()) + estates
            case PutStatic(static=static):
                self._put_static(static, now)
            case PutGroup() | DropGroup():
                self._regroup(message, now)
            case HoldBack(until=until, why=why):
                self._roster.hold_until, self._roster.hold_why = Instant(until), why
            case KeepSequences(path=path):
                self._roster.keep_sequences(path, now)
            case Commit(generation=generation):
                self._commit(generation, now)
            case Describe(token=token):
                for router in self._roster.routers.values():
                    self._reporter.report(router)
                for team in self._roster.teams.by_name.values():
                    self._reporter.report_group(team)
                self._reporter.answer(lambda: Described(token, self._totals()))
            case Resign():
                self._leaving = True
            case _:
                raise AssertionError(f"a worker does not take {message!r}")

    def _commit(self, generation: int, now: Instant) -> None:
        self._start(now)
        share = Duration(self._roster.shortest_interval() // SHARE)
        self._gather = max(GATHER_LEAST, min(GATHER_MOST, share))
        self._reporter.answer(lambda: Committed(generation))

    def _regroup(self, message: PutGroup | DropGroup, now: Instant) -> None:
        teams, routers = self._roster.teams, self._roster.routers
        if isinstance(message, DropGroup):
            teams.drop(message.name, now)
        else:
            there = [routers[key] for key in message.members if key in routers]
            self._reporter.report_group(teams.put(message.name, there, now))
        self._executor.flush_addresses()

    def _put_static(self, static: Static, now: Instant) -> None:
        self._roster.apply(Changes(frozenset(), self._statics.put(static)), now)
        self._mind_statics(now, anew=True)

    def _mind_statics(self, now: Instant, anew: bool = False) -> None:
        """Keep routers from taking part that need what cannot be had; ``anew``: it is others that do."""
        fault = self._statics.fault
        if anew or fault != self._lacking:
            self._lacking = fault
            for router in self._roster.routers.values():
                reason = fault if router.config.name in self._statics.needed_by else None
                if router.impediments.get(STATIC) != reason:
                    self._roster.impede(router, STATIC, reason, now)

    def _hand_over(self, order: HandOver, now: Instant) -> None:
        if order.again:
            self._roster.deferring.add(order.key)
            return
        router = self._roster.routers.get(order.key)
        refused = None if router is None else self._roster.step_down(router, "an operator's failover", now)
        if refused is not None:
            self._reporter.log(WARNING, f"no failover: {refused}", router)

    def _set_up(self, setup: Setup) -> None:
        for warning in rank.take(setup.rank, lambda: process.keep_capabilities(CAPABILITIES)):
            self._reporter.log(WARNING, warning)

    def _start(self, now: Instant) -> None:
        """Start what is new, or see to it that it is started once nothing holds it back."""
        for note in self._roster.commit(now):
            self._reporter.log(WARNING, note)
        self._held = now < self._roster.hold_until
        if self._held:
            self._alive_at = min(self._alive_at, self._roster.hold_until)

    def _live_on(self, now: Instant) -> None:
        self._channel.post(Alive())
        self._alive_at = after(now, ALIVE_EVERY)
        if self._held:
            self._start(now)
        self._roster.look_again(now)
        self._statics.try_again()
        self._mind_statics(now)
        for trouble in self._ears.settle():
            self._reporter.log(WARNING, trouble)
        if self._ears.busy:
            self._alive_at = min(self._alive_at, after(now, SOON))

    def _totals(self) -> dict[str, int]:
        totals = {f"refused-{refusal}": 0 for refusal in Refusal} | {"receive-overflows": 0}
        for port in self._roster.ports.by_wire.values():
            for refusal, count in port.refused.items():
                totals[f"refused-{refusal}"] += count
            totals["receive-overflows"] += port.receiver.lost() if port.receiver is not None else 0
        totals["log-lines-dropped"] = self._channel.dropped + self._reporter.dropped
        return totals

    def _watch_channel(self) -> None:
        wanted = select.EPOLLIN | (select.EPOLLOUT if self._channel.wants_write else 0)
        if wanted != self._channel_mask:
            self._epoll.modify(self._channel.fileno(), wanted)
            self._channel_mask = wanted

    def _port_changed(self, port: Port) -> None:
        """Listen to a port's receiver as it is now."""
        self._ears.changed(port)
        old = self._receivers.get(port)
        if old is port.receiver:
            return
        if old is not None:
            self._listening = {fd: known for fd, known in self._listening.items() if known is not port}
            del self._receivers[port]  # its descriptor is closed, and so gone from the epoll set
        if port.receiver is not None:
            self._receivers[port] = port.receiver
            self._listening[port.receiver.fileno()] = port
            self._epoll.register(port.receiver.fileno(), select.EPOLLIN)

    def _overhear(self, tap: Tap, ear: Ear | None) -> None:
        """Listen to a tap, or no more."""
        if ear is not None:
            self._listening[tap.fileno()] = ear
            self._epoll.register(tap.fileno(), select.EPOLLIN)
        else:
            del self._listening[tap.fileno()]
            self._epoll.unregister(tap.fileno())

    def _refused(self, router: Router, reason: str) -> None:
        """Let the machine decide what a refused address means."""
        self._engine.step(router, AddressesRefused(reason), monotonic())


def main(channel: int, blackbox: int) -> None:
    """Run a worker on the descriptors that the supervisor handed down."""
    process.set_name("havip-vrrp")
    process.allow_descriptors()
    process.settle_garbage_collector()  # now, while the heap is small and nobody waits for an advert
    Worker(Channel(socket.socket(fileno=channel)), BlackBox(blackbox)).run()
