"""Where metrics are served.  Pure."""

from __future__ import annotations

from dataclasses import dataclass

from havip.config.cast import Address


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and a port, or the path of a unix socket: the one that is given."""

    address: Address | None = None
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        """Return it as it is written in a file."""
        if self.address is None:
            return self.path
        return f"[{self.address}]:{self.port}" if self.address.version == 6 else f"{self.address}:{self.port}"

    def covers(self, other: Endpoint) -> bool:
        """Say whether nobody else can have ``other`` while we have this one."""
        if self.address is None or other.address is None:
            return self == other
        alike = self.port == other.port and self.address.version == other.address.version
        return alike and (self.address.is_unspecified or self.address == other.address)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Who can scrape; empty: nobody."""

    listen: tuple[Endpoint, ...] = ()
