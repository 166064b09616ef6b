"""The keys of ``daemon``: what concerns the processes and not one router.  Pure."""

from __future__ import annotations

from havip import instance
from havip.clock import ZERO, seconds
from havip.config.commands import ACCOUNT
from havip.config.fields import Field, Group, ListOf
from havip.config.kinds import Flag, Length, Text, Whole
from havip.config.model import Daemon

LONGEST_HOLD = seconds(3600)
LONGEST_SOCKET_PATH = 107  # bytes: sun_path and its closing zero
MOST_CPUS = 1024  # as many as the kernel's usual mask has room for
LONGEST_PATH = 1024  # bytes
PATH_OF_SOCKET = Text("an absolute path of a file", r"^/.*[^/]$", longest=LONGEST_SOCKET_PATH)

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
        Field(
            "realtime_priority",
            Whole(0, 99),
            "SCHED_RR priority of the process that speaks VRRP; 0: ordinary scheduling",
            50,
        ),
        Field("lock_memory", Flag(), "keep that process in memory, never in swap", True),
        Field(
            "cpu_affinity",
            ListOf(Whole(0, MOST_CPUS - 1), MOST_CPUS),
            "the processors on which that process runs; unless given, on all",
            [1],
            elsewhere=("vrrp_cpu_affinity",),
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
