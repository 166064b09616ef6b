"""Run the comparison: ``python -m bench [names] [--quick]``.  The method is told in README.md beside this."""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from bench import report
from bench.calm import false_takeovers
from bench.checks import checks, punctuality
from bench.daemons import KINDS, REALTIME
from bench.ipvs import balancing
from bench.load import hearing, sending
from bench.plan import OUTPUT, Plan
from bench.report import Row
from bench.signed import signed
from bench.startup import startups
from bench.takeover import fleet_takeover, takeovers
from bench.tracking import tracking

BENCHES: Final[dict[str, Callable[[Plan], list[Row]]]] = {
    "takeover": takeovers,
    "fleet": fleet_takeover,
    "send": sending,
    "hear": hearing,
    "signed": signed,
    "track": tracking,
    "checks": checks,
    "punctual": punctuality,
    "ipvs": balancing,
    "startup": startups,
    "calm": false_takeovers,
}


def arguments(argv: list[str]) -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="havip beside keepalived.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(BENCHES)} (all)")
    parser.add_argument("--quick", action="store_true", help="few repetitions: is the bench alive?")
    parser.add_argument("--hours", type=float, default=0.0, help="watch for false takeovers this long")
    parser.add_argument("--ordinary", action="store_true", help="ordinary instead of real-time scheduling")
    parser.add_argument("--only", choices=[kind.kind for kind in KINDS], help="measure one daemon alone")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="directory of the report (%(default)s)")
    chosen = parser.parse_args(argv)
    unknown = [name for name in chosen.names if name not in BENCHES]
    if unknown:
        parser.error(f"no such bench: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    return chosen


def facts(plan: Plan) -> dict[str, str]:
    """Return what a reader must know to judge the numbers."""
    version = subprocess.run(["keepalived", "--version"], capture_output=True, text=True, check=True)
    scheduling = f"SCHED_RR {plan.realtime}" if plan.realtime else "ordinary"
    return {
        "Compared with": version.stderr.splitlines()[0],
        "Scheduling of both": f"{scheduling}, memory locked",
        "Machine": f"{os.cpu_count()} CPUs, Linux {platform.release()}, Python {platform.python_version()}",
        "Load when started": f"{os.getloadavg()[0]:.2f}",
        "Begun": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
    }


def main(argv: list[str]) -> int:
    """Measure, print and write the report; return 1 if a bench failed to measure, missed aims aside."""
    chosen = arguments(argv)
    plan = Plan(
        quick=chosen.quick,
        hours=chosen.hours,
        realtime=0 if chosen.ordinary else REALTIME,
        output=chosen.output.resolve(),
        kinds=tuple(kind for kind in KINDS if chosen.only in (None, kind.kind)),
    )
    known, rows, failed = facts(plan), [], False
    for name in chosen.names or BENCHES:
        print(f"bench: {name}", file=sys.stderr)
        try:
            rows += BENCHES[name](plan)
        except (RuntimeError, AssertionError, OSError) as reason:
            print(f"bench: {name} failed: {reason}", file=sys.stderr)
            failed = True
    print(report.write(plan.output, rows, known), end="")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
