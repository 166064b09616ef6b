"""`havip status`: the running daemon's virtual routers, for people or as JSON."""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Collection, Iterator, Mapping

from havip.cli import BAD, GOOD, VERBS, add_socket_argument
from havip.cli import services as services_verb
from havip.cli.checks import section
from havip.cli.reload import problem_line
from havip.cli.table import age, at_time, length, table, wrapped
from havip.cli.told import metrics_words, snmp_words, told_words
from havip.clock import wall
from havip.control.client import DEFAULT_SOCKET, Client
from havip.control.views import Router, Status, SyncGroup, Tracked, Worker

HELP = VERBS["status"]

HEADING = ("ROUTER", "STATE", "FOR", "PRIORITY", "MASTER", "WHY")
NARROWEST = 40  # columns below which wrapping would not help

EPILOG = """\
For each virtual router:
  state      MASTER   holds the addresses and says so (Active in RFC 9568)
             BACKUP   listens, and takes over when the master falls silent
             FAULT    takes no part; "why" says what must come back first
  why        what led to this state
  KEPT OUT   in maintenance: by whom, since when and why
  priority   what it advertises and elects with, and the configured one where they differ
  tracking   what each tracker adds to it, or that it means FAULT, and why
  master     who holds the addresses, as far as it has been heard
  holds      what goes with the addresses: those that adverts do not tell of, routes, rules
  timers     its interval and next deadline; as backup also the master's, and when it would be believed dead
  counters   since the worker started; those that are 0 only with --verbose
For the virtual services: their number, a line each, and one for each server not UP (`havip services`).
For the health checks: their number and a line each; of more than 100 only those that failed (`havip checks`).
For each sync group: its state, why, its members, and for whom those of them wait that would be MASTER.

examples:
  havip status
  havip status --brief
  havip status gateway --verbose
  havip status --json | jq '.virtual_routers[] | {name, state}'

exit codes:
  0  printed, whatever the states are
  1  no virtual router has the NAME
  2  wrong usage
  3  no daemon answers on the control socket
  4  not permitted: be root or a member of the group havip
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    parser.add_argument(
        "name", metavar="NAME", nargs="*", help="show only the virtual routers and sync groups of these names"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("-b", "--brief", action="store_true", help="one line for each virtual router")
    form.add_argument("-v", "--verbose", action="store_true", help="show counters that are 0, too")
    form.add_argument("--json", action="store_true", help="print JSON (docs/cli.md lists its keys)")
    add_socket_argument(parser, DEFAULT_SOCKET)


def run(options: Namespace) -> int:
    """Print the status.  Of names that do not exist, say which do."""
    client = Client(options.socket)
    wanted = set(options.name)
    if options.json:
        shown = client.status_as_dict()
        routers = shown["virtual_routers"]
        groups = shown.get("sync_groups", [])
        names = [one["name"] for one in [*groups, *routers]]
        if wanted:
            groups[:] = [group for group in groups if group["name"] in wanted]
            shown["virtual_routers"] = [router for router in routers if router["name"] in wanted]
        print(json.dumps(shown, indent=2))
    else:
        status = client.status()
        names = [group.name for group in status.sync_groups]
        names += [router.name for router in status.virtual_routers]
        if options.brief:
            lines = brief_lines(status, wanted, wall())
        else:
            lines = status_lines(status, wanted, wall(), terminal_width(), options.verbose)
        for line in lines:
            print(line)
    unknown = sorted(wanted.difference(names))
    if unknown:
        there_are = ", ".join(names) or "none"
        print(f"havip: no virtual router named {', '.join(unknown)}; there are: {there_are}", file=sys.stderr)
    return BAD if unknown else GOOD


def status_lines(
    status: Status, wanted: Collection[str], now: float, width: int | None, verbose: bool
) -> Iterator[str]:
    """Yield the lines for the routers in ``wanted``, or for the daemon and all its routers if it is empty.

    ``now`` is in seconds since 1970; ``width`` in columns, None for lines of any length.
    """
    separate = False
    if not wanted:
        yield from daemon_lines(status, now, width, verbose)
        separate = True
    for group in status.sync_groups:
        if not wanted or group.name in wanted:
            if separate:
                yield ""
            separate = True
            yield from group_lines(group, now, width)
    for router in status.virtual_routers:
        if wanted and router.name not in wanted:
            continue
        if separate:
            yield ""
        separate = True
        yield from router_lines(router, now, width, verbose)
    if (status.services.total or status.services.ipvs) and not wanted:
        yield ""
        yield from services_verb.section(status.services, now)
    if status.checks.total and not wanted:
        yield ""
        yield from section(status.checks, now)


def brief_lines(status: Status, wanted: Collection[str], now: float) -> Iterator[str]:
    """Yield a heading, and one line for each of the routers in ``wanted``, or for all if it is empty."""
    rows = [
        (group.name, group.state, age(now - group.since), "group", "", group.why)
        for group in status.sync_groups
        if not wanted or group.name in wanted
    ]
    for router in status.virtual_routers:
        if not wanted or router.name in wanted:
            since = age(now - router.since)
            priority = str(router.effective_priority)
            rows.append((router.name, router.state, since, priority, master_words(router), router.why))
    yield from table(HEADING, rows)


def daemon_lines(status: Status, now: float, width: int | None, verbose: bool) -> Iterator[str]:
    """Yield what concerns the processes and not one router."""
    up = age(now - status.since)
    place = [f"instance {status.instance}"] if status.instance else []
    place += [f"network namespace {status.network_namespace}"] if status.network_namespace else []
    yield from wrapped("", [f"havip {status.version}", *place, f"pid {status.pid}", f"up {up}"], width)
    loaded = f"loaded {at_time(status.loaded_at)}"
    yield from wrapped("file", [status.file, f"generation {status.generation}", loaded], width)
    for worker in status.workers:
        yield from wrapped("worker", worker_words(worker, now), width)
    yield from wrapped("totals", counter_words(status.totals, verbose), width)
    if everywhere := status.maintenance.get("everywhere"):
        yield from wrapped("KEPT OUT", ["every virtual router", *order_words(everywhere)], width)
    if damage := status.maintenance.get("damage"):
        yield from wrapped("KEPT OUT", ["every virtual router", damage], width)
    for words in told_words(status.notifications):
        yield from wrapped("told", words, width)
    yield from wrapped("metrics", metrics_words(status.metrics), width)
    yield from wrapped("snmp", snmp_words(status.snmp), width)
    if status.last_error:
        yield "  the latest reload was refused:"
        yield from (f"    {problem_line(problem)}" for problem in status.last_error)


def worker_words(worker: Worker, now: float) -> list[str]:
    """Return how one process is."""
    restarts = [f"restarts {worker.restarts}"] if worker.restarts else []
    if worker.pid is None:
        return [worker.name, "NOT RUNNING, about to be started again", *restarts]
    silent = [] if worker.alive else ["DOES NOT ANSWER"]
    return [worker.name, f"pid {worker.pid}", f"up {age(now - worker.since)}", *silent, *restarts]


def router_lines(router: Router, now: float, width: int | None, verbose: bool) -> Iterator[str]:
    """Yield one virtual router: its state first, then a line for each of its properties."""
    since = f"since {at_time(router.since)}"
    yield from wrapped("", [f"{router.name}  {router.state}  for {age(now - router.since)}", since], width)
    if router.maintenance:
        yield from wrapped("KEPT OUT", order_words(router.maintenance), width)
    yield from wrapped("why", router.why.split(" "), width, " ")
    identity = [router.interface, f"VRID {router.vrid}", f"VRRPv{router.version}", router.family]
    yield from wrapped("router", identity + [router.segment] * bool(router.segment), width)
    if router.device is not None:
        words = [router.device["name"], router.device["kind"], router.device["mac"], router.device["fault"]]
        yield from wrapped("device", list(filter(None, words)), width)
    yield from wrapped("priority", priority_words(router), width)
    for number, tracked in enumerate(router.tracking):
        yield from wrapped(" " if number else "tracking", tracking_words(tracked), width, " ")
    yield from wrapped("master", [master_words(router)], width)
    yield from wrapped("timers", timer_words(router), width)
    yield from wrapped("addresses", router.addresses, width)
    yield from wrapped("holds", router.holds, width)
    yield from wrapped("adverts", list(filter(None, [router.authentication])), width)
    yield from wrapped("peers", router.peers, width)
    yield from wrapped("counters", counter_words(router.counters, verbose), width)


def group_lines(group: SyncGroup, now: float, width: int | None) -> Iterator[str]:
    """Yield one sync group: its state first, then who belongs to it."""
    since = f"since {at_time(group.since)}"
    heading = [f"sync group {group.name}  {group.state}  for {age(now - group.since)}", since]
    yield from wrapped("", heading, width)
    yield from wrapped("why", group.why.split(" "), width, " ")
    yield from wrapped("members", group.members, width)
    yield from wrapped("waits for", group.waits_for, width)


def priority_words(router: Router) -> list[str]:
    """Return the effective priority, the configured one where another, and who set it if somebody did."""
    if router.priority_override:
        order = router.priority_override
        effective = f"{router.effective_priority} SET {' '.join(order_words(order))}"
        return [effective, f"{router.priority} configured"]
    if router.effective_priority == router.priority:
        return [str(router.priority)]
    return [f"{router.effective_priority} effective", f"{router.priority} configured"]


def order_words(order: Mapping[str, object]) -> list[str]:
    """Return who ordered something, when and why."""
    words = [f"by {order.get('by')}", f"on {at_time(float(str(order.get('at'))))}"]
    return [" ".join(words) + (f": {order['reason']}" if order.get("reason") else "")]


def tracking_words(tracked: Tracked) -> list[str]:
    """Return what a tracker adds to the priority, or that it means FAULT, and why."""
    means = "FAULT" if tracked.fault else f"{tracked.adds:+}" if tracked.weight else "ok"
    return [f"{tracked.kind} {tracked.name}", f"{means}:", *tracked.why.split(" ")]


def master_words(router: Router) -> str:
    """Return who is master."""
    if router.state == "MASTER":
        return f"{router.master or router.primary_address} (this host)"
    return router.master or "unknown"


def timer_words(router: Router) -> list[str]:
    """Return the lengths of time that the election goes by."""
    words = [f"interval {length(router.interval)}"]
    if router.state == "BACKUP":
        words.append(f"master's interval {length(router.master_interval)}")
        words.append(f"master down after {length(router.master_down)}")
    if router.next_deadline is not None:
        words.append(f"next deadline in {length(router.next_deadline)}")
    return words


def counter_words(counters: Mapping[str, int], verbose: bool) -> list[str]:
    """Return counters by name, those that are 0 only if ``verbose``."""
    return [f"{name} {count}" for name, count in counters.items() if count or verbose]


def terminal_width() -> int | None:
    """Return the columns of the terminal, or None where stdout is none: for grep, a line is a line."""
    try:
        return max(NARROWEST, os.get_terminal_size(sys.stdout.fileno()).columns)
    except (OSError, ValueError):
        return None
