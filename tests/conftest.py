"""How `make test` deals the tests out to the processes that run them side by side.

A file stays together, so that what its tests share is made once; so does a folder whose files share more.
"""

from __future__ import annotations

from pathlib import PurePath

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
