"""From the start of the process to the first advert on the wire: an owner does not listen first."""

from __future__ import annotations

from typing import Final

from bench.plan import Plan
from bench.report import Row
from bench.stage import fleet, stage
from bench.wire import Advert
from havip.clock import milliseconds

OWNER: Final = 255


def startups(plan: Plan) -> list[Row]:
    """Measure one virtual router, started again and again."""
    samples: dict[str, list[float]] = {kind.kind: [] for kind in plan.kinds}
    routers = fleet(1, milliseconds(100), OWNER)
    with stage() as here:
        for kind in plan.turns(2 if plan.quick else 10):
            with here.capture() as capture, kind(here.daemon, routers, plan.scratch, plan.realtime) as daemon:
                daemon.start()
                spoken = capture.first(Advert, lambda advert: advert.port == "dut")
                samples[kind.kind].append((spoken.at - daemon.started_at) / 1e6)
                daemon.stop()
    note = "from exec to the first advert of an address owner; `ip netns exec` is in both"
    return [Row("start-up to the first advert", "ms", samples, note=note)]
