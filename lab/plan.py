"""Who is who in the lab: names, addresses, priorities, and the timers that the standard gives them.

Owns the constants.  The timers are computed here and not by the daemon under observation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

SECOND: Final = 1_000_000_000  # ns
MILLISECOND: Final = 1_000_000

FAMILIES: Final = (4, 6)
VRID: Final = 51
#: the addresses of the virtual router, by family; for IPv6 a link-local one comes first (RFC 9568 5.2.9)
VIRTUAL: Final = {4: ("10.77.0.254/24",), 6: ("fe80::77:fe/64", "fd77::fe/64")}
#: the one of them that the client probes
PROBED: Final = {4: "10.77.0.254", 6: "fd77::fe"}
#: a virtual router that a reload adds, which has nothing to do with the first
OTHER_VRID: Final = 52
OTHER_VIRTUAL: Final = "10.77.0.253/24"


@dataclass(frozen=True, slots=True)
class Router:
    """One of the two routers."""

    name: str
    priority: int
    addresses: tuple[str, ...]  # its own


R1: Final = Router("r1", 150, ("10.77.0.1/24", "fd77::1/64"))
R2: Final = Router("r2", 100, ("10.77.0.2/24", "fd77::2/64"))
ROUTERS: Final = (R1, R2)
RAISED_PRIORITY: Final = 160  # what a reload gives to R1
CLIENT_ADDRESSES: Final = ("10.77.0.100/24", "fd77::100/64")


def bare(address: str) -> str:
    """Return an address without its prefix length."""
    return address.partition("/")[0]


def skew(priority: int, interval: int) -> int:
    """Return Skew_Time in ns: ``(256 - priority) * interval / 256`` (RFC 9568 section 6.1)."""
    return (256 - priority) * interval // 256


def master_down(priority: int, interval: int) -> int:
    """Return Master_Down_Interval in ns: ``3 * interval + Skew_Time`` (RFC 9568 section 6.1)."""
    return 3 * interval + skew(priority, interval)


def slack(interval: int) -> int:
    """Return how much later than its timer, in ns, a change may be seen by the client.

    A machine that is busy with other things stalls for tens of milliseconds.
    """
    return max(50 * MILLISECOND, min(interval, 250 * MILLISECOND))


def parse_interval(text: str) -> int:
    """Return ``1s``, ``1.5s`` or ``100ms`` in ns.  Raises `ValueError` for what VRRPv3 cannot carry."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s)", text.strip())
    if not match:
        raise ValueError(f"{text!r} is no interval: write 1s or 100ms")
    interval = round(float(match[1]) * (SECOND if match[2] == "s" else MILLISECOND))
    if interval % (10 * MILLISECOND) or not 10 * MILLISECOND <= interval <= 4095 * 10 * MILLISECOND:
        raise ValueError(f"VRRPv3 carries 10ms to 40.95s in steps of 10ms, not {text}")
    return interval


def spell(length: int) -> str:
    """Return a length of time for people: ``3.609 s``, ``12 ms``, ``0.4 ms``."""
    if abs(length) >= SECOND:
        return f"{length / SECOND:.3f} s"
    if abs(length) >= 10 * MILLISECOND:
        return f"{length / MILLISECOND:.0f} ms"
    return f"{length / MILLISECOND:.1f} ms"
