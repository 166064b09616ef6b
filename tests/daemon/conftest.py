"""Two routers on one switch for the daemon to run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.netns import Host, Network, Switch


class Lan:
    """Two routers on one switch."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.switch: Switch = net.switch("lan")
        self.r1: Host = net.host("r1")
        self.r2: Host = net.host("r2")
        net.plug(self.r1, self.switch, addresses=("10.77.0.1/24",))
        net.plug(self.r2, self.switch, addresses=("10.77.0.2/24",))


@pytest.fixture
def lan() -> Iterator[Lan]:
    with Network("hvd") as net:
        yield Lan(net)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path
