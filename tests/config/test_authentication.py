"""Keys and passwords: where they are read, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from havip.config.authentication import AntiReplay, Authentication, AuthType, Mode
from havip.config.model import VirtualRouter
from havip.config.problems import quote
from havip.config.yamlfile import examine_text
from tests.config.reading import complaints, read, router

KEY = "0123456789abcdefghijklmnopqrstuv"  # 32 characters
HMAC = "virtual_routers.gateway.hmac"
AUTHENTICATION = "virtual_routers.gateway.authentication"
LONG = 'expected 32 to 64 printable ASCII characters, or "hex:" and 64 to 128 digits'
HIDDEN = "found a text that is not shown"


def hmac(*lines: str, key: str = f"{{value: {KEY}}}", active: int = 1) -> str:
    """Return a file whose ``hmac`` begins in line 6, with one key in line 8."""
    return router("hmac:", f"  active_key: {active}", "  keys:", f"    1: {key}", *lines)


def only(text: str) -> VirtualRouter:
    (one,) = read(text).virtual_routers
    return one


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key"
    path.write_text(KEY + "\n")
    path.chmod(0o600)
    return path


def test_a_file_without_these_keys_means_no_authentication() -> None:
    assert (only(router()).hmac, only(router()).authentication) == (None, None)


def test_one_key_is_enough_and_the_rest_has_defaults() -> None:
    made = only(hmac()).hmac
    assert made is not None
    assert [(key.number, key.octets) for key in made.keys] == [(1, KEY.encode())]
    assert (made.active_key, made.anti_replay, made.time_window) == (1, AntiReplay.TIME, 0)
    assert made.mode is Mode.ENFORCE


def test_every_key_reaches_the_model(key_file: Path) -> None:
    text = router(
        "hmac:",
        "  keys:",
        f"    200: {{file: {key_file}}}",
        f'    7: {{value: "hex:{"0aF1" * 20}"}}',
        "  active_key: 7",
        "  anti_replay: time",
        "  time_window: 30s",
        "  mode: receive-only",
    )
    made = only(text).hmac
    assert made is not None
    assert [(key.number, key.octets) for key in made.keys] == [
        (200, KEY.encode()),
        (7, b"\x0a\xf1" * 20),
    ]
    assert (made.active_key, made.time_window, made.mode) == (7, 30_000_000_000, Mode.RECEIVE_ONLY)


@pytest.mark.parametrize(
    ("secret", "octets"),
    [
        ("a" * 32, b"a" * 32),
        ("a" * 64, b"a" * 64),
        ('"with blanks and # signs, 32 of them"', b"with blanks and # signs, 32 of them"),
        ("hex:" + "00" * 32, bytes(32)),
        ("hex:" + "fF" * 64, b"\xff" * 64),
        ('"' + "a" * 32 + '\\r\\n"', b"a" * 32),
    ],
)
def test_a_key_is_ascii_or_hexadecimal_and_line_ends_are_cut(secret: str, octets: bytes) -> None:
    made = only(hmac(key=f"{{value: {secret}}}")).hmac
    assert made is not None
    assert made.keys[0].octets == octets


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        ("a" * 31, "it has 31 bytes"),
        ("a" * 65, "it has 65 bytes"),
        ("hex:" + "00" * 31, "it has 31 bytes"),
        ("hex:" + "00" * 65, "it has 65 bytes"),
        ("hex:" + "0" * 65, 'what follows "hex:" are not pairs of hexadecimal digits'),
        ("hex:" + "0g" * 32, 'what follows "hex:" are not pairs of hexadecimal digits'),
        ("ü" * 32, "it holds something else than printable ASCII"),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_repeated(secret: str, why: str) -> None:
    assert complaints(hmac(key=f"{{value: {secret}}}")) == [
        f"9:20: {HMAC}.keys.1.value: {LONG}, {HIDDEN}: {why}"
    ]


WRONG = [
    (hmac(active=2), [f"7:19: {HMAC}.active_key: expected 1, found 2: no such key in `hmac.keys`"]),
    (
        hmac("    2: {value: " + "b" * 32 + "}", active=3),
        [f"7:19: {HMAC}.active_key: expected 1 or 2, found 3: no such key in `hmac.keys`"],
    ),
    (
        hmac("  time_window: 1.5s"),
        [f"10:20: {HMAC}.time_window: expected whole seconds from 1s to 300s, found 1.5s"],
    ),
    (
        hmac("  time_window: 301s"),
        [f'10:20: {HMAC}.time_window: expected a length of time from 0s to 300s, found "301s"'],
    ),
    (
        hmac("  anti_replay: monotonic", "  time_window: 30s"),
        [
            f"11:20: {HMAC}.time_window: expected 0s, found 30s: "
            "with anti_replay: monotonic nobody looks at the clock"
        ],
    ),
    (
        hmac("  mode: receive_only"),
        [
            f"10:13: {HMAC}.mode: expected receive-only or permissive or enforce, "
            'found "receive_only"; did you mean "receive-only"?'
        ],
    ),
    (hmac("  anti_replay: never"), [f'10:20: {HMAC}.anti_replay: expected time or monotonic, found "never"']),
    (
        router("hmac:", "  active_key: 1"),
        [
            f'6:5: {HMAC}: missing key "keys": '
            "the keys that are good, by the numbers under which adverts name them"
        ],
    ),
    (
        router("hmac:", f"  keys: {{1: {{value: {KEY}}}}}"),
        [f'6:5: {HMAC}: missing key "active_key": the number of the key that signs our adverts'],
    ),
    (hmac(key="{}"), [f'9:9: {HMAC}.keys.1: missing key "file", "credential" or "value"']),
    (hmac(key=""), [f'9:9: {HMAC}.keys.1: missing key "file", "credential" or "value"']),
    (
        hmac(key=f"{{value: {KEY}, file: /etc/key}}"),
        [f'9:20: {HMAC}.keys.1.value: expected one source of a secret, found "value" beside "file"'],
    ),
    (hmac(key="{flie: /etc/key}"), [f'9:13: {HMAC}.keys.1.flie: unknown key "flie"; did you mean "file"?']),
    (
        hmac(key="{file: etc/key}"),
        [f'9:19: {HMAC}.keys.1.file: expected an absolute path of a file, found "etc/key"'],
    ),
    (
        hmac(key="{credential: ../key}"),
        [f'9:25: {HMAC}.keys.1.credential: expected the name of a credential, found "../key"'],
    ),
    (
        hmac(f"    256: {{value: {KEY}}}"),
        [f'10:9: {HMAC}.keys.256: expected a whole number from 1 to 255, found "256"'],
    ),
    (
        router("auth_hmac: {}"),
        ['6:5: virtual_routers.gateway.auth_hmac: unknown key "auth_hmac"; did you mean "hmac"?'],
    ),
    (
        router("authentication: {type: pass, password: secret}"),
        [
            f"6:21: {AUTHENTICATION}: expected version: 2, found authentication in VRRPv3: "
            "RFC 3768 and RFC 9568 have no authentication; use `hmac`"
        ],
    ),
    (
        hmac("version: 2", "authentication: {type: pass, password: secret}").replace("version", "version"),
        [f"11:21: {AUTHENTICATION}: authentication beside hmac: an advert carries one of them"],
    ),
    (
        router("version: 2", "authentication: {type: AH, password: secret}"),
        [f'7:28: {AUTHENTICATION}.type: expected pass, found "AH"'],
    ),
    (
        router("version: 2", "authentication: {type: pass, password: too-long!}"),
        [
            f"7:44: {AUTHENTICATION}.password: expected 1 to 8 printable ASCII characters, {HIDDEN}: "
            "it has 9 bytes"
        ],
    ),
    (
        router("version: 2", "authentication: {auth_type: pass, auth_pass: secret}"),
        [
            f'7:22: {AUTHENTICATION}.auth_type: unknown key "auth_type"; did you mean "type"?',
            f'7:39: {AUTHENTICATION}.auth_pass: unknown key "auth_pass"; did you mean "password"?',
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), WRONG)
def test_what_is_wrong_is_shown_where_it_stands(text: str, expected: list[str]) -> None:
    assert complaints(text) == expected


# Secrets that stand elsewhere.


def test_a_key_file_is_read_where_the_configuration_is_loaded(key_file: Path) -> None:
    made = only(hmac(key=f"{{file: {key_file}}}")).hmac
    assert made is not None
    assert (made.keys[0].octets, made.keys[0].file) == (KEY.encode(), str(key_file))


def refusal(path: Path) -> str:
    """Return why a key file is refused, with the place."""
    (line,) = complaints(hmac(key=f"{{file: {path}}}"))
    return line.replace(quote(str(path)), '"PATH"')


BAD_FILE = f'9:19: {HMAC}.keys.1.file: expected a file with a secret, found "PATH": '


def test_a_key_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none") == BAD_FILE + "it cannot be read: No such file or directory"


def test_a_key_file_to_which_everybody_has_access_is_refused(key_file: Path) -> None:
    key_file.chmod(0o644)
    assert refusal(key_file) == BAD_FILE + "everybody has access to it (mode 0644): chmod o= it"
    key_file.chmod(0o640)
    assert only(hmac(key=f"{{file: {key_file}}}")).hmac is not None


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    assert refusal(fifo) == BAD_FILE + "it is not a regular file"
    folder = tmp_path / "folder"
    folder.mkdir(0o700)
    assert "it cannot be read: Is a directory" in refusal(folder) or "not a regular file" in refusal(folder)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it has 0 bytes"),
        (b"a" * 31 + b"\n", "it has 31 bytes"),
        (b"a" * 32 + b"\n" + b"a" * 32, "it holds something else than printable ASCII"),
        (b"hex:" + b"00" * 31 + b"\r\n", "it has 31 bytes"),
        (bytes(range(32)), "it holds something else than printable ASCII"),
    ],
)
def test_a_key_file_with_something_else_is_refused(key_file: Path, content: bytes, why: str) -> None:
    key_file.write_bytes(content)
    assert refusal(key_file) == (
        f"9:19: {HMAC}.keys.1.file: expected in the file {LONG.removeprefix('expected ')}, "
        f'found "PATH": {why}'
    )


def test_a_huge_key_file_is_not_read_to_its_end(key_file: Path) -> None:
    os.truncate(key_file, 1 << 40)
    assert refusal(key_file) == BAD_FILE + "it holds more than 4096 bytes"


def test_systemd_hands_over_a_key(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(key_file.parent))
    made = only(hmac(key="{credential: key}")).hmac
    assert made is not None
    assert made.keys[0].octets == KEY.encode()
    assert complaints(hmac(key="{credential: other}")) == [
        f"9:25: {HMAC}.keys.1.credential: expected a credential with a secret, "
        'found "other": it cannot be read: No such file or directory'
    ]


def test_without_systemd_the_daemon_refuses_a_credential_and_check_notes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    text = hmac(key="{credential: key}")
    assert complaints(text) == [
        f"9:25: {HMAC}.keys.1.credential: expected a credential with a secret, "
        'found "key": systemd has handed over no credentials: LoadCredential= is missing in the unit'
    ]
    findings = examine_text(text, "f", elsewhere=True)
    assert findings.configuration is not None
    assert [str(note) for note in findings.notes] == [
        f'f:9:25: {HMAC}.keys.1.credential: credential "key" cannot be read here: '
        "systemd hands it to the daemon alone"
    ]


def test_keys_of_the_defaults_are_every_router_s_and_can_be_replaced(key_file: Path) -> None:
    text = (
        f"defaults:\n  hmac: {{active_key: 1, keys: {{1: {{file: {key_file}}}}}}}\n"
        "virtual_routers:\n"
        "  a: {interface: eth0, vrid: 1, addresses: [192.0.2.1/24]}\n"
        "  b: {interface: eth0, vrid: 2, addresses: [192.0.2.2/24], "
        f"hmac: {{mode: permissive, active_key: 2, keys: {{2: {{value: {'b' * 32}}}}}}}}}\n"
    )
    a, b = read(text).virtual_routers
    assert a.hmac is not None
    assert b.hmac is not None
    assert [key.number for key in a.hmac.keys] == [1]
    assert [key.number for key in b.hmac.keys] == [1, 2]
    assert (a.hmac.mode, b.hmac.mode) == (Mode.ENFORCE, Mode.PERMISSIVE)


def test_an_alias_of_keys_is_read_once(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    text = (
        "virtual_routers:\n"
        "  a: {interface: eth0, vrid: 1, addresses: [192.0.2.1/24], "
        f"hmac: &signed {{active_key: 1, keys: {{1: {{file: {missing}}}}}}}}}\n"
        "  b: {interface: eth0, vrid: 2, addresses: [192.0.2.2/24], hmac: *signed}\n"
    )
    assert len(complaints(text)) == 1


# The password.


def test_a_password_is_noted_as_no_protection() -> None:
    text = router("version: 2", "authentication: {type: pass, password: secret}")
    assert only(text).authentication == Authentication(AuthType.PASS, only(text).authentication.password)  # type: ignore[union-attr]
    assert [str(note) for note in examine_text(text, "f").notes] == [
        f"f:7:21: {AUTHENTICATION}: a password in cleartext: "
        "everybody on the LAN can read it; it prevents mistakes, not attacks"
    ]


def test_a_password_may_stand_in_a_file(key_file: Path) -> None:
    key_file.write_text("12345678\n")
    made = only(router("version: 2", f"authentication: {{type: pass, password: {{file: {key_file}}}}}"))
    assert made.authentication is not None
    assert made.authentication.password.octets == b"12345678"
