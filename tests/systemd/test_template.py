"""The template for several daemons on one host: the same unit, but for what an instance has of its own."""

from __future__ import annotations

import shlex
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from havip import __main__ as command
from havip import instance
from tests.systemd.test_unit import options_given_to

UNITS = Path(__file__).resolve().parents[2] / "systemd"
OWN = {"Description", "ExecStart", "ExecReload", "StateDirectory"}


def read(name: str) -> dict[str, dict[str, str]]:
    """Return a unit by section and key."""
    parser = ConfigParser(interpolation=None, comment_prefixes="#", delimiters="=")
    parser.optionxform = str  # type: ignore[assignment]
    parser.read_string((UNITS / name).read_text())
    return {section: dict(parser[section]) for section in parser.sections()}


def as_blue(name: str) -> str:
    """Return a setting of the service section as it is for instance blue."""
    return read("havip@.service")["Service"][name].replace("%i", "blue")


def test_it_differs_from_the_unit_in_what_an_instance_has_of_its_own_and_in_nothing_else() -> None:
    plain, template = read("havip.service"), read("havip@.service")
    differing = {
        key
        for section in plain
        for key in plain[section].keys() | template[section].keys()
        if plain[section].get(key) != template[section].get(key)
    }
    assert differing == OWN


def test_systemd_has_no_complaint(tmp_path: Path) -> None:
    text = (UNITS / "havip@.service").read_text()
    installed = tmp_path / "havip@blue.service"
    installed.write_text(text.replace("=havip run", "=/bin/true run").replace("=havip reload", "=/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", installed], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_its_command_lines_find_each_other_and_their_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    run, reload = options_given_to("run", monkeypatch), options_given_to("reload", monkeypatch)
    for key in ("ExecStart", "ExecReload"):
        words = shlex.split(as_blue(key))
        assert words[0] == "havip"
        assert command.main(words[1:]) == 0
    assert (run[0].instance, run[0].config) == ("blue", "/etc/havip/blue.yaml")
    assert reload[0].socket == instance.control_socket("blue")
    assert instance.state_directory("blue") == f"/var/lib/{as_blue('StateDirectory')}"


@pytest.mark.parametrize("name", ["havip.service", "havip@.service"])
def test_the_end_of_one_daemon_takes_no_socket_from_another(name: str) -> None:
    service = read(name)["Service"]
    assert f"/run/{service['RuntimeDirectory']}" == instance.RUNTIME_DIRECTORY
    assert service["RuntimeDirectoryPreserve"] == "yes"


def test_the_state_of_the_unnamed_daemon_is_where_systemd_makes_its_directory() -> None:
    assert instance.state_directory("") == f"/var/lib/{read('havip.service')['Service']['StateDirectory']}"
