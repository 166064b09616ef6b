"""Values that once made the reader, the checks or the plan stumble; each was found by `tests/fuzz`."""

from __future__ import annotations

import pytest

from havip.config.plan import plan
from havip.config.yamlfile import examine_text
from tests.config.reading import FILE, complaints, read, router


def test_a_plan_tells_claims_of_both_families_apart() -> None:
    before = read(router("excluded_addresses: [2001:db8::1/64]"))
    after = read(router("excluded_addresses: [192.0.2.7/24, 2001:db8::2/64, 2001:db8::3/64]"))
    assert [new.name for _, new in plan(before, after).change] == ["gateway"]
    assert [new.name for _, new in plan(after, before).change] == ["gateway"]


@pytest.mark.parametrize("key", ["user", "group"])
@pytest.mark.parametrize("account", ["\u00b2", "\u0661", "9" * 32])
def test_an_account_that_is_no_number_of_one_is_not_found(key: str, account: str) -> None:
    lines = complaints(router("notify:", "  master: /usr/bin/true", f"  {key}: {account}"))
    assert any(line.startswith("8:") and f'there is no {key} "{account}"' in line for line in lines)


@pytest.mark.parametrize("command", ["[[]]", "[{}]", "[[], /usr/bin/true]"])
def test_a_command_of_which_no_word_can_be_read_is_reported_once(command: str) -> None:
    lines = complaints(router(f"notify: {{master: {command}}}"))
    assert lines
    assert all("notify.master[0]" in line for line in lines)


def test_a_source_that_cannot_be_read_is_reported_once() -> None:
    for kind in ("multicast: {source: nowhere}", "unicast: {peers: [192.0.2.9], source: nowhere}"):
        assert len(complaints(router(kind))) == 1


def test_periodic_announcements_leave_time_between_them() -> None:
    assert complaints(router("announce: {refresh: 99ms}")) == [
        "6:25: virtual_routers.gateway.announce.refresh: expected a length of time from 100ms to 86400s, "
        'or 0s, found "99ms"'
    ]
    assert complaints(router("announce: {refresh: 0ms}", "")) == []
    assert complaints(router("announce: {refresh: 100ms}")) == []


@pytest.mark.parametrize(
    "value",
    [
        '"S3CR\\"ET of more than thirty-two characters"',
        '"S3CR\\u0045T of more than thirty-two\\\n         characters\\x21 and more S3CRETS"',
    ],
)
def test_a_secret_that_is_written_with_escapes_is_not_shown(value: str) -> None:
    text = router("hmac:", "  active_key: 1", "  keys:", f"    1: {{value: {value}}}", "vrid: 7")
    findings = examine_text(text, FILE)
    assert findings.problems
    assert not any("S3CR" in str(one) for one in (*findings.problems, *findings.lines))


@pytest.mark.parametrize(
    "lines",
    [
        ("hmac: {active_key: 1, keys: {1: {value: 'S3CRET}}}",),
        ("authentication:", "  type: pass", '  "password": @S3CRET'),
        ("authentication:", "  type: pass", "  password: *S3CRET"),
        ("authentication:", "  type: pass", "  password: !S3CRET x"),
        ("authentication:", "  type: pass", "  password:", "    @S3CRET"),
        ("auth_pass: '", "    S3CRET", "      S3CRET"),
    ],
)
def test_a_file_that_is_no_yaml_shows_no_secret_either(lines: tuple[str, ...]) -> None:
    findings = examine_text(router(*lines), FILE)
    assert findings.problems
    assert not any("S3CR" in str(one) for one in (*findings.problems, *findings.lines))
    assert "    vrid: 51" in findings.lines


def test_a_route_or_a_rule_is_given_up_before_another_router_takes_it() -> None:
    routers = [
        f"  {name}: {{interface: eth0, vrid: {vrid}, addresses: [192.0.2.{vrid}/24]%s}}\n"
        for name, vrid in (("a", 1), ("b", 2))
    ]
    for what in (
        "routes: [{to: 203.0.113.0/24, via: 192.0.2.254}]",
        "rules: [{priority: 9, family: 4, table: 7}]",
    ):
        first = read("virtual_routers:\n" + routers[0] % f", {what}" + routers[1] % "")
        second = read("virtual_routers:\n" + routers[0] % "" + routers[1] % f", {what}")
        assert [new.name for _, new in plan(first, second).change] == ["a", "b"]
        assert [new.name for _, new in plan(second, first).change] == ["b", "a"]


def test_a_plan_tells_of_a_list_that_was_not_there() -> None:
    files = [
        read(f"tracked_processes: {{p: {{process: a{arguments}}}}}\n{router('track: {processes: [p]}')}")
        for arguments in ("", ", arguments: [-f]")
    ]
    assert plan(*files).settings == ("tracked_processes.p.arguments: -f added",)
    assert plan(*reversed(files)).settings == ("tracked_processes.p.arguments: -f removed",)


@pytest.mark.parametrize("text", [r'"/usr/bin/true a\0b"', r'"/a\0b"', r'"/usr/bin/true \e"'])
def test_a_command_in_one_text_has_printable_words_like_one_in_a_list(text: str) -> None:
    (line,) = complaints(router(f"notify: {{master: {text}}}"))
    assert line.startswith("6:22: virtual_routers.gateway.notify.master: expected a command:")
