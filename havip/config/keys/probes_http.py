"""The keys of a check over HTTP: what is asked, and what is expected.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from havip.config.fields import Field, Group, ListOf
from havip.config.http import Http, HttpVersion, Method, Request, Statuses
from havip.config.keys.tls import PASSWORD, TLS_FIELD
from havip.config.kinds import Schema, Text, Whole, Word, Wrong

LARGEST_BODY: Final = 16 * 1024 * 1024  # bytes
MOST_STATUSES: Final = 100
STATUS: Final = re.compile(r"([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?")

HEADER = Text(
    'a header such as "X-Probe: havip"', r"^[A-Za-z0-9!#$%&'*+.^_|~-]+: [!-~]([ -~]*[!-~])?$", longest=1024
)
#: as in the Host header, perhaps with a port; an IPv6 address in brackets
AUTHORITY = Text(
    'a host such as "www.example.com" or "www.example.com:8080"',
    r"^([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?$",
    longest=259,
)


@dataclass(frozen=True, slots=True)
class StatusRange:
    """A status code, or a range of them."""

    expected: str = 'a status such as "200", or a range such as "200-299"'

    def read(self, text: str) -> Statuses:
        match = STATUS.fullmatch(text)
        if match is None:
            raise Wrong
        first, last = int(match[1]), int(match[2] or match[1])
        if first > last:
            raise Wrong(why="it ends before it begins")
        return Statuses(first, last)

    def written(self, value: Statuses) -> int | str:
        return value.first if value.first == value.last else str(value)

    def schema(self) -> Schema:
        return {
            "anyOf": [
                {"type": "integer", "minimum": 100, "maximum": 999},
                {"type": "string", "pattern": f"^{STATUS.pattern}$"},
            ]
        }


@dataclass(frozen=True, slots=True)
class Expression:
    """A regular expression as Python has them; ``(?ims)`` at its beginning sets options."""

    expected: str = "a regular expression of at most 1024 characters"

    def read(self, text: str) -> str:
        if not text or len(text) > 1024:
            raise Wrong
        try:
            re.compile(text)
        except (re.error, OverflowError, RecursionError) as error:
            raise Wrong(why=str(error)) from None
        return text

    def written(self, value: str) -> str:
        return value

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": 1024}


@dataclass(frozen=True, slots=True)
class Digest:
    """An MD5 or SHA-256 digest."""

    expected: str = "32 hexadecimal digits (MD5) or 64 (SHA-256)"

    def read(self, text: str) -> str:
        if not re.fullmatch(r"([0-9A-Fa-f]{32}){1,2}", text):
            raise Wrong
        return text.lower()

    def written(self, value: str) -> str:
        return value

    def schema(self) -> Schema:
        return {"type": "string", "pattern": "^([0-9A-Fa-f]{32}){1,2}$"}


def split(text: str) -> tuple[Statuses, ...]:
    """Return the ranges of a text with commas between them.  Raises `Wrong`."""
    return tuple(StatusRange().read(word.strip()) for word in text.split(","))


STATUSES = ListOf(
    StatusRange(), MOST_STATUSES, split, said='status codes such as "200", "200-299, 301" or a list of these'
)

OF_A_REQUEST = (
    Field(
        "path", Text('a path such as "/health"', r"^/[!-~]*$", longest=2048), "what is asked for", "/health"
    ),
    Field("method", Word(Method), "what is done with it", "HEAD"),
    Field(
        "host",
        AUTHORITY,
        "the virtual host; unless given, the host of the check",
        "www.example.com",
        elsewhere=("virtualhost", "vhost", "virtual_host"),
    ),
    Field("body", Text("a text of at most 16384 bytes", r"^", longest=16384), "what is sent along", "{}"),
    Field("status", STATUSES, "the status codes that are good", ["200-299", 301], elsewhere=("status_code",)),
    Field(
        "contains",
        Text("a text of at most 1024 bytes", r"^[\s\S]", longest=1024),
        "a text that the body holds",
        "ready",
        elsewhere=("expect", "string"),
    ),
    Field("regex", Expression(), "a regular expression that is found in the body", "(?i)ready|ok"),
    Field(
        "forbidden",
        Expression(),
        "a regular expression that is not found in the body",
        "(?i)error",
        elsewhere=("regex_no_match",),
    ),
    Field(
        "regex_min_offset",
        Whole(0, LARGEST_BODY),
        "characters of the body before the first place where either may begin",
        10,
    ),
    Field(
        "regex_max_offset",
        Whole(0, LARGEST_BODY),
        "characters of the body before the last place where either may begin",
        100,
    ),
    Field(
        "digest",
        Digest(),
        "the MD5 or SHA-256 digest of the whole body",
        "900150983cd24fb0d6963f7d28e17f72",
        elsewhere=("md5", "sha256"),
    ),
)
REQUEST = Group(Request, OF_A_REQUEST, "a path, or a mapping that describes a request", short="path")

HTTP = Group(
    Http,
    (
        *OF_A_REQUEST,
        Field(
            "urls",
            ListOf(REQUEST, 32),
            "several requests, all of which must pass; none of the keys above stands beside them",
            ["/health", {"path": "/login", "status": 302}],
            elsewhere=("url",),
        ),
        Field("version", Word(HttpVersion), "the version of HTTP", "1.0", elsewhere=("http_protocol",)),
        Field("headers", ListOf(HEADER, 32), "headers to send along", ["X-Probe: havip"], secret=True),
        Field(
            "username", Text("a name without a colon", r"^[^:]+$", longest=255), "who we are (Basic)", "probe"
        ),
        Field("password", PASSWORD, "the password that goes with it", {"file": "/etc/havip/probe-password"}),
        Field(
            "authorization",
            PASSWORD,
            "the value of an Authorization header, instead of both",
            {"file": "/etc/havip/probe-token"},
        ),
        Field("max_body", Whole(1, LARGEST_BODY), "bytes of a body that are read at most", 1048576),
        Field(
            "weight_header",
            Text("the name of a header", r"^[A-Za-z0-9!#$%&'*+.^_|~-]+$", longest=64),
            "the header of the last answer whose value, 0 to 65535, is the weight that the server asks for",
            "X-Weight",
        ),
        TLS_FIELD,
    ),
)

FIELD = Field(
    "http",
    HTTP,
    "requests over HTTP, or HTTPS with `tls`: good if every answer is as expected",
    {"path": "/health"},
    elsewhere=("HTTP_GET", "SSL_GET", "http_get", "ssl_get", "https", "httpchk"),
)
