"""The keys of ``daemon``: what concerns the processes and not one router.  Pure."""

from __future__ import annotations

from havip import instance
from havip.clock import ZERO, milliseconds, seconds
from havip.config.commands import ACCOUNT
from havip.config.fields import Field, Group, ListOf
from havip.config.files import ANY_FILE
from havip.config.kinds import Choice, Flag, Length, Period, Text, Whole, Word
from havip.config.model import Daemon, Dumps, Rank, Silence, Then

LONGEST_HOLD = seconds(3600)
LONGEST_SOCKET_PATH = 107  # bytes: sun_path and its closing zero
MOST_CPUS = 1024  # as many as the kernel's usual mask has room for
LONGEST_PATH = 1024  # bytes
PATH_OF_SOCKET = Text("an absolute path of a file", r"^/.*[^/]$", longest=LONGEST_SOCKET_PATH)


def rank(process: str, prefix: str, realtime: int) -> tuple[Field, ...]:
    """Return the keys that say how a process stands beside others; keepalived's begin with ``prefix``."""
    return (
        Field(
            "realtime_priority",
            Whole(0, 99),
            f"SCHED_RR priority of the process that {process}; 0: ordinary scheduling",
            realtime,
            elsewhere=(f"{prefix}rt_priority",),
        ),
        Field(
            "realtime_limit",
            Period(milliseconds(10), seconds(60)),
            "how long that process may compute without a pause while it is real-time; 0s: no limit",
            "1s",
            elsewhere=(f"{prefix}rlimit_rttime", f"{prefix}rlimit_rtime"),
        ),
        Field(
            "nice",
            Whole(-20, 19),
            "the nice value of that process, which counts while its scheduling is ordinary",
            -5,
            elsewhere=(f"{prefix}priority",),
        ),
        Field(
            "lock_memory",
            Flag(),
            "keep that process in memory, never in swap",
            True,
            elsewhere=(f"{prefix}no_swap",),
        ),
        Field(
            "cpu_affinity",
            ListOf(Whole(0, MOST_CPUS - 1), MOST_CPUS),
            "the processors on which that process runs; unless given, on all",
            [1],
            elsewhere=(f"{prefix}cpu_affinity",),
        ),
    )


#: what keepalived and its manual call the keys of ``dumps``
ELSEWHERE = (
    "json_version",
    *(f"{what}_dump_file{more}" for what in ("state", "stats", "json") for more in ("", "_location")),
)

DUMPS = Group(
    Dumps,
    (
        Field(
            "state",
            ANY_FILE,
            "the file that SIGUSR1 has written; unless given, beside the control socket",
            "/run/havip/keepalived.data",
            elsewhere=("state_dump_file", "data", "state_file"),
        ),
        Field(
            "stats",
            ANY_FILE,
            "the file that SIGUSR2 has written; SIGRTMAX-1 also has counting begin again",
            "/run/havip/keepalived.stats",
            elsewhere=("stats_dump_file", "stats_file"),
        ),
        Field(
            "json",
            ANY_FILE,
            "the file that SIGRTMIN+2 has written",
            "/run/havip/keepalived.json",
            elsewhere=("json_dump_file", "json_file"),
        ),
        Field("json_version", Choice((1, 2)), "2: with the tracked processes, as keepalived has it", 2),
        Field("group", ACCOUNT, "who may read the files beside the daemon's own user", "prometheus"),
        Field(
            "pid_file",
            ANY_FILE,
            "a file with the number of the process that takes the signals, while it runs",
            "/run/havip/keepalived.pid",
        ),
    ),
)

CHECKER = Group(Rank, rank("runs checks", "", 1))
SILENCE = Group(
    Silence,
    (
        Field("after", Length(seconds(3), seconds(86400)), "how long its last results count", "30s"),
        Field(
            "then",
            Word(Then),
            "`failed`: then all that it looks at has failed; `kept`: they count on",
            "kept",
        ),
    ),
)

DAEMON = Group(
    Daemon,
    (
        Field(
            "instance",
            Text(instance.EXPECTED, instance.PATTERN, longest=32),
            "the name of this daemon among several on one host",
            "blue",
        ),
        Field(
            "network_namespace",
            Text(
                "the name of a network namespace, or an absolute path",
                r"^(?!\.{1,2}$)(/.*[^/]|[^\s/]+)$",
                longest=255,
            ),
            "the network namespace in which the daemon runs; by name, it is the one of `ip netns`",
            "blue",
            elsewhere=("net_namespace", "namespace", "netns"),
        ),
        Field(
            "control_socket",
            PATH_OF_SOCKET,
            "the unix socket on which `havip status` and the other verbs reach the daemon",
            "/run/havip/havip.sock",
        ),
        Field(
            "state_directory",
            Text("an absolute path", r"^/.*[^/]$", longest=LONGEST_PATH),
            "where the daemon keeps what outlives it, such as maintenance",
            "/var/lib/havip",
            elsewhere=("config_save_dir",),
        ),
        *rank("speaks VRRP", "vrrp_", 50),
        Field(
            "checker",
            CHECKER,
            "the same for the process that runs checks, whose scripts take only its processors over",
            {"nice": 5},
            elsewhere=tuple(
                f"checker_{name}"
                for name in ("priority", "rt_priority", "rlimit_rttime", "no_swap", "cpu_affinity")
            ),
        ),
        Field(
            "dumps",
            DUMPS,
            "the files that signals have written, as programs that watch keepalived read them",
            {"json": "/run/havip/keepalived.json"},
            elsewhere=ELSEWHERE,
        ),
        Field(
            "checker_silence",
            SILENCE,
            "what becomes of the results of checks while the process that runs them gives no sign of life",
            {"after": "30s", "then": "kept"},
        ),
        Field(
            "nftables_priority",
            Whole(-400, 400),
            "where the chain of `accept: false` stands among those of the input hook; less is earlier",
            10,
            elsewhere=("nftables",),
        ),
        Field(
            "startup_delay",
            Length(ZERO, LONGEST_HOLD),
            "how long virtual routers hold back after the daemon has started",
            "10s",
            elsewhere=("vrrp_startup_delay",),
        ),
        Field(
            "delay_after_boot",
            Length(ZERO, LONGEST_HOLD),
            "the same, counted from the start of the host, so that a restart is not delayed",
            "60s",
            elsewhere=("vrrp_delay_after_boot",),
        ),
        Field(
            "script_user",
            ACCOUNT,
            "whose rights scripts run with that name no user themselves; unless given, those of the daemon",
            "nobody",
        ),
        Field("script_group", ACCOUNT, "the group; unless given, that of the user", "nogroup"),
    ),
)
