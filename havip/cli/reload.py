"""`havip reload`: what changed, in words, or why nothing did."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from typing import Any

from havip.cli import BAD, GOOD, VERBS, add_socket_argument
from havip.control.client import DEFAULT_SOCKET, Client, Refused

HELP = VERBS["reload"]

RELOAD_TIMEOUT = 60.0  # seconds; a file of thousands of virtual routers takes one or two
KEPT_NAMES = 8  # what has not changed is not worth more

EPILOG = """\
The daemon compares the file with what runs.  Virtual routers that have not changed are not touched: no advert
is lost, no timer starts again.  Others change in place where they can.  A file with an error changes nothing.

examples:
  havip check -c /etc/havip/havip.yaml && havip reload
  havip reload --socket /run/router1.sock

exit codes:
  0  the changes are in force
  1  refused: stderr says what is wrong where; nothing changed
  2  wrong usage
  3  no daemon answers on the control socket
  4  not permitted: be root or a member of the group havip
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    add_socket_argument(parser, DEFAULT_SOCKET)


def run(options: Namespace) -> int:
    """Ask for the reload and print what came of it."""
    try:
        plan = Client(options.socket, RELOAD_TIMEOUT).reload()
    except Refused as refused:
        for line in refusal_lines(refused):
            print(line, file=sys.stderr)
        return BAD
    for line in plan_lines(plan):
        print(line)
    return GOOD


def plan_lines(plan: dict[str, Any]) -> list[str]:
    """Return what a reload did, a line for each virtual router that it touched."""
    lines = [f"dropped {name}" for name in plan.get("drop", ())]
    lines += [
        f"changed {change['name']}: {'; '.join(change['changes'])}" for change in plan.get("change", ())
    ]
    lines += [f"added {name}" for name in plan.get("add", ())]
    lines += [f"set {line}" for line in plan.get("settings", ())]
    kept = plan.get("keep", ())
    if kept:
        more = f" and {len(kept) - KEPT_NAMES} more" if len(kept) > KEPT_NAMES else ""
        lines.append(f"kept {', '.join(kept[:KEPT_NAMES])}{more}, untouched")
    lines += [f"not before a restart: {line}" for line in plan.get("restart", ())]
    return lines or ["nothing to do: the configuration has no virtual routers"]


def refusal_lines(refused: Refused) -> list[str]:
    """Return why a reload was refused, a line for each problem, and what that means."""
    problems = [problem_line(problem) for problem in refused.answer.get("errors") or ()]
    if not problems:
        return [f"havip: reload refused: {refused}"]
    return [*problems, "havip: reload refused: nothing changed, the daemon runs on as before"]


def problem_line(problem: dict[str, Any]) -> str:
    """Return one problem as `havip check` prints it: file:line:column: key: message."""
    place = str(problem.get("file", ""))
    if problem.get("line"):
        place += f":{problem['line']}:{problem.get('column', 1)}"
    parts = (place, problem.get("path", ""), problem.get("message", ""))
    return ": ".join(str(part) for part in parts if part)
