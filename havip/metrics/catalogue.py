"""Every family of metrics, in the order in which they are served.  Pure.  docs/metrics.md lists them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from havip.metrics import checks, routers, services
from havip.metrics.family import Family, Source, Values, counter, gauge, info

REFUSED: Final = "refused-"


def of_workers(key: str) -> Values:
    """Return one key of each process."""
    return lambda source: ((worker["name"], worker[key]) for worker in source.status["workers"])


def of_totals(key: str) -> Values:
    """Return a counter of the VRRP worker, once it has told it."""
    return lambda source: ((source.status["totals"].get(key),),)


def of_configuration(key: str) -> Values:
    """Return what became of the configuration file."""
    return lambda source: ((source.status["configuration"][key],),)


def refusals(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield the packets of no virtual router of ours that were not believed."""
    for name, count in source.status["totals"].items():
        if name.startswith(REFUSED):
            yield name.removeprefix(REFUSED), count


DAEMON: Final[tuple[Family, ...]] = (
    info(
        "havip",
        "The daemon's version, its name among several, and the network namespace that it entered.",
        ("version", "instance", "network_namespace"),
        lambda source: (tuple(source.status[key] for key in ("version", "instance", "network_namespace")),),
    ),
    gauge(
        "havip_start_timestamp_seconds",
        "When the daemon started, in seconds since 1970.",
        (),
        lambda source: ((source.status["since"],),),
    ),
    gauge(
        "havip_configuration_generation",
        "1, and one more for every reload.",
        (),
        of_configuration("generation"),
    ),
    gauge(
        "havip_configuration_loaded_timestamp_seconds",
        "When the configuration in force was loaded, in seconds since 1970.",
        (),
        of_configuration("loaded_at"),
    ),
    gauge(
        "havip_configuration_last_reload_successful",
        "1: the configuration file was put in force when it was last read, 0: it was refused.",
        (),
        lambda source: ((source.status["configuration"]["last_error"] is None,),),
    ),
    gauge(
        "havip_configuration_last_read_timestamp_seconds",
        "When the configuration file was last read to be put in force, in seconds since 1970.",
        (),
        of_configuration("tried_at"),
    ),
    gauge("havip_worker_alive", "1: a process has lately said so, else 0.", ("worker",), of_workers("alive")),
    counter(
        "havip_worker_restarts",
        "Times that a process was started again.",
        ("worker",),
        of_workers("restarts"),
    ),
    gauge(
        "havip_worker_start_timestamp_seconds",
        "When a process was started, in seconds since 1970.",
        ("worker",),
        of_workers("since"),
    ),
    counter(
        "havip_packets_refused",
        "VRRP packets that belong to no virtual router here and were not believed, by reason.",
        ("reason",),
        refusals,
    ),
    counter(
        "havip_receive_overflows",
        "VRRP packets that the kernel dropped because they were not read in time.",
        (),
        of_totals("receive-overflows"),
    ),
    counter(
        "havip_log_lines_dropped",
        "Lines of the log that the VRRP worker could not hand on.",
        (),
        of_totals("log-lines-dropped"),
    ),
    counter(
        "havip_scrapes",
        "Requests for metrics by what became of them: served, refused, cut-off.",
        ("result",),
        lambda source: source.scrapes.items(),
    ),
)

FAMILIES: Final[tuple[Family, ...]] = (
    *DAEMON,
    *routers.FAMILIES,
    *checks.FAMILIES,
    *services.FAMILIES,
)
