"""What the daemons of one network namespace claim, so that no two of them claim the same.

A file for each daemon under /run/havip/claims, named after the namespace and the instance.  It
lives as long as what it is about: the kernel forgets addresses at a reboot, and /run is empty then.  To
others it says, as long as its daemon lives, what is taken; to the daemon's next life what may have been
left behind.
Blocks for moments only, and belongs to the supervisor.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from havip import process, statefile
from havip.config.model import Claim, Configuration, Estate
from havip.errors import HavipError
from havip.messages import Key
from havip.plain import Unfit, from_plain, to_plain
from havip.statefile import Unreadable, Unwritable

DIRECTORY: Final = Path("/run/havip/claims")
UNNAMED: Final = "havip"  # no instance can be called so


class Taken(HavipError):
    """Another daemon of this network namespace has one of our virtual routers or addresses."""

    reason = "taken"


class Unrecorded(HavipError):
    """Nothing can be recorded, so neither others nor our next life will know what we hold."""

    reason = "unrecorded"


@dataclass(frozen=True, slots=True)
class Record:
    """What one daemon claims."""

    routers: tuple[Key, ...] = ()
    estates: tuple[Estate, ...] = ()

    @classmethod
    def of(cls, configuration: Configuration) -> Record:
        """Return what a configuration claims."""
        routers, static = configuration.virtual_routers, configuration.static
        estates = [router.estate for router in routers]
        if static.holdings:
            estates.append(static.estate)
        return cls(tuple(router.key for router in routers), tuple(estates))

    @property
    def claims(self) -> frozenset[Claim]:
        """Return the addresses."""
        return frozenset().union(*(estate.claims for estate in self.estates))

    def __or__(self, other: Record) -> Record:
        """Return what either claims, each once."""
        return Record(
            tuple(dict.fromkeys(self.routers + other.routers)),
            tuple(dict.fromkeys(self.estates + other.estates)),
        )

    def clash(self, other: Record) -> str | None:
        """Return the first thing that both claim, in words."""
        for interface, vrid, family, _ in sorted({*self.routers} & {*other.routers}):
            return f"VRID {vrid} on {interface} for IPv{int(family)}"
        for interface, address in sorted(self.claims & other.claims, key=str):
            return f"{address}{f' on {interface}' if interface else ''}"
        return None


class Claims:
    """Our record, and our look at those of others.  Each method may be called again after it raised."""

    def __init__(self, instance: str | None, directory: Path = DIRECTORY) -> None:
        self._directory = directory
        self._namespace = process.name_of_network_namespace()
        self._name = instance or UNNAMED
        self._alive = -1  # descriptor whose lock says that we live
        #: what an earlier life of ours may have left behind, or this one may yet hold
        self.held = Record()

    def take(self, new: Configuration) -> None:
        """Claim what ``new`` needs, beside what we hold already.

        Raises `Taken`, and `Unrecorded` where no record can be kept; nothing else has changed then.
        """
        wanted = Record.of(new)
        with alone(self._directory):
            if self._alive < 0:
                self._come_alive()
            for name, record in self._others():
                clash = wanted.clash(record)
                if clash is not None:
                    whose = "the daemon without an instance" if name == UNNAMED else f"instance {name}"
                    raise Taken(f"{clash} belongs to {whose}, which runs in the same network namespace")
            self._write(self.held | wanted)
            self.held |= wanted

    def settle(self, configuration: Configuration) -> None:
        """Claim what is in force, and nothing that was.  Raises `Unrecorded`."""
        wanted = Record.of(configuration)
        if wanted != self.held:
            with alone(self._directory):
                self._write(wanted)
                self.held = wanted

    def leave(self) -> None:
        """Claim nothing any more: all of it is gone from the kernel."""
        with contextlib.suppress(Unrecorded), alone(self._directory):
            self._path(".json").unlink(missing_ok=True)
            self._path(".lock").unlink(missing_ok=True)
        if self._alive >= 0:
            os.close(self._alive)
            self._alive = -1

    def _come_alive(self) -> None:
        """Take the lock that says so, and read what an earlier life left."""
        self._alive = os.open(
            self._path(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        fcntl.flock(self._alive, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the abstract lock is ours: nobody else's
        self.held |= read(self._path(".json"))

    def _others(self) -> Iterator[tuple[str, Record]]:
        """Yield the records of the other daemons that live in our namespace."""
        for path in sorted(self._directory.glob(f"{self._namespace}.*.json")):
            name = path.name.removeprefix(f"{self._namespace}.").removesuffix(".json")
            if name != self._name and is_locked(path.with_suffix(".lock")):
                yield name, read(path)

    def _write(self, record: Record) -> None:
        try:
            statefile.write(self._path(".json"), {"claims": to_plain(record)})
        except Unwritable as error:
            raise Unrecorded(str(error)) from error

    def _path(self, suffix: str) -> Path:
        return self._directory / f"{self._namespace}.{self._name}{suffix}"


@contextlib.contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Keep the other daemons of this host out of a directory for a moment.  Raises `Unrecorded`."""
    try:
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise Unrecorded(f"{directory} cannot be used: {os.strerror(error.errno or 0)}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    except OSError as error:
        raise Unrecorded(f"{directory} cannot be used: {os.strerror(error.errno or 0)}") from error
    finally:
        os.close(descriptor)


def lock_of_life(instance: str | None, directory: Path = DIRECTORY) -> Path:
    """Return the file whose lock the supervisor of an instance in this namespace holds while it lives."""
    return directory / f"{process.name_of_network_namespace()}.{instance or UNNAMED}.lock"


def is_locked(path: Path) -> bool:
    """Say whether a living daemon holds this lock."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def read(path: Path) -> Record:
    """Return what a record says, and nothing for one that cannot be read: it names nothing then."""
    try:
        value = statefile.read(path)
        return Record() if value is None else from_plain(Record, value.get("claims"))
    except (Unreadable, Unfit):
        return Record()
