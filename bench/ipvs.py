"""IPVS tables beside keepalived and ``ipvsadm -R``: in User-Mode Linux, whose kernel has IPVS.

Owns the rows.  What is measured, `bench.ipvs_guest` measures inside the guest.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Final

from bench.plan import Plan
from bench.report import Row
from lab import uml

MODULES: Final = ("af_packet", "ipv6", "ip_vs", "ip_vs_rr")
PATIENCE: Final = 1200.0  # seconds
OTHER: Final = "ipvsadm"
SHOWN: Final = {
    "exec": ("100 services x 50 servers, from exec to the full table", 0.5),
    "table": ("the same, from the first service to the full table", 0.5),
    "reload": ("one weight among 5000 servers, from SIGHUP to the kernel", None),
    "messages": ("messages to the kernel for that", None),
    "failing": ("1000 servers fail at once, until none is in the table; checked every 2 s", 1.0),
}


def balancing(plan: Plan) -> list[Row]:
    """Measure the programs by turns in one guest."""
    kinds = [kind.kind for kind in plan.kinds]
    folder = Path(tempfile.mkdtemp(prefix="havip-bench-"))
    try:
        samples = measure([*kinds, OTHER], folder, plan.quick)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = []
    for key, (what, aim) in SHOWN.items():
        found = {kind: samples.get((key, kind), []) for kind in kinds}
        note = "in User-Mode Linux, each time in a network namespace of its own"
        if other := samples.get((key, OTHER)):
            note += f"; ipvsadm -R: {median(other) * 1000:.0f} ms"
        what = f"{what} (a tenth of it)" if plan.quick else what
        unit, limit = ("messages", 1.0) if key == "messages" else ("ms", 50.0 if key == "reload" else None)
        scaled = found if unit == "messages" else {kind: [v * 1000 for v in found[kind]] for kind in found}
        rows.append(Row(what, unit, scaled, aim=aim, note=note, limit=limit))
    return rows


def measure(kinds: list[str], folder: Path, quick: bool) -> dict[tuple[str, str], list[float]]:
    """Return all values, s, by (what, program).  Raises `RuntimeError` with the guest's last words."""
    results, words = folder / "results", folder / "words"
    for file in (results, words):
        file.touch()
    command = [sys.executable, "-m", "bench.ipvs_guest", str(results), str(folder), ",".join(kinds)]
    guest = uml.Guest([*command, *(["quick"] if quick else [])], folder, MODULES, words=words)
    console = guest.run(PATIENCE)
    if guest.status != 0:
        logs = "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in folder.glob("*.log"))
        raise RuntimeError(f"{console}\n{words.read_text()}\n{logs}")
    samples: dict[tuple[str, str], list[float]] = {}
    for line in results.read_text().splitlines():
        what, kind, value = json.loads(line)
        samples.setdefault((what, kind), []).append(value)
    return samples
