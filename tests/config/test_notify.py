"""The keys of `notify`: what they mean, and each error with its line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from havip.clock import seconds
from havip.config.notify import Channels, Fifo, Mail, Notify, Tls, Told, Webhook
from havip.config.plan import plan
from tests.config.reading import complaints, read, router

MAIL = "notify:\n  mail:\n    server: mx.test\n    sender: a@test\n    to: [b@test]\n"


def test_a_router_has_its_programs_and_those_of_the_defaults() -> None:
    text = "defaults:\n  notify: {any: /usr/bin/true all, timeout: 5s, mail: false}\n" + router(
        "notify: {master: [/usr/bin/true, a b], timeout: 1s, user: nobody}"
    )
    assert read(text).virtual_routers[0].notify == Notify(
        master=("/usr/bin/true", "a b"),
        any=("/usr/bin/true", "all"),
        timeout=seconds(1),
        user="nobody",
        mail=False,
    )


def test_channels_are_read_in_their_short_and_long_forms() -> None:
    text = (
        "notify:\n  router_id: r1\n  fifos: [/run/a, {path: /run/b, on_reload: true}]\n"
        "  webhooks: ['https://h.test/x', {url: 'http://127.0.0.1:8080', states: [MASTER, FAULT]}]\n"
        "  mail: {server: mx.test, sender: a@test, to: [b@test], tls: tls}\n" + router()
    )
    channels = read(text).notify
    assert channels == Channels(
        router_id="r1",
        fifos=(Fifo("/run/a"), Fifo("/run/b", on_reload=True)),
        webhooks=(
            Webhook("https://h.test/x"),
            Webhook("http://127.0.0.1:8080", states=(Told.MASTER, Told.FAULT)),
        ),
        mail=Mail("mx.test", "a@test", ("b@test",), tls=Tls.TLS),
    )
    assert channels.mail is not None
    assert channels.mail.port_in_force == 465


ROUTER = {
    "notify: {master: true}": "6:22: {}.master: expected the absolute path of a program, found \"true\"",
    "notify: {master: /nowhere/x}": "6:22: {}.master: /nowhere/x: no such file or directory",
    "notify: {any: /usr/bin/true, user: nosuch}": '6:40: {}.user: there is no user "nosuch"',
    "notify: {timeout: 1}": (
        '6:23: {}.timeout: expected a length of time such as "1s" or "100ms", found "1"; did you mean "1s"?'
    ),
    "notify: {timeout: 1ms}": (
        '6:23: {}.timeout: expected a length of time from 100ms to 3600s, found "1ms"'
    ),
    "notify: {notify_master: /usr/bin/true}": (
        '6:14: {}.notify_master: unknown key "notify_master"; did you mean "master"?'
    ),
    "notify: {smtp_alert: true}": '6:14: {}.smtp_alert: unknown key "smtp_alert"; did you mean "mail"?',
    "notify: /usr/bin/true": '6:13: {}: expected a mapping of keys to values, found "/usr/bin/true"',
}  # fmt: skip


@pytest.mark.parametrize(("line", "complaint"), ROUTER.items())
def test_what_is_wrong_below_a_router_is_shown_with_its_place(line: str, complaint: str) -> None:
    assert complaints(router(line)) == [complaint.format("virtual_routers.gateway.notify")]


def test_keepalived_s_names_lead_to_ours() -> None:
    (complaint,) = complaints(router("notify_master: /usr/bin/true"))
    assert complaint.endswith('unknown key "notify_master"; did you mean "notify"?')
    (complaint,) = complaints("notify_fifo: /run/x\n" + router())
    assert 'unknown key "notify_fifo"' in complaint


CHANNELS = {
    "notify:\n  fifos: [run/a]\n": (
        '2:11: notify.fifos[0]: expected an absolute path of a file, found "run/a"'
    ),
    "notify:\n  fifos: [/run/a, {path: /run/a}]\n": (
        '2:26: notify.fifos[1].path: "/run/a" again: first given in line 2'
    ),
    "notify:\n  fifos: [{script: /usr/bin/true}]\n": (
        '2:11: notify.fifos[0]: missing key "path": where it is; made if it is not there'
    ),
    "notify:\n  fifos: [{path: /run/a, script: /nowhere/x}]\n": (
        "2:34: notify.fifos[0].script: /nowhere/x: no such file or directory"
    ),
    "notify:\n  webhooks: [ftp://h]\n": (
        '2:14: notify.webhooks[0]: expected a URL such as "https://host/path", without a password, found "ftp://h"'
    ),
    "notify:\n  webhooks: ['https://me:secret@h/']\n": (
        '2:14: notify.webhooks[0]: expected a URL such as "https://host/path", without a password, '
        'found "https://me:secret@h/"'
    ),
    "notify:\n  webhooks: [{url: 'http://h', headers: ['Authorization: x']}]\n": (
        '2:42: notify.webhooks[0].headers[0]: the header "Authorization": the key "authorization" keeps it '
        "secret"
    ),
    "notify:\n  webhooks: [{url: 'http://h', headers: ['Host: x']}]\n": (
        '2:42: notify.webhooks[0].headers[0]: the header "host": every request has it already'
    ),
    "notify:\n  webhooks: [{url: 'http://h', headers: ['X']}]\n": (
        '2:42: notify.webhooks[0].headers[0]: expected a header such as "X-Team: network", found "X"'
    ),
    "notify:\n  webhooks: [{url: 'http://h', ca_file: /nowhere}]\n": (
        "2:41: notify.webhooks[0].ca_file: /nowhere: No such file or directory"
    ),
    "notify:\n  webhooks: [{url: 'http://h', states: [master]}]\n": (
        "2:41: notify.webhooks[0].states[0]: expected MASTER or BACKUP or FAULT or STOP or DELETED or UP or "
        'DOWN, found "master"'
    ),
    "notify:\n  mail: {server: mx.test}\n": '2:3: notify.mail: missing key "sender": from whom it comes',
    MAIL.replace("b@test", "b test"): (
        '5:10: notify.mail.to[0]: expected a mail address, found "b test"'
    ),
    MAIL + "    tls: ssl\n": '6:10: notify.mail.tls: expected none or starttls or tls, found "ssl"',
    MAIL + "    from: x@test\n": '6:5: notify.mail.from: unknown key "from"; did you mean "sender"?',
    MAIL + "    username: me\n": '6:15: notify.mail.username: "username" without "password"',
    MAIL + "    password: {value: x}\n": (
        '6:15: notify.mail.password: "password" without "username"'
    ),
    MAIL + "    tls: none\n    username: me\n    password: {value: x}\n": (
        '6:10: notify.mail.tls: expected starttls or tls, found "none": '
        "the password would cross the network in clear"
    ),
    "notify:\n  webhooks: [{url: 'http://h', authorization: {value: x}}]\n": (
        '2:20: notify.webhooks[0].url: expected a URL of https, found "http://h": '
        "what authorizes us would cross the network in clear"
    ),
    "notify:\n  webhooks: [{url: 'https://h', authorization: {file: /nowhere}}]\n": (
        '2:55: notify.webhooks[0].authorization.file: expected a file with a secret, found "/nowhere": '
        "it cannot be read: No such file or directory"
    ),
    "notify:\n  startup: sleep\n": (
        '2:12: notify.startup: expected the absolute path of a program, found "sleep"'
    ),
    "notify:\n  startup_script: /usr/bin/true\n": (
        '2:3: notify.startup_script: unknown key "startup_script"; did you mean "startup"?'
    ),
}  # fmt: skip


@pytest.mark.parametrize(("head", "complaint"), CHANNELS.items())
def test_what_is_wrong_with_a_channel_is_shown_with_its_place(head: str, complaint: str) -> None:
    assert complaint in complaints(head + router())


def test_secrets_come_from_files_and_are_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("letmein\n")
    (tmp_path / "password").chmod(0o600)
    head = MAIL + f"    username: me\n    password: {{file: {tmp_path}/password}}\n"
    old = read(head + router())
    assert old.notify.mail is not None
    assert old.notify.mail.password is not None
    assert old.notify.mail.password.octets == b"letmein"
    assert "letmein" not in repr(old)
    (tmp_path / "password").write_text("changed\n")
    changes = plan(old, read(head + router()))
    assert changes.settings == ("notify.mail.password.value: changed",)


def test_a_password_may_go_in_clear_where_it_does_not_leave_the_machine() -> None:
    here = (
        MAIL.replace("mx.test", "127.0.0.1") + "    tls: none\n    username: me\n    password: {value: x}\n"
    )
    hook = "  webhooks: [{url: 'http://localhost:9000/', authorization: {value: Bearer x}}]\n"
    assert complaints(here + hook + router()) == []


def test_a_sync_group_has_programs_of_its_own() -> None:
    group = "sync_groups:\n  all:\n    members: [gateway]\n    notify: {any: /usr/bin/true group}\n"
    assert read(group + router()).sync_groups[0].notify == Notify(any=("/usr/bin/true", "group"))
    (complaint,) = complaints(group.replace("/usr/bin/true", "/nowhere/x") + router())
    assert complaint == "4:19: sync_groups.all.notify.any: /nowhere/x: no such file or directory"


def test_a_script_that_others_could_change_is_not_loaded(tmp_path: Path) -> None:
    script = tmp_path / "notify.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o777)
    (complaint,) = complaints(router(f"notify: {{any: {script}}}"))
    said = f"{script} can be written by others than root, and the program is to run as root"
    assert complaint == f"6:19: virtual_routers.gateway.notify.any: {said}"
    script.chmod(0o755)
    assert complaints(router(f"notify: {{any: {script}}}")) == []


def test_a_reload_that_changes_programs_only_is_no_matter_for_the_worker() -> None:
    old = read(router("notify: {master: /usr/bin/true}"))
    new = read("notify: {fifos: [/run/a]}\n" + router("notify: {master: /usr/bin/true now, mail: false}"))
    changes = plan(old, new)
    ((was, becomes),) = changes.change
    assert was.bare == becomes.bare
    assert changes.describe()["change"] == [
        {
            "name": "gateway",
            "changes": [
                "notify.master: /usr/bin/true -> /usr/bin/true now",
                "notify.mail: true -> false",
            ],
        }
    ]
    assert changes.settings == ("notify.fifos: /run/a added",)
