"""A short fuzz of keepalived.conf files, and files that were made to have no end."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

from havip.config.keepalived.reading import examine
from tests.fuzz.keepalived import MAIN, SEED, hold, judge
from tests.house_map import ROOT

MOST_MEMORY = 100 * 1024 * 1024  # bytes


def test_whatever_a_file_says_the_answer_has_lines_and_columns_and_no_secret(tmp_path: Path) -> None:
    seen: Counter[bool] = Counter()
    for seed in range(150):
        folder = tmp_path / str(seed)
        folder.mkdir()
        seen[judge(folder, Random(seed)).findings.configuration is not None] += 1
    assert min(seen.values()) > 5, seen


def test_the_file_that_is_mutated_is_good(tmp_path: Path) -> None:
    for name, text in ((MAIN, SEED), ("one.conf", ""), ("three.inc", "")):
        (tmp_path / name).write_text(text)
    found = examine(str(tmp_path / MAIN), instance="r1")
    assert not found.findings.problems
    hold(found, tmp_path)


def test_a_file_that_is_cut_anywhere_is_read_or_refused_with_a_place(tmp_path: Path) -> None:
    for end in range(0, len(SEED), 13):
        (tmp_path / MAIN).write_text(SEED[:end])
        hold(examine(str(tmp_path / MAIN), instance="r1", compat=bool(end % 2)), tmp_path)


def test_what_has_no_end_ends_in_bounded_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.endless"], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    most, usual = map(int, done.stdout.split())
    assert most - usual < MOST_MEMORY, f"{(most - usual) / 1024 / 1024:.0f} MiB"
