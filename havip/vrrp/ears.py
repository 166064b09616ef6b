"""Hears, as MASTER, what others send from the addresses that we hold: IPv4 routing drops it as our own.

Such a packet comes from the owner of an address, for any of its virtual routers.  It is judged like every
other.  Nothing is heard twice: what comes from an address that we do not hold is left to the port's receiver.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from havip.config.model import Family
from havip.vrrp.port import Port
from havip.vrrp.router import Router
from havip.vrrp.tap import Tap

if TYPE_CHECKING:
    from havip.vrrp.wire import Wire

SLICE: Final = 16  # interfaces that are looked at in one go: 2 ms

Make: TypeAlias = Callable[[str, int], Tap]  # how a tap is made: of which interface


class Ear:
    """A tap beside a port's receiver, for the engine to hear as it hears the port."""

    def __init__(self, port: Port, tap: Tap) -> None:
        self.on = port.on
        self.receiver: Tap | None = tap
        self.judge = port.judge
        self.refused = port.refused
        self.remarks = port.remarks


class Ears:
    """The ears of all IPv4 ports.  ``listen`` is told of each tap, and whose it is; None: nobody's.

    Whatever changes is noted by `moved` and `changed`, and done by `settle`, when there is time: filters take
    the kernel 0.1 ms, which no advert should wait for.
    """

    def __init__(
        self,
        ports: Mapping[Wire, Port],
        listen: Callable[[Tap, Ear | None], None],
        make: Make = Tap,
    ) -> None:
        self._ports = ports
        self._listen = listen
        self._make = make
        self._ears: dict[Port, Ear] = {}
        self._spares: list[Tap] = []  # deaf
        self._due: dict[str, None] = {}  # interfaces to look at

    def moved(self, router: Router) -> None:
        """Take note of another state of a router: what it gives away is heard by the port again at once."""
        if router.config.family is not Family.IPV4:
            return
        self._due[router.config.interface] = None
        if not router.is_master and self._ears:
            for port, ear in self._ears.items():
                if port.interface == router.config.interface and ear.receiver is not None:
                    ear.receiver.sources -= held_by(router)

    def changed(self, port: Port) -> None:
        """Take note of a port that has opened, closed or got other routers."""
        self._due[port.interface] = None

    @property
    def busy(self) -> bool:
        """Say whether `settle` has something left to do."""
        return bool(self._due)

    def settle(self) -> list[str]:
        """Do a slice of what has been noted; return what could not be done, in words."""
        due = list(self._due)[:SLICE]
        if not due:
            return []
        for interface in due:
            del self._due[interface]
        there = [port for port in self._ports.values() if port.interface in due]
        for port in [port for port in self._ears if port.interface in due and self._is_over(port)]:
            self._drop(port)
        troubles = []
        for interface in due:
            ours = [port for port in there if port.interface == interface]
            sources = {
                address
                for port in ours
                for router in port.routers.values()
                if router.is_master and not router.settings.owner
                for address in held_by(router)
            }
            for port in ours:
                if port.family is Family.IPV4 and port.receiver is not None:
                    trouble = self._fit(port, sources)
                    troubles += [trouble] if trouble else []
        return troubles

    def _is_over(self, port: Port) -> bool:
        tap = self._ears[port].receiver
        gone = self._ports.get(port.on) is not port or port.receiver is None
        return gone or tap is None or tap.ifindex != port.view.ifindex

    def _fit(self, port: Port, sources: set[bytes]) -> str | None:
        """Have a port hear these sources; return why that cannot be."""
        ear = self._ears.get(port)
        tap = ear.receiver if ear is not None else None
        try:
            if not sources:
                if tap is not None:
                    tap.deafen()
                return None
            if tap is None:
                tap = self._take(port.interface, port.view.ifindex)
                ear = self._ears[port] = Ear(port, tap)
                self._listen(tap, ear)
            tap.tune(sources, port.on.group or port.view.address, port.routers.keys())
        except OSError as error:
            return f"cannot hear on {port.interface} what comes from addresses that we hold: {error.strerror}"
        return None

    def _take(self, interface: str, ifindex: int) -> Tap:
        for tap in self._spares:
            if tap.ifindex == ifindex and not tap.adrift:
                self._spares.remove(tap)
                return tap
        for tap in self._spares:
            if tap.adrift:
                tap.move_to(interface, ifindex)
                self._spares.remove(tap)
                return tap
        return self._make(interface, ifindex)

    def _drop(self, port: Port) -> None:
        tap = self._ears.pop(port).receiver
        if tap is not None:
            tap.deafen()
            self._listen(tap, None)
            self._spares.append(tap)


def held_by(router: Router) -> set[bytes]:
    """Return the IPv4 addresses, packed, that a router holds as MASTER."""
    config = router.config
    every = (*config.addresses, *config.excluded_addresses)
    return {virtual.address.packed for virtual in every if virtual.address.version == 4}
