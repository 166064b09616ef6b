"""Values to JSON-able data and back, by type hints alone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NewType

import pytest

from havip.plain import Unfit, from_plain, to_plain

Length = NewType("Length", int)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    address: IPv4Address | IPv6Address
    raw: bytes = b""


@dataclass(frozen=True)
class Outer:
    name: str
    length: Length
    ratio: float
    on: bool
    colour: Colour
    inner: tuple[Inner, ...]
    pair: tuple[str, int]
    maybe: int | None = None
    counters: dict[str, int] = field(default_factory=dict)


WHOLE = Outer(
    "a",
    Length(5),
    0.5,
    True,
    Colour.RED,
    (Inner(ip_address("10.0.0.1"), b"\x00\xff"), Inner(ip_address("fe80::1"))),
    ("x", 1),
    None,
    {"n": 3},
)
PLAIN = ["a", 5, 0.5, True, "red", [["10.0.0.1", "00ff"], ["fe80::1", ""]], ["x", 1], None, {"n": 3}]


def test_a_value_becomes_lists_of_fields_and_comes_back_equal() -> None:
    assert to_plain(WHOLE) == PLAIN
    assert from_plain(Outer, json.loads(json.dumps(to_plain(WHOLE)))) == WHOLE


@pytest.mark.parametrize(
    ("position", "wrong"),
    [
        (0, 7),
        (1, "5"),
        (1, True),
        (2, "0.5"),
        (3, 1),
        (4, "blue"),
        (5, None),
        (5, [["10.0.0.999", ""]]),
        (5, [["10.0.0.1", "zz"]]),
        (5, [["10.0.0.1"]]),
        (6, ["x"]),
        (6, ["x", 1, 2]),
        (7, "1"),
        (8, {"n": "3"}),
        (8, []),
    ],
)
def test_a_field_of_another_type_is_unfit(position: int, wrong: object) -> None:
    data = list(PLAIN)
    data[position] = wrong
    with pytest.raises(Unfit):
        from_plain(Outer, data)


def test_a_whole_number_will_do_for_a_fraction() -> None:
    data = list(PLAIN)
    data[2] = 2
    assert from_plain(Outer, data).ratio == 2


def test_a_hint_without_a_rule_is_a_programming_error() -> None:
    @dataclass
    class Odd:
        value: int | str

    with pytest.raises((TypeError, NameError)):
        from_plain(Odd, [1])
