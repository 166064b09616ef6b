"""The interfaces that virtual routers have to themselves: made before they are needed, removed after.

Decides nothing: what is to be done is `havip.config.device_plan`'s and `havip.config.sysctl_plan`'s to
say.  What cannot be done impedes the routers that need it, in the kernel's words, and is tried again when
an interface comes, goes or changes.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from havip.config.cast import Key
from havip.config.device_plan import Adjust, Create, Remove, Step, plan_devices
from havip.config.devices import Device, devices_of
from havip.config.model import Configuration
from havip.config.sysctl_plan import EVERYWHERE, IPV4, loose_everywhere, on_parents
from havip.messages import Impede, Message
from havip.netlink.socket import LINK_EVENTS, EventSocket
from havip.services import Host, Json, Service
from havip.services.links import Links, links_in
from havip.services.sysctls import Sysctls

log = logging.getLogger("havip.devices")

CAUSE: Final = "device"  #: of the impediment that a missing interface is
LET_GATHER: Final = 0.05  # seconds from an event until we look: an interface changes in several steps
AT_MOST_EVERY: Final = 1.0  # seconds between two looks, however many events there are
EVENTS_PER_READ: Final = 256  # the loop comes back for the rest
USUAL_PREFIX: Final = "vrrp"  # of the names that `havip.config.devices` gives


class Devices(Service):
    """Macvlans and ipvlans, and the kernel settings that go with them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._wanted: Sequence[Device] = ()
        self._refused: dict[Key, str] = {}
        self._lock = asyncio.Lock()
        self._ready = False  # prepared once
        self._between = False  # prepared, and not settled: some routers may still stand on the old ones
        self._events: EventSocket | None = None
        self._due: asyncio.TimerHandle | None = None
        self._looked_at = 0.0  # by the loop's clock
        self._indices: frozenset[int] = frozenset()  # of the interfaces that stood when we last looked
        self._instance = ""
        self._sysctls: Sysctls
        self._links: Links

    async def prepare(self, new: Configuration) -> None:
        """Make what is missing; the first time, put away what an earlier run left behind."""
        async with self._lock:
            first, self._ready = not self._ready, True
            if first:  # neither of them changes while the daemon runs
                self._instance = new.daemon.instance or ""
                self._sysctls = Sysctls(Path(new.daemon.state_directory))
                self._links = Links(self._sysctls)
            wanted = devices_of(new.virtual_routers)
            if first and not wanted and not await asyncio.to_thread(self._left_behind):
                return
            if not first and not wanted and not self._wanted:
                return
            self._watch()
            self._between = not first
            await self._bring_about(wanted, remove=first)
            if first:
                self._wanted = wanted
            self._unwatch_if_idle()

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Say which routers cannot have their interface."""
        return [Impede(key, CAUSE, reason) for key, reason in self._refused.items()]

    async def settle(self, new: Configuration) -> None:
        """Remove what nobody wants any more, and replace what nobody stands on any more."""
        async with self._lock:
            wanted = devices_of(new.virtual_routers)
            self._between = False
            if wanted or self._wanted:
                self._wanted = wanted
                await self._tell_of_changes()
                self._unwatch_if_idle()

    def status_of(self, key: Key) -> Json:
        """Return the interface that a router has to itself, and what is wrong with it."""
        device = next((one for one in self._wanted if one.key == key), None)
        if device is None:
            return {"device": None}
        fault = self._refused.get(key, "")
        return {"device": {"name": device.name, "kind": device.kind, "mac": device.mac, "fault": fault}}

    async def leave(self) -> None:
        """Remove every interface of ours, and put the kernel's settings back."""
        async with self._lock:
            if self._wanted:
                self._wanted = ()
                await self._bring_about((), remove=True)
            self._unwatch_if_idle()

    # Looking and acting.

    async def _tell_of_changes(self) -> None:
        """Bring about what is wanted, and let the VRRP worker know what can and cannot be had now."""
        before = self._refused
        await self._bring_about(self._wanted, remove=True)
        for key in before.keys() | self._refused.keys():
            if before.get(key) != self._refused.get(key):
                self._host.post(Impede(key, CAUSE, self._refused.get(key)))

    async def _bring_about(self, wanted: Sequence[Device], *, remove: bool) -> None:
        self._looked_at = asyncio.get_running_loop().time()
        known = self._refused
        try:
            self._refused = await asyncio.to_thread(self._act, wanted, remove)
        except OSError as error:
            reason = f"cannot look at the interfaces: {error.strerror or error}"
            self._refused = {device.key: reason for device in wanted}
        except Exception as error:  # whatever it is, the routers without an interface of their own go on
            log.exception("cannot see to the interfaces of virtual routers")
            self._refused = {device.key: f"cannot see to its interface: {error!r}" for device in wanted}
        for device in wanted:
            reason = self._refused.get(device.key, "")
            if reason and reason != known.get(device.key):
                log.error("%s: %s", device.router, reason)

    def _act(self, wanted: Sequence[Device], remove: bool) -> dict[Key, str]:
        """Do what is to be done; return why a router cannot have its interface.  Raises `OSError`.

        Runs in a thread.
        """
        present = self._links.look()
        plan = plan_devices(wanted, present, self._instance, remove=remove)
        names = {device.name for device in wanted}
        self._indices = frozenset(one.ifindex for one in present if one.name in names)
        refused = dict(plan.refused)
        objections = self._sysctls.sync(self._settings(wanted))
        for device in wanted:
            for path, words in objections.items():
                if path == EVERYWHERE or path.startswith(f"{IPV4}/{device.parent}/"):
                    refused.setdefault(device.key, words)
        failed = self._links.carry_out(plan)
        for step in plan.steps:
            if not isinstance(step, Remove) and step.device.key in failed:
                continue
            log.info("%s", in_words(step))
        return refused | failed

    def _settings(self, wanted: Sequence[Device]) -> dict[str, str]:
        if not wanted:
            return {}
        names = {device.name for device in wanted}
        loose = loose_everywhere(self._sysctls.filters(), names, self._sysctls.memory)
        return loose | on_parents({device.parent for device in wanted})

    def _left_behind(self) -> bool:
        """Say whether an earlier run may have left something.  Does not take pyroute2 to find out."""
        names = (name for _, name in socket.if_nameindex())
        return bool(self._sysctls.memory) or any(name.startswith(USUAL_PREFIX) for name in names)

    # Events.

    def _watch(self) -> None:
        if self._events is None:
            try:
                self._events = EventSocket(LINK_EVENTS)
            except OSError as error:
                log.error("cannot watch interfaces: %s", error)
                return
            asyncio.get_running_loop().add_reader(self._events.fileno(), self._on_event)

    def _unwatch_if_idle(self) -> None:
        if self._wanted or self._between or self._events is None:
            return
        asyncio.get_running_loop().remove_reader(self._events.fileno())
        self._events.close()
        self._events = None
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _on_event(self) -> None:
        assert self._events is not None
        heard = links_in(self._events.drain(EVENTS_PER_READ))
        ours = {name for device in self._wanted for name in (device.name, device.parent)}
        if heard is not None and not any(one.name in ours or one.ifindex in self._indices for one in heard):
            return  # a host may have thousands of interfaces, and containers that come and go
        if self._due is None:
            loop = asyncio.get_running_loop()
            at = max(loop.time() + LET_GATHER, self._looked_at + AT_MOST_EVERY)
            self._due = loop.call_at(at, lambda: self._host.spawn(self._look_again()))

    async def _look_again(self) -> None:
        self._due = None
        async with self._lock:
            if self._wanted and not self._between:
                await self._tell_of_changes()


def in_words(step: Step) -> str:
    """Return what was done, for the log."""
    match step:
        case Create(device=device):
            mac = f" with the MAC address {device.mac}" if device.mac else ""
            return f"{device.router}: made the {device.kind} {device.name} on {device.parent}{mac}"
        case Adjust(device=device):
            return f"{device.router}: brought {device.name} in line with {device.parent}"
        case Remove(present=present):
            return f"removed the {present.kind} {present.name}"
