"""Who is told: FIFOs, and mail as keepalived sends it.  Pure."""

from __future__ import annotations

from typing import Final

from havip.config.keepalived.commands import account, command
from havip.config.keepalived.making import Made
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import (
    P1,
    Key,
    Row,
    Scope,
    argument,
    no_more,
    words_of,
)
from havip.config.keepalived.tree import Statement, Word
from havip.config.keepalived.values import TEXT, timer, truth, whole
from havip.config.kinds import Wrong
from havip.config.problems import quote

WITHOUT_FAULTS: Final = ("MASTER", "BACKUP", "STOP", "DELETED", "UP", "DOWN")
#: what a FIFO is about that is not about all
ABOUT: Final = {"vrrp_notify_fifo": "routers", "lvs_notify_fifo": "services"}


def recipients(scope: Scope, statement: Statement) -> None:
    """Take ``notification_email``."""
    words = words_of(scope, statement)
    if words:
        scope.put("notify.mail.to", statement.words[0], words[0], words)


def smtp_server(scope: Scope, statement: Statement) -> None:
    """Take ``smtp_server HOST [PORT]``."""
    no_more(scope, statement, 3)
    if len(statement.words) < 2:
        scope.report.drop(statement.words[0], "smtp_server without a value", "a server")
        return
    word = statement.words[1]
    scope.put("notify.mail.server", statement.words[0], word, word.text)
    if len(statement.words) > 2:
        found = argument(scope, statement, whole(1, 65535), 2)
        if found is not None:
            scope.made.put("notify.mail.port", found[1], found[0])


def no_email_faults(scope: Scope, statement: Statement) -> None:
    """Take ``no_email_faults``."""
    word = statement.words[0]
    states = [Word(state, word.line, word.column) for state in WITHOUT_FAULTS]
    scope.put("notify.mail.states", word, word, states)


def alert(scope: Scope, statement: Statement) -> None:
    """Take ``smtp_alert`` or ``smtp_alert_vrrp``: whether mail is sent unless a block says otherwise."""
    no_more(scope, statement, 2)
    try:
        on = len(statement.words) < 2 or truth(statement.words[1].text)
    except Wrong:
        scope.report.drop(statement.words[1], quote(statement.words[1].text), "on or off")
        return
    scope.memory[statement.name] = (statement.words[0], on)
    if statement.name == "smtp_alert":
        word = statement.words[0]
        scope.whole.globals["smtp_alert"] = Word("true" if on else "false", word.line, word.column)
    scope.report.take(Outcome.MAPPED, statement.words[0], "defaults.notify.mail")


def settle_mail(scope: Scope) -> None:
    """Send mail as keepalived does: in clear, and only of what asks for it."""
    settle_fifos(scope)
    mail = scope.made.get("notify.mail")
    if mail is None:
        return
    at = scope.made.where("notify.mail") or scope.at
    lacks = [key for key in ("server", "to") if scope.made.get(f"notify.mail.{key}") is None]
    if lacks:
        scope.made.drop("notify.mail")
        name = "smtp_server" if lacks[0] == "server" else "notification_email"
        why = f"without {name} no mail is sent"
        scope.report.take(Outcome.IGNORED, Word("notification_email", at.line, at.column), "", why)
        return
    whole = scope.whole
    whole.default("notify.mail.sender", at, f"keepalived@{whole.host.name()}", "who mail comes from")
    whole.default("notify.mail.tls", at, "none", "mail is sent in clear; havip's own default is STARTTLS")
    whole.default("notify.mail.port", at, "25", "the port of smtp_server")
    word, on = scope.memory.get("smtp_alert_vrrp") or scope.memory.get("smtp_alert") or (at, False)
    why = "mail is sent only of what has smtp_alert; havip's own default is of everything"
    value = "true" if on else "false"
    whole.default("defaults.notify.mail", word, value, why)
    for group in whole.groups.values():
        if group.made.get("notify.mail") is None:
            group.made.put("notify.mail", word, value)


def fifo(scope: Scope, statement: Statement) -> None:
    """Take ``notify_fifo PATH [USER [GROUP]]``, or that of VRRP or of the load balancer alone."""
    words = statement.spelled
    no_more(scope, statement._replace(words=words), 4)
    if len(words) < 2:
        scope.report.drop(statement.words[0], f"{quote(statement.name)} without a value", "a path")
        return
    fifos = scope.memory.setdefault("fifos", {})
    if statement.name in fifos:
        scope.report.drop(statement.words[0], f"{quote(statement.name)} again", why="the first one counts")
        return
    fifos[statement.name] = made = Made(words[1])
    made.put("path", words[1], words[1].text)
    if statement.name in ABOUT:
        made.put("about", words[0], ABOUT[statement.name])
    inner = Scope(scope.whole, made, words[1])
    account(inner, "", words[2:4])
    scope.report.take(Outcome.MAPPED, statement.words[0], "notify.fifos")


def fifo_script(scope: Scope, statement: Statement) -> None:
    """Take ``notify_fifo_script COMMAND [USER [GROUP]]``: the program that reads a FIFO."""
    found = command(scope, statement)
    if found is not None:
        scope.memory.setdefault("readers", {})[statement.name.removesuffix("_script")] = (
            statement,
            found[0],
        )
        why = "; ".join(part for part in ("started again when it ends", found[1]) if part)
        scope.report.take(Outcome.DIFFERS, statement.words[0], "notify.fifos[].script", why)


def on_reload(scope: Scope, statement: Statement) -> None:
    """Take ``fifo_write_vrrp_states_on_reload``."""
    scope.memory["on_reload"] = statement.words[0]
    scope.report.take(Outcome.MAPPED, statement.words[0], "notify.fifos[].on_reload")


def settle_fifos(scope: Scope) -> None:
    """Put the FIFOs and their readers together."""
    fifos: dict[str, Made] = scope.memory.get("fifos", {})
    for name, (statement, words) in scope.memory.get("readers", {}).items():
        made = fifos.get(name)
        if made is None:
            scope.report.drop(statement.words[0], f"{quote(statement.name)} without {name}")
            continue
        made.put("script", words[0], words)
        account(Scope(scope.whole, made, made.at), "", statement.spelled[2:4])
    for name, made in fifos.items():
        if "on_reload" in scope.memory and ABOUT.get(name) != "services":
            made.put("on_reload", scope.memory["on_reload"], True)
        scope.made.add("notify.fifos", made.at, made)


MAIL: Final = (
    Row("notification_email", P1, recipients),
    Row("notification_email_from", P1, Key("notify.mail.sender", TEXT)),
    Row("smtp_server", P1, smtp_server),
    Row("smtp_helo_name", P1, Key("notify.mail.helo", TEXT)),
    Row("smtp_connect_timeout", P1, Key("notify.mail.timeout", timer(1, 3600), "of the whole attempt")),
    Row("smtp_alert", P1, alert),
    Row("smtp_alert_vrrp", P1, alert),
    Row("no_email_faults", P1, no_email_faults),
    Row("notify_fifo", P1, fifo),
    Row("vrrp_notify_fifo", P1, fifo),
    Row("lvs_notify_fifo", P1, fifo),
    Row("notify_fifo_script", P1, fifo_script),
    Row("vrrp_notify_fifo_script", P1, fifo_script),
    Row("lvs_notify_fifo_script", P1, fifo_script),
    Row("fifo_write_vrrp_states_on_reload", P1, on_reload),
)
