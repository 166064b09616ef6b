"""What it costs a fleet of masters to track: each an interface, a script and a file that others track too.

The scripts' own CPU time is nobody's: they are other processes.  Running them is the daemon's.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from bench.daemons import Daemon, Havip, Keepalived
from bench.load import AIM, FAST, one_master
from bench.plan import Plan
from bench.report import Row
from bench.stage import fleet, lans_for, stage
from havip.clock import spell

SHARED: Final = 20  # scripts, each run once a second, and files
PRIORITY: Final = 200


class TrackingHavip(Havip):
    """havip whose routers all track."""

    def configuration(self) -> str:
        document: dict[str, Any] = yaml.safe_load(super().configuration())
        for number, words in enumerate(document["virtual_routers"].values()):
            name = f"t{number % SHARED}"
            words["track"] = {
                "scripts": [name],
                "files": [name],
                "interfaces": [{"interface": "lo", "weight": -10}],
            }
        names = [f"t{number}" for number in range(SHARED)]
        document["scripts"] = {name: {"command": "/usr/bin/true", "weight": -10} for name in names}
        document["tracked_files"] = {
            name: {"path": str(self.directory / name), "weight": 1, "initial": 0} for name in names
        }
        return yaml.safe_dump(document, sort_keys=False)


class TrackingKeepalived(Keepalived):
    """keepalived with the same scripts, files and weights."""

    def configuration(self) -> str:
        head, *instances = super().configuration().split("vrrp_instance")
        names = [f"t{number}" for number in range(SHARED)]
        tracked = "".join(definition(name, self.directory / name) for name in names)
        whole = [head + tracked]
        for number, text in enumerate(instances):
            name, brace, body = text.partition("{\n")
            which = f"t{number % SHARED}"
            blocks = (f"track_script {{\n{which}\n}}", f"track_file {{\n{which}\n}}")
            lines = "\n".join((*blocks, "track_interface {\nlo weight -10\n}"))
            whole.append(f"vrrp_instance{name}{brace}{lines}\n{body}")
        return "".join(whole)


def definition(name: str, path: Path) -> str:
    """Return keepalived's blocks for a script and a file of one name."""
    script = f"vrrp_script {name} {{\nscript /usr/bin/true\ninterval 1\nweight -10\nuser root\n}}\n"
    return f"{script}track_file {name} {{\nfile {path}\nweight 1\ninit_file 0\n}}\n"


TRACKING: Final[dict[str, type[Daemon]]] = {"havip": TrackingHavip, "keepalived": TrackingKeepalived}


def tracking(plan: Plan) -> list[Row]:
    """Measure a fleet's CPU time per advert sent, with tracking and without."""
    count = 250 if plan.quick else 1000
    routers = fleet(count, FAST, PRIORITY)
    ways: list[tuple[str, Callable[[type[Daemon]], type[Daemon]]]] = [
        ("without tracking", lambda kind: kind),
        ("all tracking", lambda kind: TRACKING[kind.kind]),
    ]
    rows = []
    with stage(lans_for(count)) as here:
        for way, chosen in ways:
            costs: dict[str, list[float]] = {kind.kind: [] for kind in plan.kinds}
            for kind in plan.turns(1 if plan.quick else 3):
                cost, _, _ = one_master(plan, here, chosen(kind), routers)
                costs[kind.kind].append(cost)
            rows.append(Row(f"CPU per advert sent, {count} x {spell(FAST)}, {way}", "us", costs, AIM))
    return rows
