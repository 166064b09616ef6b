"""How `make test` deals the tests out to the processes that run them side by side.

A file stays together, so that what its tests share is made once; so does a folder whose files share more.
And no file of tests may leave a descriptor open: neither it nor what it tests.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Generator
from pathlib import PurePath
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

#: those that wait longest begin first: at the end nobody waits for one of them alone
FIRST = ("machine", "uml", "interop", "daemon", "lab", "netns")
#: folders whose files share a fixture that is dear
SHARED = ("machine",)


class Dealer(LoadFileScheduling):  # type: ignore[misc]
    """Gives each process a file after the other, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        folder = PurePath(file).parent
        return str(folder) if folder.name in SHARED else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Dealer:
    """Have xdist ask our dealer."""
    config.option.loadscopereorder = False  # it would put the files of many tests first, quick ones
    return Dealer(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put those first that wait longest."""
    items.sort(key=lambda item: place(item.path.parent.name))


def place(folder: str) -> int:
    """Return when a folder's turn is."""
    return FIRST.index(folder) if folder in FIRST else len(FIRST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, bool, bool]:
    """Fail after a file of tests that leaves more open than the one before it left.

    Not once a test has failed: its traceback keeps what it had open.
    """
    if not seen_open:
        seen_open.update(open_here())
    done = yield
    if not item.session.testsfailed and (nextitem is None or nextitem.path != item.path):
        left = open_here() - seen_open
        if left:
            gc.collect()  # what only a cycle holds is closed in time
            left = open_here() - seen_open
        seen_open.update(left)
        if left:
            why = f"left open by this file: {sorted(left)}"
            report = pytest.TestReport(item.nodeid, item.location, {}, "failed", why, "teardown")
            item.ihook.pytest_runtest_logreport(report=report)
    return done


def open_here() -> set[tuple[str, str]]:
    """Return the descriptors of this process, each with what it is of; not those that pytest exchanges."""
    found = set()
    for descriptor in set(os.listdir("/proc/self/fd")) - {"0", "1", "2"}:
        with contextlib.suppress(FileNotFoundError):  # the one that read the directory
            found.add((descriptor, os.readlink(f"/proc/self/fd/{descriptor}")))
    return found


seen_open: Final[set[tuple[str, str]]] = set()
