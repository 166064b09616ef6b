"""Tells the VRRP worker what to hold for as long as the daemon runs, whoever is master."""

from __future__ import annotations

from collections.abc import Iterable

from havip.config.model import Configuration
from havip.messages import Message, PutStatic
from havip.services import Service


class StaticHoldings(Service):
    """The worker finds out itself what is new and what is gone."""

    def briefing(self, new: Configuration) -> Iterable[Message]:
        """Have what the configuration says."""
        yield PutStatic(new.static)
