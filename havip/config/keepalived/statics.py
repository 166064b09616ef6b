"""What is held whoever is master, and who needs it.  Pure."""

from __future__ import annotations

from havip.config.keepalived.addresses import Addresses
from havip.config.keepalived.making import Listed, Made
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.routes import Routes
from havip.config.keepalived.rules import Rules
from havip.config.keepalived.table import P1, Block, Row, Scope, Table, words_of
from havip.config.keepalived.tree import Statement
from havip.config.keepalived.whole import Whole
from havip.config.problems import quote

USUAL_DEVICE = "eth0"  # of static addresses, unless told


def settle(whole: Whole) -> None:
    """Give static addresses the device that they have by default, and say who needs what is static."""
    listed = whole.made.get("static.addresses")
    if isinstance(listed, Listed):
        for index, item in enumerate(listed.items):
            if not isinstance(item, Made):
                made = Made(whole.word(item))
                made.put("address", made.at, item.text)
                listed.items[index] = item = made
            if item.get("device") is None:
                name = whole.globals.get("default_interface")
                why = "the device of static addresses unless default_interface names another one"
                whole.default(
                    "device",
                    name or item.at,
                    name.text if name else USUAL_DEVICE,
                    why,
                    item,
                    "static.addresses[]",
                )
    for group, at in whole.needed.items():
        if group not in whole.track_groups:
            whole.report.drop(at, quote(group), "the name of a track_group")
        for member in whole.track_groups.get(group, ()):
            if member.text in whole.instances:
                whole.needing.setdefault(member.text, member)
            else:
                whole.report.drop(member, quote(member.text), "the name of a vrrp_instance")
    if whole.needing:
        first, *_ = whole.needing.values()
        whole.made.put("static.needed_by", first, [*whole.needing.values()])
        why = "everything that is static counts for all of them, but for what has no_track"
        whole.report.take(Outcome.DIFFERS, first, "static.needed_by", why)


def begin_track_group(scope: Scope, statement: Statement) -> Scope | None:
    """Begin ``track_group NAME``."""
    if len(statement.words) != 2:
        scope.report.drop(statement.words[0], "a track_group without a name", "one name")
        return None
    return Scope(scope.whole, scope.made, statement.words[1])


def members(scope: Scope, statement: Statement) -> None:
    """Take the virtual routers of a track_group."""
    scope.whole.track_groups[scope.at.text] = words_of(scope, statement)


ROWS = (
    Row("static_ipaddress", P1, Addresses("static.addresses")),
    Row("static_routes", P1, Routes("static.routes")),
    Row("static_rules", P1, Rules("static.rules")),
    Row("track_group", P1, Block(Table("track_group", (Row("group", P1, members),)), begin_track_group)),
)
