"""What a process asks of the kernel for itself, checked against what the kernel then says."""

from __future__ import annotations

import gc
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from havip import messages, process
from havip.clock import NEVER, Instant, after, milliseconds, monotonic, seconds
from havip.errors import AlreadyRunning
from havip.process import TimerFd, abstract_lock
from havip.vrrp import blackbox
from tests.vrrp.model import at, heard, router
from tests.vrrp.stack import Stack, started

ROOT = Path(__file__).resolve().parent.parent


def in_new_process(code: str) -> object:
    """Run ``code`` in an interpreter of its own and return what it printed as JSON."""
    program = "import json, os, resource\nfrom havip import process\n" + code
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


STATUS = """
def status(*names):
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return [fields[name].strip() for name in names]
"""


# --- scheduling and memory


def test_realtime_priority_is_round_robin_and_not_inherited_by_children() -> None:
    result = in_new_process(
        """
warning = process.set_realtime(7)
reader, writer = os.pipe()
if os.fork() == 0:
    os.write(writer, str(os.sched_getscheduler(0)).encode())
    os._exit(0)
os.wait()
child = os.read(reader, 9).decode()
print(json.dumps([warning, os.sched_getscheduler(0), os.sched_getparam(0).sched_priority, child]))
"""
    )
    # SCHED_RR is 2, SCHED_RESET_ON_FORK is 0x40000000, SCHED_OTHER is 0 (linux/sched.h).
    assert result == [None, 2 | 0x40000000, 7, "0"]


def test_priority_0_leaves_scheduling_alone() -> None:
    result = in_new_process("print(json.dumps([process.set_realtime(0), os.sched_getscheduler(0)]))")
    assert result == [None, 0]


def test_refused_realtime_priority_names_capability_and_limit() -> None:
    result = in_new_process(
        """
process.keep_capabilities([])
resource.setrlimit(resource.RLIMIT_RTPRIO, (0, 0))
print(json.dumps(process.set_realtime(50)))
"""
    )
    assert isinstance(result, str)
    assert "CAP_SYS_NICE" in result
    assert "RLIMIT_RTPRIO" in result
    assert "50" in result


def test_locked_memory_covers_later_allocations_but_not_untouched_ones() -> None:
    result = in_new_process(
        STATUS
        + """
import mmap
def locked_kb(): return int(status("VmLck")[0].split()[0])
def resident_kb(): return int(status("VmRSS")[0].split()[0])
warning = process.lock_memory()
before_locked, before_resident = locked_kb(), resident_kb()
later = mmap.mmap(-1, 64 << 20)
locked, resident = locked_kb() - before_locked, resident_kb() - before_resident
print(json.dumps([warning, before_locked > 0, locked, resident < 16 << 10]))
"""
    )
    assert result == [None, True, 64 << 10, True]


def test_a_process_runs_where_it_is_told_and_where_it_may_if_it_is_told_nonsense() -> None:
    result = in_new_process(
        """
before = sorted(os.sched_getaffinity(0))
first = process.run_on(before[:1]), sorted(os.sched_getaffinity(0)) == before[:1]
rest = [process.run_on([1023]), process.run_on([]), sorted(os.sched_getaffinity(0)) == before[:1]]
print(json.dumps([first, *rest]))
"""
    )
    assert result[0] == [None, True]
    assert result[1].startswith("none of the processors 1023 can be used: running on ")
    assert result[2:] == [None, True]


def test_refused_memory_lock_names_capability_and_limit() -> None:
    result = in_new_process(
        """
process.keep_capabilities([])
resource.setrlimit(resource.RLIMIT_MEMLOCK, (1 << 20, 1 << 20))
print(json.dumps(process.lock_memory()))
"""
    )
    assert isinstance(result, str)
    assert "CAP_IPC_LOCK" in result
    assert "RLIMIT_MEMLOCK" in result


def test_finite_limit_without_the_capability_is_refused_before_it_can_fail_an_allocation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Under a generous limit mlockall itself would succeed, and the first allocation past it would fail.
    class NeverCalled:
        def mlockall(self, flags: int) -> int:
            raise AssertionError(f"mlockall({flags}) was called")

    monkeypatch.setattr(process, "libc", NeverCalled())
    monkeypatch.setattr(process, "unlimited_locked_memory", lambda: False)
    monkeypatch.setattr(process, "holds_capability", lambda name: False)
    assert process.lock_memory() is not None


def test_memory_lock_under_a_finite_limit_keeps_its_capability_so_that_allocations_go_on() -> None:
    result = in_new_process(
        STATUS
        + """
import mmap
warnings = [process.lock_memory(), process.keep_capabilities(["CAP_NET_RAW"])]
finite = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] != resource.RLIM_INFINITY
later = mmap.mmap(-1, 64 << 20)
print(json.dumps([*warnings, int(status("CapEff")[0], 16) == 1 << 13 | finite << 14]))
"""
    )
    # CAP_NET_RAW is bit 13, CAP_IPC_LOCK bit 14: the latter stays exactly where the limit is finite.
    assert result == [None, None, True]


# --- name


def test_process_shows_its_name_cut_to_what_the_kernel_holds() -> None:
    result = in_new_process(
        STATUS + "process.set_name('havip-vrrp-worker'); print(json.dumps(status('Name')))"
    )
    assert result == ["havip-vrrp-work"]  # 15 bytes: TASK_COMM_LEN less the final zero


# --- capabilities


def test_all_capabilities_but_the_named_ones_are_gone_from_every_set() -> None:
    result = in_new_process(
        STATUS
        + """
warning = process.keep_capabilities(["CAP_NET_ADMIN", "CAP_NET_RAW"])
print(json.dumps([warning, status("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs")]))
"""
    )
    # CAP_NET_ADMIN is bit 12, CAP_NET_RAW bit 13 (linux/capability.h).
    kept, none = "0000000000003000", "0000000000000000"
    assert result == [None, [none, kept, kept, kept, none, "1"]]


def test_a_program_started_afterwards_gains_nothing_even_as_root() -> None:
    result = in_new_process(
        """
import subprocess
process.keep_capabilities(["CAP_NET_RAW"])
lines = subprocess.run(["grep", "CapEff", "/proc/self/status"], capture_output=True, text=True).stdout
print(json.dumps([os.getuid(), int(lines.split()[1], 16) & ~(1 << 13)]))
"""
    )
    assert result == [0, 0]


def test_a_program_of_the_checkers_is_roots_in_full_though_the_checker_is_not() -> None:
    result = in_new_process(
        STATUS
        + """
import subprocess
before = status("CapBnd")
process.keep_capabilities(["CAP_KILL"], for_programs=True)
lines = subprocess.run(["grep", "CapEff", "/proc/self/status"], capture_output=True, text=True).stdout
after = status("CapBnd")
print(json.dumps([status("CapPrm", "CapEff", "NoNewPrivs"), before == after == [lines.split()[1]]]))
"""
    )
    assert result == [["0000000000000020", "0000000000000020", "0"], True]  # CAP_KILL is bit 5


def test_a_kept_capability_that_was_never_there_is_named() -> None:
    result = in_new_process(
        """
process.keep_capabilities(["CAP_NET_RAW"])
print(json.dumps([process.keep_capabilities(["CAP_NET_ADMIN", "CAP_NET_RAW"]),
                  process.missing_capabilities(["CAP_NET_RAW", "CAP_NET_ADMIN"])]))
"""
    )
    assert result == ["running without CAP_NET_ADMIN", ["CAP_NET_ADMIN"]]


# --- the timer


def readable(timer: TimerFd, timeout: float) -> bool:
    """Wait at most ``timeout`` seconds for the timer."""
    return bool(select.select([timer], [], [], timeout)[0])


def test_timer_does_not_fire_before_its_instant() -> None:
    timer = TimerFd()
    at = after(monotonic(), milliseconds(20))
    timer.arm(at)
    assert readable(timer, 10)
    assert monotonic() >= at
    timer.close()


def test_timer_armed_in_the_past_fires_at_once_even_before_the_epoch_of_the_clock() -> None:
    timer = TimerFd()
    for past in (1, 0, -5):
        timer.arm(Instant(past))
        assert readable(timer, 10)
        assert timer.acknowledge()
    timer.close()


def test_acknowledged_timer_is_silent_and_acknowledging_twice_is_harmless() -> None:
    timer = TimerFd()
    timer.arm(after(monotonic(), milliseconds(1)))
    assert readable(timer, 10)
    assert timer.acknowledge()
    assert not timer.acknowledge()
    assert not readable(timer, 0)
    timer.close()


def test_timer_armed_for_never_forgets_an_expiry_that_nobody_took() -> None:
    timer = TimerFd()
    timer.arm(after(monotonic(), milliseconds(1)))
    assert readable(timer, 10)
    timer.arm(NEVER)
    assert not readable(timer, 0)
    timer.close()


def test_arming_again_replaces_the_earlier_instant() -> None:
    timer = TimerFd()
    timer.arm(after(monotonic(), milliseconds(1)))
    timer.arm(after(monotonic(), seconds(3600)))
    assert not readable(timer, 0.05)
    timer.close()


def test_timer_is_not_inherited_by_programs_and_closing_twice_is_harmless() -> None:
    timer = TimerFd()
    assert not os.get_inheritable(timer.fileno())
    timer.close()
    timer.close()
    assert timer.fileno() == -1


# --- the lock


def test_second_holder_is_refused_and_told_the_pid_of_the_first() -> None:
    name = f"havip.test.{os.getpid()}"
    with abstract_lock(name), pytest.raises(AlreadyRunning, match=rf"\(pid {os.getpid()}\)"):
        abstract_lock(name)


def test_lock_goes_with_its_process() -> None:
    name = f"havip.test.{os.getpid()}"
    in_new_process(
        f"held = process.abstract_lock({name!r}); print('null'); import sys; sys.stdout.flush(); os._exit(0)"
    )
    abstract_lock(name).close()


def test_lock_names_nobody_when_the_holder_does_not_listen() -> None:
    name = f"havip.test.{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"\0{name}")
        with pytest.raises(AlreadyRunning, match="another havip already owns"):
            abstract_lock(name)


# --- the garbage collector


def test_settled_garbage_collector_is_off_and_the_heap_exempt() -> None:
    result = in_new_process(
        """
import gc
process.settle_garbage_collector()
print(json.dumps([gc.isenabled(), gc.get_freeze_count() > 1000]))
"""
    )
    assert result == [False, True]


def take_over_and_give_way(stack: Stack) -> None:
    """Live through a takeover, an advert that counts, one that is refused, and a report."""
    stack.run((stack.now - at(0)) / 1e9 + 5)
    assert stack.router().is_master
    stack.port().inbox.extend((heard(priority=200), heard(ttl=254)))
    stack.engine.hear(stack.port(), stack.now)
    assert not stack.router().is_master
    line = messages.encode(stack.router().report(stack.now))
    assert isinstance(messages.decode(line), messages.RouterReport)


def reload(stack: Stack) -> None:
    """Live through a change in place, an addition and a removal."""
    priority = 101 if stack.router().config.priority == 100 else 100
    stack.roster.put(router(priority=priority), stack.now)
    stack.roster.put(router("other", 77, "10.0.0.77", "eth1"), stack.now)
    stack.roster.commit(stack.now)
    stack.run((stack.now - at(0)) / 1e9 + 5)
    assert stack.router(77, "eth1").is_master
    stack.roster.drop(("eth1", 77, 4, ""), stack.now)
    stack.flush()


@pytest.mark.parametrize("live", [take_over_and_give_way, reload])
def test_worker_leaves_no_cycles_that_only_the_collector_could_free(live: Callable[[Stack], None]) -> None:
    descriptor = blackbox.create()
    stack = started(Stack(descriptor))
    live(stack)  # first calls fill caches
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            live(stack)
        assert gc.collect() == 0
    finally:
        gc.enable()
        os.close(descriptor)


def test_as_many_descriptors_are_allowed_as_may_be() -> None:
    ask = (
        "import resource; from havip import process; limit = resource.RLIMIT_NOFILE; "
        "resource.setrlimit(limit, (64, 2000)); process.allow_descriptors(); print(resource.getrlimit(limit))"
    )
    assert subprocess.check_output([sys.executable, "-c", ask], text=True) == "(2000, 2000)\n"


@pytest.mark.root
def test_a_network_namespace_is_never_taken_for_one_that_is_gone() -> None:
    ask = "from havip import process; print(process.name_of_network_namespace())"
    names = [
        subprocess.check_output(["unshare", "--net", sys.executable, "-c", ask], text=True) for _ in range(8)
    ]
    assert len({process.name_of_network_namespace() + "\n", *names}) == 9
