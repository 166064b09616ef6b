"""The interface that a virtual router has to itself, as far as the router must mind it.

A macvlan with the virtual MAC address, or an ipvlan.  The supervisor makes and removes it; here it is only
used, once it is what it should be.  Adverts are heard, and their source address taken, at the router's port.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from havip.clock import Instant
from havip.config.devices import device_name, has_device, mac_of, sends_from_device
from havip.vrrp.kernel import Kernel
from havip.vrrp.port import Port
from havip.vrrp.sockets import AdvertSender

if TYPE_CHECKING:
    from havip.vrrp.router import Router

CAUSE: Final = "outlet"  #: of the impediment that an outlet is to its router


class Outlet:
    """One router's own interface.  ``sender`` is what the executor sends its adverts with, as a port's."""

    def __init__(self, router: Router) -> None:
        config = router.config
        self.interface = device_name(config)
        self.router = router
        self.fault: str | None = f"interface {self.interface} has not been looked at"
        self.sender: AdvertSender | None = None
        self._mac = bytes.fromhex(mac_of(config).replace(":", ""))
        self._sends = sends_from_device(config)
        self._own: AdvertSender | None = None
        self._basis: tuple[object, ...] = ()  # what the sender was made for

    def look(self, kernel: Kernel) -> str | None:
        """Return what is wrong with the interface now; None: nothing."""
        return kernel.outlet_fault(self.interface, self.router.port.view.ifindex, self._mac)

    def use(self, fault: str | None, kernel: Kernel) -> None:
        """Go by a new look, and by the port as it is now.  Where no socket opens, ``fault`` says so."""
        self.fault = fault
        port = self.router.port
        if not self._sends:
            self.sender = port.sender
            return
        view = port.view
        ifindex = kernel.device(self.interface).ifindex
        basis = (ifindex, view.address, fault or view.fault)
        if basis != self._basis or self._own is None:
            self.close()
            self._basis = basis
            if fault is None and view.fault is None:
                self._open(ifindex, port)

    def close(self) -> None:
        """Close the socket."""
        if self._own is not None:
            self._own.close()
        self.sender = self._own = None

    def _open(self, ifindex: int, port: Port) -> None:
        try:
            self.sender = self._own = AdvertSender(self.interface, ifindex, port.family, port.view.address)
        except OSError as error:
            self.fault = f"cannot open a raw socket on interface {self.interface}: {error.strerror}"


class Outlets:
    """Every router that has an interface to itself.

    ``impede`` keeps a router from taking part for a reason in words, or lets it.
    """

    def __init__(self, kernel: Kernel, impede: Callable[[Router, str, str | None, Instant], None]) -> None:
        self._kernel = kernel
        self._impede = impede
        self._routers: dict[Router, Outlet] = {}

    def add(self, router: Router, now: Instant) -> None:
        """Give a new router its interface, if it has one to itself."""
        if has_device(router.config):
            router.outlet = self._routers[router] = outlet = Outlet(router)
            outlet.use(outlet.look(self._kernel), self._kernel)
            self._impede(router, CAUSE, outlet.fault, now)

    def rewire(self, router: Router) -> None:
        """Take note that a router has another port."""
        outlet = self._routers.get(router)
        if outlet is None:
            router.outlet = router.port
        else:
            outlet.use(outlet.look(self._kernel), self._kernel)

    def remove(self, router: Router) -> None:
        """Take note that a router is gone."""
        outlet = self._routers.pop(router, None)
        if outlet is not None:
            outlet.close()

    def saw(self, interfaces: frozenset[str], now: Instant) -> None:
        """Look again at those of these interfaces that are some router's own."""
        for router, outlet in self._routers.items():
            if outlet.interface in interfaces:
                self._refresh(router, outlet, now)

    def follow(self, port: Port, now: Instant) -> None:
        """Go by a port that has changed: it says where adverts come from, and on what outlets stand."""
        for router in port.routers.values():
            outlet = self._routers.get(router)
            if outlet is not None:
                self._refresh(router, outlet, now)

    def retry(self, now: Instant) -> None:
        """Look again at what cannot be used."""
        for router, outlet in self._routers.items():
            if outlet.fault is not None:
                self._refresh(router, outlet, now)

    def _refresh(self, router: Router, outlet: Outlet, now: Instant) -> None:
        fault = outlet.look(self._kernel)
        if fault is not None:
            self._impede(router, CAUSE, fault, now)  # before the socket closes: resign if we still can
        outlet.use(fault, self._kernel)
        self._impede(router, CAUSE, outlet.fault, now)
