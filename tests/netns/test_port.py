"""`havip.vrrp.port` on real sockets: what it opens, what it gives back, what it does without."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from havip.config.model import Family
from havip.vrrp import port as module
from havip.vrrp.kernel import Kernel
from havip.vrrp.packet import GROUP_IPV4, GROUP_IPV6
from havip.vrrp.port import Port
from havip.vrrp.sockets import FrameSender
from havip.vrrp.wire import Wire
from lab.capture import Capture
from lab.netns import Host, Network

pytestmark = pytest.mark.root

ARP = b"\xff" * 6 + b"\x02" + bytes(5) + b"\x08\x06" + bytes(28)
GROUPS = {Family.IPV4: GROUP_IPV4, Family.IPV6: GROUP_IPV6}
BOTH = pytest.mark.parametrize("family", Family)


@pytest.fixture
def host() -> Iterator[Host]:
    with Network("tport") as net:
        switch, made = net.switch("lan"), net.host("r1")
        for number, interface in enumerate(("eth0", "eth1")):
            net.plug(made, switch, interface=interface, addresses=(f"10.7{number}.0.1/24",))
        yield made


@contextmanager
def ports(host: Host, *interfaces: str, family: Family = Family.IPV4) -> Iterator[list[Port]]:
    """Open ports that share their spare senders, inside ``host``."""
    spares: list[FrameSender] = []
    with host.entered():
        kernel = Kernel()
        opened = [Port(Wire(interface, family, GROUPS[family]), kernel, spares) for interface in interfaces]
        try:
            yield opened
        finally:
            for port in opened:
                port.close()
            for spare in spares:
                spare.close()
            kernel.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@BOTH
def test_a_port_that_opens_and_closes_forever_holds_three_descriptors_at_most(
    host: Host, family: Family
) -> None:
    with ports(host, "eth0", family=family) as [port]:
        view, before = port.view, descriptors()
        for _ in range(20):
            port.use(replace(view, fault="interface eth0 is down"))
            assert (port.receiver, port.sender, port.frames) == (None, None, None)
            assert descriptors() == before - 2  # the sender of frames waits for its next use
            port.use(view)
            assert descriptors() == before


def test_a_sender_that_is_moved_speaks_on_its_new_interface_alone(host: Host) -> None:
    with ports(host, "eth0", "eth1") as [first, second]:
        second.close()
        first.use(replace(first.view, fault="gone"))
        second.use(second.view)  # takes what the first one gave back last
        assert second.frames is not None
        assert second.frames._socket.getsockname()[:2] == ("eth1", 0)
        with Capture(host, "eth1", keep=lambda frame: frame.data == ARP) as wire:
            assert second.frames.send(ARP) is None
            wire.wait_for(lambda frame: frame.outgoing)


def test_a_spare_sender_is_not_lost_to_an_interface_that_is_gone(host: Host) -> None:
    with ports(host, "eth0", "eth1") as [first, second]:
        second.close()
        host.run("ip", "link", "del", "eth0")
        first.close()
        before = descriptors()
        first.use(first.view)
        assert first.view.fault == "cannot open a raw socket on interface eth0: No such device"
        assert descriptors() == before
        second.use(second.view)
        assert second.view.fault is None
        assert second.frames is not None


@pytest.mark.parametrize("kind", ["AdvertReceiver", "AdvertSender", "FrameSender"])
def test_a_port_that_cannot_open_one_socket_keeps_none(
    host: Host, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with ports(host) as opened, host.entered():
        before = descriptors()
        monkeypatch.setattr(module, kind, refuse)
        kernel = Kernel()
        port = Port(Wire("eth0", Family.IPV4, GROUP_IPV4), kernel, [])
        kernel.close()
        assert port.view.fault == "cannot open a raw socket on interface eth0: Too many open files"
        assert (port.receiver, port.sender, port.frames) == (None, None, None)
        assert descriptors() == before
        assert opened == []
