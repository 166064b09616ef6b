"""The verbs of the command line: one module each, imported only when its verb is used.

A verb's module has ``HELP`` (one line, the one of `VERBS`), ``add_arguments(parser)`` and ``run(options)``,
which returns an exit code.  Errors that a person must read are raised as `havip.errors.HavipError`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from havip import instance

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from havip.config.anyfile import How

#: verb -> its line in `havip --help`; here so that asking for help imports no verb
VERBS: Final = {
    "run": "run the daemon in the foreground",
    "check": "check a configuration file, and show every error with its line and column",
    "convert": "write a keepalived.conf as YAML that means the same",
    "schema": "print the JSON Schema of the configuration file, for editors",
    "status": "show the virtual routers of the running daemon",
    "watch": "show every change of state as it happens, until interrupted",
    "checks": "show the health checks of the running daemon",
    "services": "show the virtual services of the running daemon and the servers behind them",
    "server": "drain real servers, or give them another weight, across reloads until it is taken back",
    "check-now": "run a health check once, here and now, and tell every step",
    "reload": "have the running daemon read its configuration again",
    "failover": "hand a virtual router over to another machine",
    "maintenance": "keep virtual routers out of the election, across reboots too, until they are let in",
    "priority": "give a virtual router another priority than the configured one",
    "version": "print the versions of havip, of Python and of the running daemon",
}

# Exit codes; the same for every verb, and part of the interface (docs/cli.md).
GOOD: Final = 0
BAD: Final = 1  # what was asked about is bad: a configuration with errors, a reload refused
USAGE: Final = 2  # the command line itself is wrong
UNREACHABLE: Final = 3  # no daemon answers on the control socket
NOT_PERMITTED: Final = 4
UNAVAILABLE: Final = 69  # what it needs is not there yet (EX_UNAVAILABLE): systemd tries again
BROKEN: Final = 70  # havip itself failed (EX_SOFTWARE of sysexits.h): systemd starts the daemon again

DEFAULT_CONFIGURATION: Final = "/etc/havip/havip.yaml"


def add_socket_argument(parser: ArgumentParser, default: str) -> None:
    """Add ``--socket`` and ``--instance``, by which the verbs that ask a daemon find it."""
    import argparse

    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--socket",
        metavar="PATH",
        default=default,
        help="the daemon's control socket (default: %(default)s)",
    )
    which.add_argument(
        "--instance",
        metavar="NAME",
        dest="socket",
        type=socket_of,
        default=argparse.SUPPRESS,
        help="the daemon of this name among several, by its usual socket /run/havip/NAME.sock",
    )


def add_form_arguments(parser: ArgumentParser) -> None:
    """Add what says how a configuration file is read: its form, and what concerns keepalived.conf alone."""
    parser.add_argument(
        "--format",
        choices=("yaml", "keepalived"),
        help="the form of the file (default: what its content says)",
    )
    parser.add_argument(
        "--config-id",
        metavar="NAME",
        help="of a keepalived.conf: whom its lines @NAME ... are for (default: this host's name)",
    )
    parser.add_argument(
        "--compat",
        action="store_true",
        help="of a keepalived.conf: pass over what keepalived passes over, with a warning",
    )


def how_of(options: Namespace) -> How:
    """Return how the command line wants a configuration file to be read."""
    from havip.config.anyfile import Form, How

    form = None if options.format is None else Form(options.format)
    return How(form, options.config_id, options.compat)


def add_reason_argument(parser: ArgumentParser) -> None:
    """Add ``--reason``, which `havip status` shows."""
    parser.add_argument("--reason", metavar="TEXT", default="", help="why, for `havip status` and the log")


def socket_of(name: str) -> str:
    """Return the usual control socket of an instance.  Raises ArgumentTypeError."""
    return instance.control_socket(instance_name(name))


def instance_name(name: str) -> str:
    """Return ``name`` if it is one for an instance.  Raises ArgumentTypeError."""
    import argparse
    import re

    if not name.isprintable() or not re.search(instance.PATTERN, name):
        raise argparse.ArgumentTypeError(f"expected {instance.EXPECTED}, found {name!r}")
    return name


def module_of(verb: str) -> str:
    """Return the module that carries a verb out."""
    return f"havip.cli.{verb.replace('-', '_')}"
