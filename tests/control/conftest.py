"""Where a control socket is, for the tests of this directory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.control.serving import serving


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory with a path short enough for a socket, which others may enter."""
    path = Path(tempfile.mkdtemp(prefix="havip-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def path(directory: Path) -> Iterator[str]:
    """The path of a socket on which a server listens."""
    path = str(directory / "control.sock")
    with serving(path):
        yield path
