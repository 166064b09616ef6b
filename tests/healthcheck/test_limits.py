"""How many probes may be under way: as many as there are descriptors for, and some to spare."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from havip.healthcheck.worker import places
print(places(), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (256, 1024, "512 1024 1024"),  # asks for all it may have, and keeps 512 back
        (1024, 4096, "3584 4096 4096"),
        (64, 64, "1 64 64"),  # one at a time is better than none
    ],
)
def test_places_go_by_the_descriptors_that_the_process_may_have(soft: int, hard: int, expected: str) -> None:
    code = CODE.format(soft=soft, hard=hard)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
