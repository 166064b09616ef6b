"""KEEPALIVED-MIB on the mail server and on who gets mail; without a server nothing is shown.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from havip.config.notify import Mail, Told
from havip.snmp.mib import SCALAR, Columns, Objects, Table
from havip.snmp.values import Oid, Value, gauge, in_seconds, inet, integer, octet_string, text, truth
from havip.snmp.view import View

IPV4, IPV6, NAME = 1, 2, 16  # InetAddressType
ON: Final = 1


def address_type(mail: Mail) -> Value:
    """Return whether the server is known by an address or by a name."""
    try:
        return integer(IPV4 if ip_address(mail.server).version == 4 else IPV6)
    except ValueError:
        return integer(NAME)


def address(mail: Mail) -> Value:
    """Return the server."""
    try:
        return inet(ip_address(mail.server))
    except ValueError:
        return octet_string(mail.server.encode())


SERVER: Columns[Mail] = {
    1: address_type,
    2: address,
    3: lambda mail: gauge(in_seconds(mail.timeout)),
    4: lambda mail: text(mail.sender),
}
#: the table of addresses stands between these and the others
HOW: Columns[Mail] = {
    6: lambda mail: gauge(mail.port_in_force),
    7: lambda mail: truth(Told.FAULT in mail.states),
    8: lambda mail: integer(ON),  # unless a virtual router or a group says otherwise
    9: lambda mail: integer(ON),
}
RECEIVERS: Columns[str] = {2: text}


def mailing(root: Oid, view: View) -> Iterable[Objects]:
    """Return what stands below ``root``."""
    mail = view.configuration.notify.mail
    if mail is not None:
        yield Table(root, SERVER, [(SCALAR, mail)])
        yield Table((*root, 5, 1), RECEIVERS, (((number,), to) for number, to in enumerate(mail.to, 1)))
        yield Table(root, HOW, [(SCALAR, mail)])
