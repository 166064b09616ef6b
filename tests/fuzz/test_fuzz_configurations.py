"""A short fuzz of configuration files: what is said of them, and reloads from one to another."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from havip.config.fields import walk
from havip.config.keys import CONFIGURATION
from havip.config.model import Configuration
from havip.config.plan import Plan
from havip.vrrp import sequences
from havip.vrrp.blackbox import create
from tests.config.reading import read
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
        plan = there_and_back(tmp_path, old.configuration, new.configuration)
        changes.update({key: len(value) for key, value in plan.describe().items()})
    assert min(changes.values()) > 10, changes


@pytest.mark.parametrize("kind", ["routes: [{to: 203.0.113.0/24, via: 192.0.2.254}]", "rules: [RULE]"])
def test_what_moves_between_two_holders_is_held_all_the_time(tmp_path: Path, kind: str) -> None:
    kind = kind.replace("RULE", "{priority: 9, family: 4, table: 7}")
    heads = ("static: {%s}", "  a: {interface: eth0, vrid: 1, addresses: [192.0.2.1/24]%s}")
    static, one = heads[0] % kind, f", {kind}"
    another = "  b: {interface: eth0, vrid: 2, addresses: [192.0.2.2/24]%s}"
    files = [
        read(f"{static}\nvirtual_routers:\n{heads[1] % ''}\n{another % ''}\n"),
        read(f"virtual_routers:\n{heads[1] % one}\n{another % ''}\n"),
        read(f"virtual_routers:\n{heads[1] % ''}\n{another % one}\n"),
    ]
    for old in files:
        for new in files:
            there_and_back(tmp_path, old, new)


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
