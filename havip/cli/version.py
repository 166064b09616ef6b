"""`havip version`: ours, Python's, and the running daemon's."""

from __future__ import annotations

import platform
from argparse import ArgumentParser, Namespace

from havip import __version__
from havip.cli import GOOD, VERBS, add_socket_argument
from havip.control.client import DEFAULT_SOCKET, Client
from havip.errors import HavipError, Unreachable

HELP = VERBS["version"]

EPILOG = """\
After an upgrade the daemon runs the old version until it is restarted: the third line shows it.

example:
  havip version

exit codes:
  0  printed, whether a daemon answers or not
  2  wrong usage
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    add_socket_argument(parser, DEFAULT_SOCKET)


def run(options: Namespace) -> int:
    """Print one line each."""
    print(f"havip {__version__}")
    print(f"Python {platform.python_version()}")
    print(daemon_line(Client(options.socket)))
    return GOOD


def daemon_line(client: Client) -> str:
    """Return what is known of the daemon's version, in one line."""
    try:
        answer = client.version()
    except Unreachable:
        return f"daemon: none answers on {client.path}"
    except HavipError as error:
        return f"daemon: {error}"
    version = answer.get("version")
    hint = "" if version == __version__ else " (not this one: restart it to run this version)"
    return f"daemon {version}, pid {answer.get('pid')}{hint}"
