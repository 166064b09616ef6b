"""Random campaigns for as long as you like: `python -m tests.sim.soak --seconds 3600 --seed 1000`.

Each seed is played on one LAN, and on a site whose hosts have sync groups.

Exits 0 if every rule held.  The first seed that breaks one ends the soak with 1, after printing the smallest
scenario that still breaks it and its timeline.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

from havip.clock import after, monotonic, seconds
from tests.sim import group_campaign
from tests.sim.campaign import campaign, scenario
from tests.sim.scene import BEGINNING

REPORT_EVERY = seconds(60)


def main() -> int:
    """Play scenarios, seed after seed, until the time is over; report every minute."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long to play (default 60)")
    parser.add_argument("--seed", type=int, default=1_000_000, help="the first seed (default 1000000)")
    parser.add_argument("--runs", type=int, help="play this many seeds instead, whatever the time")
    options = parser.parse_args()

    faults: Counter[str] = Counter()
    virtual = changes = runs = 0
    now = monotonic()
    end, report_at = after(now, seconds(options.seconds)), after(now, REPORT_EVERY)
    while runs < options.runs if options.runs is not None else now < end:
        try:
            lan = campaign(options.seed + runs)
            site = group_campaign.campaign(options.seed + runs)
        except AssertionError as failure:
            print(failure)
            return 1
        runs += 1
        virtual += lan.now + site.timeline.now
        changes += len(list(lan.watch.reigns(BEGINNING, lan.now))) + site.changes_since(BEGINNING)
        for scene in (scenario(options.seed + runs - 1), group_campaign.scenario(options.seed + runs - 1)):
            faults.update(fault.kind for fault in scene.faults)
        now = monotonic()
        if now >= report_at:
            report_at = after(now, REPORT_EVERY)
            print(f"{runs} scenarios so far", flush=True)
    print(f"{runs} scenarios from seed {options.seed}: {virtual / 3.6e12:.1f} hours of LAN time, ", end="")
    print(f"{changes} changes of master, {faults.total()} faults; no rule was broken")
    print(", ".join(f"{kind} {count}" for kind, count in sorted(faults.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
