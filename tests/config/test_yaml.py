"""YAML itself: what the parser refuses, and files that are no text; each with one clear line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from havip.config.fields import walk
from havip.config.keys import CONFIGURATION
from havip.config.problems import ConfigurationError
from havip.config.yamlfile import examine, load, parse
from tests.config.reading import MISSING_ADDRESSES, MISSING_INTERFACE, MISSING_VRID, complaints, read, router

BROKEN = {
    "a: [1,\n b: 2": (
        "3:1: not YAML: did not find expected ',' or ']': while parsing a flow sequence that begins in line 1"
    ),
    "a: 'x": (
        "1:6: not YAML: found unexpected end of stream: while scanning a quoted scalar that begins in line 1"
    ),
    "a: b: c": "1:5: not YAML: mapping values are not allowed in this context",
    "\ta: b": "1:1: expected spaces, found a tab: YAML is not indented with tabs",
    "a:\n\tb: c": "2:1: expected spaces, found a tab: YAML is not indented with tabs",
    "a: b\n---\nc: d": "2:1: expected one document, found a second YAML document",
    "a: *x": '1:4: expected an anchor further up, found alias "*x"',
    "a: !!int 5": '1:4: expected a value without a tag, found tag "tag:yaml.org,2002:int"',
    "a: !secret x": '1:4: expected a value without a tag, found tag "!secret"',
    "a: x\0y": "1:5: expected printable text, found the control character U+0000",
    "a: b\n  # \x07": "2:5: expected printable text, found the control character U+0007",
    "%YAML 9.9\n---\na": "1:1: not YAML: found incompatible YAML document",
    "[" * 500: "1:21: expected at most 20 levels, found lists and mappings nested too deeply",
    "- " * 100_000: "1:41: expected at most 20 levels, found lists and mappings nested too deeply",
}


def test_nesting_beyond_what_the_parser_itself_bears_is_the_same_mistake() -> None:
    # libyaml may have a limit of its own, and reads ahead: which place is told depends on that.
    (complaint,) = complaints("[" * 5000)
    assert complaint.endswith("expected at most 20 levels, found lists and mappings nested too deeply")


@pytest.mark.parametrize(("text", "complaint"), BROKEN.items(), ids=lambda value: value[:20])
def test_what_is_not_yaml_is_one_problem_with_its_place(text: str, complaint: str) -> None:
    assert complaints(text) == [complaint]


def test_a_mapping_that_contains_itself_is_refused() -> None:
    assert complaints("virtual_routers: &all\n  gateway: *all\n") == [
        '2:3: virtual_routers.gateway.gateway: unknown key "gateway"',
        f"2:3: virtual_routers.gateway: {MISSING_INTERFACE}",
        f"2:3: virtual_routers.gateway: {MISSING_VRID}",
        f"2:3: virtual_routers.gateway: {MISSING_ADDRESSES}",
    ]


def test_aliases_of_aliases_do_not_multiply() -> None:
    # Nine levels of nine: PyYAML's constructed form would hold 9**9 values.
    bomb = "a0: &a0 [192.0.2.1]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
    )
    text = bomb + router().replace("[192.0.2.1/24]", "*a9")
    lines = complaints(text)
    assert len(lines) == 11  # ten unknown keys, and the inner list where an address should be
    assert [line.split(": ")[:2] for line in lines if "found a list" in line] == [
        ["9:5", "virtual_routers.gateway.addresses[0]"]
    ]


def test_many_aliases_of_one_large_mapping_cost_what_one_costs() -> None:
    keys = ", ".join(f"x{number}: 1" for number in range(2000))
    aliases = "".join(f"  r{number}: *large\n" for number in range(2000))
    lines = complaints(f"virtual_routers:\n  r: &large {{{keys}}}\n{aliases}")
    assert len(lines) == 2000 + 3


def test_all_line_endings_and_a_byte_order_mark_are_taken(tmp_path: Path) -> None:
    path = tmp_path / "havip.yaml"
    for text in (router(), router().replace("\n", "\r\n"), router().replace("\n", "\r")):
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert load(str(path)) == read(router())


def test_a_byte_order_mark_takes_no_column(tmp_path: Path) -> None:
    path = tmp_path / "havip.yaml"
    path.write_bytes(b"\xef\xbb\xbfdeamon: {}\n" + router().encode())
    findings = examine(str(path))
    assert [(problem.line, problem.column) for problem in findings.problems] == [(1, 1)]
    assert findings.lines[0] == "deamon: {}"
    path.write_bytes(b"\xef\xbb\xbfa: \xff")
    assert refusal(path) == ":1:4: expected text in UTF-8, found byte 0xff"


def refusal(path: object) -> str:
    """Return the one complaint about a file, without its name."""
    with pytest.raises(ConfigurationError) as refused:
        load(str(path))
    (problem,) = refused.value.problems
    return str(problem).removeprefix(str(path))


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.yaml") == ": cannot be read: No such file or directory"
    assert refusal(tmp_path) == ": cannot be read: Is a directory"
    assert refusal("a\0b") == ": cannot be read: embedded null byte"
    assert refusal(tmp_path / ("x" * 300)) == ": cannot be read: File name too long"


SOMETHING = 'a configuration with the key "virtual_routers" or "virtual_services"'


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", f":1:1: expected {SOMETHING}, found an empty file"),
        (b"a: b\nc\xc3\xa9d: \xff", ":2:6: expected text in UTF-8, found byte 0xff"),
        ("a: b".encode("utf-16"), ":1:1: expected text in UTF-8, found byte 0xff"),
        (b"a: \xed\xa0\x80", ":1:4: expected text in UTF-8, found byte 0xed"),
        (b"a: b\x00", ":1:5: expected printable text, found the control character U+0000"),
        (b"\x7fELF", ":1:1: expected printable text, found the control character U+007F"),
    ],
)
def test_a_file_that_is_no_text_is_one_problem(tmp_path: Path, data: bytes, complaint: str) -> None:
    path = tmp_path / "havip.yaml"
    path.write_bytes(data)
    assert refusal(path) == complaint


def test_a_file_without_end_is_one_problem() -> None:
    assert refusal("/dev/zero") == ": expected a configuration, found more than 16777216 bytes"


def test_reading_works_without_the_c_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = router("interval: 100ms"), router("priorty: 1", "interval:", "announce: {repeat: 0}")
    expected = (read(good), complaints(bad))
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert (read(good), complaints(bad)) == expected


def judge(text: str) -> None:
    """Read a text; any exception but `ConfigurationError` fails the test."""
    try:
        configuration = parse(text, "f")
    except ConfigurationError as error:
        problems = error.problems
    else:
        assert configuration.virtual_routers
        return
    assert problems
    assert all(str(problem).isprintable() for problem in problems)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_text_is_a_configuration_or_a_list_of_problems(text: str) -> None:
    judge(text)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_configuration_or_a_list_of_problems(data: bytes) -> None:
    descriptor = os.memfd_create("havip-test")
    try:
        os.write(descriptor, data)
        with pytest.raises(ConfigurationError):  # 200 bytes at random never make a router
            load(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


KEYS = st.sampled_from([*(field.name for _, _, field in walk(CONFIGURATION)), "gateway", "<<"])
WORDS = ("eth0", "1", "2", "255", "0100", "1s", "15ms", "true", "~", "192.0.2.1/24", "fe80::1/64", "/run/x")
SCALARS = st.sampled_from(WORDS) | st.text(max_size=5)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=4))
def test_any_tree_of_our_own_words_is_a_configuration_or_a_list_of_problems(tree: object) -> None:
    judge(yaml.dump(tree, Dumper=yaml.CSafeDumper))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_small_damage_to_a_good_file_is_a_configuration_or_a_list_of_problems(
    data: st.DataObject,
) -> None:
    text = "defaults: {interval: &i 1s}\n" + router("preempt_delay: *i", "announce: {delay: 1s}")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 5)))
    judge(text[:start] + data.draw(st.text("\n \t:-[]{}&*!|>'\"%@`#,?0aé~<", max_size=5)) + text[end:])
