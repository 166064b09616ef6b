"""Working models of the worker's edges: a kernel that holds addresses, sockets that keep what was sent.

They behave as the real ones do in `tests/netns`; only the wire and the kernel are missing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, ClassVar, cast

from havip.clock import Duration, Instant
from havip.config.model import Estate, Family, VirtualAddress, VirtualRouter
from havip.vrrp import packet
from havip.vrrp.holdings import NO_INTERFACE, Batch, Holding
from havip.vrrp.kernel import DeviceView, InterfaceView, Kernel, Refused
from havip.vrrp.packet import Heard
from havip.vrrp.port import Port
from havip.vrrp.settings import Settings
from havip.vrrp.sockets import FrameSender, Target
from havip.vrrp.wire import Wire

MAC = bytes.fromhex("020000000001")
OURS = ip_address("10.0.0.1").packed
PEER = ip_address("10.0.0.2").packed


class ModelKernel:
    """Interfaces by name, and what was put into the kernel.

    The key of a holding is (ifindex, holding), with 0 for what is on no interface.
    """

    def __init__(self) -> None:
        self.views = {
            name: InterfaceView(None, 7 + i, MAC, OURS, 1500) for i, name in enumerate(("eth0", "eth1"))
        }
        self.held: set[tuple[int, Holding]] = set()
        self.refuses: set[Holding] = set()
        self.sources: set[bytes] = set()  # addresses beside the primary one
        self.log: list[tuple[str, int]] = []  # ("add" or "remove", how many routers at once)

    def view(self, interface: str, family: Family, source: bytes = b"") -> InterfaceView:
        absent = f"interface {interface} does not exist"
        view = self.views.get(interface) or InterfaceView(absent, 0, b"", b"", 0, lack=absent)
        if view.fault is not None and view.lack != view.fault:
            view = replace(view, link=view.fault)
        if source and source not in self.sources:
            return replace(view, fault=view.fault or f"no address {ip_address(source)}", address=b"")
        return replace(view, address=source) if source else view

    def link_fault(self, interface: str) -> str | None:
        return self.view(interface, Family.IPV4).fault

    def has_link(self, interface: str) -> bool:
        return interface in self.views

    def device(self, name: str) -> DeviceView:
        view = self.view(name, Family.IPV4)
        return DeviceView(view.fault, view.ifindex, view.mac, False)

    def outlet_fault(self, interface: str, parent: int, mac: bytes) -> str | None:
        return self.view(interface, Family.IPV4).fault

    def prepare(self, ifindex: int, wanted: Sequence[Holding]) -> Batch:
        keys = cast(Any, tuple((self.place_of(one, ifindex), one) for one in wanted))
        return Batch(tuple(wanted), keys, (), (), 0, 0)

    def place_of(self, holding: Holding, ifindex: int) -> int:
        if not isinstance(holding, VirtualAddress):
            return 0
        return self.device(holding.device).ifindex if holding.device else ifindex

    def add(self, batches: Sequence[Batch]) -> list[Refused]:
        self.log.append(("add", len(batches)))
        refused = []
        for batch in batches:
            for key in cast(Any, batch.keys):
                if key[0] == NO_INTERFACE:
                    refused.append(Refused(key[1], "ENODEV", batch))
                elif key[1] in self.refuses:
                    refused.append(Refused(key[1], "EACCES", batch))
                else:
                    self.held.add(key)
        return refused

    def remove(self, batches: Sequence[Batch], keep: Collection[Any] = ()) -> list[Refused]:
        self.log.append(("remove", len(batches)))
        for batch in batches:
            self.held -= set(cast(Any, batch.keys)) - set(keep)
        return []

    def sweep(self, keep: Collection[Any], among: Iterable[Estate] | None = None) -> list[str]:
        ours = {address for estate in among or () for address in estate.addresses}
        swept = {held for held in self.held - set(keep) if among is None or held[1] in ours}
        self.held -= swept
        return [str(address) for _, address in swept]

    def addresses(self) -> set[str]:
        return {str(address) for _, address in self.held}


class ModelSender:
    """Keeps what was sent, with what the kernel held at that moment."""

    def __init__(self, wire: list[tuple[str, bytes]], kind: str, kernel: ModelKernel) -> None:
        self.wire, self.kind, self.kernel = wire, kind, kernel
        self.error: str | None = None
        self.targets: list[str | None] = []  # where each went
        self.held_when_sent: list[set[str]] = []

    def send(self, data: bytes, to: Target | None = None) -> str | None:
        if self.error is None:
            self.wire.append((self.kind, data))
            self.targets.append(to[0] if to is not None else None)
            self.held_when_sent.append(self.kernel.addresses())
        return self.error

    def send_from(self, interface: str, data: bytes) -> str | None:
        if self.error is None:
            self.wire.append((f"{self.kind} on {interface}", data))
            self.held_when_sent.append(self.kernel.addresses())
        return self.error

    def close(self) -> None:
        pass


class ModelReceiver:
    """Hands out what a test has put into ``waiting``."""

    def __init__(self) -> None:
        self.waiting: list[Heard] = []
        self.vrids: set[int] = set()
        self.rejoined = 0

    def receive(self, limit: int = 64) -> list[Heard]:
        batch, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return batch

    def arrived(self, now: Instant) -> Instant:
        return now

    def listen_to(self, vrids: Collection[int]) -> None:
        self.vrids = set(vrids)

    def rejoin(self) -> None:
        self.rejoined += 1

    def fileno(self) -> int:
        return 1000 + id(self) % 1000

    def close(self) -> None:
        pass


class ModelTap(ModelReceiver):
    """A tap that hands out what a test has put into ``waiting``; of all that there are, ``made`` knows."""

    made: ClassVar[list[ModelTap]] = []

    def __init__(self, interface: str, ifindex: int) -> None:
        super().__init__()
        self.interface, self.ifindex = interface, ifindex
        self.sources: set[bytes] = set()
        self.destination = b""
        self.adrift = False
        self.made.append(self)

    def move_to(self, interface: str, ifindex: int) -> None:
        self.interface, self.ifindex, self.adrift = interface, ifindex, False

    def tune(self, sources: Collection[bytes], destination: bytes, vrids: Collection[int]) -> None:
        self.sources, self.destination, self.vrids = set(sources), destination, set(vrids)

    def deafen(self) -> None:
        self.sources = set()

    def fileno(self) -> int:
        return 8000 + self.made.index(self)


class ModelPort(Port):
    """A port on model sockets; ``wire`` is what left it, in order."""

    def __init__(self, wire: Wire, kernel: Kernel, spares: list[FrameSender]) -> None:
        self.wire: list[tuple[str, bytes]] = []
        self.cannot_open = False
        self._model_kernel = kernel
        super().__init__(wire, kernel, spares)

    def _open(self) -> None:
        if self.view.fault is None and self.cannot_open:
            self.view = replace(self.view, fault="cannot open a raw socket")
        if self.view.fault is not None:
            return
        model = cast(Any, self._model_kernel)
        self.receiver = cast(Any, ModelReceiver())
        self.sender = cast(Any, ModelSender(self.wire, "advert", model))
        self.frames = cast(Any, ModelSender(self.wire, "announcement", model))
        self._listen()

    @property
    def inbox(self) -> list[Heard]:
        return cast(Any, self.receiver).waiting

    def adverts(self) -> list[int]:
        """Return the priorities of the adverts that left."""
        return [data[20 + 2] for kind, data in self.wire if kind == "advert"]


def router(
    name: str = "gw", vrid: int = 51, address: str = "10.0.0.9", interface: str = "eth0", **options: Any
) -> VirtualRouter:
    """Return a configured router with one address."""
    return VirtualRouter(name, interface, vrid, (VirtualAddress(ip_address(address), 24),), **options)


def heard(
    vrid: int = 51, priority: int = 200, source: bytes = PEER, interval: int = 10**9, ttl: int = 255
) -> Heard:
    """Return a peer's advert as the socket delivers it."""
    peer = Settings(3, vrid, priority, Duration(interval), source)
    message = packet.encode(peer, priority, [ip_address("10.0.0.9").packed], packet.GROUP_IPV4)
    return message, source, packet.GROUP_IPV4, ttl


def at(count: float) -> Instant:
    """Return an instant ``count`` seconds after the first."""
    return Instant(10**12 + round(count * 10**9))
