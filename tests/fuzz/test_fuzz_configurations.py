"""A short fuzz of configuration files: what is said of them, and reloads from one to another."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from havip.config.fields import walk
from havip.config.keys import CONFIGURATION
from tests.config.reading import read
from tests.fuzz.configurations import Writer, judge, written
from tests.fuzz.fuzz_configurations import one_reload, there_and_back


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
        plan = one_reload(Random(seed), tmp_path)
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
