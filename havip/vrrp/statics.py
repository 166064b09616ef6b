"""What is held for as long as the daemon runs, whoever is master: addresses, routes and rules.

The VRRP worker does it, for it has all that it takes: the requests built in advance, the events that tell
of a loss, the mark, and the capability; the supervisor would need them a second time.
"""

from __future__ import annotations

from collections.abc import Callable

from havip.config.model import Static
from havip.messages import INFO, WARNING
from havip.vrrp.holdings import NO_INTERFACE, Batch, Holding
from havip.vrrp.kernel import Changes, Kernel


class Statics:
    """Puts them into the kernel, puts back what others remove, and takes them out at the end."""

    def __init__(self, kernel: Kernel, log: Callable[[int, str], None]) -> None:
        self._kernel = kernel
        self._log = log
        self._wanted = Static()
        self._batch: Batch | None = None
        self._refusals: dict[Holding, str] = {}  # what the kernel would not have, and why

    def put(self, wanted: Static) -> None:
        """Hold this from now on, and nothing else."""
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self._prepare()
        self._hold()

    def apply(self, changes: Changes) -> None:
        """Put back what others removed, and go by what became of the interfaces."""
        batch = self._batch
        if batch is None:
            return
        lost = [
            holding
            for key, holding in zip(batch.keys, batch.holdings, strict=True)
            if holding.track and key in changes.lost
        ]
        if changes.interfaces:
            self._prepare()
        if lost or self._batch is not batch:
            self._hold()
        for holding in lost:
            if holding not in self._refusals:
                self._log(WARNING, f"put back the static {holding}, which something else had removed")

    def try_again(self) -> None:
        """Ask again for what the kernel would not have."""
        if self._refusals:
            self._hold()

    def leave(self) -> None:
        """Hold nothing any more."""
        self.put(Static())

    def _prepare(self) -> None:
        """Build the requests for the interfaces as they are, and remove what is not wanted any more."""
        before, batch = self._batch, self._kernel.prepare(NO_INTERFACE, self._wanted.holdings)
        if before is not None and (before.keys, before.additions) == (batch.keys, batch.additions):
            return
        self._batch = batch
        self._kernel.permanent = frozenset(batch.keys)
        if before is not None:
            for refused in self._kernel.remove([before], keep=self._kernel.permanent):
                self._log(WARNING, f"cannot remove the static {refused.holding}: {refused.error}")

    def _hold(self) -> None:
        """Give the kernel all of it, and say once what it refuses."""
        assert self._batch is not None
        before = self._refusals
        self._refusals = {refused.holding: refused.error for refused in self._kernel.add([self._batch])}
        for holding, error in self._refusals.items():
            if before.get(holding) != error:
                self._log(WARNING, f"cannot add the static {holding}: {error}; trying again every second")
        for holding in before:
            if holding not in self._refusals and holding in self._batch.holdings:
                self._log(INFO, f"added the static {holding}")
