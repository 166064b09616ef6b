"""Which services of the kernel are ours: known to our next life, and to the other daemons of this host.

The kernel has no mark for who made a service.  So a file for each daemon under /run/havip/ipvs, named after
the network namespace whose IPVS it programs, says which are its own; it is written before the kernel is told
anything.  Like IPVS's tables it is gone after a reboot.  It counts against others while its daemon lives,
which the lock of the daemon's claims tells (`havip.claims`): that is the supervisor's, and a checker worker
that is started again finds its services still its own.
Blocks for moments only: /run is no disk.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from havip import claims, statefile
from havip.claims import UNNAMED, Unrecorded, alone, is_locked
from havip.ipvs.model import ServiceKey, Sync
from havip.plain import Unfit, from_plain, to_plain
from havip.statefile import Unreadable, Unwritable

DIRECTORY: Final = Path("/run/havip/ipvs")


@dataclass(frozen=True, slots=True)
class Owned:
    """What one daemon has in IPVS."""

    name: str = UNNAMED  # of its instance
    lock: str = ""  # is held as long as its supervisor lives
    services: tuple[ServiceKey, ...] = ()
    syncs: tuple[Sync, ...] = ()  # sync daemons, as it has asked for them

    def __str__(self) -> str:
        return "the daemon without an instance" if self.name == UNNAMED else f"instance {self.name}"


class Ownership:
    """Our record, and our look at those of others.

    ``where`` is the network namespace of IPVS, as `process.name_of_network_namespace` calls it.  Where no
    record can be kept, ``unrecorded`` says why, and everything wanted is ours: alone, as almost always, a
    daemon is as well off without one.
    """

    def __init__(
        self,
        where: str,
        instance: str | None = None,
        directory: Path = DIRECTORY,
        lock: Path | None = None,
    ) -> None:
        """Read what an earlier life has left, and nobody has taken over since."""
        lock = lock or claims.lock_of_life(instance)
        self._directory = directory
        self._where = where
        self._path = directory / f"{where}.{lock.stem}.json"
        self._us = Owned(instance or UNNAMED, str(lock))
        self.unrecorded = ""
        left = read(self._path)
        #: what an earlier life may have left behind, or this one may yet hold
        self.services, self.syncs = frozenset(left.services), left.syncs

    def take(self, wanted: Collection[ServiceKey]) -> dict[ServiceKey, str]:
        """Call ``wanted`` ours, beside what already is, before any of it is put into the kernel.

        Returns those that belong to another living daemon, with words for it: they are not ours.  What a
        dead one has left of them is ours from now on, and not its own if it comes back.
        """
        asked = frozenset(wanted) - self.services
        taken: dict[ServiceKey, str] = {}
        with self._noting(), alone(self._directory):
            for path, owned in self._records():
                common = asked.intersection(owned.services)
                if alive(owned):
                    taken |= dict.fromkeys(common, f"it belongs to {owned}, which programs the same IPVS")
                elif common:
                    write(path, replace(owned, services=tuple(set(owned.services) - common)))
            self._write(self.services | asked - taken.keys(), self.syncs)
        self.services = self.services | asked - taken.keys()  # also without a record
        return taken

    def take_sync(self, wanted: Iterable[Sync]) -> str | None:
        """Call these sync daemons ours, and no others, before one is started.

        Returns why not, in words: another living daemon has some.  The kernel has one of each role.
        """
        syncs = tuple(wanted)
        with self._noting(), alone(self._directory):
            for _, owned in self._records() if syncs else ():
                if owned.syncs and alive(owned):
                    return f"the sync daemon belongs to {owned}, which programs the same IPVS"
            self._write(self.services, syncs)
        self.syncs = syncs
        return None

    def settle(self, services: Collection[ServiceKey]) -> None:
        """Call ours what is in force, and nothing that was: it is gone from the kernel."""
        if self.services != frozenset(services):
            with self._noting(), alone(self._directory):
                self._write(frozenset(services), self.syncs)
            self.services = frozenset(services)

    def leave(self) -> None:
        """Have nothing any more: all of it is gone from the kernel."""
        self.services, self.syncs = frozenset(), ()
        with contextlib.suppress(Unrecorded, OSError), alone(self._directory):
            self._path.unlink(missing_ok=True)

    def others(self) -> frozenset[ServiceKey]:
        """Return the services of other daemons that live: whatever is foreign, they are not."""
        return frozenset(key for _, owned in self._records() if alive(owned) for key in owned.services)

    def others_have_sync(self) -> bool:
        """Say whether another daemon that lives has sync daemons: whatever is foreign, they are not."""
        return any(owned.syncs and alive(owned) for _, owned in self._records())

    def _records(self) -> Iterator[tuple[Path, Owned]]:
        """Yield the records of others who have programmed the same IPVS, dead or alive."""
        for path in sorted(self._directory.glob(f"{self._where}.*.json")):
            if path != self._path:
                yield path, read(path)

    @contextlib.contextmanager
    def _noting(self) -> Iterator[None]:
        """Note whether a record can be kept: no service has to wait for that."""
        try:
            yield
        except (Unrecorded, Unwritable) as error:
            self.unrecorded = str(error)
        else:
            self.unrecorded = ""

    def _write(self, services: frozenset[ServiceKey], syncs: tuple[Sync, ...]) -> None:
        """Have the record say so, if it does not yet."""
        if (services, syncs) != (self.services, self.syncs) or self.unrecorded:
            ordered = tuple(sorted(services, key=str))
            write(self._path, replace(self._us, services=ordered, syncs=syncs))


def alive(owned: Owned) -> bool:
    """Say whether the daemon lives."""
    return owned.lock != "" and is_locked(Path(owned.lock))


def write(path: Path, owned: Owned) -> None:
    """Put a record in the place of the last one.  Raises `Unwritable`."""
    statefile.write(path, {"ipvs": to_plain(owned)})


def read(path: Path) -> Owned:
    """Return what a record says, and nothing for one that cannot be read: it names nothing then."""
    try:
        value = statefile.read(path)
        return Owned() if value is None else from_plain(Owned, value.get("ipvs"))
    except (Unreadable, Unfit):
        return Owned()
