"""What the kernel's IPVS tables hold, as ipvsadm tells it: a witness that knows nothing of havip.

Owns the calls of ipvsadm.  `restore` programs by it, for baselines and to prove the stage itself.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.lvs.plan import Way, place
from lab.netns import Host


@dataclass(slots=True)
class Service:
    """A virtual service of the kernel's: its scheduler, and the weight and the way of each server."""

    scheduler: str
    words: str  #: flags, persistence
    weights: dict[str, int] = field(default_factory=dict)
    forwarding: dict[str, str] = field(default_factory=dict)
    connections: dict[str, tuple[int, int]] = field(default_factory=dict)  #: active, inactive


def services(host: Host) -> dict[str, Service]:
    """Return the services in a namespace by "TCP 10.0.0.1:80" or "FWM 3"."""
    return read(host.run("ipvsadm", "-L", "-n").stdout)


def read(text: str) -> dict[str, Service]:
    """Return what ``ipvsadm -L -n`` shows."""
    found: dict[str, Service] = {}
    current = None
    for line in text.splitlines():
        words = line.split()
        if re.match(r"(TCP|UDP|SCTP|FWM) ", line):
            current = found[" ".join(words[:2])] = Service(words[2], " ".join(words[3:]))
        elif words[:1] == ["->"] and current is not None:
            _, server, forwarding, weight, active, inactive = words
            current.weights[server] = int(weight)
            current.forwarding[server] = forwarding
            current.connections[server] = (int(active), int(inactive))
    return found


def daemons(host: Host) -> str:
    """Return what ipvsadm says of the daemons of connection synchronisation."""
    return host.run("ipvsadm", "-L", "-n", "--daemon").stdout.strip()


def connections(host: Host) -> list[list[str]]:
    """Return the connections that IPVS has entries for, a list of words each."""
    lines = host.run("ipvsadm", "-L", "-n", "-c").stdout.splitlines()[2:]
    return [line.split() for line in lines]


def restore(host: Host, lines: Iterable[str]) -> None:
    """Program lines as ``ipvsadm -S`` writes them."""
    done = subprocess.run(
        host.command("ipvsadm", "-R"),
        input="".join(f"{line}\n" for line in lines),
        text=True,
        capture_output=True,
    )
    if done.returncode or done.stderr:
        raise RuntimeError(f"ipvsadm -R: {done.stderr or done.returncode}")


def lines(
    way: Way, servers: Iterable[str], port: int, *, protocol: str = "-t", scheduler: str = "rr"
) -> list[str]:
    """Return the lines of a service on one way."""
    service = f"{protocol} {place(way.address, port)}"
    options = " ".join(way.options)
    return [
        f"-A {service} -s {scheduler}",
        *(f"-a {service} -r {place(way.server(name), port)} {options} -w 1" for name in servers),
    ]
