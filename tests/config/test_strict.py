"""`strict: true` forbids what the RFC does not know, each thing where it stands and with its section."""

from __future__ import annotations

import pytest

from havip.config.yamlfile import examine_text
from havip.vrrp.settings import Settings
from tests.config.reading import FILE, complaints, read

KEY = bytes(32).hex()
SECRET = "hmac: {keys: {1: {value: 'hex:" + KEY + "'}}, active_key: 1, mode: permissive}"


def strict(*lines: str, address: str = "192.0.2.1/24", more: str = "") -> str:
    """Return a file with one strict router; ``lines`` begin in line 7."""
    head = f"virtual_routers:\n  web:\n    interface: eth0\n    vrid: 7\n    addresses: ['{address}']\n"
    return head + "    strict: true\n" + "".join(f"    {line}\n" for line in lines) + more


BANNED = [
    (
        "unicast: {peers: [192.0.2.2]}",
        "7:14: virtual_routers.web.unicast: expected adverts to the group 224.0.0.18, found unicast",
        "RFC 9568 section 5.1.1.2",
    ),
    (
        "multicast: {group: 224.0.0.200}",
        "7:24: virtual_routers.web.multicast.group: expected 224.0.0.18, found 224.0.0.200",
        "RFC 9568 section 5.1.1.2",
    ),
    (
        "preempt_delay: 3s",
        "7:20: virtual_routers.web.preempt_delay: expected 0s, found",
        "RFC 9568 section 6.1",
    ),
    (
        "down_adverts: 5",
        "7:19: virtual_routers.web.down_adverts: expected 3, found 5",
        "RFC 9568 section 6.1",
    ),
    (
        "answer_lower_priority: false",
        "7:28: virtual_routers.web.answer_lower_priority: expected true, found false",
        "RFC 9568 section 6.4.3",
    ),
    (
        "start: master",
        "7:12: virtual_routers.web.start: expected backup, found master",
        "RFC 9568 section 6.4.1",
    ),
    (
        "virtual_mac: {transmit_on_parent: true}",
        "7:39: virtual_routers.web.virtual_mac.transmit_on_parent: expected false, found true",
        "RFC 9568 section 7.2",
    ),
    (
        "virtual_mac: {mac: '02:00:00:00:00:01'}",
        "7:24: virtual_routers.web.virtual_mac.mac: expected none, which is 00:00:5e:00:01:07, found",
        "RFC 9568 section 7.3",
    ),
    (
        "ipvlan: {mode: bridge}",
        "7:13: virtual_routers.web.ipvlan: expected virtual_mac, found",
        "section 7.3",
    ),
    (SECRET, "hmac.mode: expected enforce, found permissive", "adverts that are not signed are not believed"),
]


@pytest.mark.parametrize(
    ("line", "complaint", "section"), BANNED, ids=[one[0].partition(":")[0] for one in BANNED]
)
def test_what_departs_from_the_rfc_is_an_error_where_it_stands(
    line: str, complaint: str, section: str
) -> None:
    (found,) = complaints(strict(line))
    assert complaint in found
    assert section in found
    assert 'virtual router "web" is strict' in found
    assert complaints(strict(line).replace("strict: true", "strict: false")) == []


def test_the_first_ipv6_address_must_be_link_local() -> None:
    (found,) = complaints(strict(address="2001:db8::1/64"))
    assert found.startswith("5:16: virtual_routers.web.addresses: expected a link-local address first, found")
    assert complaints(strict(address="fe80::1/64")) == []


def test_version_2_is_held_to_its_own_rfc() -> None:
    (found,) = complaints(strict("version: 2"))
    assert "expected answer_lower_priority: false, found answer_lower_priority: true" in found
    assert "RFC 3768 section 6.4.3" in found
    assert complaints(strict("version: 2", "answer_lower_priority: false")) == []
    password = "authentication: {type: pass, password: {value: secret}}"
    (found,) = complaints(strict("version: 2", "answer_lower_priority: false", password))
    assert "RFC 3768 section 5.3.6" in found


def test_a_delay_of_the_defaults_is_an_error_there() -> None:
    (found,) = complaints(strict(more="defaults: {preempt_delay: 5s}\n"))
    assert found.startswith("7:27: defaults.preempt_delay: expected 0s")
    (found,) = complaints(
        strict(more="defaults: {strict: true, down_adverts: 2}\n").replace("    strict: true\n", "")
    )
    assert found.startswith("6:40: defaults.down_adverts: expected 3, found 2")


def test_the_owner_may_start_as_master() -> None:
    assert complaints(strict("priority: 255", "start: master")) == []


@pytest.mark.parametrize("accept", ["true", "false"])
def test_strict_never_decides_whether_an_address_answers(accept: str) -> None:
    # keepalived's strict turned accept off: the shipped sample had it, and the addresses answered no ping.
    (web,) = read(strict(f"accept: {accept}")).virtual_routers
    assert str(web.accept).lower() == accept
    (web,) = read(strict()).virtual_routers
    assert web.accept is True


def test_what_strict_leaves_to_the_file_is_pointed_at() -> None:
    notes = [note.as_note() for note in examine_text(strict(), FILE).notes]
    assert ["7.3" in note for note in notes] == [True, False]
    assert ["5.2.8" in note for note in notes] == [False, True]
    assert examine_text(strict("virtual_mac: true", "rfc9568: true"), FILE).notes == ()


def test_strict_is_true_or_false_and_keepalived_calls_it_otherwise() -> None:
    (found,) = complaints(strict().replace("strict: true", "strict: yes"))
    assert found.startswith('6:13: virtual_routers.web.strict: expected true or false, found "yes"')
    (found,) = complaints(strict().replace("strict: true", "vrrp_strict: true"))
    assert 'did you mean "strict"?' in found


def test_a_strict_master_gives_way_without_a_last_word() -> None:
    (web,) = read(strict()).virtual_routers
    assert not Settings.of(web, b"").last_word
