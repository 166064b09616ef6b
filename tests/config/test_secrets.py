"""Nothing shows a secret: no representation, no plan, no problem, no line of the file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from havip.cli import check
from havip.config.plan import plan
from havip.messages import PutRouter, decode, encode
from tests.config.reading import read, router
from tests.config.test_authentication import KEY, hmac, only


def options(path: str, as_json: bool) -> argparse.Namespace:
    """Return the command line of `havip check`."""
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    return parser.parse_args(["-c", path, *["--json"] * as_json])


def test_no_representation_shows_a_secret() -> None:
    made = only(hmac())
    legacy = only(router("version: 2", f"authentication: {{type: pass, password: {KEY[:8]}}}"))
    for shown in (repr(made), str(made), repr(PutRouter(made)), repr(legacy), str(legacy.authentication)):
        assert KEY[:8] not in shown
        assert KEY[:4].encode().hex() not in shown


def test_the_worker_gets_the_secrets() -> None:
    message = PutRouter(only(hmac()))
    assert decode(encode(message)) == message


def test_a_plan_says_that_a_secret_changed_and_not_to_what() -> None:
    first = read(hmac())
    changed = read(hmac("    2: {value: " + "b" * 32 + "}", key="{value: " + "c" * 32 + "}", active=2))
    described = plan(first, changed).describe()
    assert described["change"] == [
        {
            "name": "gateway",
            "changes": ["hmac.keys.1.value: changed", "hmac.keys.2: added", "hmac.active_key: 1 -> 2"],
        }
    ]
    assert plan(read(router()), first).describe()["change"] == [
        {"name": "gateway", "changes": ["hmac: none -> set"]}
    ]
    assert plan(first, read(hmac())).change == ()


def test_a_key_file_that_changed_is_a_change(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    key_file.chmod(0o600)
    text = hmac(key=f"{{file: {key_file}}}")
    first = read(text)
    key_file.write_text("z" * 40)
    assert plan(first, read(text)).describe()["change"] == [
        {"name": "gateway", "changes": ["hmac.keys.1.value: changed"]}
    ]


def test_a_plan_does_not_show_what_headers_say() -> None:
    def asking(key: str) -> str:
        return router() + f"checks: {{web: {{http: {{headers: ['X-Api-Key: {key}']}}, host: 192.0.2.10}}}}\n"

    described = plan(read(asking("first")), read(asking("second"))).describe()
    assert described["settings"] == ["checks.web.http.headers: changed"]


@pytest.mark.parametrize(
    "lines",
    [
        (f"hmac: {{active_key: 0, keys: {{1: {{value: {KEY}}}}}}}",),
        (f"hmac: {{active_key: 1, keys: {{1: {{valeu: {KEY}}}}}}}",),
        (f"hmac: {{active_key: 1, keys: {{1: {KEY}}}}}",),
        (f"hmac: {{active_key: 1, keys: {KEY}}}",),
        (f"hmac: {KEY}",),
        (f"hmac: {{active_key: 1, key: {{1: {KEY}}}}}",),
        ("hmac:", "  active_key: 0", "  keys:", "    1:", "      value: >", f"        {KEY}", "        end"),
        (f"authentication: {{type: ah, password: {KEY}}}",),
        (f"authentication: {{type: pass, auth_pass: {KEY}}}",),
        (f"authentication: {KEY}",),
    ],
)
def test_check_shows_no_line_with_a_secret(
    lines: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "havip.yaml"
    path.write_text(router(*lines))
    for as_json in (False, True):
        assert check.run(options(str(path), as_json)) == 1
        shown = "".join(capsys.readouterr())
        assert shown
        assert KEY[:8] not in shown
        assert not as_json or json.loads(shown)["problems"]


@pytest.mark.parametrize(
    "probe",
    [
        f"postgresql: {{password: {KEY}}}",  # there is no such key: no password is ever sent
        f"redis: {{password: {KEY}}}",
        f"http: {{headers: ['Authorization: Bearer {KEY}']}}",
        f"http: {{bearer_token: {KEY}}}",
        f"http: {{username: probe, password: {{value: {KEY}}}, paht: /}}",
    ],
)
def test_nor_does_it_show_a_secret_of_a_probe(
    probe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "havip.yaml"
    path.write_text(router() + f"checks: {{web: {{{probe}, host: 192.0.2.10}}}}\n")
    for as_json in (False, True):
        assert check.run(options(str(path), as_json)) == 1
        assert KEY[:8] not in "".join(capsys.readouterr())
