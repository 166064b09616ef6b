"""A long fuzz of configuration files and reloads: ``python -m tests.fuzz.fuzz_configurations --seconds 60``.

It ends with a traceback at the first fault, after the seed with which ``--seed`` repeats it.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

from havip.clock import after, monotonic, seconds
from havip.config.model import Configuration
from havip.config.plan import Plan
from havip.vrrp import sequences
from havip.vrrp.blackbox import create
from tests.fuzz import reloads
from tests.fuzz.configurations import Writer, judge, loadable, neighbour, written


def main() -> None:
    """Read the command line and fuzz for as long as it says."""
    parser = argparse.ArgumentParser(description="fuzz configuration files and reloads")
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, help="the first seed")
    options = parser.parse_args()
    first = random.SystemRandom().randrange(2**32) if options.seed is None else options.seed
    end, seed = after(monotonic(), seconds(options.seconds)), first
    print(f"fuzzing configurations for {options.seconds:g} s from seed {first}", flush=True)
    with tempfile.TemporaryDirectory() as directory:
        while monotonic() < end:
            try:
                one_file(random.Random(seed))
                one_reload(random.Random(seed), Path(directory))
            except Exception:
                print(f"FAULT: --seed {seed}", file=sys.stderr)
                raise
            seed += 1
    print(f"{seed - first} files and as many reloads, no fault")


def one_file(random: random.Random) -> bool:
    """Judge what is said of a random file; say whether it can be loaded."""
    writer = Writer(random, wild=random.choice((0, 0.1, 0.3, 0.8)), dense=random.choice((0.05, 0.15, 0.4)))
    tree = writer.file()
    return judge(written(tree, random)).configuration is not None


def one_reload(random: random.Random, directory: Path) -> Plan:
    """Judge a random reload; return its plan."""
    old = loadable(random)
    new = neighbour(random, old) if random.random() < 0.7 else loadable(random)
    for configuration in (old.configuration, new.configuration):
        reloads.crosses(reloads.messages(configuration))
    return there_and_back(directory, old.configuration, new.configuration)


def there_and_back(directory: Path, old: Configuration, new: Configuration) -> Plan:
    """Examine one reload on two lives of a worker; return its plan."""
    lives, descriptors = [], []
    for number in range(2):
        path = directory / f"sequences.{number}"
        sequences.create(str(path), room=64)
        descriptors.append(create())
        lives.append(reloads.Life(descriptors[-1], path))
    try:
        return reloads.examine(old, new, *lives)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


if __name__ == "__main__":
    main()
