"""What is told over SNMP, as values.  Pure.

None of this concerns the VRRP worker, and none of it is sent there.
"""

from __future__ import annotations

from dataclasses import dataclass

MASTER_SOCKET = "/var/agentx/master"  #: where net-snmp's agent listens
TCP = "tcp:"


@dataclass(frozen=True, slots=True)
class Snmp:
    """The master agent that we serve, and what we serve it with."""

    socket: str = MASTER_SOCKET  # the path of a unix socket, or tcp:HOST:PORT
    keepalived_mib: bool = True  # KEEPALIVED-MIB: all but what concerns its load balancer
    rfc2787: bool = True  # VRRP-MIB: virtual routers of version 2
    rfc6527: bool = True  # VRRPV3-MIB: all virtual routers
    traps: bool = True  # notifications of the MIBs that are served

    @property
    def serves(self) -> bool:
        """Say whether there is anything to serve."""
        return self.keepalived_mib or self.rfc2787 or self.rfc6527

    @property
    def tcp(self) -> tuple[str, int] | None:
        """Return the host, without brackets, and the port; None: the socket is a path."""
        if not self.socket.startswith(TCP):
            return None
        host, _, port = self.socket.removeprefix(TCP).rpartition(":")
        return host.strip("[]"), int(port)
