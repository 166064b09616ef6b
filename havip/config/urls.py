"""URLs of HTTP and HTTPS, as far as a webhook needs them.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from havip.config.kinds import Text

LONGEST_URL = 2048  # bytes
#: no name and password in it: they would be shown with it
PORT = r"6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3}"
PATTERN = rf"^(https?)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::({PORT}))?(/[!-~]*|\?[!-~]*)?$"
URL = Text('a URL such as "https://host/path", without a password', PATTERN, longest=LONGEST_URL)


@dataclass(frozen=True, slots=True)
class Url:
    """The parts of a URL."""

    encrypted: bool
    host: str  # without the brackets of an IPv6 address
    port: int
    authority: str  # as the Host header wants it
    target: str  # path and query

    @classmethod
    def of(cls, text: str) -> Url:
        """Return the parts of a text that `URL` has taken."""
        match = re.fullmatch(PATTERN, text)
        assert match is not None
        scheme, host, port, target = match.groups()
        encrypted = scheme == "https"
        authority = host if port is None else f"{host}:{port}"
        target = (target or "/").partition("#")[0]
        return cls(
            encrypted,
            host.strip("[]"),
            int(port) if port is not None else 443 if encrypted else 80,
            authority,
            target if target.startswith("/") else f"/{target}",
        )
