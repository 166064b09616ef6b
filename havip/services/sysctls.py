"""Kernel settings that are ours for a while: changed, remembered on the disk, put back.

Blocks on the disk: called from a thread.  What is wanted is `havip.config.sysctl_plan`'s to say.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from havip import process, statefile
from havip.config.sysctl_plan import IPV4, RP_FILTER, Memory, plan_sysctls
from havip.plain import Unfit, from_plain, to_plain

log = logging.getLogger("havip.devices")

ROOT: Final = Path("/proc/sys")
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")

#: the settings that we ever change: a damaged record leads nowhere else
OURS: Final = re.compile(r"net/ipv[46]/conf/(?!\.{1,2}/)[^/\0\ud800-\udfff]+/[a-z0-9_]+")


@dataclass(frozen=True, slots=True)
class Record:
    """What a file remembers of one life of the kernel: each setting that is not as it was."""

    changed: dict[str, Memory]


class Sysctls:
    """The settings of the network namespace in which the calling thread is.

    The memory of what they were is on the disk before the first of them changes: a daemon that is killed
    leaves behind what the next one needs in order to put them back.
    """

    def __init__(self, directory: Path, root: Path = ROOT) -> None:
        self._directory = directory
        self._root = root
        self._memory: dict[str, Memory] | None = None
        self._file = Path()

    @property
    def memory(self) -> Mapping[str, Memory]:
        """Return what we have changed, by path; read from the disk when it is asked for first."""
        if self._memory is None:
            self._file = self._directory / f"sysctls-{process.name_of_network_namespace()}.json"
            self._memory = self._recall()
        return self._memory

    def read(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the values of the settings that exist."""
        return {path: value for path in paths if (value := self._value(path)) is not None}

    def filters(self) -> dict[str, str]:
        """Return the reverse path filter of every interface, of ``all`` and ``default``."""
        found = {}
        with contextlib.suppress(OSError):
            for entry in sorted((self._root / IPV4).iterdir(), key=lambda entry: entry.name):
                value = self._value(f"{IPV4}/{entry.name}/{RP_FILTER}")
                if value is not None:
                    found[entry.name] = value
        return found

    def sync(self, wanted: Mapping[str, str]) -> dict[str, str]:
        """Make ``wanted`` true and put everything else back; return the kernel's objections by path."""
        memory = self.memory
        plan = plan_sysctls(wanted, self.read([*wanted, *memory]), memory)
        if plan.memory != memory:
            self._store({**memory, **plan.memory})  # whatever happens now, it can be put back
        objections = self.write(plan.writes)
        kept = {path: known for path, known in plan.memory.items() if path not in objections}
        # What could not be put back is tried again at the next occasion.
        kept |= {path: memory[path] for path in objections if path in memory}
        if kept != memory or plan.memory != memory:
            self._store(kept)
        return objections

    def write(self, values: Mapping[str, str]) -> dict[str, str]:
        """Write settings in their order, without remembering; return the kernel's objections by path."""
        objections = {}
        for path, value in values.items():
            try:
                (self._root / path).write_text(f"{value}\n")
            except FileNotFoundError:
                continue  # the interface has gone meanwhile
            except OSError as error:
                objections[path] = f"cannot set {dotted(path)}: {os.strerror(error.errno or 0)}"
        return objections

    def _value(self, path: str) -> str | None:
        try:
            return (self._root / path).read_text().strip()
        except OSError:
            return None

    def _recall(self) -> dict[str, Memory]:
        try:
            stored = statefile.read(self._file)
        except statefile.Unreadable as error:
            log.error("%s: settings that an earlier run changed stay as they are", error)
            return {}
        if stored is None or stored.get("boot") != boot():
            return {}  # after a boot every setting is its own again
        try:
            record = from_plain(Record, stored.get("changed"))
        except Unfit as error:
            log.error("%s is damaged: %s: settings stay as an earlier run left them", self._file, error)
            return {}
        return {path: known for path, known in record.changed.items() if OURS.fullmatch(path)}

    def _store(self, memory: Mapping[str, Memory]) -> None:
        if memory:
            try:
                statefile.write(self._file, {"boot": boot(), "changed": to_plain(Record(dict(memory)))})
            except statefile.Unwritable as error:
                log.warning("%s: if havip is killed, kernel settings stay as it needs them", error)
        else:
            with contextlib.suppress(OSError):
                self._file.unlink()
        self._memory = dict(memory)


def boot() -> str:
    """Return what tells this life of the kernel from every other one."""
    return BOOT.read_text().strip()


def dotted(path: str) -> str:
    """Return a setting as sysctl(8) writes it; a dot in an interface's name becomes a slash there."""
    return path.replace("/", "\0").replace(".", "/").replace("\0", ".")
