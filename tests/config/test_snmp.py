"""The keys of `snmp`: what they mean, and each error with its line and column."""

from __future__ import annotations

import pytest

from havip.config.plan import plan
from havip.config.snmp import Snmp
from havip.config.yamlfile import examine_text
from tests.config.reading import complaints, read, router


def test_without_the_section_there_is_no_snmp() -> None:
    assert read(router()).snmp is None


def test_a_section_without_keys_serves_everything() -> None:
    assert read("snmp: {}\n" + router()).snmp == Snmp(
        socket="/var/agentx/master", keepalived_mib=True, rfc2787=True, rfc6527=True, traps=True
    )


@pytest.mark.parametrize(
    ("text", "tcp"),
    [
        ("/run/agentx", None),
        ("tcp:localhost:705", ("localhost", 705)),
        ("'tcp:[::1]:1705'", ("::1", 1705)),
        ("tcp:127.0.0.1:705", ("127.0.0.1", 705)),
    ],
)
def test_a_socket_alone_may_stand_for_the_section(text: str, tcp: tuple[str, int] | None) -> None:
    settings = read(f"snmp: {text}\n" + router()).snmp
    assert settings == Snmp(text.strip("'"))
    assert settings.tcp == tcp


SOCKET = 'expected the absolute path of a socket, or "tcp:HOST:PORT" such as "tcp:localhost:705"'
WRONG = {
    "true": f'1:7: snmp: {SOCKET}, found "true"',
    "agentx": f'1:7: snmp: {SOCKET}, found "agentx"',
    "tcp:localhost": f'1:7: snmp: {SOCKET}, found "tcp:localhost"',
    "{socket: 'tcp:a:70000'}": f'1:16: snmp.socket: {SOCKET}, found "tcp:a:70000"',
    "{traps: 1}": '1:15: snmp.traps: expected true or false, found "1"; did you mean "true"?',
    "{enable_traps: true}": '1:8: snmp.enable_traps: unknown key "enable_traps"; did you mean "traps"?',
    "{enable_snmp_rfcv2: true}": (
        '1:8: snmp.enable_snmp_rfcv2: unknown key "enable_snmp_rfcv2"; did you mean "rfc2787"?'
    ),
    "{enable_snmp_vrrp: true}": (
        '1:8: snmp.enable_snmp_vrrp: unknown key "enable_snmp_vrrp"; did you mean "keepalived_mib"?'
    ),
    "{keepalived_mib: false, rfc2787: false, rfc6527: false}": (
        "1:7: snmp: expected keepalived_mib, rfc2787 or rfc6527, found no MIB: without one of them there is "
        "nothing to serve, and no trap to send; leave the section out"
    ),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_shown_where_it_stands(text: str) -> None:
    assert complaints(f"snmp: {text}\n" + router()) == [WRONG[text]]


def test_keepaliveds_words_lead_to_the_section() -> None:
    assert complaints("snmp_socket: /run/x\n" + router()) == [
        '1:1: snmp_socket: unknown key "snmp_socket"; did you mean "snmp"?'
    ]


def test_a_master_agent_on_another_host_is_worth_a_note() -> None:
    def notes(socket: str) -> list[str]:
        return [str(note) for note in examine_text(f"snmp: {socket}\n" + router(), "f").notes]

    assert notes("tcp:localhost:705") == []
    assert notes("tcp:192.0.2.9:705") == [
        'f:1:7: snmp: "tcp:192.0.2.9:705" is another host: AgentX has neither a password nor '
        "encryption, and interfaces are numbered as on this host"
    ]


def test_a_reload_names_what_changes_and_touches_no_router() -> None:
    texts = ["", "snmp: {}\n", "snmp: {socket: /run/a, traps: false}\n"]
    off, on, other = (read(text + router()) for text in texts)
    assert plan(off, on).settings == ("snmp: none -> set",)
    assert plan(on, other).settings == (
        "snmp.socket: /var/agentx/master -> /run/a",
        "snmp.traps: true -> false",
    )
    assert plan(other, off).settings == ("snmp: set -> none",)
    for changes in (plan(off, on), plan(on, other), plan(other, off)):
        assert [one.name for one in changes.keep] == ["gateway"]
        assert changes.restart == ()
