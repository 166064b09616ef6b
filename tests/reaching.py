"""Folders of tests that somebody without root's rights must reach."""

from __future__ import annotations

import tempfile
from pathlib import Path


def let_in(folder: Path) -> None:
    """Let everybody into a folder of pytest's, however deep it lies: deeper where tests run side by side."""
    temporary = Path(tempfile.gettempdir())
    for one in (folder, *folder.parents):
        if one != temporary and one.is_relative_to(temporary):
            one.chmod(0o755)
