"""A LAN for the tests of the harness."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.netns import Host, Network, Switch
from tests.lab.talk import ADDRESS

PREFIX = "tnet_"


@pytest.fixture
def net() -> Iterator[Network]:
    with Network(PREFIX) as network:
        yield network


@pytest.fixture
def lan(net: Network) -> tuple[Switch, Host, Host, Host]:
    switch = net.switch("lan")
    hosts = [net.host(name) for name in ADDRESS]
    for number, host in enumerate(hosts, 1):
        net.plug(host, switch, addresses=(f"{ADDRESS[host.name]}/24", f"fd77::{number}/64"))
    return switch, hosts[0], hosts[1], hosts[2]
