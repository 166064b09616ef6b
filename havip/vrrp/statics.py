"""What is held for as long as the daemon runs, whoever is master: addresses, routes and rules.

The VRRP worker does it, for it has all that it takes: the requests built in advance, the events that tell
of a loss, the mark, and the capability; the supervisor would need them a second time.
"""

from __future__ import annotations

from collections.abc import Callable

from havip.config.model import Static
from havip.messages import INFO, WARNING
from havip.vrrp.holdings import NO_INTERFACE, Batch, Holding, Key
from havip.vrrp.kernel import Changes, Kernel


class Statics:
    """Puts them into the kernel, puts back what others remove, and takes them out at the end."""

    def __init__(self, kernel: Kernel, log: Callable[[int, str], None]) -> None:
        self._kernel = kernel
        self._log = log
        self._wanted = Static()
        self._batch: Batch | None = None
        self._basis: tuple[object, ...] = ()  # what the batch was made of
        self._refusals: dict[Holding, str] = {}  # what the kernel would not have, and why

    @property
    def needed_by(self) -> tuple[str, ...]:
        """Return the virtual routers that cannot do without what is tracked of it."""
        return self._wanted.needed_by

    @property
    def fault(self) -> str | None:
        """Return what of it, being tracked, cannot be had, in words; None: all of it is there."""
        lacking = (item for item in self._refusals.items() if item[0].track)
        return next((f"the static {holding} cannot be had: {error}" for holding, error in lacking), None)

    def put(self, wanted: Static) -> tuple[Key, ...]:
        """Hold this from now on and nothing else; return what is gone, which a router may hold now."""
        if wanted == self._wanted:
            return ()
        before, self._wanted = self._batch, wanted
        now = self._prepare()
        self._hold(now)
        return () if before is None else tuple(set(before.keys) - set(now.keys))

    def apply(self, changes: Changes) -> None:
        """Put back what others removed, and go by what became of the interfaces."""
        batch = self._batch
        if batch is None:
            return
        gone = set(changes.lost)
        lost = [holding for key, holding in batch.tracked if key in gone]
        now = self._prepare() if changes.interfaces else batch
        if lost or now is not batch:
            self._hold(now)
        for holding in lost:
            if holding not in self._refusals:
                self._log(WARNING, f"put back the static {holding}, which something else had removed")

    def try_again(self) -> None:
        """Ask again for what the kernel would not have, and for nothing else."""
        if self._refusals:
            self._hold(self._kernel.prepare(NO_INTERFACE, tuple(self._refusals)))

    def leave(self) -> None:
        """Hold nothing any more."""
        self.put(Static())

    def _prepare(self) -> Batch:
        """Return the requests for the interfaces as they are; remove what is not wanted any more."""
        before = self._batch
        places = tuple(self._kernel.device(name).ifindex for name in self._wanted.devices)
        if before is not None and self._basis == (self._wanted, places):
            return before
        self._basis = (self._wanted, places)
        self._batch = batch = self._kernel.prepare(NO_INTERFACE, self._wanted.holdings)
        self._kernel.permanent = frozenset(batch.keys)
        if before is not None:
            for refused in self._kernel.remove([before], keep=self._kernel.permanent):
                self._log(WARNING, f"cannot remove the static {refused.holding}: {refused.error}")
        return batch

    def _hold(self, batch: Batch) -> None:
        """Give a batch to the kernel, and say once what it refuses."""
        before = self._refusals
        self._refusals = {refused.holding: refused.error for refused in self._kernel.add([batch])}
        for holding, error in self._refusals.items():
            if before.get(holding) != error:
                self._log(WARNING, f"cannot add the static {holding}: {error}; trying again every second")
        for holding in before:
            if holding not in self._refusals and holding in batch.holdings:
                self._log(INFO, f"added the static {holding}")
