"""Where the log goes: the systemd journal with its fields, or readable lines on stderr.

The only file that chooses an output.  It never runs in the VRRP worker, whose lines arrive as messages.
A log call names its journal fields like this::

    log.warning("gateway: ...", extra={"fields": {"HAVIP_ROUTER": "gateway", "HAVIP_STATE": "FAULT"}})

The text alone must be enough for a reader; the fields are for `journalctl HAVIP_ROUTER=gateway`.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TextIO

IDENTIFIER = "havip"  # SYSLOG_IDENTIFIER: what `journalctl -t` selects by
FIELD_NAME_LENGTH = 64  # the journal drops longer names

Send = Callable[..., Any]


def fields_of(kind: str, name: str, state: str) -> dict[str, str]:
    """Return the fields of a line about a virtual router, a sync group, a virtual service or a server."""
    if kind == "server":
        service, _, server = name.rpartition("/")
        return {"HAVIP_SERVICE": service, "HAVIP_SERVER": server, "HAVIP_STATE": state}
    return {f"HAVIP_{kind.upper()}": name, "HAVIP_STATE": state}


def configure(level: int = logging.INFO) -> None:
    """Send every log record from ``level`` up to the best place there is.  May be called again."""
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(choose_handler(sys.stderr, os.environ))
    root.setLevel(level)


def choose_handler(stream: TextIO, environment: Mapping[str, str]) -> logging.Handler:
    """Return the journal's own handler where ``stream`` is the journal, else one for readable lines."""
    if not is_journal(stream, environment):
        return lines_to(stream, Stamped())
    send = journal_send()
    if send is None:
        return lines_to(stream, Prefixed())
    return JournalHandler(send)


def is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Say whether ``stream`` is the one that systemd connected to the journal (JOURNAL_STREAM=device:inode).

    The variable alone proves nothing: it is inherited when stderr has been sent elsewhere.
    """
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def journal_send() -> Send | None:
    """Return systemd-python's `journal.send`, or None where it is not installed."""
    try:
        send: Send = import_module("systemd.journal").send
    except ImportError:
        return None
    return send


def lines_to(stream: TextIO, formatter: logging.Formatter) -> logging.Handler:
    """Return a handler that writes formatted lines."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    return handler


class Stamped(logging.Formatter):
    """A readable line: when, how grave, what."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  (logging's name)
        """Return the line that comes before a traceback, in local time to the millisecond."""
        when = self.formatTime(record, "%Y-%m-%d %H:%M:%S")
        return f"{when}.{int(record.msecs):03d} {record.levelname.lower()} {record.message}"


class Prefixed(logging.Formatter):
    """A line for the journal's stream: ``<4>text``.  The journal stamps it and takes the priority off."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text, its priority before every line of it."""
        prefix = f"<{syslog_priority(record.levelno)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines() or [""])


class JournalHandler(logging.Handler):
    """Hands records to the journal with their fields."""

    def __init__(self, send: Send) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record.  What the journal does not take goes to stderr, as logging always does."""
        try:
            self._send(
                self.format(record),
                CODE_FILE=record.pathname,
                CODE_LINE=record.lineno,
                CODE_FUNC=record.funcName or "",
                PRIORITY=str(syslog_priority(record.levelno)),
                SYSLOG_IDENTIFIER=IDENTIFIER,
                LOGGER=record.name,
                **journal_fields(getattr(record, "fields", {})),
            )
        except Exception:
            self.handleError(record)


def journal_fields(fields: Mapping[str, str]) -> dict[str, str]:
    """Return ``fields`` under names that the journal takes: A-Z, 0-9 and _, not led by a digit or _.

    Names that belong to the record itself are left out.
    """
    valid: dict[str, str] = {}
    for name, value in fields.items():
        spelled = "".join(c if c.isascii() and c.isalnum() else "_" for c in name.upper())
        spelled = spelled.lstrip("_0123456789")[:FIELD_NAME_LENGTH]
        if spelled and spelled not in RESERVED:
            valid[spelled] = value
    return valid


RESERVED = frozenset(
    (
        "MESSAGE",
        "MESSAGE_ID",
        "PRIORITY",
        "SYSLOG_IDENTIFIER",
        "LOGGER",
        "CODE_FILE",
        "CODE_LINE",
        "CODE_FUNC",
    )
)


def syslog_priority(level: int) -> int:
    """Return the syslog priority (RFC 5424 section 6.2.1) of a logging level."""
    for least, priority in (
        (logging.CRITICAL, 2),
        (logging.ERROR, 3),
        (logging.WARNING, 4),
        (logging.INFO, 6),
    ):
        if level >= least:
            return priority
    return 7
