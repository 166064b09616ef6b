"""Hosts and switches made of network namespaces: a LAN on one machine, gone without a trace afterwards.

Owns every namespace it names and every process started through it, and removes them on the way out,
whatever the way out is.  Must never touch a namespace or a process that it did not make.

    with Network("demo") as net:
        lan = net.switch("lan")
        r1, r2 = net.host("r1"), net.host("r2")
        net.plug(r1, lan, addresses=("10.77.0.1/24",))
        net.plug(r2, lan, addresses=("10.77.0.2/24",))
        r1.run("ip", "-br", "addr")
        net.cut(r1)  # silent: r1 keeps its carrier and hears nothing any more

Needs root and iproute2.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import re
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from lab.processes import end, undisturbed

NAMESPACES: Final = Path("/run/netns")
CLONE_NEWNET: Final = 0x40000000
# Bits of an rtnetlink socket's group mask (linux/rtnetlink.h).
LINK_EVENTS: Final = 0x1
ADDRESS_EVENTS: Final = 0x10 | 0x100
# States of a bridge port (linux/if_bridge.h).  Only "disabled" is left alone by a bridge without STP.
PORT_DISABLED: Final = "0"
PORT_FORWARDING: Final = "3"

_libc = ctypes.CDLL(None, use_errno=True)
_serials: dict[str, Iterator[int]] = {}


class CommandFailed(subprocess.CalledProcessError):
    """A command in a namespace ended with a status other than 0.  Its text carries the command's stderr."""

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.stderr or ''}".rstrip()


class Host:
    """One network namespace: a router, a client or the inside of a switch.  Made by `Network.host`."""

    def __init__(self, network: Network, name: str) -> None:
        self.network = network
        self.name = name  #: short, as the caller knows it
        self.namespace = network.namespace_of(name)  #: as ``ip netns`` knows it

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.namespace}>"

    def command(self, *argv: str | os.PathLike[str]) -> list[str]:
        """Return the command line that runs ``argv`` in here, for a shell or for `subprocess`."""
        return ["ip", "netns", "exec", self.namespace, *(os.fspath(word) for word in argv)]

    def run(
        self, *argv: str | os.PathLike[str], check: bool = True, timeout: float = 30.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end.  Raises `CommandFailed`, or `TimeoutExpired` after ``timeout`` s."""
        return _run(self.command(*argv), check, timeout)

    def popen(self, *argv: str | os.PathLike[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a command, in a session of its own, and stop it when the network is removed.

        The pid is the command's own: ``ip netns exec`` replaces itself.  ``options`` go to `Popen`.
        """
        # A session of its own: Ctrl-C on the terminal must reach us alone, so that we end things in order.
        options.setdefault("start_new_session", True)
        process = subprocess.Popen(self.command(*argv), **options)
        self.network.adopt(process)
        return process

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Move the calling thread in here: sockets opened inside belong to this namespace for good.

        Only the thread moves, so never await inside.  Raises `OSError`.
        """
        with open("/proc/thread-self/ns/net") as home, open(NAMESPACES / self.namespace) as there:
            _setns(there.fileno())
            try:
                yield
            finally:
                _setns(home.fileno())

    def sysctl(self, key: str, value: str | int) -> None:
        """Set a network sysctl in here: ``net.ipv6.conf.all.forwarding``.

        Slashes may replace dots, as an interface's name can hold a dot.
        """
        path = Path("/proc/sys") / (key if "/" in key else key.replace(".", "/"))
        with self.entered():
            path.write_text(f"{value}\n")

    def addresses(self, interface: str | None = None) -> list[str]:
        """Return the addresses held in here, loopback's aside, without prefix length; tentative ones not."""
        found = json.loads(self.run("ip", "-j", "addr", "show").stdout)
        return [
            str(ip_address(info["local"]))
            for link in found
            if link.get("ifname") == interface or (interface is None and link.get("ifname") != "lo")
            for info in link.get("addr_info", [])
            if "local" in info and not info.get("tentative")
        ]

    def mac(self, interface: str = "eth0") -> bytes:
        """Return an interface's Ethernet address."""
        (link,) = json.loads(self.run("ip", "-j", "link", "show", "dev", interface).stdout)
        return bytes.fromhex(link["address"].replace(":", ""))

    def has_carrier(self, interface: str = "eth0") -> bool:
        """Return whether an interface is up and its cable leads to something that is up."""
        (link,) = json.loads(self.run("ip", "-j", "link", "show", "dev", interface).stdout)
        return "LOWER_UP" in link["flags"] and link["operstate"] == "UP"

    def wait_for_address(
        self, address: str, *, interface: str | None = None, present: bool = True, timeout: float = 10.0
    ) -> None:
        """Return once an address (without prefix length) is held, or with ``present=False`` is not.

        Raises `TimeoutError` after ``timeout`` seconds.
        """
        wanted = str(ip_address(address))
        what = f"{self.name}: {wanted} {'held' if present else 'gone'}"
        self.wait(ADDRESS_EVENTS, lambda: (wanted in self.addresses(interface)) is present, what, timeout)

    def wait_for_carrier(self, interface: str = "eth0", *, up: bool = True, timeout: float = 10.0) -> None:
        """Return once an interface has a carrier, or with ``up=False`` has none.  Raises `TimeoutError`."""
        what = f"{self.name}: carrier of {interface} {'up' if up else 'down'}"
        self.wait(LINK_EVENTS, lambda: self.has_carrier(interface) is up, what, timeout)

    def wait(self, groups: int, holds: Callable[[], bool], what: str, timeout: float) -> None:
        """Ask ``holds()`` now and after every rtnetlink event of ``groups`` until the answer is yes.

        ``what`` is the text of the `TimeoutError` that ``timeout`` seconds without a yes raise.
        """
        deadline = time.monotonic() + timeout
        with self.entered():
            events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        with events:
            events.bind((0, groups))  # before the first question: no event can fall between
            while not holds():
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([events], [], [], left)[0]:
                    raise TimeoutError(f"not within {timeout} s: {what}")
                # Nothing left to read, or (ENOBUFS) too much: either way the next question is due.
                with suppress(OSError):
                    while events.recv(65536):
                        pass


class Switch(Host):
    """A namespace with a bridge that forwards every frame as a hub would: no STP, no multicast snooping."""

    bridge: Final = "br0"


class Network:
    """Namespaces, cables and processes that live as long as the ``with`` block.

    Namespaces are named ``<prefix><our pid>-<host>``.  Those that a killed predecessor of the same prefix
    left behind are swept at the start.
    """

    def __init__(self, prefix: str) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*[a-z_]|[a-z]", prefix):
            raise ValueError(
                f"a prefix is lower-case letters, digits and _, and ends in no digit: {prefix!r}"
            )
        serial = next(_serials.setdefault(prefix, itertools.count(1)))
        self._stem = f"{prefix}{os.getpid()}" + (f".{serial}" if serial > 1 else "")
        self._hosts: dict[str, Host] = {}
        self._ports: dict[tuple[str, str], tuple[Switch, str]] = {}  # (host, interface) -> far end
        self._cut: set[tuple[str, str]] = set()
        self._processes: list[subprocess.Popen[Any]] = []
        sweep(prefix)

    def __enter__(self) -> Network:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def namespace_of(self, name: str) -> str:
        """Return the full name of a host's namespace."""
        return f"{self._stem}-{name}"

    def adopt(self, process: subprocess.Popen[Any]) -> None:
        """Stop this process too when the network is removed."""
        self._processes = [known for known in self._processes if known.poll() is None]
        self._processes.append(process)

    def host(self, name: str, *, dad: bool = False) -> Host:
        """Make a host: loopback up, IPv6 on.

        Without ``dad`` its own addresses are usable at once: no duplicate address detection.
        """
        return self._settle(Host(self, name), dad)

    def switch(self, name: str) -> Switch:
        """Make a switch in a namespace of its own."""
        switch = Switch(self, name)
        self._settle(switch, dad=False)
        switch.sysctl("net.ipv6.conf.default.disable_ipv6", 1)  # a switch says nothing of its own
        options = ("stp_state", "0", "forward_delay", "0", "mcast_snooping", "0")
        _ip(switch, "link", "add", switch.bridge, "type", "bridge", *options)
        _ip(switch, "link", "set", switch.bridge, "up")
        return switch

    def plug(
        self,
        host: Host,
        switch: Switch,
        interface: str = "eth0",
        addresses: Iterable[str] = (),
        *,
        mac: str | None = None,
    ) -> None:
        """Run a cable from a new interface of the host to the switch; return once frames can pass.

        An interface that was deleted may be plugged again.  ``addresses`` have prefix lengths.
        """
        port = f"{host.name}-{interface}"
        if len(port) > 15:  # IFNAMSIZ - 1
            port = f"port{len(self._ports)}"
        hardware = ("address", mac) if mac else ()
        far = ("peer", "name", port, "netns", switch.namespace)
        _ip(host, "link", "add", interface, *hardware, "type", "veth", *far)
        _ip(switch, "link", "set", port, "master", switch.bridge, "up")
        for address in addresses:
            _ip(host, "addr", "add", address, "dev", interface)
        _ip(host, "link", "set", interface, "up")
        self._ports[host.name, interface] = (switch, port)
        self._cut.discard((host.name, interface))
        host.wait_for_carrier(interface)
        _wait_for_port(switch, port)

    def cut(self, host: Host, interface: str | None = None) -> None:
        """Lose every frame to and from the host, silently: all interfaces keep their carrier.

        Both directions end at one instant, for unicast, multicast and broadcast alike.
        """
        for key in self._cables(host, interface):
            self._cut.add(key)
            self._set_port(key, PORT_DISABLED)

    def mend(self, host: Host, interface: str | None = None) -> None:
        """End what `cut` began."""
        for key in self._cables(host, interface):
            self._cut.discard(key)
            self._set_port(key, PORT_FORWARDING)

    def carrier(self, host: Host, up: bool, interface: str | None = None) -> None:
        """Pull the cable at the switch, or put it back; return once the host has noticed.

        A silent cut outlives this.
        """
        for key in self._cables(host, interface):
            switch, port = self._ports[key]
            _ip(switch, "link", "set", port, "up" if up else "down")
            host.wait_for_carrier(key[1], up=up)
            if up:
                _wait_for_port(switch, port)
                if key in self._cut:  # the kernel put the port back to forwarding
                    self._set_port(key, PORT_DISABLED)

    def close(self) -> None:
        """Stop every process and remove every namespace; again and again without harm.

        Signals that would interrupt this are ignored for its bounded duration.
        """
        with undisturbed(), ExitStack() as duties:  # each is done, whatever becomes of the others
            duties.callback(self._forget)
            for host in self._hosts.values():
                duties.callback(_remove, host.namespace)
            duties.callback(self._end_processes)

    def _settle(self, host: Host, dad: bool) -> Host:
        if host.name in self._hosts:
            raise ValueError(f"there is a host {host.name!r} already")
        self._hosts[host.name] = host  # first: what fails half way is removed all the same
        _run(["ip", "netns", "add", host.namespace])
        for scope in ("all", "default"):
            host.sysctl(f"net.ipv6.conf.{scope}.disable_ipv6", 0)
            host.sysctl(f"net.ipv6.conf.{scope}.accept_dad", int(dad))
        _ip(host, "link", "set", "lo", "up")
        return host

    def _cables(self, host: Host, interface: str | None) -> list[tuple[str, str]]:
        keys = [key for key in self._ports if key[0] == host.name and interface in (None, key[1])]
        if not keys:
            raise ValueError(f"{host.name} has no cable{f' at {interface}' if interface else ''}")
        return keys

    def _set_port(self, key: tuple[str, str], state: str) -> None:
        switch, port = self._ports[key]
        _run(["bridge", "-n", switch.namespace, "link", "set", "dev", port, "state", state])

    def _end_processes(self) -> None:
        running = [process for process in self._processes if process.poll() is None]
        end(process.pid for process in running)
        for process in running:
            process.wait()

    def _forget(self) -> None:
        self._processes.clear()
        self._hosts.clear()
        self._ports.clear()
        self._cut.clear()


def sweep(prefix: str) -> list[str]:
    """Remove what networks with a dead maker left: processes, then namespaces.  Return the latters' names."""
    pattern = re.compile(re.escape(prefix) + r"(\d+)(?:\.\d+)?-.+")
    names = sorted(path.name for path in NAMESPACES.iterdir()) if NAMESPACES.is_dir() else []
    ours = [(name, match) for name in names if (match := pattern.fullmatch(name))]
    dead = [name for name, match in ours if not Path(f"/proc/{match[1]}").exists()]
    for name in dead:
        _remove(name)
    return dead


def members(namespace: str) -> list[int]:
    """Return the processes that live in a namespace, ourselves aside."""
    shown = _run(["ip", "netns", "pids", namespace], check=False).stdout
    return [pid for pid in map(int, shown.split()) if pid != os.getpid()]


def _run(argv: list[str], check: bool = True, timeout: float = 30.0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    if check and done.returncode:
        raise CommandFailed(done.returncode, argv, done.stdout, done.stderr)
    return done


def _ip(host: Host, *argv: str) -> None:
    """Run ``ip`` on a namespace from outside: cheaper than a command inside."""
    _run(["ip", "-n", host.namespace, *argv])


def _setns(descriptor: int) -> None:
    # os.setns() exists from Python 3.12 on.
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"setns: {os.strerror(code)}")


def _wait_for_port(switch: Switch, port: str) -> None:
    def forwards() -> bool:
        shown = _run(["bridge", "-n", switch.namespace, "-j", "link", "show", "dev", port]).stdout
        return '"forwarding"' in shown

    switch.wait(LINK_EVENTS, forwards, f"{switch.name}: port {port} forwards", 10.0)


def _remove(namespace: str) -> None:
    # A daemon's workers may outlive the process that we started: they are found by where they live.
    end(members(namespace))
    if (NAMESPACES / namespace).exists():
        _run(["ip", "netns", "delete", namespace])
