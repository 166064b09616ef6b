"""What a process asks of the kernel for itself: scheduling, memory, capabilities, one timer, one lock.

Standard library only, and no asyncio: the VRRP worker lives on this.  Nothing here knows a protocol or
writes a log: what was not granted comes back as a sentence for the caller to report.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import os
import resource
import socket
import struct
from collections.abc import Collection, Iterable
from typing import Final

from havip.clock import NANOSECONDS_PER_SECOND, NEVER, Instant
from havip.errors import AlreadyRunning, NoNamespace, NotPermitted

#: bit numbers from linux/capability.h; only those that some process of ours may want
CAPABILITIES: Final = {
    "CAP_DAC_OVERRIDE": 1,
    "CAP_KILL": 5,
    "CAP_SETGID": 6,
    "CAP_SETUID": 7,
    "CAP_SETPCAP": 8,
    "CAP_NET_BIND_SERVICE": 10,
    "CAP_NET_ADMIN": 12,
    "CAP_NET_RAW": 13,
    "CAP_IPC_LOCK": 14,
    "CAP_SYS_ADMIN": 21,
    "CAP_SYS_NICE": 23,
    "CAP_SYS_RESOURCE": 24,
}

CLOCK_MONOTONIC: Final = 1
TFD_NONBLOCK: Final = os.O_NONBLOCK
TFD_CLOEXEC: Final = os.O_CLOEXEC
TFD_TIMER_ABSTIME: Final = 1
CLONE_NEWNET: Final = 0x40000000
NAMESPACES: Final = "/run/netns"  # where `ip netns` keeps those that have a name
THIS_NETWORK_NAMESPACE: Final = "/proc/thread-self/ns/net"

MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT = 1, 2, 4

LOCK_REFUSED: Final = (
    "memory was not locked, so paging may delay adverts: it takes CAP_IPC_LOCK or an unlimited "
    "RLIMIT_MEMLOCK (systemd: LimitMEMLOCK=infinity)"
)

SO_NETNS_COOKIE: Final = 71  # asm-generic/socket.h
COOKIE: Final = struct.Struct("=Q")

PR_SET_NAME: Final = 15
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
PR_CAP_AMBIENT: Final = 47
PR_CAP_AMBIENT_CLEAR_ALL: Final = 4
LINUX_CAPABILITY_VERSION_3: Final = 0x20080522

libc: Final = ctypes.CDLL(None, use_errno=True)
#: The timer's own handle: saving errno for Python at every call would cost a tenth of the call.
fast_libc: Final = ctypes.CDLL(None)


def run_on(cpus: Collection[int]) -> str | None:
    """Have this process run on these processors alone (none: wherever it may).

    Returns None, or what is wrong, in words.
    """
    if not cpus:
        return None
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, ValueError, OverflowError):
        usable = ", ".join(map(str, sorted(os.sched_getaffinity(0))))
        return f"none of the processors {', '.join(map(str, cpus))} can be used: running on {usable}"
    return None


def set_realtime(priority: int) -> str | None:
    """Schedule this process as SCHED_RR with ``priority`` (1..99; 0: leave it alone).

    Children start with ordinary scheduling.  Returns None, or what is missing, in words.
    """
    if priority == 0:
        return None
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(priority))
    except PermissionError:
        return (
            f"real-time priority {priority} was not granted: it takes CAP_SYS_NICE or an RLIMIT_RTPRIO of at "
            f"least {priority} (systemd: LimitRTPRIO={priority}), and a control group with real-time budget"
        )
    return None


def lock_memory() -> str | None:
    """Keep every page that this process touches, now and later, in memory.

    Pages are locked as they are first used (MCL_ONFAULT), so untouched stack and arenas cost nothing.  Not
    inherited: the process that needs it calls it.  Returns None, or what is missing, in words.
    """
    # With a finite limit the call may succeed and a later allocation fail: refuse that half-success.
    if not (unlimited_locked_memory() or holds_capability("CAP_IPC_LOCK")):
        return LOCK_REFUSED
    if libc.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0:
        return f"{LOCK_REFUSED} ({os.strerror(ctypes.get_errno())})"
    return None


def unlimited_locked_memory() -> bool:
    """Lift RLIMIT_MEMLOCK if we may, and say whether it is unlimited."""
    unlimited = resource.RLIM_INFINITY
    try:
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (unlimited, unlimited))
    except (ValueError, PermissionError):
        return resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == unlimited
    return True


def memory_is_locked() -> bool:
    """Say whether this process has locked pages."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        return any(line.startswith("VmLck:") and line.split()[1] != "0" for line in file)


def holds_capability(name: str) -> bool:
    """Say whether ``name`` (``CAP_NET_ADMIN``) is among the effective capabilities."""
    return bool(read_capabilities()[0] >> CAPABILITIES[name] & 1)


def missing_capabilities(names: Iterable[str]) -> list[str]:
    """Return those of ``names`` that this process cannot use."""
    return [name for name in names if not holds_capability(name)]


def keep_capabilities(names: Iterable[str], for_programs: bool = False) -> str | None:
    """Give up every capability but ``names``, for good, in all five sets.

    Afterwards permitted and effective hold what of ``names`` we had; inheritable and ambient are empty;
    bounding holds no more than ``names`` (where CAP_SETPCAP allows dropping from it); and no program that
    we start gains anything (no_new_privs).  Call it after `lock_memory` and before any thread: the kernel
    keeps these sets per thread.  With ``for_programs`` the bound stays as it is, and programs that are run
    as root are root's in full, as an operator expects.  Returns None, or which of ``names`` we did not have,
    in words.
    """
    wanted = list(names)
    if memory_is_locked() and not unlimited_locked_memory():
        # Every later allocation is held to RLIMIT_MEMLOCK: without the capability the next one fails.
        wanted.append("CAP_IPC_LOCK")
    mask = sum(1 << CAPABILITIES[name] for name in wanted)
    missing = missing_capabilities(wanted)
    control(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    if not for_programs:
        drop_bounding(mask)
        control(PR_SET_NO_NEW_PRIVS, 1)
    write_capabilities(mask & read_capabilities()[1])
    return f"running without {', '.join(missing)}" if missing else None


def drop_bounding(mask: int) -> None:
    """Drop every capability outside ``mask`` from the bounding set, if we may."""
    if not holds_capability("CAP_SETPCAP"):  # then no_new_privs alone is the bound
        return
    with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
        last = int(file.read())
    for number in range(last + 1):
        if not mask >> number & 1:
            control(PR_CAPBSET_DROP, number)


def control(option: int, argument: int) -> None:
    """Call prctl(2).  Raises OSError."""
    zero = ctypes.c_ulong(0)
    if libc.prctl(option, ctypes.c_ulong(argument), zero, zero, zero) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}, {argument}): {os.strerror(number)}")


CAPABILITY_HEADER: Final = struct.pack("=Ii", LINUX_CAPABILITY_VERSION_3, 0)  # pid 0: the calling thread
CAPABILITY_SETS: Final = struct.Struct("=6I")  # low words of the three sets, then the high words


def read_capabilities() -> tuple[int, int, int]:
    """Return (effective, permitted, inheritable) of the calling thread as bit masks.  Raises OSError."""
    data = ctypes.create_string_buffer(CAPABILITY_SETS.size)
    if libc.capget(ctypes.create_string_buffer(CAPABILITY_HEADER), data) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    words = CAPABILITY_SETS.unpack(data.raw)
    return words[0] | words[3] << 32, words[1] | words[4] << 32, words[2] | words[5] << 32


def write_capabilities(mask: int) -> None:
    """Make ``mask`` the permitted and effective set, and the inheritable one empty.  Raises OSError."""
    low, high = mask & 0xFFFFFFFF, mask >> 32
    data = ctypes.create_string_buffer(CAPABILITY_SETS.pack(low, low, 0, high, high, 0))
    if libc.capset(ctypes.create_string_buffer(CAPABILITY_HEADER), data) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def set_name(name: str) -> None:
    """Show ``name`` (at most 15 bytes) in ``ps`` and ``top``.  Raises OSError."""
    text = ctypes.create_string_buffer(name.encode()[:15])
    control(PR_SET_NAME, ctypes.addressof(text))


def settle_garbage_collector() -> None:
    """Collect once, exempt what is left, and turn the cycle collector off.

    A full collection of a daemon's heap was measured at 19 ms: two adverts late at an interval of 10 ms.
    Turning it off leaks nothing as long as what the loop makes holds no reference cycles: reference counts
    free all the rest at once.  `tests/test_process.py` holds the worker's insides to that.
    """
    gc.collect()
    gc.freeze()
    gc.disable()


class Timespec(ctypes.Structure):
    """struct timespec."""

    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class TimerSetting(ctypes.Structure):
    """struct itimerspec."""

    _fields_ = (("interval", Timespec), ("value", Timespec))


class TimerFd:
    """One absolute timer of CLOCK_MONOTONIC that polls as readable once its instant has come.

    epoll's own timeout counts in milliseconds; this counts in nanoseconds.  `os.timerfd_create` exists
    only from Python 3.13 on, so libc is called directly.
    """

    __slots__ = ("_fd", "_reference", "_setting", "_value")

    def __init__(self) -> None:
        self._fd: int = libc.timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._setting = TimerSetting()  # filled in again at every call, never allocated again
        self._reference = ctypes.byref(self._setting)
        self._value = self._setting.value

    def arm(self, at: Instant) -> None:
        """Become readable at ``at``: at once if that is past, never for NEVER."""
        if at >= NEVER:
            at = Instant(0)  # an all-zero setting disarms
        elif at <= 0:
            at = Instant(1)
        value = self._value
        value.seconds, value.nanoseconds = divmod(at, NANOSECONDS_PER_SECOND)
        if fast_libc.timerfd_settime(self._fd, TFD_TIMER_ABSTIME, self._reference, None) != 0:
            raise OSError(f"timerfd_settime({self._fd}, {at}) failed")

    def fileno(self) -> int:
        """Return the file descriptor to poll."""
        return self._fd

    def acknowledge(self) -> bool:
        """Take the expiry notice, if there is one, so that the descriptor stops being readable."""
        try:
            os.read(self._fd, 8)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Close the descriptor.  May be called twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def in_network_namespace(name: str) -> bool:
    """Say whether this process is in the network namespace of that name or path; no, if there is none."""
    try:
        there = os.stat(namespace_path(name))
    except OSError:
        return False
    here = os.stat(THIS_NETWORK_NAMESPACE)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def allow_descriptors() -> None:
    """Let this process have as many descriptors as it may: four for each interface and family."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def name_of_network_namespace(of: socket.socket | None = None, file: str = THIS_NETWORK_NAMESPACE) -> str:
    """Return what tells a network namespace from all others until the next boot.

    It is that of a socket, which was made in the namespace with that ``file``; else the calling thread's.
    The kernel gives the inode of one that is gone to the next one; a cookie (Linux 5.14) is never given
    again.  Where there is none, the inode must do.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one_of_ours:
        some = of or one_of_ours
        try:
            (cookie,) = COOKIE.unpack(some.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, COOKIE.size))
        except OSError:
            return str(os.stat(file).st_ino)
    return f"net{cookie}"


def enter_network_namespace(name: str) -> None:
    """Move the calling thread, and all that it starts from now on, into a network namespace.

    Raises `NoNamespace`, `NotPermitted`.
    """
    path = namespace_path(name)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NoNamespace(f"no network namespace {path}: {os.strerror(error.errno or 0)}") from error
    try:
        if libc.setns(descriptor, CLONE_NEWNET) == 0:
            return
        number = ctypes.get_errno()
    finally:
        os.close(descriptor)
    if number == errno.EPERM:
        raise NotPermitted(f"entering the network namespace {path} takes CAP_SYS_ADMIN")
    # `ip netns add` makes the file first, and the namespace a moment later.
    raise NoNamespace(f"{path} is no network namespace: {os.strerror(number)}")


def namespace_path(name: str) -> str:
    """Return the file of the network namespace with that name or path."""
    return name if name.startswith("/") else f"{NAMESPACES}/{name}"


def abstract_lock(name: str) -> socket.socket:
    """Hold ``name`` for this network namespace as long as the returned socket stays open.

    An abstract unix address belongs to the network namespace, like the addresses that we own, and goes with
    its process however that ends.  Raises `AlreadyRunning`, naming the holder where that can be told.
    """
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        lock.bind(f"\0{name}")
        lock.listen(128)  # nobody is ever accepted: a connection exists to ask the kernel who listens
    except OSError as error:
        lock.close()
        if error.errno != errno.EADDRINUSE:
            raise
        raise AlreadyRunning(
            f"another havip{holder(name)} already owns the virtual addresses of this network namespace"
        ) from None
    return lock


def holder(name: str) -> str:
    """Return `` (pid 123)`` for the process that holds ``name``, or nothing if that cannot be told."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(f"\0{name}")
            pid, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        except OSError:
            return ""
    return f" (pid {pid})" if pid else ""  # 0: it lives in another pid namespace
