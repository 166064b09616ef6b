"""Routing policy rules, as ``ip rule`` writes them.  Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from havip.config.keepalived.addresses import Cursor, needed_by, version_of
from havip.config.keepalived.making import Made
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import Entries, Scope
from havip.config.keepalived.tree import Statement, Word
from havip.config.problems import quote

FIRST_PRIORITY: Final = 16384  # of rules without one, and downwards
#: words with a value: havip's key
VALUES: Final = {
    "table": "table",
    "lookup": "table",
    "tos": "tos",
    "dsfield": "tos",
    "fwmark": "fwmark",
    "preference": "priority",
    "priority": "priority",
    "pref": "priority",
    "order": "priority",
    "realms": "realms",
    "goto": "goto",
    "iif": "input_device",
    "dev": "input_device",
    "oif": "output_device",
    "uidrange": "uid_range",
    "ip_proto": "ip_protocol",
    "ipproto": "ip_protocol",
    "sport": "source_ports",
    "dport": "destination_ports",
    "suppress_prefixlength": "suppress_prefix_length",
    "suppress_prefixlen": "suppress_prefix_length",
    "suppress_ifgroup": "suppress_group",
}
NETWORKS: Final = {"from": "source", "to": "to"}
FLAGS: Final = {"l3mdev": ("l3mdev", True), "not": ("invert", True), "no_track": ("track", False)}
ACTIONS: Final = ("blackhole", "unreachable", "prohibit")
LACKING: Final = {
    "protocol": "112 marks what is havip's, so that leftovers are found",
    "tun_id": "a mark does the same",
    "nat": "Linux has no such routes any more",
    "map-to": "Linux has no such routes any more",
}


class Rules(NamedTuple):
    """A block of rules, which become a list of havip."""

    path: str

    def __call__(self, scope: Scope, statement: Statement) -> None:
        Entries(self.entry)(scope, statement)
        if scope.made.get(self.path) is not None:
            scope.report.take(Outcome.MAPPED, statement.words[0], scope.key(self.path))

    def entry(self, scope: Scope, entry: Statement) -> None:
        """Take one rule."""
        first = entry.words[0]
        made = Made(first)
        cursor = Cursor(scope, entry.words, 0)
        while cursor.more():
            if not word_of(scope, cursor, made, cursor.next()):
                return
        if made.get("priority") is None:
            number = str(FIRST_PRIORITY - scope.whole.rules)
            scope.whole.rules += 1
            why = (
                "counted down from 16384 for rules without a preference, which is probably not what you want"
            )
            scope.whole.default("priority", first, number, why, made, f"{scope.key(self.path)}[]")
        if not any(made.text(key) for key in ("source", "to", "family")):
            made.put("family", first, "4")
        scope.made.add(self.path, first, made)


def word_of(scope: Scope, cursor: Cursor, made: Made, word: Word) -> bool:
    """Take one word of a rule and its value; say whether the rule is still one."""
    text = word.text
    if text in NETWORKS:
        value = cursor.value(word, "a network")
        if value is None or (value.text not in ("all", "any", "default") and not version_of(value.text)):
            at = value or word
            scope.report.drop(at, quote(at.text), "a network", why="the rule is left out")
            return False
        if version_of(value.text):
            made.put(NETWORKS[text], value, value.text)
    elif text in VALUES:
        value = cursor.value(word, "a value")
        if value is not None:
            made.put(VALUES[text], value, value.text)
    elif text in FLAGS:
        key, flag = FLAGS[text]
        made.put(key, word, flag)
    elif text in ACTIONS:
        made.put("action", word, text)
    elif text in ("inet", "inet6"):
        made.put("family", word, "6" if text == "inet6" else "4")
    elif text == "track_group":
        needed_by(scope, cursor.value(word, "the name of a track_group"))
    elif text in LACKING:
        scope.report.lacking(word, LACKING[text])
        cursor.value(word, "a value")
    else:
        scope.report.drop(word, quote(text), "a word of a rule")
    return True
