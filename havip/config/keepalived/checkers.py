"""The checkers of a real server, each of which becomes a probe of havip.  Pure.

Their pace may be told by the checker, its real server or the virtual server, so probes are made when all of
these were read: `Checker.made`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from havip.config.keepalived.commands import account, command
from havip.config.keepalived.http_checks import HTTP, SSL, settle_http
from havip.config.keepalived.making import Made
from havip.config.keepalived.pace import ONE_RUN, SECONDS, TIMING, Noted, Pace, Timing, timing
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import (
    P0,
    P1,
    P2,
    Block,
    Ignored,
    Key,
    Lacking,
    Row,
    Scope,
    Switch,
    Table,
    argument,
)
from havip.config.keepalived.tree import Statement, Word
from havip.config.keepalived.values import ADDRESS, INTERFACE, TEXT, whole
from havip.config.kinds import Wrong
from havip.config.problems import quote

PORT: Final = whole(1, 65535)
LONGEST_REPLY: Final = "255"
RECORDS: Final = ("A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY")
#: keepalived hears of a change at once, and such a checker has no pace of its own
FILE_PACE: Final = {"interval": "1s", "rise": "1", "fall": "1", "start": "good", "warm_up": "0s"}


DIALLING: Final = (
    Row("log_all_failures", P1, Noted("log_failures")),
    Row("connect_ip", P0, Key("host", ADDRESS)),
    Row("connect_port", P0, Key("port", PORT)),
    Row("bindto", P1, Key("source", ADDRESS)),
    Row("bind_if", P1, Key("interface", INTERFACE)),
    Row("bind_port", P1, Key("source_port", PORT)),
    Row("fwmark", P1, Key("fwmark", whole(0, 2**32 - 1))),
)
SIMPLE: Final = (*timing(), *DIALLING)


def hexadecimal(text: str, *, wild: bool) -> str:
    """Return free hexadecimal digits in pairs: each word has an even number, an odd last one is a byte."""
    pairs: list[str] = []
    for word in text.split():
        if not set(word.lower()) <= set("0123456789abcdef" + ("x" if wild else "")):
            raise Wrong("hexadecimal digits")
        pairs += (word[at : at + 2].rjust(2, "0").lower() for at in range(0, len(word), 2))
    if not pairs:
        raise Wrong("hexadecimal digits")
    return "hex:" + "".join(pairs)


class Digits(NamedTuple):
    """``payload`` or ``require_reply``: hexadecimal digits, in one word or in several."""

    key: str
    wild: bool

    def __call__(self, scope: Scope, statement: Statement) -> None:
        words = statement.words
        if len(words) < 2:
            if self.wild:
                scope.put("udp.reply", words[0], words[0], True)
            else:
                scope.report.drop(words[0], "payload without a value", "hexadecimal digits")
            return
        try:
            text = hexadecimal(" ".join(word.text for word in words[1:]), wild=self.wild)
        except Wrong as wrong:
            scope.report.drop(words[1], quote(words[1].text), wrong.expected)
            return
        scope.put(self.key, words[0], words[1], text)


def misc_path(scope: Scope, statement: Statement) -> None:
    """Take the command of a MISC_CHECK."""
    found = command(scope, statement)
    if found is not None:
        scope.put("script.command", statement.words[0], statement.words[1], found[0], found[1])


def misc_user(scope: Scope, statement: Statement) -> None:
    """Take ``user USER [GROUP]`` of a MISC_CHECK."""
    if argument(scope, statement, TEXT) is not None:
        account(scope, "script", statement.words[1:3])
        scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("script.user"))


def record_type(scope: Scope, statement: Statement) -> None:
    """Take the type of a DNS_CHECK."""
    found = argument(scope, statement, TEXT)
    if found is not None and found[0] not in RECORDS:
        scope.report.drop(found[1], quote(found[0]), " or ".join(RECORDS))
    elif found is not None:
        scope.put("dns.type", statement.words[0], found[1], found[0])


def file_weight(scope: Scope, statement: Statement) -> None:
    """Take ``weight N [reverse]`` of a FILE_CHECK."""
    found = argument(scope, statement, whole(-(2**31), 2**31 - 1))
    if found is not None:
        scope.memory["weight"] = found
        if len(statement.words) > 2 and statement.words[2].text == "reverse":
            scope.made.put("file.reverse", statement.words[2], True)
        scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("file.factor"))


def dynamic(scope: Scope, statement: Statement) -> None:
    """Take ``dynamic`` of a FILE_CHECK: the number of the file is a weight."""
    scope.memory["dynamic"] = statement.words[0]
    scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("file.factor"))


def track_file(scope: Scope, statement: Statement) -> None:
    """Take the name of the file of a FILE_CHECK, which is defined elsewhere."""
    found = argument(scope, statement, TEXT)
    if found is not None:
        scope.memory["track_file"] = found[1]
        why = "read every second, not when it changes"
        scope.report.take(Outcome.DIFFERS, statement.words[0], scope.key("file.path"), why)


def smtp_host(scope: Scope, statement: Statement) -> Scope | None:
    """Begin a ``host`` of an SMTP_CHECK, which is a probe of its own."""
    made = Made(statement.words[0])
    scope.memory.setdefault("hosts", []).append(made)
    scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("host"))
    return Scope(scope.whole, made, statement.words[0], scope.path, scope.memory)


OF_HTTP: Final = (*timing("nb_get_retry", why=ONE_RUN), *DIALLING)
HOST: Final = Table("host", tuple(row for row in DIALLING if isinstance(row.do, Key)))
KINDS: Final[dict[str, tuple[str, tuple[Row, ...]]]] = {
    "TCP_CHECK": ("tcp", SIMPLE),
    "PING_CHECK": ("ping", SIMPLE),
    "HTTP_GET": ("http", (*OF_HTTP, *HTTP, Row("enable_sni", P2, Ignored("nothing is encrypted")))),
    "SSL_GET": ("http", (*OF_HTTP, *HTTP, *SSL)),
    "SMTP_CHECK": (
        "smtp",
        (
            *TIMING,
            *DIALLING,
            Row("helo_name", P1, Key("smtp.helo", TEXT)),
            Row("host", P1, Block(HOST, smtp_host)),
        ),
    ),
    "DNS_CHECK": ("dns", (*SIMPLE, Row("type", P1, record_type), Row("name", P1, Key("dns.name", TEXT)))),
    "UDP_CHECK": (
        "udp",
        (
            *SIMPLE,
            Row("payload", P1, Digits("udp.send", wild=False)),
            Row("require_reply", P1, Digits("udp.expect", wild=True)),
            Row("min_reply_length", P1, Key("udp.min_length", whole(0, 65535))),
            Row("max_reply_length", P1, Key("udp.max_length", whole(0, 65535))),
        ),
    ),
    "MISC_CHECK": (
        "script",
        (
            *(row for row in timing() if row.name != "connect_timeout"),
            Row("log_all_failures", P1, Noted("log_failures")),
            Row("misc_path", P0, misc_path),
            Row("misc_timeout", P0, Timing("timeout", SECONDS)),
            Row("misc_dynamic", P0, Switch("script.dynamic")),
            Row("user", P0, misc_user),
        ),
    ),
    "FILE_CHECK": (
        "file",
        (
            Row("track_file", P1, track_file),
            Row("dynamic", P1, dynamic),
            Row("weight", P1, file_weight),
        ),
    ),
}


class Checker(NamedTuple):
    """One checker as it was read."""

    name: str  # keepalived's
    kind: str  # havip's key
    scope: Scope

    def made(self, paces: tuple[dict[str, Pace], ...]) -> list[Made]:
        """Return the probes that it is; ``paces`` are those of the checker, its server and its service."""
        scope = self.scope
        probe = scope.made
        probe.into(self.kind, scope.at).passed = False
        if self.kind == "http" and not scope.memory.get("urls"):
            scope.report.drop(scope.at, f"{self.name} without a url", "a url", why="it is left out")
            return []
        if self.kind == "http":
            settle_http(scope, encrypted=self.name == "SSL_GET")
        elif self.kind == "file":
            return [probe] if settle_file(scope) else []
        elif self.kind == "script" and probe.get("script.command") is None:
            scope.report.drop(scope.at, "a MISC_CHECK without misc_path", why="it is left out")
            return []
        elif self.kind == "udp":
            settle_udp(scope)
        settle_pace(self, probe, paces)
        hosts: list[Made] = scope.memory.get("hosts", [])
        for host in hosts:
            host.entries = {**probe.entries, **host.entries}
        return hosts or [probe]


def settle_udp(scope: Scope) -> None:
    """A reply that must come may have 255 bytes."""
    made = scope.made
    if made.get("udp.reply") is None and made.get("udp.expect") is None:
        return
    if made.get("udp.max_length") is None:
        scope.default(
            "udp.max_length", scope.at, LONGEST_REPLY, "bytes of a reply, unless max_reply_length is given"
        )


def settle_file(scope: Scope) -> bool:
    """Give a FILE_CHECK the path of its file; say whether there is one."""
    word: Word | None = scope.memory.get("track_file")
    path = "" if word is None else scope.whole.made.text_at("tracked_files", word.text, "path")
    if word is None or not path:
        at = word or scope.at
        scope.report.wrong(at, quote(at.text), "the name of a track_file")
        return False
    scope.made.put("file.path", word, path)
    factor, at = scope.memory.get("weight", ("0", word))
    if factor == "0":
        factor = scope.whole.made.text_at("tracked_files", word.text, "weight") or "1"
        if scope.whole.made.text_at("tracked_files", word.text, "reverse") == "true":
            scope.made.put("file.reverse", word, True)
    scope.made.put("file.factor", at, factor)
    for key, value in FILE_PACE.items():
        scope.made.put(key, word, value)
    return True


#: keepalived's defaults by the kind of probe: retries, and the pause before each
RETRIES: Final = {"dns": "3", "script": "0"}
SAID: Final = {
    "interval": "delay_loop",
    "timeout": "connect_timeout",
    "fall": "retry",
    "retry_interval": "delay_before_retry",
    "warm_up": "warmup",
}
PAUSES: Final = {"http": "3s", "dns": ""}


def settle_pace(checker: Checker, probe: Made, paces: tuple[dict[str, Pace], ...]) -> None:
    """Give a probe its pace: of the checker, else of its server, else of its service, else keepalived's."""
    at = checker.scope.at

    usually: list[str] = []

    def given(key: str, usual: str, *, own: bool = False) -> tuple[str, Word]:
        for pace in paces[:1] if own else paces:
            if key in pace:
                return pace[key].text, pace[key].word
        if key in SAID:
            usually.append(f"{SAID[key]} {usual}")
        return usual, at

    interval, word = given("interval", "60s")
    probe.put("interval", word, interval)
    # A script's own timeout is not that of connections.
    timeout, word = given(
        "timeout", interval if checker.kind == "script" else "5s", own=checker.kind == "script"
    )
    probe.put("timeout", word, timeout)
    retries, word = given("fall", RETRIES.get(checker.kind, "1"))
    probe.put("fall", word, str(int(retries) + 1))
    probe.put("rise", at, "1")
    pause, word = given("retry_interval", PAUSES.get(checker.kind, "1s") or interval)
    probe.put("retry_interval", word, pause if pause != "0s" else "10ms")
    warm_up, word = given("warm_up", interval)
    probe.put("warm_up", word, warm_up)
    alpha, word = given("alpha", "false")
    probe.put("start", word, "failed" if alpha == "true" else "good")
    noted, word = given("log_failures", checker.scope.whole.globals.get("checker_log_all_failures", at).text)
    if noted == "true":
        probe.put("log_failures", word, True)
    if usually:
        why = f"unless told, {', '.join(usually)}; havip's own are other ones"
        checker.scope.report.take(Outcome.DEFAULT, at, checker.scope.path, why)


def probe_name(kind: str, number: int) -> str:
    """Return the name of a server's probe, one of several of its kind perhaps."""
    return kind if number == 1 else f"{kind}-{number}"


class Begin(NamedTuple):
    """Begins a checker of a real server."""

    name: str

    def __call__(self, scope: Scope, statement: Statement) -> Scope:
        at = statement.words[0]
        kind = KINDS[self.name][0]
        checkers: list[Checker] = scope.memory.setdefault("checkers", [])
        number = sum(checker.kind == kind for checker in checkers) + 1
        inner = Scope(scope.whole, Made(at), at, scope.key(f"probes.{probe_name(kind, number)}"))
        checkers.append(Checker(self.name, kind, inner))
        scope.report.take(Outcome.MAPPED, at, scope.key("probes"))
        return inner


def checker_row(name: str) -> Row:
    """Return the row of one kind of checker, whose block may be empty."""
    _, rows = KINDS[name]
    return Row(name, P0, Checking(Table(name, rows), Begin(name)))


class Checking(NamedTuple):
    """A checker, which has a block that may well be empty."""

    table: Table
    begin: Begin

    def __call__(self, scope: Scope, statement: Statement) -> None:
        if statement.block is None:
            scope.report.wrong(statement.words[0], f"{quote(statement.name)} without a block", '"{"')
            return
        self.table.read(self.begin(scope, statement), statement.block)


ROWS: Final = (
    *map(checker_row, KINDS),
    Row("BFD_CHECK", P2, Lacking("havip has no BFD, so nothing would be checked")),
)
