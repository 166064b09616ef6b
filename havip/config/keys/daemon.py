"""The keys of ``daemon``: what concerns the processes and not one router.  Pure."""

from __future__ import annotations

from havip.config.commands import ACCOUNT
from havip.config.fields import Field, Group
from havip.config.kinds import Flag, Text, Whole
from havip.config.model import Daemon

LONGEST_SOCKET_PATH = 107  # bytes: sun_path and its closing zero

DAEMON = Group(
    Daemon,
    (
        Field(
            "control_socket",
            Text("an absolute path of a file", r"^/.*[^/]$", longest=LONGEST_SOCKET_PATH),
            "the unix socket on which `havip status` and `havip reload` reach the daemon",
            "/run/havip/havip.sock",
        ),
        Field(
            "realtime_priority",
            Whole(0, 99),
            "SCHED_RR priority of the process that speaks VRRP; 0: ordinary scheduling",
            50,
        ),
        Field("lock_memory", Flag(), "keep that process in memory, never in swap", True),
        Field(
            "script_user",
            ACCOUNT,
            "whose rights scripts run with that name no user themselves; unless given, those of the daemon",
            "nobody",
        ),
        Field("script_group", ACCOUNT, "the group; unless given, that of the user", "nogroup"),
    ),
)
