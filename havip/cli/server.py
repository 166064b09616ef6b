"""`havip server`: drain real servers, let them in again, give them another weight."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping
from typing import Any, Final

from havip.cli import GOOD, VERBS, add_reason_argument, add_socket_argument
from havip.cli.services import order_words
from havip.cli.table import at_time, table
from havip.control.client import DEFAULT_SOCKET, Client

HELP = VERBS["server"]

USUAL_WAIT: Final = 300.0  # seconds
LONGEST_WAIT: Final = 3600.0
HEAVIEST: Final = 65535

ACTIONS: Final = {
    "drain": "let them have no new connection: weight 0 until `havip server ready`",
    "ready": "let servers that were drained have connections again",
    "weight": "give them another weight than the configured one",
    "list": "show the orders that hold",
}

EPILOG = """\
A SERVER is SERVICE/SERVER, or SERVER in every service that has one of that name, or a pattern of either;
or the address of a machine, with a port or without, in every service that has it.  An order is on the disk
before this verb returns, and survives a reload, a restart and a reboot.

examples:
  havip server drain web/web1 --reason "new kernel" --wait
  havip server drain 10.0.0.7                 the machine, in all services
  havip server ready 10.0.0.7
  havip server weight 'web/*' 50
  havip server weight web/web1 auto           as configured
  havip server list

exit codes:
  0  done; with --wait: no connection is left
  1  refused: no such server, or it cannot be stored, and nothing changed then; or connections are left
  2  wrong usage
  3  no daemon answers on the control socket
  4  not permitted: be root or a member of the group havip
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    for action, line in ACTIONS.items():
        own = actions.add_parser(
            action,
            help=line,
            description=f"{line[0].upper()}{line[1:]}.",
            epilog=EPILOG,
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if action == "list":
            own.add_argument("--json", action="store_true", help="print JSON")
        else:
            own.add_argument("server", metavar="SERVER", nargs="+", help="SERVICE/SERVER, or an address")
        if action == "weight":
            own.add_argument(
                "weight", metavar="N|auto", type=weight, help=f"0 to {HEAVIEST}, or auto: as configured"
            )
        if action == "drain":
            own.add_argument(
                "--wait",
                metavar="SECONDS",
                type=number_of_seconds,
                nargs="?",
                const=USUAL_WAIT,
                help=f"return only once no connection is left (without a number: {USUAL_WAIT:g} s at most)",
            )
        if action != "list":
            add_reason_argument(own)
        add_socket_argument(own, DEFAULT_SOCKET)


def run(options: Namespace) -> int:
    """Ask for it, and say how the servers are."""
    client = Client(options.socket)
    match options.action:
        case "list":
            return show(client, options.json)
        case "drain":
            answer = client.drain(*options.server, wait=options.wait, reason=options.reason)
        case "ready":
            answer = client.ready(*options.server, reason=options.reason)
        case _:
            number = None if options.weight == "auto" else int(options.weight)
            answer = client.weight(*options.server, weight=number, reason=options.reason)
    for server in answer.get("servers", ()):
        print(line_of(server))
    for warning in answer.get("warnings", ()):
        print(f"WARNING: {warning}", file=sys.stderr)
    return GOOD


def line_of(server: Mapping[str, Any]) -> str:
    """Return how one server is."""
    words = [f"{server['service']}/{server['server']}:"]
    words.append("drain" if server["drain"] else "ready")
    if server["order"] is not None:
        words.append(f"with weight {server['order']}")
    if server["drain"] and server["active"]:
        words.append(f"({server['active']} connections are left)")
    return " ".join(words)


def show(client: Client, as_json: bool) -> int:
    """Print the orders that hold."""
    services = client.services_as_dict()
    orders = services.get("orders", [])
    if as_json:
        print(json.dumps(orders, indent=2))
        return GOOD
    if services.get("damage"):
        print(f"ORDERS LOST: {services['damage']}")
    if not orders:
        print("there are no orders: every server is as configured")
        return GOOD
    there = {
        (service["name"], server["name"]): server["state"]
        for service in services["shown"]
        for server in service["servers"]
    }
    rows = [
        (
            f"{one['service']}/{one['server']}",
            there.get((one["service"], one["server"]), "not there"),
            order_words(one).partition(" by ")[0],
            one["by"],
            at_time(one["at"]),
            one["reason"],
        )
        for one in orders
    ]
    for line in table(("SERVER", "STATE", "ORDER", "BY", "ON", "REASON"), rows):
        print(line)
    return GOOD


def weight(text: str) -> str:
    """Return ``text`` if it is a weight or ``auto``.  Raises ArgumentTypeError."""
    if text == "auto" or (text.isdecimal() and text.isascii() and int(text) <= HEAVIEST):
        return text
    raise ArgumentTypeError(f"expected a weight from 0 to {HEAVIEST}, or auto, found {text!r}")


def number_of_seconds(text: str) -> float:
    """Return a number of seconds.  Raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= LONGEST_WAIT:
        raise ArgumentTypeError(f"expected a number of seconds from 0 to {LONGEST_WAIT:g}, found {text!r}")
    return number
