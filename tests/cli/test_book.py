"""docs/cli.md tells all of it: verbs, options, exit codes, keys and reasons."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from havip import __main__ as command
from havip import cli
from havip.cli import VERBS
from havip.control.views import report_as_dict
from tests.control.test_views import REPORT

ROOT = Path(__file__).resolve().parents[2]
BOOK = (ROOT / "docs" / "cli.md").read_text()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_option_is_in_the_book(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"havip {verb}" in BOOK
    with pytest.raises(SystemExit):
        command.main([verb, "--help"])
    for option in set(re.findall(r"--[a-z]+", capsys.readouterr().out.partition("\n\n")[0])):
        assert option in BOOK


def test_every_exit_code_is_in_the_book() -> None:
    codes = (cli.GOOD, cli.BAD, cli.USAGE, cli.UNREACHABLE, cli.NOT_PERMITTED)
    assert (*codes, cli.UNAVAILABLE, cli.BROKEN) == (0, 1, 2, 3, 4, 69, 70)
    assert re.findall(r"^\| (\d+) \|", BOOK, re.MULTILINE) == ["0", "1", "2", "3", "4", "69", "70", "130"]


def test_every_key_of_the_status_is_in_the_book() -> None:
    router = [f"`.{key}" for key in report_as_dict(REPORT)]
    daemon = [
        "`version`",
        "`pid`",
        "`since`",
        "`configuration.file`",
        "`.generation`",
        "`workers[]`",
        "`totals`",
        "`notifications`",
    ]
    assert [key for key in router + daemon if key not in BOOK] == []


def test_every_reason_of_the_control_socket_is_in_the_book() -> None:
    source = (ROOT / "havip" / "control" / "server.py").read_text()
    reasons = set(re.findall(r'refusal\(\s*"([a-z-]+)"', source))
    assert reasons == {"bad-request", "unknown-verb", "not-permitted", "busy", "internal-error"}
    assert [reason for reason in reasons if f"`{reason}`" not in BOOK] == []
