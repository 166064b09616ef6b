"""Which virtual service has which place in the kernel, and whether the kernel has it as wanted."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from havip.clock import Instant
from havip.ipvs.held import Held
from havip.ipvs.model import Pool, ServiceKey

log = logging.getLogger("havip.checker")


class Registry(Protocol):
    """Who knows which services of the kernel belong to whom."""

    def take(self, keys: Collection[ServiceKey]) -> dict[ServiceKey, str]:
        """Call services ours; return those that are another's, and why."""


class Places:
    """The services of the kernel that are programmed, or are to be, by their keys."""

    def __init__(self) -> None:
        self._holders: dict[ServiceKey, Held] = {}
        self.unmarked = ""  # why nftables marks no packets

    def holder(self, key: ServiceKey) -> Held | None:
        """Return whose place it is."""
        return self._holders.get(key)

    def wanted(
        self, registry: Registry, dirty: Iterable[Held], now: Instant
    ) -> dict[ServiceKey, Pool | None]:
        """Return what the kernel is to hold for these services; None for what they have no more."""
        changing = dict.fromkeys(dirty)
        wanted: dict[ServiceKey, Pool | None] = {
            key: None for key, held in self._holders.items() if held in changing
        }
        for held in changing:
            new = [key for key in held.layout.services if key not in self._holders or key in held.denied]
            if new and not held.finished:
                taken = registry.take(new)
                held.denied = {key: taken[key] for key in new if key in taken}
            for one in () if self._is_unmarked(held) else held.pools(now):
                wanted[one.service.key] = one
                self._holders[one.service.key] = held
        for key in [key for key, one in wanted.items() if one is None]:
            del self._holders[key]
        return wanted

    def blame(self, dirty: Iterable[Held], refused: Mapping[ServiceKey, str]) -> None:
        """Note which services the kernel has refused, and say so once."""
        for held in dirty:
            why = next((refused[key] for key in held.layout.services if key in refused), "")
            why = why or (self.unmarked if self._is_unmarked(held) else "")
            if why != held.fault:
                if why:
                    log.error("virtual service %s: %s", held.name, why)
                else:
                    log.info("virtual service %s: the kernel has it as wanted", held.name)
                held.fault = why

    def _is_unmarked(self, held: Held) -> bool:
        return bool(self.unmarked) and held.settings.service.nftables_mark is not None
