"""What must hold between the keys of ``snmp``.  Pure."""

from __future__ import annotations

from havip.config.checks_notify import is_this_host
from havip.config.draft import good, group_of
from havip.config.problems import Problems, quote
from havip.config.reader import Reading
from havip.config.snmp import Snmp

MIBS = ("keepalived_mib", "rfc2787", "rfc6527")


def check(root: Reading, problems: Problems) -> None:
    """Refuse a section that serves nothing; note a master agent on another host."""
    section, keys = good(root, "snmp"), group_of(root, "snmp")
    served = [good(keys, name) for name in MIBS]
    if section is not None and all(mib is not None and not mib.value for mib in served):
        why = "without one of them there is nothing to serve, and no trap to send; leave the section out"
        problems.add(section.place, "no MIB", "keepalived_mib, rfc2787 or rfc6527", why=why)
    socket = good(keys, "socket")
    if socket is not None:
        tcp = Snmp(socket.value).tcp
        if tcp is not None and not is_this_host(tcp[0]):
            why = "AgentX has neither a password nor encryption, and interfaces are numbered as on this host"
            problems.note(socket.place, f"{quote(socket.value)} is another host", why=why)
