"""`havip watch`: every change of state as it happens."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from typing import Any

from havip.cli import BAD, VERBS, add_socket_argument
from havip.cli.table import at_time
from havip.control.client import DEFAULT_SOCKET, Client

HELP = VERBS["watch"]

EPILOG = """\
First how everything is, then a line for each change of a virtual router, a sync group, a virtual service or
one of its servers, a health check, a script, a file or a process, for each change of a priority, and for each
reload.

examples:
  havip watch
  havip watch gateway
  havip watch --json | jq -r 'select(.state == "MASTER") | .name'

exit codes:
  1  the daemon has more to tell than was read, and gave up
  2  wrong usage
  3  no daemon answers on the control socket, or it has ended
  4  not permitted: be root or a member of the group havip
  130  interrupted by Ctrl-C
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="*",
        help="show only what has one of these names, with the servers of a service",
    )
    parser.add_argument("--json", action="store_true", help="print a JSON object on each line")
    add_socket_argument(parser, DEFAULT_SOCKET)


def run(options: Namespace) -> int:
    """Print events until there are no more."""
    wanted = set(options.name)
    for event in Client(options.socket).watch():
        if event.get("event") == "lost":
            print(json.dumps(event) if options.json else "more has happened than could be shown", flush=True)
            return BAD
        if not wanted or wanted & names_of(event):
            print(json.dumps(event) if options.json else line_of(event), flush=True)
    return BAD


def names_of(event: dict[str, Any]) -> set[str]:
    """Return the names by which an event is asked for: that of a server's service, too."""
    name = str(event.get("name"))
    return {name, name.rpartition("/")[0]} if event.get("kind") == "server" else {name}


def line_of(event: dict[str, Any]) -> str:
    """Return an event for people."""
    at = at_time(event["at"])
    if event["event"] == "configuration":
        return f"{at}  a configuration has been put in force"
    state = event["state"] if event["state"] != "failed" else "FAILED"
    priority = "" if event["priority"] is None else f", priority {event['priority']}"
    mark = {"now": "is ", "priority": "still "}.get(event["event"], "")
    return f"{at}  {event['kind']} {event['name']}: {mark}{state}{priority}" + (
        f": {event['why']}" if event["why"] else ""
    )
