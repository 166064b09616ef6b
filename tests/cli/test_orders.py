"""What an operator ordered: said by the verbs, and shown by `havip status` where nobody can overlook it."""

from __future__ import annotations

from typing import Any

import pytest

from havip import __main__ as command
from havip.cli.status import status_lines
from havip.control.views import Status
from tests.cli.test_status import GATEWAY, NOW, STATUS
from tests.control.serving import serving

Json = dict[str, Any]

WORD = {"by": "alice (root)", "at": NOW, "reason": "new disk"}


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("havip.cli.status.at_time", lambda at: f"t{at:.0f}")


def shown(router: Json | None = None, **daemon: object) -> str:
    """Return what `havip status` prints of one router."""
    answer = STATUS | daemon | {"virtual_routers": [GATEWAY | (router or {})]}
    return "\n".join(status_lines(Status.of(answer), (), NOW, None, False))


def test_maintenance_stands_above_everything_else_of_a_router() -> None:
    lines = shown({"state": "FAULT", "maintenance": WORD, "why": "maintenance (alice (root): new disk)"})
    assert "since t1699999808\n  KEPT OUT   by alice (root) on t1700000000: new disk\n  why" in lines


def test_maintenance_of_all_is_shown_with_the_daemon_and_so_is_a_damaged_record() -> None:
    everywhere = shown(maintenance={"everywhere": WORD | {"reason": ""}, "damage": None})
    assert "\n  KEPT OUT   every virtual router, by alice (root) on t1700000000\n" in everywhere
    damaged = shown(maintenance={"everywhere": None, "damage": "/x/operator.json is damaged"})
    assert "\n  KEPT OUT   every virtual router, /x/operator.json is damaged\n" in damaged


def test_a_priority_that_somebody_set_is_shown_with_the_configured_one() -> None:
    lines = shown({"effective_priority": 200, "priority_override": WORD | {"value": 200}})
    assert "\n  priority   200 SET by alice (root) on t1700000000: new disk, 150 configured\n" in lines


def test_an_instance_and_its_namespace_are_shown() -> None:
    lines = shown(instance="blue", network_namespace="inside")
    assert lines.startswith("havip 0.1.0, instance blue, network namespace inside, pid 4711, up 2h03m\n")


@pytest.mark.parametrize(
    ("words", "answer", "printed"),
    [
        (["failover", "gw"], {"state": "BACKUP", "master": None}, "gw is BACKUP here"),
        (
            ["failover", "gw", "--wait"],
            {"state": "BACKUP", "master": "192.0.2.2"},
            "gw is BACKUP here; the master is 192.0.2.2",
        ),
        (["maintenance", "on"], {}, "maintenance on: every virtual router"),
        (["maintenance", "off", "gw"], {}, "maintenance off: gw"),
        (["priority", "gw", "200"], {}, "priority of gw: 200"),
        (["priority", "gw", "auto"], {}, "priority of gw: as configured"),
    ],
)
def test_a_verb_says_what_is_so_now(
    words: list[str], answer: Json, printed: str, socket_path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def take(request: Json) -> Json:
        return answer

    with serving(socket_path, {words[0]: take}):
        assert command.main([*words, "--socket", socket_path]) == 0
    assert capsys.readouterr().out == f"{printed}\n"


@pytest.mark.parametrize(
    "words",
    [
        ["failover"],
        ["failover", "gw", "--wait", "soon"],
        ["failover", "gw", "--wait", "301"],
        ["failover", "gw", "--wait", "nan"],
        ["maintenance"],
        ["maintenance", "maybe"],
        ["priority", "gw"],
        ["priority", "gw", "0"],
        ["priority", "gw", "255"],
        ["priority", "gw", "²"],
        ["status", "--instance", "Blue"],
        ["status", "--instance", "blue", "--socket", "/x"],
    ],
)
def test_what_makes_no_sense_is_wrong_usage(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(words)
    assert ended.value.code == 2
    assert "usage: havip" in capsys.readouterr().err


def test_an_instance_is_asked_on_its_own_socket(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["status", "--instance", "no-such-instance"]) == 3
    assert "no daemon answers on /run/havip/no-such-instance.sock" in capsys.readouterr().err
