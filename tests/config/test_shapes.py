"""Lists of mappings, the short form of a mapping, names of any kind: the machinery on a table of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest

from havip.config.draft import value_of
from havip.config.fields import Field, Group, ListOf, Named
from havip.config.kinds import Text, Whole, Word
from havip.config.plan import difference
from havip.config.problems import Place, Problems
from havip.config.reader import Reader, whole
from havip.config.schema import shape_schema
from havip.config.yamlfile import compose


@dataclass(frozen=True)
class Peer:
    address: str
    hops: int = 255

    def __str__(self) -> str:
        return self.address


@dataclass(frozen=True)
class Secret:
    number: int
    value: str


WORD = Text("a word", "^[a-z]+$", longest=9)
PEER = Group(
    Peer,
    (Field("address", WORD, "where it is"), Field("hops", Whole(1, 255), "how far")),
    expected="a peer",
    short="address",
)
PEERS = ListOf(PEER, 3)
SECRETS = Named(
    Group(Secret, (Field("value", WORD, "the key", secret=True),)), Whole(1, 255), "key", "number"
)


def read(text: str, shape: Any) -> tuple[Any, list[str]]:
    """Return the value in ``text``, None where none can be made, and the complaints."""
    problems = Problems("f")
    node = compose(text)
    assert node is not None
    found = Reader(problems).read(node, shape, Place(1, 1, "key"))
    value = value_of(found, shape) if whole(found, shape) else None
    return value, [f"{one.line}:{one.column}: {one.path}: {one.message}" for one in problems.errors]


def test_a_list_holds_mappings_and_their_short_form() -> None:
    assert read("[one, {address: two, hops: 3}]", PEERS) == ((Peer("one"), Peer("two", 3)), [])


def test_a_list_may_be_the_short_form_of_a_mapping() -> None:
    group = Group(dict, (Field("peers", PEERS, "them"),), short="peers")
    assert read("[one]", group) == ({"peers": (Peer("one"),)}, [])
    assert read("{peers: [one]}", group) == ({"peers": (Peer("one"),)}, [])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[{hops: 3}]", '1:2: key[0]: missing key "address": where it is'),
        ("[{address: one, hop: 3}]", '1:17: key[0].hop: unknown key "hop"; did you mean "hops"?'),
        ("[one, 2]", '1:7: key[1]: expected a word, found "2"'),
        (
            "[one, {address: two, hops: 0}]",
            '1:28: key[1].hops: expected a whole number from 1 to 255, found "0"',
        ),
    ],
)
def test_what_is_wrong_in_an_item_is_told_where_it_stands(text: str, complaint: str) -> None:
    assert read(text, PEERS)[1] == [complaint]


def test_an_item_without_a_required_key_makes_no_value() -> None:
    assert read("[{hops: 3}]", PEERS)[0] is None
    assert read("[{address: one, hops: 0}]", PEERS)[0] == (Peer("one"),)


def test_names_may_be_numbers_and_become_a_field() -> None:
    assert read("{7: abc}", SECRETS) == (
        None,
        ['1:5: key.7: expected a mapping of keys to values, found "abc"'],
    )
    assert read("{7: {value: abc}}", SECRETS) == ((Secret(7, "abc"),), [])
    assert read("{0: {value: abc}}", SECRETS)[1] == [
        '1:2: key.0: expected a whole number from 1 to 255, found "0"'
    ]


def test_a_difference_names_what_changed_and_shows_no_secret() -> None:
    keys = Field("keys", SECRETS, "them")
    old, new = (Secret(1, "abc"), Secret(2, "def")), (Secret(1, "xyz"), Secret(3, "ghi"))
    assert difference(old, new, keys, "keys") == ["keys.2: removed", "keys.1.value: changed", "keys.3: added"]
    peers = Field("peers", PEERS, "them")
    assert difference((Peer("one"),), (Peer("two"),), peers, "peers") == ["peers: two added, one removed"]
    assert difference(None, Peer("one"), Field("peer", PEER, "it"), "peer") == ["peer: none -> set"]


def test_the_schema_knows_both_forms() -> None:
    schema = shape_schema(PEERS)["items"]
    assert [one.get("type") for one in schema["anyOf"]] == ["string", "object"]
    assert shape_schema(SECRETS)["propertyNames"] == {"pattern": "^(0|[1-9][0-9]*)$"}


class Colour(StrEnum):
    RED = "red"
    DARK_BLUE = "dark-blue"


@pytest.mark.parametrize(
    ("text", "value", "complaint"),
    [
        ("red", Colour.RED, []),
        (
            "dark_blue",
            None,
            ['1:1: key: expected red or dark-blue, found "dark_blue"; did you mean "dark-blue"?'],
        ),
        ("RED", None, ['1:1: key: expected red or dark-blue, found "RED"; did you mean "red"?']),
        ("green", None, ['1:1: key: expected red or dark-blue, found "green"']),
    ],
)
def test_a_word_is_one_of_an_enumeration(text: str, value: Colour | None, complaint: list[str]) -> None:
    assert read(text, Word(Colour)) == (value, complaint)
    assert shape_schema(Word(Colour)) == {"enum": ["red", "dark-blue"]}
