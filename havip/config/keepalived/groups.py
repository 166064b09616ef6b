"""Sync groups: virtual routers that are MASTER together, or not at all.  Pure."""

from __future__ import annotations

from havip.config.keepalived.making import Listed, Made
from havip.config.keepalived.notify import PROGRAMS
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import (
    P0,
    P2,
    Block,
    Ignored,
    Row,
    Scope,
    Table,
    leave_out,
    named_block,
    words_of,
)
from havip.config.keepalived.tracking import REFERENCES, TRACKED, drop_unknown
from havip.config.keepalived.tree import Statement, Word
from havip.config.keepalived.whole import Whole
from havip.config.problems import quote


def begin(scope: Scope, statement: Statement) -> Scope | None:
    """Begin a group."""
    return named_block(scope, statement, "a sync group", "sync_groups", scope.whole.groups)


def members(scope: Scope, statement: Statement) -> None:
    """Take the members of a group."""
    if "members" in scope.memory:
        scope.report.drop(statement.words[0], "group again", why="the first one counts")
        return
    scope.memory["members"] = words_of(scope, statement)
    scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("members"))


def settle(whole: Whole) -> None:
    """Give every group those of its members that there are."""
    taken: dict[str, str] = {}
    for name, scope in whole.groups.items():
        drop_unknown(scope)
        listed: list[Word] = []
        for word in scope.memory.get("members", ()):
            if word.text not in whole.instances:
                scope.report.drop(word, quote(word.text), "the name of a vrrp_instance")
            elif word.text in taken:
                scope.report.drop(word, f"{quote(word.text)} again", why=f"{quote(taken[word.text])} has it")
            else:
                taken[word.text] = name
                listed.append(word)
        if not listed:
            leave_out(scope, "sync_groups")
            scope.report.drop(scope.at, f"the sync group {quote(name)} without members", why="it is left out")
            continue
        scope.made.put("members", listed[0], listed)
        for word in listed:
            point_at_weights(scope, whole.instances[word.text])


def point_at_weights(group: Scope, member: Scope) -> None:
    """Tell that the weight of what a member tracks counts for the group."""
    for path, _, section in (("track.interfaces", "", ""), *REFERENCES):
        listed = member.made.get(path)
        for item in listed.items if isinstance(listed, Listed) else ():
            if isinstance(item, Made) and weighs(member.whole, section, item):
                why = f"its weight counts for all of the group {quote(group.at.text)}: keepalived drops it"
                group.report.take(Outcome.DIFFERS, item.at, member.key(path), why)


def weighs(whole: Whole, section: str, item: Made) -> bool:
    """Say whether a tracker has a weight, here or in its definition."""
    own = item.text("weight")
    if own or not section:
        return own not in ("", "0")
    name = item.at.text
    sections = whole.made.get(section)
    found = sections.entries.get(name) if isinstance(sections, Made) else None
    defined = found[1].text("weight") if found and isinstance(found[1], Made) else ""
    return (defined or ("0" if section == "scripts" else "1")) != "0"


UNEQUAL = Ignored(
    "different weights for the members of one group move nothing; weights count for all of them"
)
GROUP = Table(
    "vrrp_sync_group",
    (
        Row("group", P0, members),
        *TRACKED,
        *PROGRAMS,
        Row("sync_group_tracking_weight", P2, UNEQUAL),
        Row("global_tracking", P2, UNEQUAL),
    ),
)
ROWS = (Row("vrrp_sync_group", P0, Block(GROUP, begin)),)
