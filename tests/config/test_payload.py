"""Bytes that probes send and expect, as they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.config.kinds import Wrong
from havip.config.payload import Expression, Pattern, Payload, written
from havip.config.probes import Masked

GOOD = {
    "PING": b"PING",
    "PING\\r\\n": b"PING\r\n",
    "PING\r\n": b"PING\r\n",  # as YAML hands it over from within double quotation marks
    "\\x00\\xfF\\0\\t\\\\": b"\x00\xff\0\t\\",
    "\u00e4": b"\xc3\xa4",
    "hex:0a0B": b"\x0a\x0b",
    "hex: 0a 0b\n0c": b"\x0a\x0b\x0c",
    "hex:": b"",
    "": b"",
}


@pytest.mark.parametrize(("text", "data"), GOOD.items())
def test_a_payload_is_a_text_with_escapes_or_digits(text: str, data: bytes) -> None:
    assert Payload(0, 10).read(text) == data


BAD = {
    "\\q": "there is no escape \\q",
    "a\\": "there is no escape \\",
    "\\x1": "there is no escape \\x",
    "hex:abc": 'what follows "hex:" are not pairs of hexadecimal digits',
    "hex:0x0a": 'what follows "hex:" are not pairs of hexadecimal digits',
    "hex:\u0661\u0661": 'what follows "hex:" are not pairs of hexadecimal digits',
    "\ud800": "it holds what UTF-8 cannot write",
    "12345678901": "11 bytes",
    "\u00e4\u00e4\u00e4\u00e4\u00e4\u00e4": "12 bytes",
}


@pytest.mark.parametrize(("text", "why"), BAD.items())
def test_a_text_that_spells_no_bytes_is_refused(text: str, why: str) -> None:
    with pytest.raises(Wrong) as caught:
        Payload(0, 10).read(text)
    assert caught.value.why == why


@given(st.binary(max_size=40))
def test_any_bytes_can_be_written_and_read_again(data: bytes) -> None:
    assert Payload(0, 40).read(written(data)) == data


@given(st.text(max_size=40))
def test_any_text_is_bytes_or_refused(text: str) -> None:
    for kind in (Payload(0, 160), Pattern(160), Expression(160)):
        try:
            value = kind.read(text)
        except Wrong:
            continue
        assert kind.read(kind.written(value)) == value


def test_a_digit_x_of_a_pattern_may_be_any_digit() -> None:
    pattern = Pattern(10).read("hex:0aXx 1x")
    assert pattern == Masked(b"\x0a\x00\x10", b"\xff\x00\xf0")
    assert str(pattern) == "hex:0axx1x"
    assert pattern.begins(b"\x0a\x7f\x1f")
    assert pattern.begins(b"\x0a\x00\x10 and more")
    assert not pattern.begins(b"\x0b\x00\x10")
    assert not pattern.begins(b"\x0a\x00\x20")
    assert not pattern.begins(b"\x0a\x00")


def test_a_text_may_be_a_pattern_and_then_every_x_is_one() -> None:
    assert Pattern(10).read("x\\r") == Masked(b"x\r", b"\xff\xff")


@pytest.mark.parametrize("text", ["", "hex:", "hex:0", "hex:zz", "12345678901", "hex:" + "xx" * 11])
def test_a_pattern_that_spells_no_bytes_is_refused(text: str) -> None:
    with pytest.raises(Wrong):
        Pattern(10).read(text)


@pytest.mark.parametrize("text", ["(", "a{2,1}", "[", "", "*", "(?P<a>.)(?P<a>.)", "x" * 21])
def test_an_expression_that_python_cannot_compile_is_refused(text: str) -> None:
    with pytest.raises(Wrong):
        Expression(20).read(text)
