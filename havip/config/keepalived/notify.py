"""What is run and told when a virtual router or a sync group changes its state.  Pure."""

from __future__ import annotations

from havip.config.keepalived.commands import Program
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import P0, P1, P2, Row, Scope, Switch, no_more
from havip.config.keepalived.tree import Statement


def notify_deleted(scope: Scope, statement: Statement) -> None:
    """Take ``notify_deleted [COMMAND ...]``: with a command, or only so that DELETED is said."""
    if len(statement.words) > 1:
        Program("notify.deleted", "notify", once=True)(scope, statement)
        return
    no_more(scope, statement, 1)
    why = "without a program DELETED is said in mails and webhooks only; programs hear FAULT"
    scope.report.take(Outcome.IGNORED, statement.words[0], "", why)


def program(name: str, key: str, tier: int = 0) -> Row:
    """Return the row of a program for one event."""
    return Row(name, P0 if tier == 0 else P1, Program(f"notify.{key}", "notify", once=True))


#: of a virtual router and of a sync group
PROGRAMS = (
    program("notify_master", "master"),
    program("notify_backup", "backup"),
    program("notify_fault", "fault"),
    program("notify_stop", "stop"),
    program("notify", "any"),
    Row("notify_deleted", P2, notify_deleted),
    Row("notify_priority_changes", P1, Switch("notify.priority_changes")),
    Row("smtp_alert", P1, Switch("notify.mail")),
)
#: of a virtual router alone
LOWER = program("notify_master_rx_lower_pri", "master_rx_lower_priority", 1)
