"""Which MIBs are served, and under which subtrees.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from havip.config.snmp import Snmp
from havip.snmp import keepalived, rfc2787, rfc6527
from havip.snmp.mib import Mib, Objects
from havip.snmp.values import Oid
from havip.snmp.view import View

#: name, subtrees to register, what is in them
Served = tuple[str, tuple[Oid, ...], Callable[[View], Iterable[Objects]]]
KEEPALIVED: Final[Served] = ("KEEPALIVED-MIB", (keepalived.GLOBAL, keepalived.VRRP), keepalived.objects)
#: the same with the load balancer; without one it is left to keepalived's checkers, which may run beside us
BALANCED: Final[Served] = ("KEEPALIVED-MIB", (*KEEPALIVED[1], keepalived.CHECK), keepalived.objects)
RFC_2787: Final[Served] = ("VRRP-MIB", (rfc2787.ROOT,), rfc2787.objects)
RFC_6527: Final[Served] = ("VRRPV3-MIB", (rfc6527.ROOT,), rfc6527.objects)


def served(settings: Snmp, balances: bool = False) -> list[Served]:
    """Return the MIBs that are wanted; ``balances``: there are virtual services."""
    wanted = (
        (BALANCED if balances else KEEPALIVED, settings.keepalived_mib),
        (RFC_2787, settings.rfc2787),
        (RFC_6527, settings.rfc6527),
    )
    return [mib for mib, on in wanted if on]


def tree(settings: Snmp, shown: View) -> Mib:
    """Return everything that is served of a view."""
    return Mib(one for _, _, objects in served(settings) for one in objects(shown))
