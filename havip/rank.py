"""How a process of ours takes its place beside the others of the host: scheduling, memory, processors.

Standard library only.  What is not granted is no reason not to work: it comes back as a sentence for the
caller to report.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from havip import process

if TYPE_CHECKING:
    from havip.config.model import Rank

NANOSECONDS_PER_MICROSECOND = 1000


def take(rank: Rank, drop: Callable[[], str | None]) -> Iterator[str]:
    """Take a rank, then ``drop`` the capabilities that it took.  Yields what was not granted, in words."""
    steps: tuple[Callable[[], str | None], ...] = (
        lambda: process.run_on(rank.cpu_affinity),
        lambda: be_nice(rank.nice),
        lambda: limit_realtime(rank.realtime_limit),
        lambda: process.set_realtime(rank.realtime_priority),
        lambda: process.lock_memory() if rank.lock_memory else None,
        drop,
    )
    for step in steps:
        try:
            warning = step()
        except OSError as error:  # a container, or a seccomp filter
            warning = f"cannot prepare the process: {error}"
        if warning is not None:
            yield warning


def be_nice(value: int) -> str | None:
    """Give this process a nice value (-20..19; 0: leave it alone).

    Children do not get a negative one.  Returns None, or what is missing, in words.
    """
    if value == 0:
        return None
    try:
        if value < 0:
            os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, 0, value)
    except PermissionError:
        return (
            f"the nice value {value} was not granted: it takes CAP_SYS_NICE or an RLIMIT_NICE of at least "
            f"{20 - value} (systemd: LimitNICE={value})"
        )
    return None


def limit_realtime(nanoseconds: int) -> str | None:
    """Have the kernel end this process (SIGXCPU) once it computes for so long without a pause; 0: no limit.

    Counts while the scheduling is real-time.  Returns None, or what stands against it, in words.
    """
    if nanoseconds == 0:
        return None
    wanted = nanoseconds // NANOSECONDS_PER_MICROSECOND
    _, most = resource.getrlimit(resource.RLIMIT_RTTIME)
    if most != resource.RLIM_INFINITY and wanted > most:
        return f"the real-time limit is {most} us instead of {wanted} us: the unit has LimitRTTIME="
    resource.setrlimit(resource.RLIMIT_RTTIME, (wanted, most))
    return None
