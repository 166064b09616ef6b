"""Where a control socket may be, for the tests of this directory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def socket_path() -> Iterator[str]:
    """The path of a control socket, short enough for one.  Nothing listens there yet."""
    directory = Path(tempfile.mkdtemp(prefix="havip-"))
    yield str(directory / "control.sock")
    shutil.rmtree(directory)
