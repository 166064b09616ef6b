"""What a process takes of the host, and what it says when it may not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = """
import json, os, resource
from havip import process, rank
from havip.clock import milliseconds
from havip.config.model import Rank
def drop():
    return process.keep_capabilities([])
"""


def in_new_process(code: str) -> object:
    """Run ``code`` in an interpreter of its own and return what it printed as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_rank_is_taken_as_a_whole_before_the_right_to_it_is_given_up() -> None:
    result = in_new_process(
        """
first = min(os.sched_getaffinity(0))
said = list(rank.take(Rank(7, milliseconds(500), -5, True, (first,)), drop))
print(json.dumps([
    said, os.sched_getparam(0).sched_priority, os.getpriority(os.PRIO_PROCESS, 0),
    resource.getrlimit(resource.RLIMIT_RTTIME)[0], process.memory_is_locked(),
    list(os.sched_getaffinity(0)) == [first], process.holds_capability("CAP_SYS_NICE"),
]))
"""
    )
    assert result == [[], 7, -5, 500_000, True, True, False]


def test_a_negative_nice_value_is_not_for_children_and_a_positive_one_is() -> None:
    result = in_new_process(
        """
found = []
for value in (-5, 3):
    rank.be_nice(value)
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, str(os.getpriority(os.PRIO_PROCESS, 0)).encode())
        os._exit(0)
    os.wait()
    found.append([os.getpriority(os.PRIO_PROCESS, 0), int(os.read(reader, 9))])
print(json.dumps(found))
"""
    )
    assert result == [[-5, 0], [3, 3]]


def test_what_is_not_granted_is_said_and_the_rest_is_taken() -> None:
    result = in_new_process(
        """
resource.setrlimit(resource.RLIMIT_NICE, (0, 0))
resource.setrlimit(resource.RLIMIT_RTTIME, (1000, 1000))
drop()
print(json.dumps(list(rank.take(Rank(0, milliseconds(500), -5), lambda: "and no more"))))
"""
    )
    assert result == [
        "the nice value -5 was not granted: it takes CAP_SYS_NICE or an RLIMIT_NICE of at least 25 "
        "(systemd: LimitNICE=-5)",
        "the real-time limit is 1000 us instead of 500000 us: the unit has LimitRTTIME=",
        "and no more",
    ]


def test_a_process_that_never_pauses_is_ended_at_its_limit() -> None:
    # A real-time process on a processor that others need too: the kernel ends it, and nothing waits for it.
    code = "list(rank.take(Rank(1, milliseconds(50)), drop))\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", PROGRAM + code], cwd=ROOT, timeout=60)
    assert done.returncode == -signal.SIGXCPU


def test_without_a_rank_everything_stays_as_it_is() -> None:
    result = in_new_process(
        """
before = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0), len(os.sched_getaffinity(0))
said = list(rank.take(Rank(), lambda: None))
after = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0), len(os.sched_getaffinity(0))
print(json.dumps([said, before == after, resource.getrlimit(resource.RLIMIT_RTTIME)[0]]))
"""
    )
    assert result == [[], True, -1]
