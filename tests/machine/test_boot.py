"""havip.service under a real systemd, in a machine that boots from the provisioned tree.

The checks themselves are in `guest/checks.py`, which runs in that machine.
"""

from __future__ import annotations

import pytest

from tests.machine.conftest import Life
from tests.machine.guest import checks

pytestmark = pytest.mark.uml

NAMES = [check.__name__ for check in checks.CHECKS]


@pytest.mark.parametrize("check", NAMES)
def test_service(check: str, life: Life) -> None:
    assert life.verdicts.get(check) == "PASS", life.told


def test_no_verdict_is_left_unread(life: Life) -> None:
    assert list(life.verdicts) == NAMES


def test_machine_that_powers_off_resigns_while_its_network_is_still_there(life: Life) -> None:
    assert life.priorities[-1:] == ["0"], life.told
