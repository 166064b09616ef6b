"""Virtual servers, their real servers and groups of addresses.  Pure.

havip's services and servers have names; here they are made of what they are, or given by ``snmp_name``.
"""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final, NamedTuple

from havip.config.keepalived.addresses import version_of
from havip.config.keepalived.checkers import ROWS as CHECKERS
from havip.config.keepalived.commands import Program
from havip.config.keepalived.making import Made, scalar
from havip.config.keepalived.pace import TIMING
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import (
    P0,
    P1,
    P2,
    Always,
    Block,
    Flag,
    Ignored,
    Key,
    Row,
    Scope,
    Switch,
    Table,
    argument,
    entries,
    no_more,
)
from havip.config.keepalived.tree import Statement, Word
from havip.config.keepalived.values import TEXT, one_of, timer, truth, whole
from havip.config.kinds import Wrong
from havip.config.problems import quote

PORT: Final = whole(0, 65535)
WEIGHT: Final = whole(0, 65535)
MARK: Final = whole(1, 2**32 - 1)
LONGEST_NAME: Final = 64
METHODS: Final = {"NAT": "nat", "DR": "direct", "TUN": "tunnel"}
CHECKSUMS: Final = {"nocsum": "none", "csum": "full", "remcsum": "remote"}
SCHEDULERS: Final = (
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh", "dh", "fo", "ovf", "sed", "nq", "twos",
)  # fmt: skip
FAMILIES: Final = {"inet": "4", "inet6": "6"}


class Forwarding(NamedTuple):
    """``lvs_method NAT|DR|TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]``."""

    path: str

    def __call__(self, scope: Scope, statement: Statement) -> None:
        found = argument(scope, statement, one_of(**METHODS))
        if found is None:
            return
        scope.put(f"{self.path}.method", statement.words[0], found[1], found[0])
        words = statement.words
        index = 2
        while index < len(words):
            word = words[index]
            index += 1
            if word.text == "type" and index < len(words) and words[index].text in ("ipip", "gue", "gre"):
                scope.made.put(f"{self.path}.encapsulation", words[index], words[index].text)
                index += 1
            elif word.text == "port" and (port := argument(scope, statement, PORT, index)) is not None:
                scope.made.put(f"{self.path}.port", port[1], port[0])
                index += 1
            elif word.text in CHECKSUMS:
                scope.made.put(f"{self.path}.checksum", word, CHECKSUMS[word.text])
            else:
                scope.report.drop(word, quote(word.text), "type, port, nocsum, csum or remcsum")


class SchedulerFlag(NamedTuple):
    """A flag of a scheduler, by its own name."""

    def __call__(self, scope: Scope, statement: Statement) -> None:
        word = statement.words[0]
        scope.made.add("scheduler_flags", word, scalar(word.text, word))
        scope.report.take(Outcome.MAPPED, word, scope.key("scheduler_flags"))


class Inhibit(NamedTuple):
    """``inhibit_on_failure [BOOL]``."""

    def __call__(self, scope: Scope, statement: Statement) -> None:
        no_more(scope, statement, 2)
        try:
            on = len(statement.words) < 2 or truth(statement.words[1].text)
        except Wrong:
            scope.report.drop(statement.words[1], quote(statement.words[1].text), "on or off")
            return
        scope.put("when_failed", statement.words[0], statement.words[0], "inhibit" if on else "remove")


def scheduler(scope: Scope, statement: Statement) -> None:
    """Take ``lvs_sched``."""
    found = argument(scope, statement, TEXT)
    if found is not None and found[0] not in SCHEDULERS:
        scope.report.drop(found[1], quote(found[0]), " or ".join(SCHEDULERS))
    elif found is not None:
        scope.put("scheduler", statement.words[0], found[1], found[0])


def persistence(scope: Scope, statement: Statement) -> None:
    """Take ``persistence_timeout [SECONDS]``, six minutes unless given."""
    no_more(scope, statement, 2)
    found: tuple[str, Word] | None = ("360s", statement.words[0])
    if len(statement.words) > 1:
        found = argument(scope, statement, timer(1, 31 * 86400))
    if found is not None:
        scope.put("persistence.timeout", statement.words[0], found[1], found[0])


def granularity(scope: Scope, statement: Statement) -> None:
    """Take ``persistence_granularity``: a netmask, or a number of bits for IPv6."""
    found = argument(scope, statement, TEXT)
    if found is None:
        return
    text, word = found
    try:
        bits = int(text) if text.isdecimal() else ip_network(f"0.0.0.0/{text}").prefixlen
    except ValueError:
        bits = 0
    if not 1 <= bits <= 128:
        scope.report.drop(word, quote(text), 'a netmask such as "255.255.255.0", or a number of bits')
        return
    scope.put("persistence.prefix_length", statement.words[0], word, str(bits))


def sorry_server(scope: Scope, statement: Statement) -> None:
    """Take ``sorry_server IP [PORT]``."""
    no_more(scope, statement, 3)
    if len(statement.words) < 2 or not version_of(statement.words[1].text):
        word = statement.words[-1]
        scope.report.drop(word, quote(word.text), "the address of a server")
        return
    word = statement.words[1]
    scope.put("sorry_server.address", statement.words[0], word, word.text)
    port(scope, statement, 2, "sorry_server.port")


def port(scope: Scope, statement: Statement, index: int, path: str) -> str:
    """Take a port if there is one; 0 is none."""
    if len(statement.words) <= index:
        return ""
    found = argument(scope, statement, PORT, index)
    if found is None or found[0] == "0":
        return ""
    scope.made.put(path, found[1], found[0])
    return found[0]


def weight(scope: Scope, statement: Statement) -> None:
    """Take ``weight`` of a virtual server, for those of its servers that have none."""
    found = argument(scope, statement, WEIGHT)
    if found is not None:
        scope.memory["weight"] = Word(found[0], found[1].line, found[1].column)
        scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("servers.NAME.weight"))


def ha_suspend(scope: Scope, statement: Statement) -> None:
    """Take ``ha_suspend``, which goes by the address; havip by the virtual router that has it."""
    scope.memory["ha_suspend"] = statement.words[0]


def within(statement: Statement, name: str) -> str:
    """Return the argument of a directive of a block, empty if it is not there."""
    for inner in statement.block or ():
        if inner.name == name and len(inner.words) > 1:
            return inner.words[1].text
    return ""


def named(made: Made, wanted: str, usual: str) -> str:
    """Return a name that nothing in a mapping has: the wanted one if it is good, else one that is made."""
    good = wanted and len(wanted) <= LONGEST_NAME and wanted.isprintable() and not set(wanted) & set(" /")
    name = wanted if good else usual
    number = 2
    while name in made.entries:
        name = f"{wanted if good else usual}-{number}"
        number += 1
    return name


def endpoint(address: str, number: str) -> str:
    """Return the name of an address and a port."""
    if not number:
        return address
    return f"[{address}]:{number}" if ":" in address else f"{address}:{number}"


def begin_service(scope: Scope, statement: Statement) -> Scope | None:
    """Begin ``virtual_server IP [PORT]``, ``fwmark N`` or ``group NAME``."""
    words = statement.words
    made = Made(words[0])
    inner = Scope(scope.whole, made, words[0])
    usual = identity(inner, statement)
    if not usual:
        return None
    transport = within(statement, "protocol").lower()
    if transport in ("udp", "sctp"):
        usual += f"-{transport}"
    services = scope.whole.made.into("virtual_services", words[0])
    name = named(services, within(statement, "snmp_name"), usual)
    services.name(name, words[1], made)
    inner.path = f"virtual_services.{name}"
    scope.whole.services.append(inner)
    scope.report.take(Outcome.MAPPED, words[0], inner.path)
    return inner


def identity(inner: Scope, statement: Statement) -> str:
    """Give a service what clients reach; return a name that says it, empty after it was reported."""
    words = statement.words
    first = words[1].text if len(words) > 1 else ""
    if first in ("fwmark", "group") and len(words) > 2:
        no_more(inner, statement._replace(block=None), 3)
        if first == "group":
            inner.made.put("group", words[2], words[2].text)
            return f"group-{words[2].text}"
        found = argument(inner, statement, MARK, 2)
        if found is None:
            return ""
        inner.made.put("fwmark", found[1], found[0])
        return f"fwmark-{found[0]}"
    if not version_of(first):
        at = words[min(1, len(words) - 1)]
        inner.report.drop(
            at, quote(at.text), "an address, fwmark or group", why="the virtual server is left out"
        )
        return ""
    no_more(inner, statement._replace(block=None), 3)
    inner.made.put("address", words[1], first)
    return endpoint(first, port(inner, statement, 2, "port"))


def begin_server(scope: Scope, statement: Statement) -> Scope | None:
    """Begin ``real_server IP [PORT]``."""
    words = statement.words
    if len(words) < 2 or not version_of(words[1].text):
        at = words[min(1, len(words) - 1)]
        scope.report.drop(at, quote(at.text), "the address of a server", why="the real server is left out")
        return None
    no_more(scope, statement._replace(block=None), 3)
    made = Made(words[0])
    inner = Scope(scope.whole, made, words[0])
    made.put("address", words[1], words[1].text)
    usual = endpoint(words[1].text, port(inner, statement, 2, "port"))
    servers = scope.made.into("servers", words[0])
    name = named(servers, within(statement, "snmp_name"), usual)
    servers.name(name, words[1], made)
    inner.path = f"{scope.path}.servers.{name}"
    scope.memory.setdefault("servers", []).append(inner)
    scope.report.take(Outcome.MAPPED, words[0], inner.path)
    return inner


def virtual_host(scope: Scope, statement: Statement) -> None:
    """Take ``virtualhost`` of a real server, for its probes over HTTP."""
    found = argument(scope, statement, TEXT)
    if found is not None:
        scope.memory["virtual_host"] = found[1]
        scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("probes"))


def begin_group(scope: Scope, statement: Statement) -> None:
    """Take a ``virtual_server_group``: addresses, ranges, prefixes and firewall marks, one a line."""
    words = statement.words
    if len(words) != 2:
        scope.report.drop(words[0], "a virtual_server_group without a name", "one name")
        return
    groups = scope.whole.made.into("service_groups", words[1])
    if words[1].text in groups.entries:
        scope.report.drop(words[1], f"{quote(words[1].text)} again", why="the first one counts")
        return
    made = Made(words[1])
    inner = Scope(scope.whole, made, words[1], f"service_groups.{words[1].text}")
    groups.name(words[1].text, words[1], made)
    scope.report.take(Outcome.MAPPED, words[0], inner.path)
    for entry in entries(scope, statement):
        group_entry(inner, entry)


def group_entry(scope: Scope, entry: Statement) -> None:
    """Take one entry of a group."""
    word = entry.words[0]
    item = Made(word)
    inner = Scope(scope.whole, item, word)
    if word.text == "fwmark":
        no_more(scope, entry, 3)
        found = argument(scope, entry, MARK)
        if found is None:
            return
        item.put("fwmark", found[1], found[0])
        if len(entry.words) > 2 and (family := argument(scope, entry, one_of(**FAMILIES), 2)):
            item.put("family", family[1], family[0])
        scope.made.add("fwmarks", word, item)
        return
    no_more(scope, entry, 2)
    first = word.text.partition("-")[0].partition("/")[0]
    if not version_of(first):
        scope.report.drop(word, quote(word.text), "an address, a range, a prefix or fwmark")
        return
    item.put("address", word, word.text)
    port(inner, entry, 1, "port")
    scope.made.add("addresses", word, item)


COMMON: Final = (
    *TIMING,
    Row("inhibit_on_failure", P0, Inhibit()),
    Row("smtp_alert", P1, Switch("notify.mail")),
    Row("snmp_name", P1, Ignored("the name of the service, and of the server, is what SNMP shows")),
)
SERVER: Final = Table(
    "real_server",
    (
        *COMMON,
        Row("lvs_method", P0, Forwarding("forwarding")),
        Row("weight", P0, Key("weight", WEIGHT)),
        Row("uthreshold", P1, Key("upper_threshold", whole(0, 2**32 - 1))),
        Row("lthreshold", P1, Key("lower_threshold", whole(0, 2**32 - 1))),
        Row("notify_up", P0, Program("notify.up", "notify")),
        Row("notify_down", P0, Program("notify.down", "notify")),
        Row("virtualhost", P1, virtual_host),
        *CHECKERS,
    ),
)
SERVICE: Final = Table(
    "virtual_server",
    (
        *COMMON,
        Row("lvs_method", P0, Forwarding("forwarding"), also=("lb_kind",)),
        Row("weight", P1, weight),
        Row("lvs_sched", P0, scheduler, also=("lb_algo",)),
        *(
            Row(flag, P1, SchedulerFlag())
            for flag in ("flag-1", "flag-2", "flag-3", "sh-port", "sh-fallback", "mh-port", "mh-fallback")
        ),
        Row("ops", P1, Flag("one_packet", "true")),
        Row("hashed", P2, Always("the kernel's own mark on every service that it has taken")),
        Row("persistence_timeout", P0, persistence),
        Row("persistence_granularity", P1, granularity),
        Row("persistence_engine", P2, Key("persistence.engine", TEXT)),
        Row("protocol", P0, Key("transport", one_of(TCP="tcp", UDP="udp", SCTP="sctp"))),
        Row("ip_family", P1, Key("family", one_of(**FAMILIES))),
        Row("ha_suspend", P1, ha_suspend),
        Row("virtualhost", P1, Key("host", TEXT)),
        Row("omega", P1, Switch("announce_stop")),
        Row("quorum", P0, Key("quorum", whole(1, 1_000_000_000))),
        Row("hysteresis", P0, Key("hysteresis", whole(0, 1_000_000_000))),
        Row("quorum_up", P0, Program("notify.up", "notify")),
        Row("quorum_down", P0, Program("notify.down", "notify")),
        Row("sorry_server", P0, sorry_server),
        Row("sorry_server_inhibit", P0, Switch("sorry_server.inhibit")),
        Row("sorry_server_lvs_method", P0, Forwarding("sorry_server.forwarding")),
        Row("real_server", P0, Block(SERVER, begin_server)),
    ),
)
ROWS: Final = (
    Row("virtual_server", P0, Block(SERVICE, begin_service)),
    Row("virtual_server_group", P1, begin_group),
)
