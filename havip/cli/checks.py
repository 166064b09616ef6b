"""`havip checks`: the health checks of the running daemon, for people or as JSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator

from havip.cli import GOOD, VERBS, add_socket_argument
from havip.cli.table import age, at_time, table
from havip.clock import seconds, spell, wall
from havip.control.checkviews import FAILED, Check, Checks
from havip.control.client import DEFAULT_SOCKET, Client

HELP = VERBS["checks"]

EPILOG = """\
For each check: its state (good, failed, or unknown before its first verdict), for how long, how long its
latest run took, and how that ended.  With --verbose also its runs by result, and why the state is as it is.

examples:
  havip checks
  havip checks --failed
  havip checks web1 web2 --verbose
  havip checks --json | jq '.shown[] | {name, state, why}'

exit codes:
  0  printed, whatever the states are
  1  no check has the NAME
  2  wrong usage
  3  no daemon answers on the control socket
  4  not permitted: be root or a member of the group havip
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    parser.add_argument("name", metavar="NAME", nargs="*", help="show only the checks of these names")
    parser.add_argument("--failed", action="store_true", help="show only checks that have failed")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("-v", "--verbose", action="store_true", help="several lines for each check")
    form.add_argument("--json", action="store_true", help="print JSON (docs/cli.md lists its keys)")
    add_socket_argument(parser, DEFAULT_SOCKET)


def run(options: Namespace) -> int:
    """Print the checks."""
    client = Client(options.socket)
    if options.json:
        print(json.dumps(client.checks_as_dict(*options.name, failed=options.failed), indent=2))
        return GOOD
    checks = client.checks(*options.name, failed=options.failed)
    now = wall()
    if checks.stale:
        print(f"OLD: {checks.stale}")
    if options.verbose:
        for number, check in enumerate(checks.shown):
            for line in (*[""] * bool(number), *check_lines(check, now)):
                print(line)
    else:
        for line in brief_lines(checks.shown, now):
            print(line)
    if not options.name:
        print(summary(checks))
    return GOOD


def brief_lines(checks: Iterable[Check], now: float) -> Iterator[str]:
    """Yield a heading and a line for each check; nothing where there are none."""
    rows = [
        (
            check.name,
            check.kind,
            check.where,
            word_of(check),
            age(now - check.since),
            took(check),
            last_words(check) or check.why,
        )
        for check in checks
    ]
    if rows:
        yield from table(("CHECK", "KIND", "WHERE", "STATE", "FOR", "TOOK", "LAST"), rows)


def check_lines(check: Check, now: float) -> Iterator[str]:
    """Yield one check: its state first, then a line for each of its properties."""
    yield f"{check.name}  {word_of(check)}  for {age(now - check.since)}, since {at_time(check.since)}"
    yield f"  check      {' '.join(filter(None, (check.kind, check.where)))}"
    yield f"  why        {check.why or check.state}"
    if check.against:
        yield f"  against it {check.against} of the latest runs"
    if check.last is not None:
        yield f"  last run   {age(now - check.last['at'])} ago, in {took(check)}: {check.last['words']}"
        if check.last.get("warning"):
            yield f"  WARNING    {check.last['warning']}"
    if check.weight is not None:
        yield f"  weight     {check.weight}, as the server asked for"
    runs = ", ".join(f"{result} {count}" for result, count in check.runs.items())
    if runs:
        yield f"  runs       {runs}"
    yield f"  changes    {check.changes} of the verdict"


def section(checks: Checks, now: float) -> Iterator[str]:
    """Yield what `havip status` shows of all checks."""
    yield summary(checks)
    if checks.stale:
        yield f"  OLD: {checks.stale}"
    yield from (f"  {line}" for line in brief_lines(checks.shown, now))


def summary(checks: Checks) -> str:
    """Return all checks in numbers."""
    if not checks.total:
        return "there are no health checks"
    parts = [f"{checks.good} good", f"{checks.failed} {FAILED if not checks.failed else 'FAILED'}"]
    parts += [f"{checks.warned} with a WARNING"] if checks.warned else []
    parts += [f"{checks.unknown} without a verdict yet"] if checks.unknown else []
    waiting = checks.counters.get("waiting", 0)
    parts += [f"{waiting} LATE: they wait until others have ended"] if waiting else []
    return f"{checks.total} checks: {', '.join(parts)}"


def word_of(check: Check) -> str:
    """Return the state as a table shows it: what somebody must see is in capitals."""
    return check.state.upper() if check.state == FAILED else check.state


def took(check: Check) -> str:
    """Return how long the latest run took."""
    return "" if check.last is None else spell(seconds(round(check.last["took"], 6)))


def last_words(check: Check) -> str:
    """Return how the latest run ended."""
    if check.last is None:
        return ""
    warning = check.last.get("warning")
    return str(check.last["words"]) + (f"; WARNING: {warning}" if warning else "")
