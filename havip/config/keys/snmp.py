"""The keys of ``snmp``.  Pure."""

from __future__ import annotations

from havip.config.fields import Field, Group
from havip.config.keys.daemon import LONGEST_SOCKET_PATH
from havip.config.kinds import Flag, Text
from havip.config.snmp import MASTER_SOCKET, Snmp
from havip.config.urls import PORT

SOCKET = Text(
    'the absolute path of a socket, or "tcp:HOST:PORT" such as "tcp:localhost:705"',
    rf"^(/.*[^/]|tcp:([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):({PORT}))$",
    longest=LONGEST_SOCKET_PATH,
)

SNMP = Group(
    Snmp,
    (
        Field(
            "socket",
            SOCKET,
            "where the SNMP agent of the host listens for AgentX",
            MASTER_SOCKET,
            elsewhere=("snmp_socket", "agentXSocket"),
        ),
        Field(
            "keepalived_mib",
            Flag(),
            "serve KEEPALIVED-MIB, its part for VRRP",
            True,
            elsewhere=("enable_snmp_vrrp", "enable_snmp_keepalived"),
        ),
        Field(
            "rfc2787",
            Flag(),
            "serve VRRP-MIB: virtual routers of version 2",
            True,
            elsewhere=("enable_snmp_rfcv2",),
        ),
        Field(
            "rfc6527",
            Flag(),
            "serve VRRPV3-MIB: all virtual routers",
            True,
            elsewhere=("enable_snmp_rfcv3", "enable_snmp_rfc"),
        ),
        Field(
            "traps",
            Flag(),
            "tell changes of state by the notifications of these",
            True,
            elsewhere=("enable_traps",),
        ),
    ),
    expected=f'the keys of SNMP, or the socket of an AgentX master agent such as "{MASTER_SOCKET}"',
    short="socket",
)

SECTIONS = (
    Field(
        "snmp",
        SNMP,
        "serve the SNMP agent of the host as its AgentX sub-agent; unless given, there is no SNMP",
        {"socket": MASTER_SOCKET},
        elsewhere=(
            "snmp_socket",
            "enable_snmp_vrrp",
            "enable_snmp_rfc",
            "enable_snmp_rfcv2",
            "enable_snmp_rfcv3",
        ),
    ),
)
