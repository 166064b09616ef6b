"""What an operator sees and does on a director with real IPVS: checks for the stage of `tests.uml.traffic`.

ipvsadm is the witness: what `havip services` shows is what the kernel has.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import pytest

from havip.control.client import Client, Refused
from havip.control.serviceviews import Server, Service
from lab.lvs import tables
from lab.lvs.plan import DIRECT, ECHO, HTTP, NAT, NAT6, Way, place
from lab.lvs.visitor import Transfer, Visitor
from lab.netns import Host
from tests.daemon.running import Daemon
from tests.ipvs.listed import differences

PATIENCE = 60.0  # seconds; a system call takes many times as long here
LOOK = 0.05
UNUSED = NAT6  # one of its servers for transfers has had no connection so far


class Stage(Protocol):
    """What these checks need."""

    daemons: dict[str, Daemon]
    d1: Host
    visitor: Visitor

    def transfer(self, way: Way, by: str = "") -> Transfer:
        """Begin a transfer, by a certain server if one is named."""


def until(holds: Callable[[], bool], what: str) -> None:
    """Return when something holds; fail if it does not in time."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(LOOK)


def shown(client: Client, *names: str) -> tuple[Service, ...]:
    return client.services(*names).shown


def server(client: Client, service: str, name: str) -> Server:
    (found,) = [one for one in shown(client, service)[0].servers if one.name == name]
    return found


def weights(host: Host) -> dict[str, int]:
    """Return the weights of the servers that are masqueraded, as the kernel has them."""
    return tables.services(host)[f"TCP {place(NAT.address, HTTP)}"].weights


def what_is_shown_is_what_the_kernel_has(stage: Stage) -> None:
    """Endpoints, servers, weights, connections and every counter, while nobody sends anything."""
    client, host = stage.daemons["d1"].client, stage.d1
    for way in (NAT, DIRECT):
        stage.visitor.spread(way.address, 6)
    last: list[str] = []

    def same() -> bool:
        """Say whether both tell the same; probes go to the servers, not through the services."""
        listing = host.run("ipvsadm", "-L", "-n").stdout
        stats = host.run("ipvsadm", "-L", "-n", "--stats", "--exact").stdout
        ours = {name for service in shown(client) for name in service.endpoints}
        last[:] = [
            line
            for line in differences(shown(client), listing, stats)
            if "not among our services" not in line or any(name.split()[1] in line for name in ours)
        ]
        return not last

    def counted() -> Mapping[str, int]:
        return server(client, f"web-{NAT.name}", "w1").counts

    until(lambda: counted()["connections"] >= 3, "the kernel has counted: it does so every two seconds")
    until(same, "the same as ipvsadm lists")
    assert counted()["bytes_in"] > 0
    ipvs = client.services().ipvs
    assert ipvs is not None
    assert ipvs["why"] is None
    assert ipvs["refused"] == 0
    assert ipvs["messages"] > 0


def an_operator_drains_a_machine_and_lets_it_in_again(stage: Stage) -> None:
    """By its address: in every service that has it; nobody who has a connection notices."""
    client, host = stage.daemons["d1"].client, stage.d1
    address = NAT.server("w1")
    transfer = stage.transfer(NAT, by="w1")
    answer = client.drain(address, reason="new kernel")
    assert [one["service"] for one in answer["servers"]] == [f"web-{NAT.name}", f"echo-{NAT.name}"]
    until(lambda: weights(host).get(f"{address}:{HTTP}") == 0, "weight 0 in the kernel")
    assert stage.visitor.spread(NAT.address, 4) == {"w2": 4}
    transfer.goes_on()
    assert server(client, f"echo-{NAT.name}", "w1").state == "DRAINING"
    client.ready(address)
    until(lambda: weights(host).get(f"{address}:{HTTP}") == 1, "the old weight")
    assert stage.visitor.spread(NAT.address, 4) == {"w1": 2, "w2": 2}
    transfer.goes_on()
    transfer.close()


def a_wait_ends_with_the_last_connection(stage: Stage) -> None:
    """A connection that is reset is forgotten by the kernel after ten seconds: then the server is drained."""
    client, service = stage.daemons["d1"].client, f"echo-{UNUSED.name}"
    unused = [one.name for one in shown(client, service)[0].servers if not one.active + one.inactive]
    assert unused
    name = unused[0]
    ours = [stage.visitor.connect(UNUSED.address, ECHO) for _ in range(2)]  # one of them comes to it
    until(lambda: server(client, service, name).active == 1, "its connection")
    with pytest.raises(Refused, match=r"after 0 s .* has 1 connections; the order holds on"):
        client.drain(f"{service}/{name}", wait=0)
    for one in ours:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
    assert client.drain(f"{service}/{name}", wait=PATIENCE)["servers"][0]["state"] == "DRAINED"
    client.ready(f"{service}/{name}")


def another_weight_shifts_the_traffic_and_outlives_a_reload(stage: Stage) -> None:
    """At once, without a reload; and `auto` takes it back."""
    client, host = stage.daemons["d1"].client, stage.d1
    at = f"{NAT.server('w1')}:{HTTP}"
    client.weight(f"web-{NAT.name}/w1", weight=3)
    until(lambda: weights(host).get(at) == 3, "the ordered weight")
    assert stage.visitor.spread(NAT.address, 8) == {"w1": 6, "w2": 2}
    client.reload()
    assert weights(host)[at] == 3
    client.weight(f"web-{NAT.name}/w1", weight=None)
    until(lambda: weights(host).get(at) == 1, "the configured weight")
    assert client.services().orders == ()


CHECKS = (
    a_wait_ends_with_the_last_connection,
    what_is_shown_is_what_the_kernel_has,
    an_operator_drains_a_machine_and_lets_it_in_again,
    another_weight_shifts_the_traffic_and_outlives_a_reload,
)
