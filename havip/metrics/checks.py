"""The metrics of health checks and of the process that runs them.  Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any, Final

from havip.clock import to_seconds
from havip.metrics.family import Family, Row, Source, Values, counter, gauge, info

CHECK: Final = ("check",)


def of_checks(*keys: str) -> Values:
    """Return the values of these keys for each check, its name before them."""
    return lambda source: ((check["name"], *(check[key] for key in keys)) for check in source.checks["shown"])


def of_checker(key: str) -> Values:
    """Return a counter of the checker worker, where there is one."""
    return lambda source: ((source.checks["counters"].get(key),),)


def length_of_checker(key: str) -> Values:
    """Return a length of time that the checker worker counts in ns, in seconds."""

    def values(source: Source) -> Iterator[tuple[Any, ...]]:
        counted = source.checks["counters"].get(key)
        yield (None if counted is None else to_seconds(counted),)

    return values


def verdicts(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield the verdicts that there are."""
    for check in source.checks["shown"]:
        if check["state"] != "unknown":
            yield check["name"], check["state"] == "good"


def runs(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield how many runs ended how."""
    for check in source.checks["shown"]:
        for result, count in check["runs"].items():
            yield check["name"], result, count


def last_runs(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield when the latest run ended."""
    for check in source.checks["shown"]:
        if check["last"] is not None:
            yield check["name"], check["last"]["at"]


def warnings(source: Source) -> Iterator[tuple[Any, ...]]:
    """Yield whether the latest run passed with a warning."""
    for check in source.checks["shown"]:
        if check["last"] is not None:
            yield check["name"], check["last"]["warning"] is not None


def response_times(source: Source) -> Iterator[Row]:
    """Yield the buckets, each with all that the ones before it hold, the sum and the count."""
    for check in source.checks["shown"]:
        times = check["response_times"]
        if times is None:
            continue
        name = check["name"]
        bounds, counts = zip(*times["buckets"], strict=True)
        total = 0
        for bound, total in zip(bounds, accumulate(counts), strict=True):
            yield "_bucket", {"check": name, "le": "+Inf" if bound is None else repr(bound)}, total
        labels = {"check": name}
        yield "_sum", labels, times["sum"]
        yield "_count", labels, total


FAMILIES: Final[tuple[Family, ...]] = (
    gauge(
        "havip_checks",
        "Health checks by state: good, failed, unknown.",
        ("state",),
        lambda source: ((state, source.checks[state]) for state in ("good", "failed", "unknown")),
    ),
    gauge(
        "havip_checks_warned",
        "Health checks whose latest run passed with a warning.",
        (),
        lambda source: ((source.checks["warned"],),),
    ),
    gauge(
        "havip_checks_stale",
        "1 while the checker worker does not answer, so that what is told of runs is old, else 0.",
        (),
        lambda source: ((source.checks["stale"] is not None,),),
    ),
    counter("havip_checker_runs", "Runs that were begun.", (), of_checker("runs")),
    counter(
        "havip_checker_late_runs",
        "Runs that began more than 50 ms after they were due.",
        (),
        of_checker("late"),
    ),
    counter(
        "havip_checker_lateness_seconds",
        "How late all runs together began.",
        (),
        length_of_checker("lateness"),
    ),
    gauge(
        "havip_checker_worst_lateness_seconds",
        "How late the latest of all runs began.",
        (),
        length_of_checker("worst-lateness"),
    ),
    gauge("havip_checker_runs_under_way", "Runs that have not ended.", (), of_checker("under-way")),
    gauge("havip_checker_runs_waiting", "Runs that are due and wait for a place.", (), of_checker("waiting")),
    info(
        "havip_check",
        "What a health check does, and where it goes.",
        ("check", "kind", "where"),
        of_checks("kind", "where"),
    ),
    gauge("havip_check_good", "1: good, 0: failed; absent before its first verdict.", CHECK, verdicts),
    gauge(
        "havip_check_state_since_timestamp_seconds",
        "Since when, in seconds since 1970.",
        CHECK,
        of_checks("since"),
    ),
    counter(
        "havip_check_verdict_changes",
        "Times that the verdict turned, since the daemon started.",
        CHECK,
        of_checks("changes"),
    ),
    counter(
        "havip_check_runs",
        "Runs by result: passed, or the name of the failure.",
        ("check", "result"),
        runs,
    ),
    gauge(
        "havip_check_last_run_timestamp_seconds",
        "When the latest run ended, in seconds since 1970.",
        CHECK,
        last_runs,
    ),
    gauge(
        "havip_check_warning",
        "1: the latest run passed with a warning, such as a certificate that ends soon, else 0.",
        CHECK,
        warnings,
    ),
    gauge(
        "havip_check_held_back",
        "1 while a check counts as failed because it flapped, although its runs are good, else 0.",
        CHECK,
        of_checks("held_back"),
    ),
    gauge("havip_check_weight", "The weight that the server asked for.", CHECK, of_checks("weight")),
    Family(
        "havip_check_response_seconds",
        "histogram",
        "How long the runs took that passed.",
        ("check", "le"),
        response_times,
    ),
)
