"""Runs inside User-Mode Linux: gives the kernel's IPVS and the model of it the same to do.

What is to be done comes in a file; the verdict of each check goes to another one, as in `guest`.
"""

from __future__ import annotations

import errno
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from os import strerror
from pathlib import Path

from havip.ipvs.model import (
    AddDestination,
    AddService,
    Change,
    Destination,
    DestinationKey,
    DropDestination,
    DropService,
    Forward,
    Protocol,
    Service,
    ServiceKey,
    Sync,
    SyncRole,
)
from havip.ipvs.plan import plan
from tests.ipvs.kernel_model import SCHEDULERS, KernelModel
from tests.ipvs.tables import Scene
from tests.ipvs.wire import Wire
from tests.uml import checking

LOOK_EVERY = 50  # changes between two comparisons of everything


@dataclass(frozen=True)
class Work:
    """What the guest is to do."""

    changes: list[Change | Sync | SyncRole]
    scenes: list[Scene]


def ask(kernel: Wire | KernelModel, one: Change | Sync | SyncRole) -> int:
    """Give it to the one or the other, and return the errno."""
    if isinstance(one, SyncRole):
        return kernel.stop(one)
    return kernel.start(one) if isinstance(one, Sync) else kernel.carry_out(one)


def same_refusals_and_same_tables(work: Work) -> None:
    wire, model = Wire(), KernelModel(schedulers=SCHEDULERS - {"twos"})
    refused = 0
    for number, one in enumerate(work.changes):
        real, expected = ask(wire, one), ask(model, one)
        refused += real != 0
        assert real == expected, f"{one}: {strerror(real)}, the model says {strerror(expected)}"
        if number % LOOK_EVERY == 0 or number == len(work.changes) - 1:
            assert wire.table == model.table, one
    assert 100 < refused < len(work.changes) - 100, refused
    wire.flush()
    for role in SyncRole:
        wire.stop(role)


def no_sync_daemon_beside_another_family(work: Work) -> None:
    web, six = ServiceKey(4, Protocol.TCP, ip_address("192.0.2.1"), 80), ip_address("2001:db8::1")
    mixed = Destination(DestinationKey(six, 80), forward=Forward.TUNNEL)
    master, backup = (Sync(role, "eth0", 1) for role in SyncRole)
    steps: tuple[tuple[Change | Sync | SyncRole, int], ...] = (
        (AddService(Service(web)), 0),
        (AddDestination(web, mixed), 0),
        (master, errno.EINVAL),
        (DropDestination(web, mixed.key), 0),
        (master, 0),
        (master, errno.EEXIST),
        (backup, 0),
        (AddDestination(web, mixed), errno.EINVAL),
        (SyncRole.MASTER, 0),
        (AddDestination(web, mixed), errno.EINVAL),
        (SyncRole.BACKUP, 0),
        (SyncRole.BACKUP, errno.ESRCH),
        (AddDestination(web, mixed), 0),
        (DropService(web), 0),
    )
    wire, model = Wire(), KernelModel()
    for step, expected in steps:
        assert (ask(wire, step), ask(model, step)) == (expected, expected), step


def plans_end_where_they_should(work: Work) -> None:
    """Each plan leads the real kernel to what it leads the model to, and no step is refused."""
    wire = Wire()
    for wanted, present, ours, foreign, others in work.scenes:
        begin = plan(present, wire.table, wire.table.keys())
        model = KernelModel(present)
        for change in (*begin, *(steps := plan(wanted, present, ours, foreign, others))):
            number = wire.carry_out(change)
            assert number == 0, f"{change}: {strerror(number)}"
        assert model.carry_out_all(steps) == []
        assert wire.table == model.table, (wanted, present)
    wire.flush()


CHECKS: tuple[Callable[[Work], None], ...] = (
    same_refusals_and_same_tables,
    no_sync_daemon_beside_another_family,
    plans_end_where_they_should,
)


def main(results: Path, folder: Path) -> None:
    """Do every check, in order.  What is to be done lies in the folder."""
    for words in (
        "link add eth0 type veth peer name eth1",
        "addr add 10.9.0.1/24 dev eth0",
        "link set eth0 up",
        "link set eth1 up",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    work = pickle.loads((folder / "work").read_bytes())
    checking.do(CHECKS, work, results)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
