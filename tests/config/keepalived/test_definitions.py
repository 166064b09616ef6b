"""Conditional lines, definitions and sequences, as Debian's keepalived 2.2.7 carries them out."""

from __future__ import annotations

import pytest

from tests.config.keepalived.reading import Parsed, good, wrong


def test_a_conditional_line_counts_for_its_instance_alone() -> None:
    text = "@r1 a\n@r2 b\n@^r1 c\n@^r2 d\n@r1\n  @r1   e f\n@r1 @^r2 g\n@r12 h\n@r1 i {\n@r1 j\n@r1 }"
    assert good(text) == ["a", "d", "e f", "@^r2 g", "i"]
    assert Parsed("  @r1   e f").places == ["e 1:9", "f 1:11"]


def test_a_definition_is_replaced_where_its_name_ends() -> None:
    text = "$A=foo\n$A bar\n${A}bar\nx$A\n$A(a) $Ab $A. $A, $A)"
    assert good(text) == ["foo bar", "foobar", "xfoo", "$A(a) $Ab $A. foo, foo)"]


def test_definitions_are_looked_into_when_they_are_used() -> None:
    text = "$BASE=10.2.${SUB}\n$SUB=0\n${BASE}.100/32\n$SUB=10\n${BASE}.100/32"
    assert good(text) == ["10.2.0.100/32", "10.2.10.100/32"]


def test_an_undefined_name_stays_where_it_cannot_be_a_block() -> None:
    assert good('a $NONE "${NONE}"') == ["a $NONE ${NONE}"]
    assert wrong("a b${NONE}c") == [
        '1:4: expected a definition further up, found "${NONE}", which is not defined'
    ]


def test_a_definition_may_be_empty_and_may_hold_blanks() -> None:
    assert good("$E=\na${E}b\n$E\n$T= x  y \n$T z") == ["ab", "x y z"]


def test_a_definition_may_stand_for_a_condition() -> None:
    assert good("$US=@r1\n$US a\n$THEM=@r2\n$THEM b") == ["a"]


@pytest.mark.parametrize("name", ["$A =1", "$1=2", "$=3", "$A-B=4"])
def test_what_defines_nothing_is_a_word(name: str) -> None:
    assert good(name)[0].startswith("$")


def test_a_definition_of_several_lines_is_lines() -> None:
    text = "$M= \\\n one ${N} { \\\n two \\\n } \\\n\n$N=7\n$M\n$M x\n$N=8\n $M"
    assert Parsed(text).plain == [["one", "7", [["two"]]], ["$M", "x"], ["one", "8", [["two"]]]]


def test_what_came_out_of_a_definition_stands_where_it_was_used() -> None:
    text = "$VIP=192.0.2.1/24\n$M=\\\n a $VIP \\\n b\n\n  $M\nc ${VIP} d"
    assert Parsed(text).places == [
        "a 6:3 it came out of $M, defined in line 3",
        "192.0.2.1/24 6:3 it came out of $VIP, defined in line 1",
        "b 6:3 it came out of $M, defined in line 4",
        "c 7:1",
        "192.0.2.1/24 7:3 it came out of $VIP, defined in line 1",
        "d 7:10",
    ]


def test_definitions_within_definitions_of_several_lines() -> None:
    text = "$RS=\\\n rs ${V}.${R} { \\\n w \\\n }\n\n$VS=\\\n vs ${V} { \\\n $R=1 \\\n $RS \\\n"
    text += " $R=2 \\\n $RS \\\n }\n\n$V=5\n$VS\n$V=6\n$VS"
    assert Parsed(text).plain == [
        ["vs", "5", [["rs", "5.1", [["w"]]], ["rs", "5.2", [["w"]]]]],
        ["vs", "6", [["rs", "6.1", [["w"]]], ["rs", "6.2", [["w"]]]]],
    ]


def test_a_definition_for_another_instance_is_left_out_as_a_whole() -> None:
    assert good("@r2 $A=\\\n x \\\n y\n\nb\n@r1 $C=\\\n z\n\n$C") == ["b", "z"]


def test_what_the_language_defines_itself() -> None:
    parsed = Parsed(
        "a ${_PWD}/x\nb $_INSTANCE\nc ${_HASH} ${_BANG}\nd ${_RANDOM 4 6}\ne ${_RANDOM}\nf ${_ENV HOME}",
        variables={"HOME": "/root"},
    )
    assert parsed.lines == ["a /etc/keepalived/x", "b r1", "c # !", "d 5", "e 16383", "f /root"]
    assert not parsed.heard.refused
    assert parsed.places[-1] == "/root 6:3 it came out of ${_ENV HOME}"


def test_a_variable_that_is_not_there_is_an_error() -> None:
    assert wrong("a ${_ENV NONE}") == [
        '1:3: expected a definition further up, found "${_ENV NONE}", which is not defined'
    ]


def test_the_languages_own_definitions_may_be_overridden() -> None:
    assert good("$_INSTANCE=other\na $_INSTANCE") == ["a other"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("~SEQ(N, 1, 3) p${N}q", ["p1q", "p2q", "p3q"]),
        ("~SEQ(N, 3) p${N}", ["p1", "p2", "p3"]),
        ("~SEQ(N, -2) p${N}", ["p-1", "p-2"]),
        ("~SEQ(N, 0) p${N}", ["p1", "p0"]),
        ("~SEQ(N, 3, 1) p${N}", ["p3", "p2", "p1"]),
        ("~SEQ(N, 1, 2, 6) p${N}", ["p1", "p3", "p5"]),
        ("~SEQ (N, 2) p${N}", ["p1", "p2"]),
        ("~SEQx(N, 0x90, 0x10, 0xc0) p${N}", ["p90", "pa0", "pb0", "pc0"]),
        ("~SEQ(A, 2) ~SEQ(B, 2) p${A}${B}", ["p11", "p12", "p21", "p22"]),
        ("~SEQx(M, 8, 2, 10) ~SEQ(N, 2) p${M}${N}", ["p81", "p82", "pa1", "pa2"]),
        ("$S=2\n~SEQ(N, $S, 3) p${N}", ["p2", "p3"]),
        ("$S=2\n~SEQ(N, ${S}, 3) p${N}", ["p2", "p3"]),
        ("$D=~SEQ(N, 2)\n$D p${N}", ["p1", "p2"]),
        ("~LST(L, a, b) p${L}", ["pa", "pb"]),
        ("~LST({L, K}, {a,b},{ c , d }) p${L}${K}", ["pab", "pcd"]),
        ("~LST(E, a,) p${E}", ["pa", "p"]),
        ("~LST(E, a, , b) p${E}", ["pa", "p", "pb"]),
        ("~LST(A, 1, 2) ~LST(B, 5, 6) p.${A}.${B}", ["p.1.5", "p.1.6", "p.2.5", "p.2.6"]),
        ("~LST({A, B}, {10,1}, {5,6}) ~SEQ(C, 168, 2, 170) 192.${C}.${A}.${B}",
         ["192.168.10.1", "192.170.10.1", "192.168.5.6", "192.170.5.6"]),
        ("$M= \\\n a${N} \\\n b${N} \\\n\n~SEQ(N, 2) $M", ["a1", "b1", "a2", "b2"]),
        ("~SEQ(N, 1, 2)", []),
        ("~OTHER(N)", ["~OTHER(N)"]),
    ],
)  # fmt: skip
def test_a_sequence_is_a_line_for_each_value(text: str, lines: list[str]) -> None:
    assert good(text) == lines


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("~SEQ(G, 5, 2, 1) x", "the step 2 does not lead from 5 to 1"),
        ("~SEQ(G, 1, 0, 1) x", "the step 0 does not lead from 1 to 1"),
        ("~SEQx(G, -1, 3) x", "hexadecimal numbers cannot be negative"),
        ("~SEQ(G, a) x", "start, step and end are whole numbers"),
        ("~SEQ(G) x", "start, step and end are whole numbers"),
        ("~SEQ(1G, 2) x", "its name is made of letters, digits and underscores"),
        ("~SEQ(G, 08) x", "a number that begins with 0 is octal"),
        ("~SEQ(G, 1, 1, 3, 4) x", "a sequence has start, step and end"),
        ("~SEQ(G, 1000000) x", "more than 70000 values"),
        ("~SEQ(G, 1, 9 x", "or ~LST(name, value, ...) and the text"),
        ('~LST(E, a, "c d") x', "a value has no blanks and no quotation marks"),
        ("~LST(E) x", "a list has a name and at least one value"),
        ("~LST({E,F}, {a}) x", "1 values for 2 names"),
        ("~LST(E, a}) x", "values stand between commas, several for one time between braces"),
    ],
)  # fmt: skip
def test_a_sequence_that_cannot_be_read_is_an_error_with_a_reason(text: str, why: str) -> None:
    (complaint,) = wrong(text)
    assert complaint.startswith("1:1: expected a sequence, found ")
    assert complaint.endswith(why)


def test_what_a_sequence_put_into_a_line_says_so() -> None:
    assert Parsed("\n ~SEQ(N, 1, 1) a b${N}c d").places == [
        "a 2:16",
        "b1c 2:18",
        "d 2:25",
    ]
    assert (
        wrong("~SEQ(N, 1, 2) a b${N}${M}")
        == ['1:22: expected a definition further up, found "${M}", which is not defined'] * 2
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$A=$A\n$A", "definitions without an end"),
        ("$A=${B}\n$B=${A}\n${A}", "definitions without an end"),
        ("$A=${A}${A}\n${A}", "definitions without an end"),
        ("$A=x${A}\n${A}", "definitions without an end"),
        ("$A=" + "x" * 1000 + "${A}\n${A}", "a line of more than 16384 characters"),
        ("$A=\\\n x \\\n $A\n\n$A", "within each other without an end"),
        ("~SEQ(A,60000) ~SEQ(B,60000) x", "more than 200000 words"),
        ("~SEQ(A,60000) ~SEQ(B,60000) $X=1", "more than 200000 lines"),
        ("$A=~SEQ(B,2) $A\n$A", "within each other without an end"),
        ("$A=~LST(B,1) ${A}\n$A", "within each other without an end"),
    ],
)
def test_what_has_no_end_is_one_error_with_a_place(text: str, found: str) -> None:
    complaints = wrong(text)
    assert len(complaints) == 1
    assert found in complaints[0]
