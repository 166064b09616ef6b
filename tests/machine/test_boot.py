"""havip.service under a real systemd, in a machine that booted from the provisioned tree."""

from __future__ import annotations

import pytest

from tests.machine.conftest import Machine
from tests.machine.guest import checks

pytestmark = pytest.mark.uml


@pytest.mark.parametrize("check", [check.__name__ for check in checks.CHECKS])
def test_service(check: str, machine: Machine, verdicts: dict[str, str]) -> None:
    told = machine.tree / "checks/out/console"
    assert verdicts.get(check) == "PASS", f"{machine.console}\n{told.read_text() if told.exists() else ''}"


@pytest.mark.usefixtures("verdicts")
def test_powering_off_resigns_while_the_network_is_still_there(machine: Machine) -> None:
    assert (machine.tree / "checks/out/wire").read_text().splitlines()[-1] == "0"


def test_every_check_has_run(verdicts: dict[str, str]) -> None:
    assert list(verdicts) == [check.__name__ for check in checks.CHECKS]
