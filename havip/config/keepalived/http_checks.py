"""HTTP_GET and SSL_GET: what is asked of a server, and how.  Pure."""

from __future__ import annotations

from typing import Final, NamedTuple

from havip.config.keepalived.making import Made
from havip.config.keepalived.report import Outcome
from havip.config.keepalived.table import (
    P0,
    P1,
    P2,
    Always,
    Block,
    Ignored,
    Key,
    Row,
    Scope,
    Table,
    argument,
    no_more,
)
from havip.config.keepalived.tree import Statement, Word
from havip.config.keepalived.values import TEXT, one_of, whole
from havip.config.problems import quote

OPTIONS: Final = {"caseless": "i", "multiline": "m", "dotall": "s", "extended": "x"}
#: options that change nothing of what Python's expressions find in UTF-8
NEEDLESS: Final = (
    "utf",
    "ucp",
    "no_auto_possess",
    "no_start_optimize",
    "no_dotstar_anchor",
    "use_offset_limit",
)
VIRTUAL_HOST: Final = "virtual_host"


def url(scope: Scope, statement: Statement) -> Scope | None:
    """Begin one request."""
    made = Made(statement.words[0])
    scope.memory.setdefault("urls", []).append(made)
    scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("http.urls"))
    return Scope(scope.whole, made, statement.words[0], scope.key("http.urls[]"))


def end_url(scope: Scope) -> None:
    """Put the expression of a request together with its options."""
    found: tuple[Word, str] | None = scope.memory.get("regex")
    if found is None:
        return
    word, text = found
    options = "".join(sorted(scope.memory.get("options", "")))
    key = "forbidden" if "no_match" in scope.memory else "regex"
    scope.made.put(key, word, f"(?{options}){text}" if options else text)


def status_code(scope: Scope, statement: Statement) -> None:
    """Take ``status_code``: codes and ranges."""
    words = [word for word in statement.words[1:] if word.text]
    if not words:
        scope.report.drop(statement.words[0], "status_code without a value", "status codes")
        return
    scope.put("status", statement.words[0], words[0], words)


class Spelled(NamedTuple):
    """A key whose value may have escapes and both kinds of quotation marks."""

    path: str

    def __call__(self, scope: Scope, statement: Statement) -> None:
        words = statement.spelled
        no_more(scope, statement._replace(words=words), 2)
        if len(words) < 2:
            scope.report.drop(statement.words[0], f"{quote(statement.name)} without a value")
            return
        scope.put(self.path, statement.words[0], words[1], words[1].text)


def regex(scope: Scope, statement: Statement) -> None:
    """Take ``regex``."""
    words = statement.spelled
    if len(words) < 2:
        scope.report.drop(statement.words[0], "regex without a value", "an expression")
        return
    scope.memory["regex"] = (words[1], words[1].text)
    why = "Python's expressions instead of PCRE2's"
    scope.report.take(Outcome.DIFFERS, statement.words[0], scope.key("regex"), why)


def regex_no_match(scope: Scope, statement: Statement) -> None:
    """Take ``regex_no_match``."""
    scope.memory["no_match"] = statement.words[0]
    scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("forbidden"))


def regex_options(scope: Scope, statement: Statement) -> None:
    """Take ``regex_options``."""
    for word in statement.words[1:]:
        if word.text in OPTIONS:
            scope.memory["options"] = scope.memory.get("options", "") + OPTIONS[word.text]
        elif word.text not in NEEDLESS:
            scope.report.lacking(word, "Python's expressions have no such option")
    scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("regex"))


def http_host(scope: Scope, statement: Statement) -> None:
    """Take ``virtualhost`` of a checker, for those of its requests that name none."""
    found = argument(scope, statement, TEXT)
    if found is not None:
        scope.memory[VIRTUAL_HOST] = found[1]
        scope.report.take(Outcome.MAPPED, statement.words[0], scope.key("http.host"))


def http_protocol(scope: Scope, statement: Statement) -> None:
    """Take ``http_protocol``."""
    no_more(scope, statement, 2)
    found = argument(scope, statement, one_of(**{"1.0": "1.0", "1.0C": "1.0", "1.0c": "1.0", "1.1": "1.1"}))
    if found is not None:
        scope.put("http.version", statement.words[0], found[1], found[0])


URL: Final = Table(
    "url",
    (
        Row("path", P0, Spelled("path")),
        Row("digest", P0, Key("digest", TEXT)),
        Row("status_code", P0, status_code),
        Row("virtualhost", P1, Spelled("host")),
        Row("regex", P1, regex),
        Row("regex_no_match", P1, regex_no_match),
        Row("regex_options", P1, regex_options),
        Row("regex_stack", P2, Ignored("nothing grows with the text")),
        Row("regex_min_offset", P2, Key("regex_min_offset", whole(0, 2**31 - 1), "characters, not bytes")),
        Row("regex_max_offset", P2, Key("regex_max_offset", whole(0, 2**31 - 1), "characters, not bytes")),
        Row(
            "tls_compliant", P2, Always("an end without TLS's own word for it is no failure if all has come")
        ),
    ),
)
HTTP: Final = (
    Row("url", P0, Block(URL, url, end_url)),
    Row("http_protocol", P1, http_protocol),
    Row("fast_recovery", P1, Always("all requests are made in one run")),
    Row("virtualhost", P1, http_host),
)
SSL: Final = (
    Row("enable_sni", P1, Always("a server that has a name is asked for it")),
    Row("sni_name", P1, Key("http.tls.server_name", TEXT)),
)


def settle_http(scope: Scope, *, encrypted: bool) -> None:
    """Put the requests of a checker together, one in its place, several as a list."""
    made = scope.made
    scope.default(
        "http.version", scope.at, "1.0", "the version that is spoken unless http_protocol says otherwise"
    )
    host: Word | None = scope.memory.get(VIRTUAL_HOST)
    requests: list[Made] = scope.memory.get("urls", [])
    for request in requests:
        if host is not None and request.get("host") is None:
            request.put("host", host, host.text)
    if len(requests) == 1:
        for key, entry in requests[0].entries.items():
            made.into("http", scope.at).entries[key] = entry
    else:
        for request in requests:
            made.add("http.urls", request.at, request)
    if host is not None and not requests:
        made.put("http.host", host, host.text)
    if encrypted:
        settle_tls(scope)


def settle_tls(scope: Scope) -> None:
    """keepalived looks at no certificate of a server; our own are those of the block SSL."""
    made = scope.made
    scope.default("http.tls.verify", scope.at, "false", "keepalived never looks at the server's certificate")
    if "certificate_file" not in scope.whole.ssl:
        return
    for key, word in scope.whole.ssl.items():
        if key == "key_password":
            made.put("http.tls.key_password.value", word, word.text)
        else:
            made.put(f"http.tls.{key}", word, word.text)


class OfSsl(NamedTuple):
    """A directive of the block SSL, which concerns every SSL_GET."""

    key: str
    secret: bool = False

    def __call__(self, scope: Scope, statement: Statement) -> None:
        found = argument(scope, statement, TEXT)
        if found is None:
            return
        if self.secret:
            scope.report.problems.hide(found[0], (found[1].line,))
        scope.whole.ssl[self.key] = found[1]
        key = f"virtual_services.NAME.probes.NAME.http.tls.{self.key}"
        scope.report.take(Outcome.MAPPED, statement.words[0], key)


def begin_ssl(scope: Scope, statement: Statement) -> Scope:
    """Begin the block SSL."""
    return Scope(scope.whole, scope.made, statement.words[0])


SSL_BLOCK: Final = Row(
    "SSL",
    P1,
    Block(
        Table(
            "SSL",
            (
                Row("password", P1, OfSsl("key_password", secret=True)),
                Row(
                    "ca",
                    P1,
                    Ignored("nothing is asked of the server's certificate: tls.verify and tls.ca_file do"),
                ),
                Row("certificate", P1, OfSsl("certificate_file")),
                Row("key", P1, OfSsl("key_file")),
            ),
        ),
        begin_ssl,
    ),
)
