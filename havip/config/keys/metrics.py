"""The keys of ``metrics``: where Prometheus finds them.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from havip.config.fields import Field, Group, ListOf
from havip.config.keys.daemon import PATH_OF_SOCKET
from havip.config.kinds import Schema, Wrong
from havip.config.metrics import Endpoint, Metrics

MOST: Final = 8
PATTERN: Final = r"^(/.*[^/]|\[[0-9A-Fa-f:.]+\]:[1-9][0-9]{0,4}|[0-9.]+:[1-9][0-9]{0,4})$"
PLACE: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([1-9][0-9]{0,4})")


@dataclass(frozen=True, slots=True)
class EndpointKind:
    """Where to listen."""

    expected: str = 'an address with a port such as "127.0.0.1:9650" or "[::1]:9650", or an absolute path'

    def read(self, text: str) -> Endpoint:
        if text.startswith("/"):
            return Endpoint(path=PATH_OF_SOCKET.read(text))
        match = PLACE.fullmatch(text)
        if match is None:
            raise Wrong
        try:
            address = ip_address(match[1] or match[2])
        except ValueError:
            raise Wrong from None
        port = int(match[3])
        if port > 65535 or address.is_multicast or (match[1] is not None) is not (address.version == 6):
            raise Wrong
        return Endpoint(address, port)

    def written(self, value: Endpoint) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": PATTERN}


METRICS = Field(
    "metrics",
    Group(
        Metrics,
        (
            Field(
                "listen",
                ListOf(EndpointKind(), MOST),
                "where Prometheus can scrape: addresses with their ports, paths of unix sockets",
                ["127.0.0.1:9650"],
            ),
        ),
        short="listen",
    ),
    "metrics for Prometheus; unless given, none are served",
    {"listen": ["127.0.0.1:9650"]},
    elsewhere=("prometheus",),
)
