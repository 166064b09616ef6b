"""How adverts prove where they come from: the old password, and signatures.  Pure.

Nothing here repeats a secret in a message.
"""

from __future__ import annotations

from havip.config.keepalived.making import Made
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import (
    P0,
    Block,
    Key,
    Row,
    Scope,
    Table,
    argument,
    no_more,
    same_scope,
)
from havip.config.keepalived.tree import Statement
from havip.config.keepalived.values import anything, one_of, timer, whole
from havip.config.problems import quote

LONGEST_PASSWORD = 8  # bytes


def auth_type(scope: Scope, statement: Statement) -> None:
    """Take ``auth_type``: a password, or AH, which havip has not."""
    word = statement.words[1] if len(statement.words) > 1 else statement.words[0]
    if word.text == "PASS":
        scope.put("authentication.type", statement.words[0], word, "pass")
        scope.memory.pop("ah", None)
    elif word.text == "AH":
        scope.memory["ah"] = word
        scope.made.drop("authentication.type")
    else:
        scope.report.drop(word, quote(word.text), "PASS or AH")


def auth_pass(scope: Scope, statement: Statement) -> None:
    """Take the password, of which keepalived uses eight bytes."""
    if len(statement.words) < 2:
        scope.report.drop(statement.words[0], "auth_pass without a value", "a password")
        return
    word = statement.words[1]
    scope.whole.report.problems.hide(word.text, (word.line,))
    password = word.text.encode(errors="surrogateescape")[:LONGEST_PASSWORD].decode(errors="replace")
    why = "" if password == word.text else f"only its first {LONGEST_PASSWORD} bytes count"
    scope.put("authentication.password", statement.words[0], word, password, why)


def end_authentication(scope: Scope) -> None:
    """Judge both parts of ``authentication``."""
    ah = scope.memory.pop("ah", None)
    if ah is not None:
        scope.made.drop("authentication")
        # Not even if compatible: without it we would not hear such peers, and be MASTER beside them.
        why = "it was taken out of VRRP; auth_hmac signs adverts, auth_type PASS is for peers that cannot"
        scope.report.wrong(ah, '"AH" has no counterpart in havip', why=why)
    elif scope.made.get("authentication") is not None:
        at = scope.made.where("authentication.type") or scope.made.where("authentication.password")
        lacks = [key for key in ("type", "password") if scope.made.get(f"authentication.{key}") is None]
        if lacks and at is not None:
            scope.made.drop("authentication")
            scope.report.drop(at, f"authentication without auth_{lacks[0].replace('word', '')}")


def hmac_key(scope: Scope, statement: Statement) -> None:
    """Take ``key ID VALUE``: the key itself, or ``file:PATH``."""
    no_more(scope, statement._replace(words=statement.spelled), 3)
    words = statement.spelled
    number = argument(scope, statement, whole(1, 255))
    if len(words) < 3:
        scope.report.wrong(statement.words[0], "key without a value", "its number and the key")
        return
    if number is None:
        return
    scope.report.problems.hide(words[2].text, (words[2].line,))
    made = Made(words[2])
    if words[2].text.startswith("file:"):
        made.put("file", words[2], words[2].text.removeprefix("file:"))
    else:
        made.put("value", words[2], words[2].text)
    scope.made.into("hmac.keys", words[0]).name(number[0], words[1], made)
    scope.report.take(Outcome.MAPPED, statement.words[0], scope.key(f"hmac.keys.{number[0]}"))


AUTHENTICATION = Table("authentication", (Row("auth_type", P0, auth_type), Row("auth_pass", P0, auth_pass)))
HMAC = Table(
    "auth_hmac",
    (
        Row("key", P0, hmac_key),
        Row("active_key", P0, Key("hmac.active_key", whole(1, 255))),
        Row("anti_replay", P0, Key("hmac.anti_replay", one_of(time="time", monotonic="monotonic"))),
        Row("time_window", P0, Key("hmac.time_window", timer(1, 300))),
        Row(
            "mode",
            P0,
            Key(
                "hmac.mode",
                anything("enforce, permissive or receive-only"),
            ),
        ),
    ),
)
ROWS = (
    Row("authentication", P0, Block(AUTHENTICATION, same_scope, end_authentication)),
    Row("auth_hmac", P0, Block(HMAC, same_scope)),
)
