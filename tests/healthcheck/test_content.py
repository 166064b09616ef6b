"""What a tracked file's content means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from havip.healthcheck.content import meaning


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"7", 7), (b"-254\n", -254), (b"  +12 \n\n", 12), (b"0", 0), (b"007\n", 7), (b"-0", 0)],
)
def test_one_whole_number_is_the_value(content: bytes, value: int) -> None:
    result = meaning("load", content)
    assert (result.good, result.value, result.why) == (True, value, f"holds {value}")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"abc", 'holds no whole number: "abc"'),
        (b"1 2", 'holds no whole number: "1 2"'),
        (b"1.5", 'holds no whole number: "1.5"'),
        (b"0x10", 'holds no whole number: "0x10"'),
        (b"1" * 30, 'holds no whole number: "11111111111111111111"'),
        (b"\x00\xff", 'holds no whole number: "'),
    ],
)
def test_anything_else_has_no_value(content: bytes, why: str) -> None:
    result = meaning("load", content)
    assert not result.good
    assert result.why.startswith(why)


@given(st.binary(max_size=70))
def test_no_content_breaks_it_or_the_log(content: bytes) -> None:
    assert meaning("load", content).why.isprintable()
