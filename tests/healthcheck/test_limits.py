"""How many probes may be under way: as many as there are descriptors for, and some to spare."""

from __future__ import annotations

import asyncio
import gc
import os
import select
import socket
import subprocess
import sys

import pytest

from havip.channel import Channel
from havip.clock import milliseconds
from havip.config.health import Check
from havip.config.probes import Tcp
from havip.healthcheck import runs
from havip.healthcheck.checks import Checks
from havip.messages import ERROR, LogLine, Message, TrackResult
from havip.workers import CHECKER_BOOT
from tests.house_map import ROOT

CODE = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
from havip.checker import places
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


def living() -> int:
    """Return how many checks there are in this process."""
    gc.collect()
    return sum(isinstance(one, Check) for one in gc.get_objects())


def test_nothing_is_kept_of_checks_that_a_reload_exchanges() -> None:
    """How each is run was kept for good: 0.9 MB for each reload of a thousand."""

    async def scene() -> None:
        told: asyncio.Queue[TrackResult] = asyncio.Queue()
        checks = Checks(told.put_nowait)
        before = living()
        for generation in range(5):
            pace = milliseconds(10 + generation)
            checks.put(Check("web", tcp=Tcp(), host="127.0.0.1", port=1, interval=pace), None)
            checks.begin()
            while not checks.totals()["runs"] > generation:
                await asyncio.sleep(0)
        checks.drop("web")
        assert living() == before
        checks.stop()

    asyncio.run(scene())


def test_a_checker_that_is_told_what_it_does_not_understand_says_so_and_ends() -> None:
    """The package was exchanged under a running daemon: the new checker had spun, and filled the log."""
    ours, theirs = socket.socketpair()
    page = runs.create()
    boot = CHECKER_BOOT.format(root=str(ROOT), channel=theirs.fileno(), runs=page)
    channel = Channel(ours)
    with subprocess.Popen([sys.executable, "-c", boot], pass_fds=(theirs.fileno(), page)) as process:
        theirs.close()
        os.close(page)
        body = b'["PutCheck", {"what": "a check of next year"}]'
        ours.sendall(len(body).to_bytes(4, "big") + body)
        heard: list[Message] = []
        while not channel.closed:
            assert select.select([channel], [], [], 15)[0]
            heard += channel.receive()
        assert process.wait(15) == 1
    channel.close()
    (line,) = (message for message in heard if isinstance(message, LogLine))
    assert line.level == ERROR
    assert line.text.startswith("the checker worker is told what it does not understand: ")
