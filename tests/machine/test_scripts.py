"""The shell scripts of this folder and the one that it tests: shellcheck finds nothing to say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.machine.conftest import GUEST
from tests.machine.trees import CHECKOUT

SCRIPTS = [CHECKOUT / "vagrant/provision.sh", GUEST / "stage.sh"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_no_complaint(script: Path) -> None:
    done = subprocess.run(["shellcheck", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
