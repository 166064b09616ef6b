"""The verbs on a keepalived.conf: which form a file has, what check says and convert writes."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from havip import __main__ as command
from havip.config import anyfile
from havip.config.anyfile import Form, How, form_of, form_of_text
from havip.config.keepalived.reading import examine
from havip.config.yamlfile import parse
from havip.errors import HavipError
from havip.tenancy import Tenancy
from tests.config.keepalived.mapping import ROUTER

GOOD = (
    f"! ours\nglobal_defs {{\n linkbeat_use_polling\n}}\n{ROUTER} @r1 priority 150\n @^r1 priority 50\n}}\n"
)


@pytest.mark.parametrize(
    "text",
    [
        "global_defs {\n}\n",
        "# a comment\n\n  vrrp_instance VI_1 {\n",
        "! a comment\n",
        "include /etc/keepalived/conf.d/*.conf\n",
        "net_namespace blue\n",
        "vrrp_script x{\n",
        "global_defs\n{\n router_id x\n}\n",
        "global_defs # ours\n{\n",
        "@r1 global_defs {\n",
        "$A=5\n",
        "~SEQ(A, 1, 2) vrrp_instance V${A} {\n",
        "virtual_server 192.0.2.1 80 {\n",
    ],
)
def test_a_keepalived_conf_is_known_by_what_it_begins_with(text: str) -> None:
    assert form_of_text(text) is Form.KEEPALIVED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "virtual_routers:\n  a: {}\n",
        "virtual_routers: {a: {interface: eth0}}\n",
        "virtual_routers : {}\n",
        "---\nvirtual_routers:\n",
        "%YAML 1.1\n---\n",
        '"virtual_routers": {}\n',
        "{virtual_routers: {}}\n",
        "- a\n",
        "? a\n: b\n",
        "nonsense",
        "daemon:\n  instance: x {\n",
    ],
)
def test_everything_else_is_yaml(text: str) -> None:
    assert form_of_text(text) is Form.YAML


@pytest.mark.parametrize("name", ["", "nowhere", "fifo", "/dev/null"])
def test_what_is_no_file_is_left_to_the_reader_of_yaml(tmp_path: Path, name: str) -> None:
    if name == "fifo":
        os.mkfifo(tmp_path / name)
    assert form_of(str(tmp_path / name)) is Form.YAML


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a good keepalived.conf."""
    path = tmp_path / "keepalived.conf"
    path.write_text(GOOD)
    return path


def test_check_shows_a_report_in_groups(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["check", "-c", str(file), "--config-id", "r1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{file}: good, 1 virtual router\nthe same in havip: 5 directives\n")
    assert f"\nignored:\n  {file}:3:2: linkbeat_use_polling: Linux tells of the carrier" in out
    assert (
        f"\nkeepalived's defaults, where havip's own are other ones:\n  {file}:5:15: VI_1 -> defaults.version"
        in out
    )
    assert command.main(["check", "-c", str(file), "--config-id", "r1", "--all"]) == 0
    assert f"  {file}:9:6: priority -> virtual_routers.VI_1.priority\n" in capsys.readouterr().out


def test_check_answers_programs(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["check", "-c", str(file), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["format"], answer["problems"]) == (True, "keepalived", [])
    assert answer["decisions"][0] == {
        "outcome": "ignored",
        "file": str(file),
        "line": 3,
        "column": 2,
        "directive": "linkbeat_use_polling",
        "key": "",
        "why": "Linux tells of the carrier of every driver since 2.6",
    }


def test_an_unknown_directive_is_an_error_unless_compatible(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(GOOD + "vrrp_intance X {\n a\n}\n")
    assert command.main(["check", "-c", str(file)]) == 1
    assert (
        f'{file}:12:1: unknown directive "vrrp_intance": keepalived takes what stands in its block for more '
        'directives; did you mean "vrrp_instance"?\n    vrrp_intance X {\n    ^\n'
    ) in capsys.readouterr().err
    assert command.main(["check", "-c", str(file), "--compat"]) == 0
    assert f"\nunknown, to keepalived too:\n  {file}:12:1: vrrp_intance: " in capsys.readouterr().out


def test_a_problem_of_an_included_file_is_shown_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "k.conf").write_text("include more.conf\n")
    (tmp_path / "more.conf").write_text(f"{ROUTER} priority 300\n}}\n")
    assert command.main(["check", "-c", str(tmp_path / "k.conf")]) == 1
    assert (
        f'{tmp_path}/more.conf:5:11: expected a whole number from 1 to 255, found "300"\n     priority 300\n'
        in (capsys.readouterr().err)
    )


def test_the_form_may_be_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["check", "-c", str(file), "--format", "yaml"]) == 1
    assert "unknown directive" not in capsys.readouterr().err
    file.write_text("nonsense")
    assert command.main(["check", "-c", str(file), "--format", "keepalived"]) == 1
    assert 'unknown directive "nonsense"' in capsys.readouterr().err


def test_convert_writes_yaml_that_means_the_same(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["convert", str(file), "--config-id", "r1"]) == 0
    text = capsys.readouterr().out
    assert parse(text, "havip.yaml") == examine(str(file), instance="r1").findings.configuration
    assert f"# Made of {file} by `havip convert`" in text
    assert (
        "# - line 3, linkbeat_use_polling: ignored: Linux tells of the carrier of every driver since 2.6"
        in text
    )
    said = "# keepalived's default (line 5, VI_1): VRRPv2 for IPv4 unless vrrp_version says otherwise"
    assert f"{said}\n  version: 2" in text


def test_convert_writes_no_file_that_is_there_and_lets_others_not_read_one(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "havip.yaml"
    assert command.main(["convert", str(file), "-o", str(new)]) == 0
    assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert parse(new.read_text(), "havip.yaml").virtual_routers[0].name == "VI_1"
    assert command.main(["convert", str(file), "-o", str(new)]) == 1
    assert capsys.readouterr().err == f"havip: {new}: File exists\n"
    assert command.main(["convert", str(new)]) == 1
    assert "is no keepalived.conf" in capsys.readouterr().err


def test_convert_needs_nothing_that_the_file_names(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scripts = "vrrp_script a {\n script nosuchprogram\n user nosuchuser\n}\n"
    hmac = " auth_hmac {\n  key 1 file:/nowhere/key\n  active_key 1\n }\n notify /nowhere/script\n}\n"
    file.write_text(scripts + ROUTER + hmac)
    assert command.main(["check", "-c", str(file)]) == 1
    capsys.readouterr()
    assert command.main(["convert", str(file)]) == 0
    out, err = capsys.readouterr()
    assert "- /usr/bin/nosuchprogram" in out
    assert "file: /nowhere/key" in out
    assert (
        f"{file}:10:9: note: virtual_routers.VI_1.hmac.keys.1.file: on this machine: expected a file" in err
    )
    assert (
        "virtual_routers.VI_1.notify.any: on this machine: /nowhere/script: no such file or directory" in err
    )
    assert 'scripts.a.user: on this machine: there is no user "nosuchuser"' in err


def test_convert_refuses_a_file_with_problems(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("nosuch thing\n")
    assert command.main(["convert", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert 'unknown directive "nosuch"' in err


def test_the_daemon_reads_it_as_the_command_line_says_and_warns_of_what_has_no_effect(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tenancy = Tenancy(how=How(config_id="r1"))
    assert tenancy.load(str(file)).virtual_routers[0].priority == 150
    assert Tenancy(how=How(config_id="r2")).load(str(file)).virtual_routers[0].priority == 50
    assert f"{file}:3:2: ignored: linkbeat_use_polling: Linux tells" in caplog.text
    file.write_text(GOOD + "nosuch thing\n")
    with pytest.raises(HavipError):
        tenancy.load(str(file))
    assert Tenancy(how=How(compat=True)).load(str(file)).virtual_routers[0].priority == 50


def test_only_the_reader_of_the_form_is_imported(file: Path, tmp_path: Path) -> None:
    from tests.config.test_verbs import modules_after

    modules = modules_after(f"from havip.config import anyfile; anyfile.load({str(file)!r})", tmp_path)
    assert "havip.config.keepalived.reading" in modules
    assert not modules & {
        "yaml",
        "difflib",
        "random",
        "shutil",
        "havip.ipvs.model",
        "havip.config.keepalived.yamltext",
    }
    (tmp_path / "h.yaml").write_text(
        "virtual_routers: {a: {interface: eth0, vrid: 1, addresses: [192.0.2.1]}}\n"
    )
    modules = modules_after("from havip.config import anyfile; anyfile.load('h.yaml')", tmp_path)
    assert "yaml" in modules
    assert "havip.config.keepalived.reading" not in modules
    assert anyfile.load(str(tmp_path / "h.yaml")).virtual_routers[0].name == "a"
