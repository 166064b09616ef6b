"""Which virtual service has which place in the kernel, and whether the kernel has it as wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from havip.clock import Instant
from havip.ipvs.held import Held
from havip.ipvs.model import Pool, ServiceKey


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
        # What runs comes last: of a place that it shares with one that parts it has the last word.
        changing = dict.fromkeys(sorted(dirty, key=lambda held: held.runs))
        wanted: dict[ServiceKey, Pool | None] = {
            key: None for key, held in self._holders.items() if held in changing
        }
        self._take(registry, changing)
        for held in changing:
            for one in () if self._is_unmarked(held) else held.pools(now):
                key = one.service.key
                holder = self._holders.get(key, held)
                if holder is held or held.runs or not holder.runs:
                    wanted[key] = one
                    self._holders[key] = held
        for key in [key for key, one in wanted.items() if one is None]:
            del self._holders[key]
        return wanted

    def _take(self, registry: Registry, changing: Iterable[Held]) -> None:
        """Call every place ours that is new, all at once, and ask again for those that were another's."""
        asking = {
            held: [key for key in held.layout.services if key not in self._holders or key in held.denied]
            for held in changing
            if not held.finished
        }
        new = {key for keys in asking.values() for key in keys}
        taken = registry.take(new) if new else {}
        for held, keys in asking.items():
            held.denied = {key: taken[key] for key in keys if key in taken}

    def forget(self) -> None:
        """Hold nothing any more: the kernel has gone, or has come back as another."""
        self._holders = {}

    def why(self, held: Held, refused: Mapping[ServiceKey, str]) -> str:
        """Return why the kernel does not have a service as wanted; empty: it does."""
        why = next((refused[key] for key in held.layout.services if key in refused), "")
        why = why or next((f"{key}: {words}" for key, words in held.denied.items()), "")
        return why or (self.unmarked if self._is_unmarked(held) else "")

    def _is_unmarked(self, held: Held) -> bool:
        return bool(self.unmarked) and held.settings.service.nftables_mark is not None
