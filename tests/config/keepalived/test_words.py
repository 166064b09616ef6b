"""Words, quotation marks, escapes, comments and braces of keepalived.conf, and where they stand."""

from __future__ import annotations

import pytest

from tests.config.keepalived.reading import Parsed, good, wrong


def test_words_stand_between_blanks_and_keep_their_places() -> None:
    assert Parsed("  priority\t100\nstate   MASTER").places == [
        "priority 1:3",
        "100 1:12",
        "state 2:1",
        "MASTER 2:9",
    ]


def test_comments_begin_anywhere_outside_of_double_quotation_marks() -> None:
    text = '# one\n! two\na b # three\nc!four\n"d#e" "f!g" h\n\n   \n\t# five\n\'i#j\''
    assert good(text) == ["a b", "c", "d#e f!g h", "'i"]


def test_a_backslash_before_a_comment_sign_takes_its_meaning_away() -> None:
    parsed = Parsed(r"a\#b c\!d e # f")
    assert parsed.lines == ["a#b c!d e"]
    assert parsed.places == ["a#b 1:1", "c!d 1:6", "e 1:11"]


@pytest.mark.parametrize(
    ("text", "words", "spelled"),
    [
        ("a b", ["a", "b"], ["a", "b"]),
        ('a "b c"', ["a", "b c"], ["a", "b c"]),
        ('a""b', ["a", "", "b"], ["ab"]),
        ('ab" cd "ef', ["ab", " cd ", "ef"], ["ab cd ef"]),
        ("'x y' z", ["'x", "y'", "z"], ["x y", "z"]),
        ("it's", ["it's"], ["it's"]),
        (r"a\ b", ["a\\", "b"], ["a b"]),
        (r'"a\"b" c', [r'a"b', "c"], ['a"b', "c"]),
        (r"\x41\102\cA\a\b\E\f\n\r\t\v\q", None, ["AB\x01\a\b\x1b\f\n\r\tvq".replace("v", "\v")]),
        (r"\x1041 \7 \1012", None, ["A", "\x07", "A2"]),
        (r"""'a"b' "c'd" """, ['a"b', "c'd"], ['a"b', "c'd"]),
    ],
)
def test_a_line_is_read_twice_as_plain_words_and_with_escapes(
    text: str, words: list[str] | None, spelled: list[str]
) -> None:
    (statement,) = Parsed(text).tree
    assert [word.text for word in statement.spelled] == spelled
    if words is not None:
        assert [word.text for word in statement.words] == words


def test_a_quotation_mark_without_its_other_one_is_an_error_at_its_place() -> None:
    assert wrong('a\n  script "/bin/true') == [
        '2:10: expected pairs of quotation marks, found " without its other one'
    ]


def test_a_line_that_goes_on_is_an_error_unless_it_defines_something() -> None:
    assert wrong("a \\\nb") == [
        "1:2: expected no backslash, found a backslash at the end of the line: "
        "only a definition goes on in the next line, up to an empty one"
    ]


def test_braces_are_apart_wherever_they_stand() -> None:
    expected = [["a", "b", [["c", "d", [["e"]]], ["f"]]], ["g"]]
    for text in (
        "a b {\n c d {\n e\n }\n f\n}\ng",
        "a b{c d{e}f}g",
        "a b\n{ c d\n{\n e } f\n}\n g",
        "a b { c d { e # }\n } ! }\n f } g",
    ):
        assert Parsed(text).plain == expected, text


def test_a_brace_in_quotation_marks_is_a_character() -> None:
    assert Parsed('a "b{c}" {\n d "}"\n}').plain == [["a", "b{c}", [["d", "}"]]]]


def test_an_empty_block_is_a_block() -> None:
    assert Parsed("a { }\nb").plain == [["a", []], ["b"]]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a {\n b {\n c\n}\n", '1:3: expected "}" before the end of the file, found a block without its "}"'),
        ("a {\n}\n }\nb", '3:2: expected a block that it ends, found a "}" too many'),
        ("{\n}\n", '1:1: expected the name of a block before it, found a "{" that nothing stands before'),
        (
            "a { b } { c }",
            '1:9: expected the name of a block before it, found a "{" that nothing stands before',
        ),
    ],
)
def test_blocks_must_belong_together(text: str, complaint: str) -> None:
    assert wrong(text) == [complaint]


def test_bytes_that_are_no_text_are_an_error_except_in_comments() -> None:
    assert wrong("a b\udce9c # \udce9") == ["1:4: expected text in UTF-8, found byte 0xe9"]
    assert wrong("a\x00b") == ["1:2: expected text in UTF-8, found the control character U+0000"]
    assert good("a # caf\udce9") == ["a"]


def test_blocks_within_blocks_end_somewhere() -> None:
    assert wrong("a {" * 30) == [
        *(
            f"1:{3 * depth}: expected at most 20 within each other, found blocks nested too deeply"
            for depth in [21]
        ),
    ]


def test_a_line_may_not_be_endless() -> None:
    assert wrong("a" * 20000) == ["1:1: expected at most 16384, found a line of 20000 characters"]
