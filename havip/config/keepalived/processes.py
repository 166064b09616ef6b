"""The processes of the daemon: their rank, names and places, what signals write, and SNMP.  Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import (
    P1,
    P2,
    Always,
    Flag,
    Ignored,
    Key,
    Row,
    Scope,
    argument,
    no_more,
)
from havip.config.keepalived.tree import Statement, Word
from havip.config.keepalived.values import TEXT, timer, whole
from havip.config.problems import quote

MICROSECONDS: Final = 1000  # nanoseconds
LINUX: Final = "Linux tells of the carrier of every driver since 2.6"
BUFFERS: Final = "the buffers are large from the start, and what is lost all the same is read afresh"
ROLLED_OUT: Final = "a systemd timer, or whatever rolls files out, calls havip reload"


class Affinity(NamedTuple):
    """``cpu_affinity N ...``: the processors that a process runs on."""

    path: str

    def __call__(self, scope: Scope, statement: Statement) -> None:
        listed: list[Word] = []
        for index, word in enumerate(statement.words[1:], 1):
            found = argument(scope, statement, whole(0, 1023), index)
            if found is not None:
                listed.append(Word(found[0], word.line, word.column))
        if listed:
            scope.put(self.path, statement.words[0], listed[0], listed)
        elif len(statement.words) < 2:
            argument(scope, statement, whole(0, 1023))


def rank(prefix: str, path: str) -> tuple[Row, ...]:
    """Return the rows of how one process stands beside others."""
    return (
        Row(f"{prefix}priority", P1, Key(f"{path}.nice", whole(-20, 19))),
        Row(f"{prefix}rt_priority", P1, Key(f"{path}.realtime_priority", whole(1, 99))),
        Row(
            f"{prefix}rlimit_rttime",
            P1,
            Key(f"{path}.realtime_limit", timer(1, 2**31, MICROSECONDS)),
            also=(f"{prefix}rlimit_rtime",),
        ),
        Row(f"{prefix}no_swap", P1, Flag(f"{path}.lock_memory", "true")),
        Row(f"{prefix}cpu_affinity", P1, Affinity(f"{path}.cpu_affinity")),
    )


def max_auto_priority(scope: Scope, statement: Statement) -> None:
    """Take ``max_auto_priority N``: havip does not wait for the first late timer."""
    found = argument(scope, statement, whole(-1, 99))
    if found is None:
        return
    if found[0] in ("0", "-1"):
        scope.report.take(
            Outcome.IGNORED, statement.words[0], "", "the scheduling is what it is, all the time"
        )
        return
    why = "real-time from the start, not only once a timer was late"
    if scope.made.get("daemon.realtime_priority") is None:
        scope.put("daemon.realtime_priority", statement.words[0], found[1], found[0], why)


class Served(NamedTuple):
    """A directive that has something served over SNMP."""

    keys: tuple[str, ...]

    def __call__(self, scope: Scope, statement: Statement) -> None:
        no_more(scope, statement, 1)
        for key in self.keys:
            scope.put(f"snmp.{key}", statement.words[0], statement.words[0], True)


def snmp_socket(scope: Scope, statement: Statement) -> None:
    """Take ``snmp_socket``: a path, or a transport and where it leads."""
    no_more(scope, statement, 2)
    if len(statement.words) < 2:
        scope.report.drop(statement.words[0], "snmp_socket without a value", "a socket")
        return
    word = statement.words[1]
    text = word.text.removeprefix("unix:")
    if text.startswith("udp"):
        scope.report.drop(word, quote(word.text), "a path or tcp:HOST:PORT", why="AgentX knows no UDP")
        return
    scope.memory["snmp_socket"] = (statement.words[0], word, text)


def settle_snmp(scope: Scope) -> None:
    """Serve what is asked for and nothing else."""
    first = scope.made.where("snmp")
    if first is None:
        if "snmp_socket" in scope.memory:
            why = "no enable_snmp_... asks for anything to be served"
            scope.report.take(Outcome.IGNORED, scope.memory["snmp_socket"][0], "", why)
        return
    for key in ("keepalived_mib", "rfc2787", "rfc6527", "traps"):
        if scope.made.get(f"snmp.{key}") is None:
            scope.whole.default(f"snmp.{key}", first, "false", "only what is enabled is served")
    if "snmp_socket" in scope.memory:
        word, at, text = scope.memory["snmp_socket"]
        scope.put("snmp.socket", word, at, text)


def ignored(names: str, why: str) -> tuple[Row, ...]:
    """Return the rows of directives that nobody will miss."""
    return tuple(Row(name, P2, Ignored(why)) for name in names.split())


def dump(what: str) -> Row:
    """Return the row of a file that a signal has written; the manual calls it otherwise than keepalived."""
    also = (f"{what}_dump_file_location", f"{what}_file_location")
    return Row(f"{what}_dump_file", P1, Key(f"daemon.dumps.{what}", TEXT), also=also)


#: which may stand outside of global_defs as well
ANYWHERE: Final = (
    Row("net_namespace", P1, Key("daemon.network_namespace", TEXT)),
    Row("instance", P1, Key("daemon.instance", TEXT)),
    Row("use_pid_dir", P1, Always("what an instance has carries its name")),
    *ignored("namespace_with_ipsets", "there are no ipsets"),
    *ignored("linkbeat_use_polling linkbeat_interfaces", LINUX),
    *ignored("child_wait_time", "a worker gets 5 s to resign"),
)
PROCESSES: Final = (
    *rank("vrrp_", "daemon"),
    *rank("checker_", "daemon.checker"),
    *ignored(
        "bfd_priority bfd_rt_priority bfd_rlimit_rttime bfd_rlimit_rtime bfd_no_swap bfd_cpu_affinity "
        "bfd_process_name",
        "havip has no BFD",
    ),
    Row("max_auto_priority", P1, max_auto_priority),
    *ignored("min_auto_priority_delay", "nothing is raised later"),
    *ignored(
        "process_names process_name vrrp_process_name checker_process_name lvs_process_name",
        "havip-vrrp is always called so",
    ),
    dump("state"),
    dump("stats"),
    dump("json"),
    Row("json_version", P1, Key("daemon.dumps.json_version", whole(1, 2))),
    Row("snmp_socket", P1, snmp_socket),
    Row("enable_snmp_vrrp", P1, Served(("keepalived_mib",)), also=("enable_snmp_keepalived",)),
    Row("enable_snmp_rfc", P1, Served(("rfc2787", "rfc6527"))),
    Row("enable_snmp_rfcv2", P1, Served(("rfc2787",))),
    Row("enable_snmp_rfcv3", P1, Served(("rfc6527",))),
    Row("enable_traps", P1, Served(("traps",))),
    *ignored(
        "enable_dbus dbus_service_name dbus_no_interface_name",
        "the control socket answers what D-Bus would",
    ),
    Row("reload_check_config", P1, Always("a file with an error changes nothing")),
    *ignored("reload_time_file reload_repeat reload_file", ROLLED_OUT),
    *ignored("config_save_dir", "havip status says which file is in force, and since when"),
    *ignored("tmp_config_directory", "nothing is copied"),
    Row("include_check", P2, Always("it counts for the includes that follow")),
    *ignored("random_seed", "nothing but ${_RANDOM} is left to chance"),
    *ignored("umask", "each file is made with the mode that it needs"),
    *ignored("data_use_instance", "what an instance has carries its name"),
    *ignored(
        "vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force vrrp_netlink_monitor_rcv_bufs "
        "vrrp_netlink_monitor_rcv_bufs_force process_monitor_rcv_bufs process_monitor_rcv_bufs_force "
        "vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier",
        BUFFERS,
    ),
    *ignored("log_unknown_vrids", "the kernel's filter keeps them away; tcpdump vrrp shows them"),
    *ignored("iproute_usr_dir iproute_etc_dir", "names of tables are read where iproute2 has them"),
    *ignored("disable_local_igmp", "a setting of the host: igmp_link_local_mcast_reports, for sysctl.d"),
)
