"""`havip failover`: hand a virtual router over."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from havip.cli import GOOD, VERBS, add_socket_argument
from havip.control.client import DEFAULT_SOCKET, Client

HELP = VERBS["failover"]

USUAL_WAIT = 10.0  # seconds
LONGEST_WAIT = 300.0

EPILOG = """\
The virtual router resigns here, so the best of the other machines takes over at once.  It does not come back
by itself, even if this machine has the higher priority: this one takes over again when that master fails,
resigns or hands over.  If no other machine takes over, this one does so again.

examples:
  havip failover gateway
  havip failover gateway --wait         and return once another machine is master, in 10 s or never
  havip failover gateway --wait 60

exit codes:
  0  the virtual router is not MASTER here any more; with --wait: another machine is
  1  refused: it is not MASTER here, nobody took over in time; stderr says which
  2  wrong usage
  3  no daemon answers on the control socket
  4  not permitted: be root or a member of the group havip
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    parser.add_argument("router", metavar="ROUTER", help="the name of the virtual router")
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        nargs="?",
        type=number_of_seconds,
        const=USUAL_WAIT,
        help=f"return only once another machine has taken over (without a number: {USUAL_WAIT:g} s at most)",
    )
    add_socket_argument(parser, DEFAULT_SOCKET)


def run(options: Namespace) -> int:
    """Ask for it, and say who is master now."""
    answer = Client(options.socket).failover(options.router, options.wait)
    master = answer.get("master")
    print(f"{options.router} is {answer.get('state')} here" + (f"; the master is {master}" if master else ""))
    return GOOD


def number_of_seconds(text: str) -> float:
    """Return a number of seconds.  Raises ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= LONGEST_WAIT:
        raise ArgumentTypeError(f"expected a number of seconds from 0 to {LONGEST_WAIT:g}, found {text!r}")
    return number
