"""Runs inside User-Mode Linux: checks one after the other, and what became of each for the tests outside."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def do(
    checks: Iterable[Callable[[T], None]],
    subject: T,
    results: Path,
    after: Callable[[bool], None] = lambda good: None,
) -> None:
    """Do every check, in order; ``after`` each is told whether it was good."""
    began = time.monotonic()
    with results.open("a", buffering=1) as told:
        for check in checks:
            try:
                check(subject)
                verdict = "good"
            except Exception:
                verdict = traceback.format_exc()
            after(verdict == "good")
            print(json.dumps([check.__name__, verdict]), file=told)
            print(f"{time.monotonic() - began:6.1f} s {check.__name__}", flush=True)
