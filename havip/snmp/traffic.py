"""KEEPALIVED-MIB on what the kernel counts of virtual and real servers.  Pure.

Rates are there twice, as keepalived has them: as far as 32 bits hold them, and as two halves of 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from havip.control.serviceviews import Server
from havip.snmp.mib import Columns
from havip.snmp.values import MOST_32, Value, counter32, counter64, gauge

T = TypeVar("T")
Counts = Mapping[str, int]

RATES: Final = (
    "connections_rate", "packets_in_rate", "packets_out_rate", "bytes_in_rate", "bytes_out_rate"
)  # fmt: skip
BYTES: Final = ("bytes_in", "bytes_out")
PACKETS: Final = ("packets_in", "packets_out")


def columns(
    counts: Callable[[T], Counts], numbers: Mapping[str, tuple[int, Callable[[int], Value]]]
) -> dict[int, Callable[[T], Value | None]]:
    """Return a column for each number: the counter of a name, as a kind of value."""

    def column(name: str, kind: Callable[[int], Value]) -> Callable[[T], Value | None]:
        return lambda one: kind(counts(one).get(name.partition(":")[0], 0))

    return {number: column(name, kind) for name, (number, kind) in numbers.items()}


def low(number: int) -> Value:
    """Return the lower half of 64 bits."""
    return gauge(number & MOST_32)


def high(number: int) -> Value:
    """Return the upper half of 64 bits."""
    return gauge(number >> 32)


def halves(begin: int) -> dict[str, tuple[int, Callable[[int], Value]]]:
    """Return the columns of rates in halves, from a number on."""
    found: dict[str, tuple[int, Callable[[int], Value]]] = {}
    for place, name in enumerate(RATES):
        found[f"{name}:low"] = begin + 2 * place, low
        found[f"{name}:high"] = begin + 2 * place + 1, high
    return found


def numbers(first: int, packets: int, wide: int, split: int) -> dict[str, tuple[int, Callable[[int], Value]]]:
    """Return all columns of counters and rates, by the numbers at which they begin."""
    found: dict[str, tuple[int, Callable[[int], Value]]] = {"connections": (first, gauge)}
    found |= {name: (packets + place, counter32) for place, name in enumerate(PACKETS)}
    found |= {name: (packets + 2 + place, counter64) for place, name in enumerate(BYTES)}
    found |= {name: (packets + 4 + place, gauge) for place, name in enumerate(RATES)}
    found |= {f"{name}:64": (wide + place, counter64) for place, name in enumerate(("connections", *PACKETS))}
    return found | halves(split)


def of_service(counts: Callable[[T], Counts | None]) -> Columns[T]:
    """Return the columns of virtual servers."""
    return columns(lambda one: counts(one) or {}, numbers(27, 28, 38, 41))


def of_server(shown: Callable[[T], Server | None]) -> Columns[T]:
    """Return the columns of real servers: also how many connections there are."""

    def counts(one: T) -> Counts:
        server = shown(one)
        return {} if server is None else server.counts

    def opened(name: str) -> Callable[[T], Value | None]:
        return lambda one: gauge(getattr(shown(one), name, 0))

    kept = {number: opened(name) for number, name in ((15, "active"), (16, "inactive"), (17, "persistent"))}
    return columns(counts, numbers(14, 18, 27, 30)) | kept
