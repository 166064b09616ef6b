"""A long fuzz of keepalived.conf files: ``python -m tests.fuzz.fuzz_keepalived --seconds 60``.

It ends with a traceback at the first fault, after the seed with which ``--seed`` repeats it.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from havip.clock import after, monotonic, seconds
from tests.fuzz.keepalived import judge


def main() -> None:
    """Read the command line and fuzz for as long as it says."""
    parser = argparse.ArgumentParser(description="fuzz keepalived.conf files")
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, help="the first seed")
    options = parser.parse_args()
    first = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    end, seed = after(monotonic(), seconds(options.seconds)), first
    print(f"fuzzing keepalived.conf files for {options.seconds:g} s from seed {first}", flush=True)
    seen: Counter[bool] = Counter()
    while monotonic() < end:
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = judge(Path(folder), random.Random(seed))
            except BaseException:
                print(f"FAULT: --seed {seed}", file=sys.stderr)
                raise
        seen[found.findings.configuration is not None] += 1
        seed += 1
    print(f"{seed - first} files, of which {seen[True]} can be loaded, no fault")


if __name__ == "__main__":
    main()
