"""Includes: which files are read and in which order, and what each kind of include must find."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from havip.config.keepalived import grammar
from havip.config.keepalived.outside import Machine
from havip.config.keepalived.sources import Sources
from tests.config.keepalived.reading import Heard, Parsed, plain


def test_an_included_file_stands_where_it_is_included_and_has_places_of_its_own() -> None:
    parsed = Parsed("a\n include more.conf\nd", others={"more.conf": "b\n  c"})
    assert parsed.places == ["a 1:1", "b more.conf:1:1", "c more.conf:2:3", "d 3:1"]


def test_an_include_may_stand_in_a_block_and_blocks_end_in_their_file() -> None:
    others = {"good": "b\nc { d }", "more": "x }\ny", "less": "x {\n y"}
    assert Parsed("a {\ninclude good\n}", others=others).plain == [["a", [["b"], ["c", [["d"]]]]]]
    assert Parsed("a {\ninclude more\n}", others=others).heard.refused == [
        'more:1:3: expected a block that it ends, found a "}" too many: the block began in another file'
    ]
    assert Parsed("a {\ninclude less\n}", others=others).heard.refused == [
        'less:1:3: expected "}" before the end of the file, found a block without its "}"'
    ]


def test_definitions_go_on_after_the_file_that_has_them() -> None:
    parsed = Parsed("include one\na $X", others={"one": "$X=1"})
    assert parsed.places == ["a 2:1", "1 2:3 it came out of $X, defined in /etc/keepalived/one:1"]


def test_include_is_a_word_of_its_own_and_takes_the_rest_of_the_line() -> None:
    parsed = Parsed("includes x\ninclude\ninclude one two", others={"one two": "a"})
    assert parsed.lines == ["includes x", "include", "a"]


def test_a_file_that_includes_itself_ends_with_one_error() -> None:
    parsed = Parsed("include keepalived.conf")
    assert len(parsed.heard.refused) == 1
    assert "files, sequences and definitions within each other without an end" in parsed.heard.refused[0]


def read(path: Path, instance: str = "r1") -> tuple[list[object], Heard]:
    """Read a file of this machine."""
    sources, machine = Sources(), Machine()
    heard = Heard(sources)
    tree = grammar.read(str(path), machine.read(str(path)), machine, instance, sources, heard)
    assert tree is not None
    return [*plain(tree)], heard


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with files to include, and with what must not be read."""
    for name in ("a.conf", "b.conf", ".hidden.conf", "c.txt"):
        (tmp_path / name).write_text(f"from-{name}\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "deep.conf").write_text("include deeper.conf\n")
    (tmp_path / "sub" / "deeper.conf").write_text("deeper ${_PWD}\n")
    (tmp_path / "program").write_text("from-program\n")
    (tmp_path / "program").chmod(0o755)
    os.mkfifo(tmp_path / "fifo")
    return tmp_path


def test_patterns_mean_files_in_the_order_of_their_names(folder: Path) -> None:
    main = folder / "main"
    main.write_text("include *.conf\ninclude {c.txt,b.conf}\ninclude [^a].conf\ninclude ?.t?t\n")
    tree, heard = read(main)
    assert tree == [["from-a.conf"], ["from-b.conf"], ["from-c.txt"], ["from-b.conf"], ["from-b.conf"],
                    ["from-c.txt"]]  # fmt: skip
    assert not heard.refused


def test_paths_are_relative_to_the_file_that_includes(folder: Path) -> None:
    main = folder / "main"
    main.write_text("include s*/deep.conf\n")
    assert read(main)[0] == [["deeper", f"{folder}/sub"]]


#: what Debian's keepalived 2.2.7 makes an error of, by the kind of include
ERRORS = {
    "none*.x": "includew includea",
    "none.x": "includem includew includea",
    "{none,a}.conf": "includeb includea",
    "{none,none2}.y": "includeb includea",
    "sub": "includer includem includew includeb includea",
    "program": "includer includem includew includeb includea",
    "fifo": "includer includem includew includeb includea",
    "/dev/null": "includer includem includew includeb includea",
    "*.txt": "",
}


@pytest.mark.parametrize("pattern", ERRORS)
@pytest.mark.parametrize("kind", ["include", "includer", "includem", "includew", "includeb", "includea"])
def test_each_kind_of_include_must_find_what_keepalived_wants_it_to(
    folder: Path, kind: str, pattern: str
) -> None:
    main = folder / "main"
    main.write_text(f"{kind} {pattern}\nlast\n")
    tree, heard = read(main)
    assert tree[-1] == ["last"]
    assert bool(heard.refused) == (kind in ERRORS[pattern].split())


@pytest.mark.parametrize(
    ("checks", "refused"),
    [
        ("", 2),
        ("match", 1),
        ("wildcard_match", 2),
        ("+match", 1),
        ("match wildcard_match\ninclude_check -match -wildcard_match", 0),
        ("readable", 0),
    ],
)
def test_what_every_include_must_find_may_be_told_once(folder: Path, checks: str, refused: int) -> None:
    main = folder / "main"
    main.write_text(f"include_check {checks}\ninclude none.x\ninclude none*.x\n")
    assert len(read(main)[1].refused) == refused


def test_an_included_file_does_not_say_what_those_around_it_must_find(folder: Path) -> None:
    (folder / "a.conf").write_text("include_check\n")
    main = folder / "main"
    main.write_text("include a.conf\ninclude none.x\n")
    assert read(main)[1].refused == []


@pytest.mark.parametrize("name", ["sub", "program", "fifo", "/dev/null", "/dev/tty"])
def test_what_is_no_plain_file_is_not_read_and_not_passed_over_in_silence(folder: Path, name: str) -> None:
    main = folder / "main"
    main.write_text(f"include {name}\n")
    tree, heard = read(main)
    assert tree == []
    assert len(heard.passed) == 1


def test_a_file_that_may_be_missing_is_remarked_on(folder: Path) -> None:
    main = folder / "main"
    main.write_text("include none.x\ninclude none*.x\n")
    assert read(main)[1].remarks == [f'{main.name}:1:1: no file "none.x" is there']
