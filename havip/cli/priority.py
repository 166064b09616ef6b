"""`havip priority`: another priority than the configured one, for the time being."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from havip.cli import GOOD, VERBS, add_reason_argument, add_socket_argument
from havip.control.client import DEFAULT_SOCKET, Client

HELP = VERBS["priority"]

EPILOG = """\
The virtual router elects with this priority, whatever the configuration and its trackers' weights say, until
`havip priority ROUTER auto`.  A tracker that means FAULT still does.  That is on the disk before this verb
returns, and survives a reload, a restart and a reboot.

examples:
  havip priority gateway 200 --reason "move the traffic here"
  havip priority gateway auto

exit codes:
  0  done
  1  refused: no such virtual router, it owns its addresses, or it cannot be stored; nothing changed then
  2  wrong usage
  3  no daemon answers on the control socket
  4  not permitted: be root or a member of the group havip
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    parser.add_argument("router", metavar="ROUTER", help="the name of the virtual router")
    parser.add_argument("priority", metavar="N|auto", type=priority, help="1 to 254, or auto: as configured")
    add_reason_argument(parser)
    add_socket_argument(parser, DEFAULT_SOCKET)


def run(options: Namespace) -> int:
    """Ask for it."""
    wanted = None if options.priority == "auto" else int(options.priority)
    Client(options.socket).priority(options.router, wanted, options.reason)
    print(f"priority of {options.router}: {options.priority if wanted else 'as configured'}")
    return GOOD


def priority(text: str) -> str:
    """Return ``text`` if it is a priority or ``auto``.  Raises ArgumentTypeError."""
    if text == "auto" or (text.isdecimal() and text.isascii() and 1 <= int(text) <= 254):
        return text
    raise ArgumentTypeError(f"expected a priority from 1 to 254, or auto, found {text!r}")
