"""A long fuzz of what servers might say to probes, and a kernel of IPVS.

``python -m tests.fuzz.fuzz_answers --seconds 60`` draws from a seed that it prints, so
that a run can be repeated with ``--seed``.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter

from havip.ipvs.layout import Layouts
from tests.fuzz import ipvs_answers
from tests.fuzz.answers import examine, examine_call, random_answers
from tests.fuzz.wire_answers import examine_dns, examine_talk

BATCH = 1000


def main() -> None:
    """Read the command line and fuzz for as long as it says."""
    parser = argparse.ArgumentParser(description="fuzz what is read of the servers that are probed")
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, help="repeat a run")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    print(f"fuzzing for {arguments.seconds:g} s with seed {seed}", flush=True)
    source, met, layouts = random.Random(seed), Counter[str](), Layouts()
    end = time.monotonic() + arguments.seconds
    while time.monotonic() < end:
        met.update(examine(source, octets) for octets in random_answers(source, BATCH))
        met.update(f"call: {examine_call(source)}" for _ in range(BATCH))
        met.update(f"dns: {examine_dns(source)}" for _ in range(BATCH))
        met.update(f"talk {examine_talk(source)}" for _ in range(BATCH))
        met.update(f"ipvs: {ipvs_answers.examine(source, layouts)}" for _ in range(BATCH))
    print(f"{sum(met.values())} answers, no fault: {dict(met.most_common())}")


if __name__ == "__main__":
    main()
