"""One virtual router at run time: the configuration, the machine's state, and what is prepared for it.

The bytes that a takeover needs (adverts, netlink messages, announcements) are built here when the
configuration or the interface changes, never when they are sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from havip import clock
from havip.clock import NEVER, Duration, Instant
from havip.config.model import VirtualRouter
from havip.config.tracking import Tracker
from havip.errors import Refusal
from havip.messages import RouterReport
from havip.vrrp import announce, machine, packet, peers
from havip.vrrp.holdings import NO_INTERFACE
from havip.vrrp.kernel import Batch, DeviceView, Kernel
from havip.vrrp.machine import Backup, Initialize, Master, State
from havip.vrrp.port import Port
from havip.vrrp.settings import Settings
from havip.vrrp.signing import Signing
from havip.vrrp.sockets import Parcel
from havip.vrrp.tracking import Standing

if TYPE_CHECKING:
    from havip.vrrp.outlet import Outlet
    from havip.vrrp.signatures import Signatures
    from havip.vrrp.team import Team

NO_DEADLINE = -1
DEVICES = "devices"  # the cause of an impediment: an interface that is to hold something


class Router:
    """Mutable, and owned by the worker's one thread.  Hot counters are plain attributes."""

    __slots__ = (
        "adverts",
        "adverts_received",
        "adverts_sent",
        "announcements_sent",
        "basis",
        "batch",
        "became_master",
        "believed_for",
        "checks_peers",
        "config",
        "devices",
        "epoch",
        "equals",
        "frames",
        "frames_away",
        "holds_all",
        "impediments",
        "lost",
        "number",
        "outlet",
        "override",
        "peers",
        "place",
        "port",
        "refused",
        "rehearsal",
        "rehearsed_for",
        "resignations_received",
        "resignations_sent",
        "scheduled",
        "send_errors",
        "settings",
        "signatures",
        "signing",
        "since",
        "slot",
        "standing",
        "state",
        "team",
        "trackers",
        "trouble",
        "unsigned",
        "why",
    )

    def __init__(
        self,
        config: VirtualRouter,
        port: Port,
        kernel: Kernel,
        slot: int,
        number: int,
        signing: Signing | None = None,
    ) -> None:
        self.config = config
        self.port = port
        self.outlet: Port | Outlet = port  # where our adverts leave
        self.slot = slot  # in the black box
        self.number = number  # breaks ties between equal deadlines
        self.override: int | None = None  # a priority that an operator has set
        self.trackers: tuple[Tracker, ...] = config.track.trackers()
        self.standing = Standing(config.priority)  # until `havip.vrrp.trackers` has added it up
        self.settings = Settings.of(config, port.view.address)
        self.state: State = Initialize()
        self.team: Team | None = None  # the sync group that we belong to
        self.place = 0  # among its members
        self.impediments: dict[str, str] = {}  # why we may not take part, by cause, beside the interface
        self.scheduled = NEVER  # the deadline under which the worker's queue knows us
        self.since = clock.wall()
        self.why = "not started"
        self.trouble = ""  # why the last advert could not be sent
        self.rehearsed_for = NEVER  # the takeover that the engine has gone through without effect
        self.epoch = 0  # moves on whenever announcements that still wait become void
        self.holds_all = True  # the kernel took every address when it was last given them
        self.basis: tuple[object, ...] = ()  # what the prepared things were made of
        self.adverts: Mapping[int, tuple[Parcel, ...]] = {}  # by priority: one for the group, or each peer's
        self.peers: peers.Peers = {}  # of unicast
        self.checks_peers = False  # adverts of others do not count
        self.signing = signing or Signing()
        self.signatures: Signatures | None = None  # None: adverts are not signed
        self.equals = 0  # other routers seen with our priority
        self.unsigned = 0  # adverts that were believed without a signature
        self.frames: tuple[bytes, ...] = ()
        self.frames_away: tuple[tuple[str, bytes], ...] = ()  # (interface, frame): it carries no adverts
        self.adverts_sent = self.adverts_received = 0
        self.resignations_sent = self.resignations_received = 0
        self.announcements_sent = self.became_master = self.send_errors = self.lost = 0
        self.refused: Counter[Refusal] = Counter()
        self.batch: Batch
        self.rehearsal: Batch  # the first address, for an interface that cannot be
        self.devices: dict[str, DeviceView] = {}  # the interfaces without adverts that it needs, by name
        self.prepare(kernel)

    def configure(self, config: VirtualRouter) -> None:
        """Go by another configuration, which `prepare` must follow; results of trackers are not in it yet."""
        self.config = config
        self.trackers = config.track.trackers()
        self.standing = Standing(config.priority)

    def prepare(self, kernel: Kernel) -> None:
        """Build everything that can be built before it is needed, unless it stands there already.

        It does not depend on whether the interface can be used: a link that comes and goes costs nothing.
        """
        view = self.port.view
        places = self._look_at_devices(kernel)
        seen = (self.port.on, view.ifindex, view.address, view.mac, view.forwards)
        basis = (self.config, seen, places, self.signing.basis(self.config))
        if basis == self.basis:
            return
        self.basis = basis
        self.settings = Settings.of(self.config, view.address, self.standing.priority)
        # The skew is not counted: a peer of the highest priority has next to none.
        self.believed_for = Duration(self.config.down_adverts * self.config.interval)
        home = self.devices.get(self.config.home)
        self.batch = kernel.prepare(view.ifindex if home is None else home.ifindex, self.config.holdings)
        first = replace(self.config.addresses[0], device="")
        self.rehearsal = kernel.prepare(NO_INTERFACE, (first,))
        self.peers = peers.peers_of(self.config, view.address)
        self.checks_peers = self.config.unicast is not None and self.config.unicast.check_source
        trouble = peers.trouble(self.config, view.address)
        if trouble is None:
            self.impediments.pop("peers", None)
        else:
            self.impediments["peers"] = trouble
        self._prepare_signatures()
        self._prepare_adverts()
        self._prepare_announcements(kernel)

    def _prepare_announcements(self, kernel: Kernel) -> None:
        """Build a frame for each address, for the interface that it is on."""
        view, home = self.port.view, self.config.home
        frames: list[bytes] = []
        away: list[tuple[str, bytes]] = []
        if view.address:
            for virtual in (*self.config.addresses, *self.config.excluded_addresses):
                where, address = virtual.device or home, virtual.address.packed
                # A host that sees the router flag go drops us as a router (RFC 4861 section 7.2.5).
                if where == self.config.interface:
                    if not announce.can_be_told(view.mac):
                        continue
                    forwards = view.forwards
                    if virtual.address.version != self.config.family:
                        forwards = kernel.device(where).forwards
                    frames.append(announce.frame(address, view.mac, forwards))
                elif announce.can_be_told(mac := self.devices[where].mac):
                    away.append((where, announce.frame(address, mac, self.devices[where].forwards)))
        if (tuple(frames), tuple(away)) != (self.frames, self.frames_away):
            self.frames, self.frames_away = tuple(frames), tuple(away)
            self.epoch += 1  # what still waits to be announced is no longer true

    def stand(self, standing: Standing) -> bool:
        """Go by a new standing; say whether another priority follows, whose adverts are ready then."""
        self.standing = standing
        settings = replace(self.settings, priority=standing.priority)
        if settings == self.settings:
            return False
        self.settings = settings
        self._prepare_adverts()
        return True

    def _prepare_signatures(self) -> None:
        found = self.signing.of(self.config)
        if isinstance(found, str):
            self.impediments["signatures"] = found  # never without, if they were asked for
            self.signatures = None
        else:
            self.impediments.pop("signatures", None)
            self.signatures = found

    def _prepare_adverts(self) -> None:
        self.adverts = {}
        if self.settings.address:
            addresses = [vip.address.packed for vip in self.config.addresses]
            priorities = (0, self.settings.priority)
            self.adverts = {priority: self._advert(priority, addresses) for priority in priorities}
            if self.signatures is not None:
                self.adverts = self.signatures.adverts(self.adverts, self.settings.address)
            elif self.config.hmac is not None:  # we are in FAULT, or shall be: resign, and say nothing else
                self.adverts = {self.settings.priority: (), 0: self.adverts[0]}

    def _advert(self, priority: int, addresses: list[bytes]) -> tuple[Parcel, ...]:
        """Return an advert for each destination: the checksum of VRRPv3 covers it."""
        wire = self.port.on
        return tuple(
            (self._packet(priority, addresses, to, wire.ttl), (readable(to), 0))
            for to in ((wire.group,) if wire.group else self.peers)
        )

    def _packet(self, priority: int, addresses: list[bytes], to: bytes, ttl: int) -> bytes:
        message = packet.encode(self.settings, priority, addresses, to)
        if len(self.settings.address) == 16:
            return message
        return packet.ipv4_datagram(message, self.settings.address, to, ttl)

    def device_fault(self, kernel: Kernel) -> str | None:
        """Return why something cannot go where it belongs, in words; None: everything can."""
        faults = (kernel.device(name).fault for name in self.config.needed_devices)
        return next((fault for fault in faults if fault is not None), None)

    def _look_at_devices(self, kernel: Kernel) -> tuple[object, ...]:
        """Look at the interfaces without adverts that something goes on; return what depends on them."""
        self.devices = {name: kernel.device(name) for name in self.config.devices}
        fault = self.device_fault(kernel)
        if fault is None:
            self.impediments.pop(DEVICES, None)
        else:
            self.impediments[DEVICES] = fault
        return tuple((one.ifindex, one.mac, one.forwards) for one in self.devices.values())

    @property
    def fault(self) -> str | None:
        """Return why the router cannot take part, in words; None: it can."""
        return self.port.view.fault or next(iter(self.impediments.values()), None)

    @property
    def is_master(self) -> bool:
        """Say whether we hold the addresses."""
        return type(self.state) is Master

    def report(self, now: Instant) -> RouterReport:
        """Return what `status` shows."""
        master, master_interval = self._master()
        deadline = machine.next_deadline(self.state)
        settings = self.settings
        return RouterReport(
            key=self.config.key,
            name=self.config.name,
            version=settings.version,
            state=self.state_name,
            since=self.since,
            why=self.why,
            priority=self.config.priority,
            effective_priority=settings.priority,
            interval=settings.interval,
            master_interval=master_interval,
            master_down=settings.master_down(Duration(master_interval)),
            next_deadline=NO_DEADLINE if deadline == NEVER else max(0, deadline - now),
            master=readable(master),
            primary_address=readable(settings.address),
            addresses=tuple(map(str, self.config.addresses)),
            holds=tuple(map(str, self.config.holdings[len(self.config.addresses) :])),
            counters=self.counters(),
            terms=self.standing.terms,
            authentication=str(self.config.hmac or self.config.authentication or ""),
            defers=type(self.state) is Backup and self.state.deferring,
            peers=tuple(peer.in_force for peer in self.config.unicast.peers) if self.config.unicast else (),
        )

    @property
    def state_name(self) -> str:
        """Return MASTER, BACKUP, FAULT or INIT."""
        return name_of(self.state)

    def counters(self) -> dict[str, int]:
        """Return every counter by its metric label."""
        counted = {
            "adverts-sent": self.adverts_sent,
            "adverts-received": self.adverts_received,
            "resignations-sent": self.resignations_sent,
            "resignations-received": self.resignations_received,
            "became-master": self.became_master,
            "released-master": max(0, self.became_master - self.is_master),  # one resumed was never made
            "announcements-sent": self.announcements_sent,
            "addresses-put-back": self.lost,
            "send-errors": self.send_errors,
            "unsigned-believed": self.unsigned,
            "equal-priorities": self.equals,
        }
        for refusal in Refusal:
            counted[f"refused-{refusal}"] = self.refused[refusal]
        return counted

    def _master(self) -> tuple[bytes, int]:
        match self.state:
            case Master():
                return self.settings.address, self.settings.interval
            case Backup(master=master, master_interval=interval):
                return master or b"", interval
            case Initialize():
                return b"", self.settings.interval


def name_of(state: State) -> str:
    """Return MASTER, BACKUP, FAULT or INIT."""
    match state:
        case Master():
            return "MASTER"
        case Backup():
            return "BACKUP"
        case Initialize(fault=None):
            return "INIT"
        case Initialize():
            return "FAULT"


def readable(address: bytes) -> str:
    """Return a packed address as people write it; empty for none."""
    return str(ip_address(address)) if address else ""
