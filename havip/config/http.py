"""What a check asks of a web server, and what it expects: requests, and the answers that pass.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from havip.config.authentication import SecretSource
from havip.config.tls import Tls

MOST_BODY = 65536  # bytes, unless configured


class Method(StrEnum):
    """What is done with what the path names."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    OPTIONS = "OPTIONS"


class HttpVersion(StrEnum):
    """The version in which the server is asked."""

    V1_0 = "1.0"
    V1_1 = "1.1"


@dataclass(frozen=True, slots=True)
class Statuses:
    """A range of status codes, both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


GOOD = (Statuses(200, 299),)


@dataclass(frozen=True, slots=True)
class Request:
    """One request, and what is expected of its answer.  Empty texts expect nothing."""

    path: str = "/"
    method: Method = Method.GET
    host: str = ""  # of the Host header; empty: that of the check
    body: str = ""
    status: tuple[Statuses, ...] = GOOD
    contains: str = ""
    regex: str = ""  # is found in the body
    forbidden: str = ""  # is not found there
    regex_min_offset: int = 0  # characters of the body before the first place where either may begin
    regex_max_offset: int | None = None  # before the last one
    digest: str = ""  # of the whole body, in hexadecimal digits: MD5 or SHA-256 by their number

    @property
    def reads_the_body(self) -> bool:
        """Say whether what the body says matters."""
        return bool(self.contains or self.regex or self.forbidden)

    def __str__(self) -> str:
        expected = [
            ", ".join(map(str, self.status)),
            *(
                f"{word} {text}"
                for word in ("contains", "regex", "forbidden")
                if (text := getattr(self, word))
            ),
            *((f"digest {self.digest[:8]}...",) if self.digest else ()),
        ]
        return f"{self.method} {self.host}{self.path} ({', '.join(expected)})"


@dataclass(frozen=True, slots=True)
class Http(Request):
    """One request, or several that share a connection where the server lets them."""

    urls: tuple[Request, ...] = ()
    version: HttpVersion = HttpVersion.V1_1
    headers: tuple[str, ...] = ()  # "Name: value"
    username: str | None = None
    password: SecretSource | None = None
    authorization: SecretSource | None = None  # the value of an Authorization header
    max_body: int = MOST_BODY  # bytes of one body that are read
    weight_header: str = ""  # its value is the weight that the server asks for
    tls: Tls | None = None

    @property
    def requests(self) -> tuple[Request, ...]:
        """Return what is asked, in order."""
        return self.urls or (self,)

    @property
    def usual_port(self) -> int:
        """Return the port of the scheme."""
        return 80 if self.tls is None else 443
