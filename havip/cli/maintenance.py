"""`havip maintenance`: keep virtual routers out of the election until they are let in again."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from havip.cli import GOOD, VERBS, add_reason_argument, add_socket_argument
from havip.control.client import DEFAULT_SOCKET, Client

HELP = VERBS["maintenance"]

EPILOG = """\
A virtual router in maintenance is in FAULT: it resigns at once, so that another machine takes over, and takes
no part until `havip maintenance off`.  That is on the disk before this verb returns, and survives a reload, a
restart and a reboot.  Without a name it is for all virtual routers, also those that come with a later reload.

examples:
  havip maintenance on --reason "new kernel"
  havip maintenance on gateway
  havip maintenance off

exit codes:
  0  done
  1  refused: no such virtual router, or it cannot be stored; nothing changed then
  2  wrong usage
  3  no daemon answers on the control socket
  4  not permitted: be root or a member of the group havip
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    parser.add_argument("state", choices=("on", "off"), help="begin it, or end it")
    parser.add_argument("router", metavar="ROUTER", nargs="?", help="only the virtual router of this name")
    add_reason_argument(parser)
    add_socket_argument(parser, DEFAULT_SOCKET)


def run(options: Namespace) -> int:
    """Ask for it."""
    Client(options.socket).maintenance(options.state == "on", options.router, options.reason)
    print(f"maintenance {options.state}: {options.router or 'every virtual router'}")
    return GOOD
