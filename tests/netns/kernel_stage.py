"""A host with one cable for the tests of `havip.vrrp.kernel`, and witnesses that share no code with it."""

from __future__ import annotations

import ctypes
import json
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_interface
from typing import Any

from pyroute2.netlink.rtnl.marshal import MarshalRtnl

from havip.config.model import VirtualAddress
from havip.vrrp.holdings import Key
from havip.vrrp.kernel import Changes, Kernel, Refused
from lab.netns import Host, Network, Switch

PREFIX = "tkern_"
NEW_LINK, GET_LINK, NEW_ADDRESS, GET_ADDRESS = 16, 18, 20, 22
FIRST_VIP, SECOND_VIP = "10.77.0.100/24", "10.77.0.101/24"
LIMIT = 10.0  # seconds after which an awaited event will not come any more


class Stage:
    """One host ``r1`` with eth0 on a switch, and a kernel that watches it."""

    def __init__(self, net: Network, switch: Switch, host: Host) -> None:
        self.net, self.switch, self.host = net, switch, host
        self.kernels: list[Kernel] = []
        self.kernel = self.another_kernel()

    def another_kernel(self) -> Kernel:
        """Return a kernel that has only just looked around."""
        with self.host.entered():
            kernel = Kernel()
        self.kernels.append(kernel)
        return kernel

    @property
    def ifindex(self) -> int:
        """Return the index of eth0 as `ip` sees it."""
        (link,) = json.loads(self.host.run("ip", "-j", "link", "show", "dev", "eth0").stdout)
        return int(link["ifindex"])

    def ip(self, *words: str) -> None:
        """Do something to the host behind the kernel's back."""
        self.host.run("ip", *words)

    def batch(self, lines: list[str]) -> None:
        """Do many things to the host behind the kernel's back."""
        done = self.host.popen("ip", "-force", "-batch", "-", stdin=-1, stdout=-3, stderr=-3, text=True)
        done.communicate("\n".join(lines))

    def rename(self, old: str, new: str) -> None:
        """Rename an interface.  Linux before 6.2 does that only while it is down."""
        self.batch([f"link set {old} down", f"link set {old} name {new}", f"link set {new} up"])

    def add(self, *addresses: str) -> list[Refused]:
        """Add virtual addresses to eth0 as one router would."""
        return self.kernel.add([self.kernel.prepare(self.ifindex, vips(*addresses))])

    def remove(self, *addresses: str) -> list[Refused]:
        """Remove virtual addresses from eth0 as one router would."""
        return self.kernel.remove([self.kernel.prepare(self.ifindex, vips(*addresses))])

    def shown(self, interface: str = "eth0") -> dict[str, dict[str, Any]]:
        """Return the addresses with prefix length as `ip` shows them."""
        (link,) = json.loads(self.host.run("ip", "-j", "-d", "addr", "show", "dev", interface).stdout)
        return {f"{one['local']}/{one['prefixlen']}": one for one in link["addr_info"] if "local" in one}

    def marks(self) -> dict[str, int | None]:
        """Return IFA_PROTO of each address with prefix length, as pyroute2 reads it.

        The `ip` of Debian 12 does not show it.
        """
        return {
            f"{read.get_attr('IFA_LOCAL') or read.get_attr('IFA_ADDRESS')}/{read['prefixlen']}": (
                read.get_attr("IFA_PROTO")
            )
            for read in self.dumped(GET_ADDRESS)
        }

    def dropped_events(self) -> int:
        """Return how many events the kernel could not deliver to our socket, by its own count."""
        port, groups = self.kernel._events._socket.getsockname()
        rows = self.host.run("cat", "/proc/net/netlink").stdout.splitlines()
        counts = [int(row.split()[8]) for row in rows[1:] if row.split()[2] == str(port)]
        assert len(counts) == 1
        assert groups == 0x1000111
        return counts[0]

    def dumped(self, kind: int) -> list[Any]:
        """Return the kernel's own list as pyroute2 reads it."""
        return [
            message
            for datagram in self.raw_dump(kind)
            for message in MarshalRtnl().parse(datagram)
            if message["header"]["type"] != 3
        ]

    def raw_dump(self, kind: int) -> list[bytes]:
        """Return the datagrams of a dump."""
        with self.host.entered(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as asking:
            asking.send(struct.pack("=IHHIIB15x", 32, kind, 0x301, 1, 0, 0))
            datagrams = []
            while True:
                datagrams.append(asking.recv(65536))
                if struct.unpack_from("=H", datagrams[-1], 4)[0] == 3:
                    return datagrams


@contextmanager
def stage(*, dad: bool = False) -> Iterator[Stage]:
    """Set the stage: eth0 has 10.77.0.1/24, carrier, and whatever link-local address it makes itself."""
    with Network(PREFIX) as net:
        switch, host = net.switch("lan"), net.host("r1", dad=dad)
        net.plug(host, switch, addresses=("10.77.0.1/24",))
        made = Stage(net, switch, host)
        try:
            yield made
        finally:
            for kernel in made.kernels:
                kernel.close()


CAP_NET_ADMIN = 12


@contextmanager
def without_net_admin() -> Iterator[None]:
    """Take CAP_NET_ADMIN from the calling thread for a while."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, of capabilities 0-31 and 32-63
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(header, sets) == 0
    assert sets[0] & 1 << CAP_NET_ADMIN
    sets[0] &= ~(1 << CAP_NET_ADMIN)
    assert libc.capset(header, sets) == 0
    try:
        yield
    finally:
        sets[0] |= 1 << CAP_NET_ADMIN
        assert libc.capset(header, sets) == 0


def vip(text: str) -> VirtualAddress:
    """Return the virtual address that a text with prefix length stands for."""
    interface = ip_interface(text)
    return VirtualAddress(interface.ip, interface.network.prefixlen)


def vips(*texts: str) -> list[VirtualAddress]:
    """Return the virtual addresses that texts stand for."""
    return [vip(text) for text in texts]


def key(ifindex: int, text: str) -> Key:
    """Return what identifies a virtual address on an interface."""
    address = vip(text)
    return (ifindex, address.address.packed, address.address.packed, address.prefix_length)


def packed(text: str) -> bytes:
    """Return an address in network order."""
    return ip_address(text).packed


def read_all(kernel: Kernel) -> Changes:
    """Read until nothing is left, and return all that was reported."""
    interfaces: set[str] = set()
    lost: list[Key] = []
    while select.select([kernel], [], [], 0)[0]:
        changes = kernel.read_events()
        interfaces |= changes.interfaces
        lost += changes.lost
    return Changes(frozenset(interfaces), tuple(lost))


def read_until(kernel: Kernel, holds: Callable[[], bool]) -> Changes:
    """Read events until ``holds()``, and return all that was reported.  Raises `TimeoutError`."""
    deadline = time.monotonic() + LIMIT
    seen = read_all(kernel)
    while not holds():
        if not select.select([kernel], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError("the awaited event did not come")
        more = read_all(kernel)
        seen = Changes(seen.interfaces | more.interfaces, seen.lost + more.lost)
    return seen
