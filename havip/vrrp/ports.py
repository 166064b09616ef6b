"""All ports of a worker: each is opened for the first router of its wire and closed after the last one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from havip.vrrp.kernel import Kernel
from havip.vrrp.port import Port
from havip.vrrp.router import Router
from havip.vrrp.sockets import FrameSender
from havip.vrrp.wire import Wire

Make: TypeAlias = Callable[[Wire, Kernel, list[FrameSender]], Port]  # how a port is made


class Ports:
    """Ports by wire.  ``changed`` is told when a port's receiver was opened or closed."""

    def __init__(self, kernel: Kernel, changed: Callable[[Port], None], make: Make = Port) -> None:
        self.by_wire: dict[Wire, Port] = {}
        self.changed = changed
        self._kernel = kernel
        self._make = make
        self._spares: list[FrameSender] = []

    def on(self, wire: Wire) -> Port:
        """Return the port of a wire."""
        port = self.by_wire.get(wire)
        if port is None:
            port = self.by_wire[wire] = self._make(wire, self._kernel, self._spares)
            self.changed(port)
        return port

    def leave(self, router: Router) -> None:
        """Take a router from its port, and close the port that has no other."""
        port = router.port
        port.remove(router)
        if not port.routers:
            port.close()
            self.changed(port)
            del self.by_wire[port.on]
