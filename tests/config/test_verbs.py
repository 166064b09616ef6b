"""`havip check` and `havip schema` as a person and as a program meet them."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from havip.cli import check, schema
from havip.config.schema import json_schema
from tests.config.reading import router


def run(verb: ModuleType, *words: str) -> int:
    """Run a verb with its own arguments, and return its exit status."""
    parser = argparse.ArgumentParser(prog="havip")
    verb.add_arguments(parser)
    status = verb.run(parser.parse_args(words))
    assert isinstance(status, int)
    return status


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check_says_in_one_line_that_a_file_is_good(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "f.yaml").write_text(router())
    assert run(check, "-c", "f.yaml") == 0
    assert capsys.readouterr() == ("f.yaml: good, 1 virtual router\n", "")


def test_check_shows_each_error_with_its_line_and_a_caret(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "f.yaml").write_text(router("interval: 1 # see below", "announce: {repeat:\t0}"))
    assert run(check, "--config", "f.yaml") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "f.yaml:6:15: virtual_routers.gateway.interval: expected a length of time such as "
        '"1s" or "100ms", found "1"; did you mean "1s"?\n'
        "        interval: 1 # see below\n"
        "                  ^\n"
        "f.yaml:7:24: virtual_routers.gateway.announce.repeat: expected a whole number from 1 to 255, "
        'found "0"\n'
        "        announce: {repeat:\t0}\n"
        "                          \t^\n"
        "f.yaml: 2 problems\n"
    )


def test_check_shows_a_window_of_a_very_long_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = ", ".join(f"10.0.0.{number}" for number in range(1, 40))
    (here / "f.yaml").write_text(
        router().replace("192.0.2.1/24", f"{listed}, 10.0.0.0.1, {listed.replace('10.0', '11.0')}")
    )
    assert run(check, "-c", "f.yaml") == 1
    _, line, caret, _ = capsys.readouterr().err.splitlines()
    assert len(line) <= 110
    assert line[caret.index("^") :].startswith("10.0.0.0.1, 11.0.0.1")


def test_check_notes_what_is_unusual_and_stays_content(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "f.yaml").write_text(router().replace("192.0.2.1/24", "2001:db8::1/64"))
    assert run(check, "-c", "f.yaml") == 0
    out, err = capsys.readouterr()
    assert out == "f.yaml: good, 1 virtual router\n"
    assert err.startswith(
        "f.yaml:5:17: note: virtual_routers.gateway.addresses[0]: 2001:db8::1 is not link-local"
    )


def test_check_of_a_file_that_is_not_there_is_one_sentence(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(check, "-c", "none.yaml") == 1
    assert capsys.readouterr() == (
        "",
        "none.yaml: cannot be read: No such file or directory\nnone.yaml: 1 problem\n",
    )


def test_check_judges_the_installed_file_by_default() -> None:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    assert parser.parse_args([]).config == "/etc/havip/havip.yaml"


def test_check_answers_programs_in_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "good.yaml").write_text(router())
    (here / "bad.yaml").write_text(router("preempt: yes"))
    assert run(check, "--json", "-c", "good.yaml") == 0
    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "file": "good.yaml",
        "format": "yaml",
        "problems": [],
        "notes": [],
    }
    assert run(check, "--json", "-c", "bad.yaml") == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "ok": False,
        "file": "bad.yaml",
        "format": "yaml",
        "problems": [
            {
                "file": "bad.yaml",
                "line": 6,
                "column": 14,
                "path": "virtual_routers.gateway.preempt",
                "found": '"yes"',
                "expected": "true or false",
                "nearest": "true",
                "why": "",
                "message": 'expected true or false, found "yes"; did you mean "true"?',
            }
        ],
        "notes": [],
    }


def test_schema_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(schema) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()


def modules_after(code: str, cwd: Path) -> set[str]:
    """Return the modules that a fresh interpreter has imported after running ``code`` in ``cwd``."""
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=cwd,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    return set(result.stdout.split())


@pytest.mark.parametrize("verb", ["check", "schema"])
def test_a_verb_that_is_only_described_imports_neither_yaml_nor_the_table(verb: str, here: Path) -> None:
    modules = modules_after(
        f"import argparse, havip.cli.{verb} as verb; verb.add_arguments(argparse.ArgumentParser())", here
    )
    assert f"havip.cli.{verb}" in modules
    assert not modules & {"yaml", "havip.config.fields", "havip.config.yamlfile"}


def test_reading_a_good_file_does_not_import_what_only_errors_need(here: Path) -> None:
    (here / "f.yaml").write_text(router())
    modules = modules_after("from havip.config import yamlfile; yamlfile.load('f.yaml')", here)
    assert "yaml" in modules
    assert not modules & {"difflib", "havip.config.schema", "havip.config.plan", "json"}
