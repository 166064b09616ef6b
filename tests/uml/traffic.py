"""Runs inside User-Mode Linux: real traffic through IPVS, on the stage of `lab.lvs`.

Each check appends its verdict to a file: "good", or what was wrong.  `test_traffic` judges them.
"""

from __future__ import annotations

import json
import sys
import time
import traceback
from pathlib import Path

from lab.lvs import tables
from lab.lvs.farm import Farm, hold
from lab.lvs.plan import DIRECT, ECHO, FAMILIES, GATEWAY, HTTP, INSIDE, WAYS
from lab.lvs.servers import Server
from lab.lvs.visitor import Transfer, Visitor
from lab.netns import Network


class Stage:
    """The hosts, their servers and the client."""

    def __init__(self, net: Network, folder: Path) -> None:
        self.folder = folder
        self.farm = Farm(net)
        self.servers = {name: Server(host) for name, host in self.farm.servers.items()}
        self.visitor = Visitor(self.farm.client)
        self.d1, self.d2 = self.farm.directors.values()


def every_way_carries_traffic(stage: Stage) -> None:
    """The stage itself, programmed by ipvsadm alone: without it no failure later means anything."""
    own = [f"{way.address}/{32 if way.family == 4 else 128}" for way in WAYS]
    hold(stage.d2, [*own, *(INSIDE[family].format(GATEWAY) for family in FAMILIES)])
    for way in WAYS:
        for port, protocol in ((HTTP, "-t"), (ECHO, "-t"), (ECHO, "-u")):
            tables.restore(stage.d2, tables.lines(way, stage.servers, port, protocol=protocol))
    for way in WAYS:
        assert stage.visitor.spread(way.address, 4) == {"w1": 2, "w2": 2}, way
        assert {stage.visitor.datagram(way.address) for _ in range(2)} == {"w1", "w2"}, way
        with Transfer(stage.visitor, way) as transfer:
            transfer.goes_on()
    shown = tables.services(stage.d2)
    assert shown[f"TCP {DIRECT.address}:80"].forwarding == {
        "10.77.0.11:80": "Route",
        "10.77.0.12:80": "Route",
    }
    stage.d2.run("ipvsadm", "-C")
    stage.d2.run("ip", "addr", "flush", "to", f"{DIRECT.address}/24", "dev", "eth0")


CHECKS = (every_way_carries_traffic,)


def main(results: Path, folder: Path) -> None:
    """Do every check, in order."""
    with Network("hvt") as net, results.open("a", buffering=1) as told:
        began = time.monotonic()
        stage = Stage(net, folder)
        print(f"{time.monotonic() - began:6.1f} s the stage is set", flush=True)
        for check in CHECKS:
            try:
                check(stage)
                verdict = "good"
            except Exception:
                verdict = traceback.format_exc()
            print(json.dumps([check.__name__, verdict]), file=told)
            print(f"{time.monotonic() - began:6.1f} s {check.__name__}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
