"""`havip run`: the daemon in the foreground."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from havip.cli import BROKEN, DEFAULT_CONFIGURATION, VERBS, add_form_arguments, how_of, instance_name
from havip.errors import HavipError, NotPermitted
from havip.process import missing_capabilities

HELP = VERBS["run"]

NEEDED = ("CAP_NET_ADMIN", "CAP_NET_RAW")  # addresses, raw sockets

EPILOG = """\
The daemon stays in the foreground and logs to stderr, or to the journal with its fields where systemd
started it.  Only one of an instance runs in a network namespace.

signals:
  SIGHUP             reload the configuration file, as `havip reload` does
  SIGTERM, SIGINT    resign from every virtual router (priority 0), remove the addresses, exit with 0

examples:
  havip run -c /etc/havip/havip.yaml
  havip run -c /etc/keepalived/keepalived.conf
  havip run --instance blue -c /etc/havip/blue.yaml
  ip netns exec router1 havip run -c router1.yaml --socket /run/router1.sock

exit codes:
  0  ended by SIGTERM or SIGINT
  1  the configuration has errors, or another havip runs here; stderr says which
  2  wrong usage
  4  not permitted: needs root, or CAP_NET_ADMIN and CAP_NET_RAW
  69 daemon.network_namespace is not there (yet): starting again may cure it
  70 an error in havip itself; the log has the traceback.  Starting again may cure it, too
"""


def add_arguments(parser: ArgumentParser) -> None:
    """Describe this verb's command line."""
    parser.epilog = EPILOG
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        default=DEFAULT_CONFIGURATION,
        help="the configuration (default: %(default)s)",
    )
    add_form_arguments(parser)
    parser.add_argument(
        "--instance",
        metavar="NAME",
        type=instance_name,
        help="the name of this daemon among several (default: daemon.instance of the configuration)",
    )
    parser.add_argument(
        "--socket",
        metavar="PATH",
        help="the control socket (default: daemon.control_socket of the configuration)",
    )
    parser.add_argument(
        "--state",
        metavar="DIR",
        help="the state directory (default: daemon.state_directory of the configuration)",
    )


def run(options: Namespace) -> int:
    """Run the daemon until it is told to end.  Raises `NotPermitted`."""
    missing = missing_capabilities(NEEDED)
    if missing:
        raise NotPermitted(f"havip run needs root, or the capabilities that it lacks: {', '.join(missing)}")
    from havip import supervisor  # only now: a refusal needs none of it

    try:
        return supervisor.main(
            options.config, options.socket, options.instance, options.state, how=how_of(options)
        )
    except HavipError:
        raise
    except Exception:
        supervisor.log.critical("an error in havip itself ended the daemon", exc_info=True)
        return BROKEN
