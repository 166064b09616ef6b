"""A short fuzz of configuration files: what is said of them, and reloads from one to another."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from random import Random

from havip.config.fields import walk
from havip.config.keys import CONFIGURATION
from havip.vrrp import sequences
from havip.vrrp.blackbox import create
from tests.fuzz import reloads
from tests.fuzz.configurations import Writer, judge, loadable, neighbour, written


def test_whatever_a_file_says_the_answer_has_lines_and_columns_and_no_secret() -> None:
    seen: Counter[str] = Counter()
    for seed in range(1000):
        random = Random(seed)
        writer = Writer(
            random, wild=random.choice((0, 0.1, 0.3, 0.8)), dense=random.choice((0.05, 0.15, 0.4))
        )
        tree = writer.file()
        findings = judge(written(tree, random))
        seen["loaded" if findings.configuration is not None else "refused"] += 1
        seen.update(problem.path.rpartition(".")[2].partition("[")[0] for problem in findings.problems)
    assert min(seen["loaded"], seen["refused"]) > 50, seen
    # The generator is worth its time only if it gets nearly every key wrong somewhere.
    keys = {path.rpartition(".")[2] for path, _, _ in walk(CONFIGURATION)}
    assert len(keys - seen.keys()) < len(keys) / 5, sorted(keys - seen.keys())


def test_any_reload_leads_where_a_fresh_start_would_and_back(tmp_path: Path) -> None:
    changes: Counter[str] = Counter()
    for seed in range(150):
        random = Random(seed)
        old = loadable(random)
        new = neighbour(random, old) if random.random() < 0.7 else loadable(random)
        for configuration in (old.configuration, new.configuration):
            reloads.crosses(reloads.messages(configuration))
        lives = []
        for number in range(2):
            path = tmp_path / f"{seed}.{number}"
            sequences.create(str(path), room=64)
            lives.append((create(), path))
        there, afresh = (reloads.Life(*one) for one in lives)
        plan = reloads.examine(old.configuration, new.configuration, there, afresh)
        changes.update({key: len(value) for key, value in plan.describe().items()})
        for descriptor, _ in lives:
            os.close(descriptor)
    assert min(changes.values()) > 10, changes
