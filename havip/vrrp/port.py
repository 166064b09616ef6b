"""One wire as its routers use it: its sockets, the present view of its interface, its routers.

A port opens what its view allows and closes it when the view changes.  It decides nothing: whoever
refreshes it learns whether the interface can be used and tells the routers.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, TypeAlias

from havip.clock import spell
from havip.config.model import Family
from havip.errors import Refusal, refused
from havip.vrrp import announce, election, packet, peers
from havip.vrrp.kernel import InterfaceView, Kernel
from havip.vrrp.packet import Advert, Heard
from havip.vrrp.sockets import AdvertReceiver, AdvertSender, FrameSender
from havip.vrrp.wire import Wire

if TYPE_CHECKING:
    from havip.vrrp.router import Router
    from havip.vrrp.signatures import Signatures

REMEMBERED: Final = 4096  # packets whose verdict is kept

#: Something about a packet that an operator should know: which router, what kind of thing, in words.
Remark: TypeAlias = "tuple[Router | None, str, str]"
#: What a packet means to us: an advert for one of our routers, or the reason why it is nothing to us.
Verdict: TypeAlias = "tuple[Router, Advert] | tuple[Router | None, Refusal]"


class Port:
    """The sockets of one wire, open while ``view.fault`` is None.

    ``spares`` are senders of frames that are not in use: they are taken from there and put there.
    """

    def __init__(self, wire: Wire, kernel: Kernel, spares: list[FrameSender]) -> None:
        self.on = wire
        self.interface = wire.interface
        self.family = wire.family
        self.routers: dict[int, Router] = {}
        self.refused: Counter[Refusal] = Counter()  # packets that belong to no router of ours
        self.remarks: list[Remark] = []  # about packets judged afresh; whoever reads them clears them
        self.receiver: AdvertReceiver | None = None
        self.sender: AdvertSender | None = None
        self.frames: FrameSender | None = None
        self._spares = spares
        self._verdicts: dict[Heard, Verdict] = {}
        self._signed: dict[int, Router] = {}  # their trailers are judged each time
        self._messages: dict[Heard, Verdict] = {}  # what theirs mean, if the trailer is good
        self.view = self.look(kernel)
        self._open()

    def look(self, kernel: Kernel) -> InterfaceView:
        """Return the view of the interface as it is now; `use` goes by it."""
        return kernel.view(self.interface, self.family, self.on.source)

    def use(self, view: InterfaceView) -> None:
        """Go by a new view of the interface.  If no socket can be opened, ``view.fault`` will say so."""
        same_sockets = (
            self.receiver is not None
            and view.fault is None
            and (view.ifindex, view.address) == (self.view.ifindex, self.view.address)
        )
        self.view = view
        if same_sockets:
            self.rejoin()
        else:
            self.close()
            self._open()
        self.forget_verdicts()

    def rejoin(self) -> None:
        """Make sure of the multicast group: an IPv6 interface forgets it with an MTU below 1280."""
        if self.receiver is not None and self.family is Family.IPV6:
            with suppress(OSError):  # EINVAL: it has no IPv6 now, and will be looked at again when it has
                self.receiver.rejoin()

    def add(self, router: Router) -> None:
        """Hear adverts for ``router`` from now on."""
        self.routers[router.config.vrid] = router
        self._listen()

    def remove(self, router: Router) -> None:
        """Hear no more adverts for ``router``."""
        del self.routers[router.config.vrid]
        self._listen()

    def forget_verdicts(self) -> None:
        """Judge every packet afresh: settings or routers have changed."""
        self._verdicts.clear()
        self._messages.clear()
        self._signed = {
            vrid: router for vrid, router in self.routers.items() if router.signatures is not None
        }

    def judge(self, heard: Heard) -> Verdict:
        """Say what a packet means.  The same packet, which is the usual one, costs one look-up."""
        verdict = self._verdicts.get(heard)
        if verdict is None:
            payload = heard[0]
            signed = self._signed.get(payload[1]) if self._signed and len(payload) > 1 else None
            if signed is not None and signed.signatures is not None:
                return self._judge_signed(signed, signed.signatures, heard)
            verdict = self._remember(self._verdicts, heard)
        return verdict

    def _remember(self, verdicts: dict[Heard, Verdict], heard: Heard) -> Verdict:
        verdict = verdicts.get(heard)
        if verdict is None:
            if len(verdicts) >= REMEMBERED:
                verdicts.clear()
            verdict = verdicts[heard] = self._judge_afresh(heard)
        return verdict

    def _judge_signed(self, router: Router, signatures: Signatures, heard: Heard) -> Verdict:
        """Judge a packet for a router that signs: first where it comes from, then what it says.

        The trailer is judged each time, since a repetition is not what it repeats.
        """
        payload, source, destination, hop_limit = heard
        excess = len(payload) - packet.length_of(payload, len(source))
        if excess not in (0, packet.TRAILER):
            return self._remember(self._messages, heard)  # too short or too long: some refusal
        if self.on.group and hop_limit != packet.TTL:
            return self._refuse(router, Refusal.TTL, source)
        if payload[0] >> 4 != router.settings.version:
            return self._refuse(router, Refusal.VERSION, source)
        if not excess:
            if not signatures.unsigned_pass:
                return self._refuse(router, Refusal.HMAC_MISSING, source)
            verdict = self._remember(self._messages, heard)
            if not isinstance(verdict[1], Refusal):
                router.unsigned += 1
                text = f"{ip_address(source)} does not sign its adverts: believed by `hmac.mode`"
                self.remarks.append((router, "unsigned", text))
            return verdict
        if not self.on.group and source not in router.peers:
            return self._refuse(router, Refusal.FOREIGN_SOURCE, source)  # whatever `check_source` says
        ahead = signatures.judge(payload, source)
        if isinstance(ahead, Refusal):
            return self._refuse(router, ahead, source)
        message = packet.without_trailer(payload, ipv6=len(source) == 16)
        verdict = self._remember(self._messages, (message, source, destination, hop_limit))
        if signatures.is_near_the_end(ahead) and not isinstance(verdict[1], Refusal):
            clock = (
                f"the clock of {ip_address(source)} is {abs(ahead)}s {'ahead of' if ahead > 0 else 'behind'}"
            )
            text = f"{clock} ours: from {signatures.window}s on we refuse its adverts"
            self.remarks.append((router, "clock-skew", text))
        return verdict

    def _judge_afresh(self, heard: Heard) -> Verdict:
        payload, source, destination, hop_limit = heard
        # Unicast may come through routers: not section 7.1 but the peer's bounds judge its TTL.
        life = hop_limit if self.on.group else packet.TTL
        advert = packet.decode(payload, source, destination, life)
        if isinstance(advert, Refusal):
            # Malformed, yet its VRID may be readable: count it where an operator will look for it.
            router = self.routers.get(payload[1]) if len(payload) > 1 else None
            return self._refuse(router, advert, source)
        router = self.routers.get(advert.vrid)
        if router is None:
            return None, Refusal.UNKNOWN_VRID
        refusal = None
        if router.checks_peers:
            refusal = peers.refuse(router.peers, source, hop_limit)
        refusal = refusal or packet.refuse(router.settings, advert)
        if refusal is not None:
            return self._refuse(router, refusal, source)
        self._compare(router, advert)
        return router, advert

    def _refuse(self, router: Router | None, refusal: Refusal, source: bytes) -> Verdict:
        self.remarks.append((router, refusal, refused(str(ip_address(source)), refusal)))
        return router, refusal

    def _compare(self, router: Router, advert: Advert) -> None:
        """Remark on what section 7.1 lets pass, and an operator should know."""
        sender = ip_address(advert.source)
        ours = {vip.address.packed for vip in router.config.addresses}
        if set(advert.addresses) != ours:
            theirs = ", ".join(str(ip_address(address)) for address in advert.addresses)
            text = f"{sender} advertises other addresses than are configured here: {theirs}"
            self.remarks.append((router, "addresses", text))
        if election.we_are_equals(router.settings, advert):
            router.equals += 1
            us = f"as we ({ip_address(router.settings.address)})"
            text = f"{sender} advertises the same priority {advert.priority} {us}: give each router its own"
            self.remarks.append((router, "equal-priority", text))
        if advert.interval != router.settings.interval:
            text = f"{sender} advertises every {spell(advert.interval)}, we would every "
            self.remarks.append((router, "interval", text + spell(router.settings.interval)))

    def _open(self) -> None:
        view, wire = self.view, self.on
        if view.fault is not None:
            return
        try:
            hears = wire.group or view.address
            self.receiver = AdvertReceiver(self.interface, view.ifindex, self.family, hears)
            self.sender = AdvertSender(self.interface, view.ifindex, self.family, view.address, wire.ttl)
            self.frames = self._frame_sender(view.ifindex)
            self._listen()
            if not wire.group and announce.can_be_told(view.mac):
                # Peers may remember another hardware address from before the interface was lost, and a
                # backup sends nothing that would correct them.
                self.frames.send(announce.frame(view.address, view.mac, view.forwards))
        except OSError as error:
            self.close()
            fault = f"cannot open a raw socket on interface {self.interface}: {error.strerror}"
            self.view = replace(view, fault=fault)

    def _frame_sender(self, ifindex: int) -> FrameSender:
        if not self._spares:
            return FrameSender(self.interface, ifindex)
        self._spares[-1].move_to(self.interface, ifindex)
        return self._spares.pop()

    def _listen(self) -> None:
        self.forget_verdicts()
        if self.receiver is not None:
            self.receiver.listen_to(self.routers.keys())

    def close(self) -> None:
        """Close the sockets; the routers stay."""
        for held in (self.receiver, self.sender):
            if held is not None:
                held.close()
        if self.frames is not None:
            self._spares.append(self.frames)  # to close it would hold up every other interface's adverts
        self.receiver = self.sender = self.frames = None
