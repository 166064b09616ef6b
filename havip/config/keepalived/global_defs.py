"""``global_defs``: what concerns all virtual routers, whom is told, and the processes.  Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from havip.config.keepalived.commands import Program
from havip.config.keepalived.instance import OWNER, announce
from havip.config.keepalived.load_balancer import ANYWHERE as OF_BALANCER
from havip.config.keepalived.load_balancer import GLOBALS as BALANCER
from havip.config.keepalived.mail import MAIL, settle_mail
from havip.config.keepalived.processes import ANYWHERE, PROCESSES, ignored, settle_snmp
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import (
    P0,
    P1,
    P2,
    Action,
    Always,
    Block,
    Key,
    Lacking,
    Row,
    Scope,
    Switch,
    Table,
    argument,
    no_more,
    words_of,
)
from havip.config.keepalived.tree import Statement, Word
from havip.config.keepalived.values import ADDRESS, INTERFACE, TEXT, Argument, timer, truth, whole
from havip.config.keepalived.whole import Whole
from havip.config.kinds import Wrong
from havip.config.problems import quote

SCRIPT_USER: Final = "keepalived_script"  # whose rights scripts get where there is such a user
EVERYWHERE: Final = ""  # of the gaps between announcements
GAP: Final = timer(0, 1_000_000)
NFTABLES: Final = "nftables does it"


class InDefaults(NamedTuple):
    """An action of one virtual router, for all that do not say otherwise."""

    do: Action

    def __call__(self, scope: Scope, statement: Statement) -> None:
        made = scope.whole.made.into("defaults", statement.words[0])
        self.do(Scope(scope.whole, made, scope.at, "defaults", scope.memory), statement)


class Global(NamedTuple):
    """A value that concerns other blocks, by the name of its directive."""

    kind: Argument

    def __call__(self, scope: Scope, statement: Statement) -> None:
        no_more(scope, statement, 2)
        found = argument(scope, statement, self.kind)
        if found is not None:
            word = found[1]
            scope.whole.globals[statement.name] = Word(found[0], word.line, word.column)
            scope.report.take(Outcome.MAPPED, statement.words[0])


class Gap(NamedTuple):
    """The least gap between two announcements of one IP version."""

    version: int

    def __call__(self, scope: Scope, statement: Statement) -> None:
        no_more(scope, statement, 2)
        found = argument(scope, statement, GAP)
        if found is not None:
            word = Word(found[0], found[1].line, found[1].column)
            scope.memory.setdefault("gaps", {})[self.version] = word
            scope.report.take(Outcome.MAPPED, statement.words[0], "virtual_routers.NAME.announce.interval")


def min_garp(scope: Scope, statement: Statement) -> None:
    """Take ``vrrp_min_garp [BOOL]``: one announcement, and no second burst."""
    no_more(scope, statement, 2)
    try:
        on = len(statement.words) < 2 or truth(statement.words[1].text)
    except Wrong:
        scope.report.drop(statement.words[1], quote(statement.words[1].text), "on or off")
        return
    if on:
        word = statement.words[0]
        scope.put("announce.repeat", word, word, "1")
        scope.made.put("announce.delay", word, "0s")


def check_sources(scope: Scope, statement: Statement) -> None:
    """Take ``vrrp_check_unicast_src``."""
    scope.whole.checks_sources = True
    scope.report.take(Outcome.MAPPED, statement.words[0], "virtual_routers.NAME.unicast.check_source")


def script_user(scope: Scope, statement: Statement) -> None:
    """Take ``script_user USER [GROUP]``."""
    no_more(scope, statement, 3)
    if len(statement.words) < 2:
        scope.report.drop(statement.words[0], "script_user without a name", "a user")
        return
    for key, word in zip(("script_user", "script_group"), statement.words[1:3], strict=False):
        scope.put(f"daemon.{key}", statement.words[0], word, word.text)


class Around(NamedTuple):
    """``startup_script`` or ``shutdown_script``, with a user perhaps."""

    key: str

    def __call__(self, scope: Scope, statement: Statement) -> None:
        words = statement.spelled
        for word in words[2:4]:
            why = "it runs with the rights of daemon.script_user"
            scope.report.wrong(word, f"the account {quote(word.text)}", "none", why=why)
        short = statement._replace(words=statement.words[:2], spelled=words[:2])
        Program(f"notify.{self.key}")(scope, short)


def begin(scope: Scope, statement: Statement) -> Scope | None:
    """Begin ``global_defs``, which may come several times."""
    if len(statement.words) > 1:
        scope.report.drop(statement.words[1], f"{quote(statement.words[1].text)} behind global_defs")
    return Scope(scope.whole, scope.whole.made, statement.words[0], "", scope.whole.memory)


def end(scope: Scope) -> None:
    """Keep the gaps between announcements."""
    gaps = scope.memory.pop("gaps", {})
    scope.whole.gaps.setdefault(EVERYWHERE, {}).update(gaps)


def begin_garp_group(scope: Scope, statement: Statement) -> Scope | None:
    """Begin a ``garp_group``."""
    return Scope(scope.whole, scope.whole.made, statement.words[0])


def garp_interfaces(scope: Scope, statement: Statement) -> None:
    """Take ``interface IF`` or ``interfaces { IF ... }``."""
    found = list(statement.words[1:]) if statement.block is None else words_of(scope, statement)
    scope.memory.setdefault("interfaces", []).extend(found)
    if statement.name == "interfaces" and len(found) > 1:
        why = "the gap is kept for each interface, not for all that share a switch"
        scope.report.take(Outcome.DIFFERS, statement.words[0], "", why)


def end_garp_group(scope: Scope) -> None:
    """Keep the gaps of the interfaces of a group."""
    for word in scope.memory.get("interfaces", ()):
        scope.whole.gaps[word.text] = dict(scope.memory.get("gaps", {}))


def settle(whole: Whole) -> None:
    """Settle what depends on everything else, and name keepalived's defaults."""
    scope = Scope(whole, whole.made, Word("global_defs", 1, 1), "", whole.memory)
    settle_snmp(scope)
    settle_mail(scope)
    if not whole.made.text("daemon.script_user") and whole.host.has_user(SCRIPT_USER):
        why = f"scripts run with the rights of {SCRIPT_USER}, since there is such a user"
        whole.default("daemon.script_user", first_word(whole), SCRIPT_USER, why)
    if not whole.instances:
        return
    at = first_word(whole)
    why = "ordinary scheduling unless vrrp_rt_priority asks for more; havip's own default is 50"
    whole.default("daemon.realtime_priority", at, "0", why)
    why = "memory may be swapped unless vrrp_no_swap is given; havip's own default is to lock it"
    whole.default("daemon.lock_memory", at, "false", why)
    if any(router.made.text("accept") == "false" for router in whole.instances.values()):
        whole.default("daemon.nftables_priority", at, "-1", "where keepalived puts its chain")


def first_word(whole: Whole) -> Word:
    """Return the first virtual router, where defaults are said to be; the beginning if there is none."""
    return next((scope.at for scope in whole.instances.values()), Word("", 1, 1))


VRRP: Final = (
    Row("router_id", P0, Key("notify.router_id", TEXT)),
    Row("vrrp_version", P0, Key("defaults.version", whole(2, 3))),
    *(Row(row.name, row.tier, InDefaults(row.do), row.also) for row in announce("vrrp_")),
    Row("vrrp_garp_interval", P1, Gap(4)),
    Row("vrrp_gna_interval", P1, Gap(6)),
    Row("vrrp_min_garp", P1, InDefaults(min_garp)),
    Row("vrrp_startup_delay", P1, Key("daemon.startup_delay", timer(0, 1_000_000))),
    Row("vrrp_delay_after_boot", P1, Key("daemon.delay_after_boot", timer(0, 1_000_000))),
    Row("vrrp_down_timer_adverts", P1, Key("defaults.down_adverts", whole(1, 100))),
    Row("vrrp_lower_prio_no_advert", P1, Switch("defaults.answer_lower_priority", turned=True)),
    Row("vrrp_higher_prio_send_advert", P1, Always("a master that gives way says so")),
    Row("vrrp_strict", P1, Switch("defaults.strict")),
    Row("vrrp_check_unicast_src", P1, check_sources),
    Row("vrrp_skip_check_adv_addr", P1, Always("other addresses are remarked on, and never refused")),
    Row("v3_checksum_as_v2", P1, Switch("defaults.rfc9568", why="what is received is verified in that form")),
    Row("vrrp_owner_ignore_adverts", P2, Always(OWNER)),
    Row("vrrp_mcast_group4", P1, Global(ADDRESS)),
    Row("vrrp_mcast_group6", P1, Global(ADDRESS)),
    Row("vrrp_notify_priority_changes", P1, Switch("defaults.notify.priority_changes")),
    Row("default_interface", P2, Global(INTERFACE)),
    Row("dynamic_interfaces", P1, Always("an interface that is not there is FAULT until it is")),
    Row("vmac_prefix", P2, Global(TEXT)),
    *ignored("vmac_addr_prefix", "an address on another interface has that one's MAC address"),
)
SCRIPTS: Final = (
    Row("script_user", P0, script_user),
    Row("enable_script_security", P0, Always("what others than root could replace is not run as root")),
    Row("use_symlink_paths", P2, Always("a command is run by the path that was written")),
    Row("set_supplementary_groups", P2, Always("all groups of a user are its programs' too")),
    Row("startup_script", P2, Around("startup")),
    Row("startup_script_timeout", P2, Key("notify.startup_timeout", timer(1, 1000))),
    Row("shutdown_script", P2, Around("shutdown")),
    Row("shutdown_script_timeout", P2, Key("notify.shutdown_timeout", timer(1, 1000))),
)
FIREWALL: Final = (
    Row("nftables", P1, Always("a table of the daemon's own, inet havip, where accept: false needs it")),
    Row("nftables_priority", P1, Key("daemon.nftables_priority", whole(-400, 400))),
    Row("nftables_counters", P1, Always("nft list table inet havip shows them")),
    *ignored("nftables_ifindex", "the number of an interface that is made anew is another one"),
    *ignored("vrrp_iptables vrrp_ipsets", NFTABLES),
)
GLOBAL_DEFS: Final = Table(
    "global_defs", (*VRRP, *SCRIPTS, *MAIL, *FIREWALL, *PROCESSES, *ANYWHERE, *OF_BALANCER, *BALANCER)
)
GARP_GROUP: Final = Table(
    "garp_group",
    (
        Row("garp_interval", P2, Gap(4)),
        Row("gna_interval", P2, Gap(6)),
        Row("interface", P2, garp_interfaces),
        Row("interfaces", P2, garp_interfaces),
    ),
)
ROWS: Final = (
    Row("global_defs", P0, Block(GLOBAL_DEFS, begin, end)),
    *ANYWHERE,
    *OF_BALANCER,
    Row("garp_group", P2, Block(GARP_GROUP, begin_garp_group, end_garp_group)),
    Row("bfd_instance", P2, Lacking("havip has no BFD")),
)
