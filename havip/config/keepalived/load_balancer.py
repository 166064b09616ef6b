"""What ``global_defs`` says of the load balancer as a whole.  Pure."""

from __future__ import annotations

from typing import Final

from havip.config.keepalived.processes import Served, ignored
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import P1, Always, Flag, Key, Row, Scope, argument, no_more
from havip.config.keepalived.tree import Statement, Word
from havip.config.keepalived.values import ADDRESS, TEXT, timer, truth, whole
from havip.config.keepalived.whole import Whole
from havip.config.kinds import Wrong
from havip.config.problems import quote

ON_STOP: Final = "what is havip's is removed when it ends, unless load_balancer.on_stop says otherwise"
FIRST_MARK: Final = 1000  # of groups that nftables marks
TIMEOUTS: Final = {"tcp": "tcp", "tcpfin": "tcp_fin", "udp": "udp"}
SYNC: Final = {
    "id": ("sync_id", whole(0, 255)),
    "maxlen": ("max_length", whole(1, 65507)),
    "port": ("port", whole(1, 65535)),
    "ttl": ("ttl", whole(1, 255)),
    "group": ("group", ADDRESS),
    "inst": ("router", TEXT),
}


def sync_daemon(scope: Scope, statement: Statement) -> None:
    """Take ``lvs_sync_daemon IF [[inst] VI] [id N] [maxlen N] [port N] [ttl N] [group IP]``."""
    words = statement.words
    if len(words) < 2:
        scope.report.drop(words[0], "lvs_sync_daemon without a value", "the name of an interface")
        return
    scope.put("load_balancer.sync_daemon.interface", words[0], words[1], words[1].text)
    index = 2
    while index < len(words):
        word = words[index]
        index += 1
        if word.text in SYNC:
            key, kind = SYNC[word.text]
            found = argument(scope, statement, kind, index)
            if found is not None:
                scope.made.put(f"load_balancer.sync_daemon.{key}", found[1], found[0])
            index += 1
        elif index == 3:
            scope.made.put("load_balancer.sync_daemon.router", word, word.text)
        elif word.text.isdecimal() and scope.made.get("load_balancer.sync_daemon.sync_id") is None:
            scope.report.take(Outcome.DEPRECATED, word, "", "now it is id N")
            scope.made.put("load_balancer.sync_daemon.sync_id", word, word.text)
        else:
            scope.report.drop(word, quote(word.text), " or ".join(SYNC))


def timeouts(scope: Scope, statement: Statement) -> None:
    """Take ``lvs_timeouts [tcp N] [tcpfin N] [udp N]``."""
    words = statement.words
    if len(words) < 3:
        scope.report.drop(words[0], "lvs_timeouts without a value", "tcp, tcpfin or udp and seconds")
        return
    for index in range(1, len(words), 2):
        key = TIMEOUTS.get(words[index].text)
        if key is None:
            scope.report.drop(words[index], quote(words[index].text), "tcp, tcpfin or udp")
            continue
        found = argument(scope, statement, timer(1, 31 * 86400), index + 1)
        if found is not None:
            scope.put(f"load_balancer.timeouts.{key}", words[0], found[1], found[0])


def flush(scope: Scope, statement: Statement) -> None:
    """Take ``lvs_flush``."""
    no_more(scope, statement, 1)
    word = statement.words[0]
    why = "what is to stay is edited in place, what no configuration has named is removed"
    scope.put("load_balancer.foreign", word, word, "remove", why)


def remember(scope: Scope, statement: Statement) -> None:
    """Keep a switch that concerns services and servers."""
    no_more(scope, statement, 2)
    word = statement.words[0]
    try:
        on = len(statement.words) < 2 or truth(statement.words[1].text)
    except Wrong:
        scope.report.drop(statement.words[1], quote(statement.words[1].text), "on or off")
        return
    scope.whole.globals[word.text] = Word("true" if on else "false", word.line, word.column)
    scope.report.take(Outcome.MAPPED, word, "virtual_services.NAME")


def nftables(scope: Scope, statement: Statement) -> None:
    """Take ``nftables_ipvs [TABLE]``: groups are services of a mark that nftables sets."""
    scope.whole.globals["nftables_ipvs"] = statement.words[0]
    why = "the table is inet havip_ipvs"
    scope.report.take(Outcome.DIFFERS, statement.words[0], "virtual_services.NAME.nftables_mark", why)


def first_mark(scope: Scope, statement: Statement) -> None:
    """Take ``nftables_ipvs_start_fwmark N``."""
    found = argument(scope, statement, whole(1, 2**32 - 1))
    if found is not None:
        scope.whole.globals["nftables_ipvs_start_fwmark"] = Word(found[0], found[1].line, found[1].column)
        scope.report.take(Outcome.MAPPED, statement.words[0], "virtual_services.NAME.nftables_mark")


def settle(whole: Whole) -> None:
    """Give groups their marks, and services and servers what is said of their mails."""
    settle_sync(whole)
    at = whole.globals.get("nftables_ipvs")
    if at is not None:
        start = whole.globals.get("nftables_ipvs_start_fwmark")
        mark = FIRST_MARK if start is None else int(start.text)
        for scope in whole.services:
            group = scope.made.text("group")
            if whole.made.has_at("service_groups", group, "addresses"):
                scope.made.put("nftables_mark", start or at, str(mark))
                mark += 1
    if whole.services and whole.made.get("notify.mail") is not None:
        settle_mail(whole)


def settle_sync(whole: Whole) -> None:
    """Take the sync daemon from a virtual router that names its interface, as it was long ago."""
    word = whole.globals.get("lvs_sync_daemon_interface")
    router = whole.globals.get("lvs_sync_daemon_instance")
    if word is None or router is None or whole.made.get("load_balancer.sync_daemon") is not None:
        return
    whole.made.put("load_balancer.sync_daemon.interface", word, word.text)
    if router.text in whole.instances:
        whole.made.put("load_balancer.sync_daemon.router", router, router.text)


def settle_mail(whole: Whole) -> None:
    """keepalived mails of a service only if told so, and of a server unless told otherwise."""
    told = whole.globals.get("smtp_alert_checker") or whole.globals.get("smtp_alert")
    at = told or whole.services[0].at
    of_service = "true" if told is not None and told.text == "true" else "false"
    of_server = "false" if told is not None and told.text == "false" else "true"
    why = "mail is sent of a virtual server only if told so, of a real server unless told otherwise"
    whole.default("service_defaults.notify.mail", at, of_service, why)
    for service in whole.services:
        for server in service.memory.get("servers", ()):
            if server.made.get("notify.mail") is None:
                server.made.put("notify.mail", at, of_server)


#: rows of global_defs
GLOBALS: Final = (
    Row("lvs_sync_daemon", P1, sync_daemon),
    Row("lvs_timeouts", P1, timeouts),
    Row("lvs_flush", P1, flush),
    Row("lvs_flush_on_stop", P1, Always(ON_STOP), also=("lvs_flush_onstop",)),
    Row("nftables_ipvs", P1, nftables),
    Row("nftables_ipvs_priority", P1, Key("load_balancer.nftables_priority", whole(-400, 400))),
    Row("nftables_ipvs_start_fwmark", P1, first_mark),
    Row("rs_init_notifies", P1, Flag("load_balancer.notify_initial", "true")),
    Row("no_checker_emails", P1, Always("mails tell of servers, not of each of their checkers")),
    Row("smtp_alert_checker", P1, remember),
    Row("checker_log_all_failures", P1, remember),
    Row("enable_snmp_checker", P1, Served(("keepalived_mib",))),
    *ignored("snmp_vs_stats_update_interval snmp_rs_stats_update_interval", "they are read when asked for"),
    *ignored(
        "lvs_netlink_cmd_rcv_bufs lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs "
        "lvs_netlink_monitor_rcv_bufs_force",
        "what the kernel holds is looked at again and again",
    ),
)  # fmt: skip
#: rows that may stand outside of global_defs as well
ANYWHERE: Final = (Row("net_namespace_ipvs", P1, Key("load_balancer.network_namespace", TEXT)),)
