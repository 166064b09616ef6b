"""What tests of keepalived.conf share: a machine in memory, and trees as plain lists."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from havip.config.keepalived import grammar
from havip.config.keepalived.includes import (
    Include,
    Included,
    Refused,
    alternatives,
    has_wildcards,
    must_be_there,
)
from havip.config.keepalived.sources import Sources
from havip.config.keepalived.tree import Statement, Tree

#: the words of a statement, and its block if it has one
Plain: TypeAlias = "list[str | list[Plain]]"

MAIN = "/etc/keepalived/keepalived.conf"


class Memory:
    """A machine whose files stand in a mapping from their paths."""

    def __init__(self, files: Mapping[str, str], variables: Mapping[str, str] | None = None) -> None:
        self.files, self.variables = files, variables or {}

    def read(self, path: str) -> tuple[str, ...]:
        if path not in self.files:
            raise Refused(f'"{path}"', "a file that can be read")
        return tuple(self.files[path].split("\n"))

    def directory(self, path: str) -> str:
        return path.rpartition("/")[0]

    def variable(self, name: str) -> str | None:
        return self.variables.get(name)

    def chance(self, least: int, most: int) -> int:
        return (least + most) // 2

    def included(self, include: Include, directory: str) -> Included:
        from fnmatch import fnmatchcase

        options = alternatives(include.pattern)
        paths: list[str] = []
        missing: list[str] = []
        for option in options:
            pattern = option if option.startswith("/") else f"{directory}/{option}"
            found = sorted(path for path in self.files if fnmatchcase(path, pattern))
            paths += found
            if not found and must_be_there(include, option, among_braces=len(options) > 1):
                raise Refused(f'no file "{option}"', "one that is there")
            if not found and not has_wildcards(option):
                missing.append(option)
        return Included(paths, missing)


class Heard:
    """Takes down what is wrong, as a person would see it."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.refused: list[str] = []
        self.passed: list[str] = []
        self.remarks: list[str] = []

    def refuse(self, place: tuple[int, int], found: str, expected: str = "", why: str = "") -> None:
        self.refused.append(self.said(place, found, expected, why))

    def let_pass(self, place: tuple[int, int], found: str, expected: str = "", why: str = "") -> None:
        self.passed.append(self.said(place, found, expected, why))

    def remark(self, place: tuple[int, int], found: str) -> None:
        self.remarks.append(self.said(place, found, "", ""))

    def said(self, place: tuple[int, int], found: str, expected: str, why: str) -> str:
        spot = self.sources.locate(*place)
        file = "" if spot.file == MAIN else f"{spot.file.rpartition('/')[2]}:"
        said = f"expected {expected}, found {found}" if expected else found
        return f"{file}{spot.line}:{spot.column}: {said}" + "".join(f": {w}" for w in (why, spot.why) if w)


class Parsed:
    """A configuration that was read, and what was said of it."""

    def __init__(
        self,
        text: str,
        *,
        instance: str = "r1",
        others: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        files = {MAIN: text, **{f"/etc/keepalived/{name}": file for name, file in (others or {}).items()}}
        machine = Memory(files, variables)
        self.sources = Sources()
        self.heard = Heard(self.sources)
        self.tree = grammar.read(MAIN, machine.read(MAIN), machine, instance, self.sources, self.heard) or ()

    @property
    def plain(self) -> Plain:
        """Return the tree as lists of words."""
        return plain(self.tree)

    @property
    def lines(self) -> list[str]:
        """Return the words of each statement that stands in no block, with spaces between."""
        return [" ".join(word.text for word in one.words) for one in self.tree]

    @property
    def places(self) -> list[str]:
        """Return each word of the statements that stand in no block, with its place."""
        return [self.place_of(word.text, word.line, word.column) for one in self.tree for word in one.words]

    def place_of(self, text: str, line: int, column: int) -> str:
        """Return a word and where it stands, for people."""
        spot = self.sources.locate(line, column)
        file = "" if spot.file == MAIN else f"{spot.file.rpartition('/')[2]}:"
        return f"{text} {file}{spot.line}:{spot.column}" + (f" {spot.why}" if spot.why else "")


def plain(tree: Tree) -> Plain:
    """Return a tree as lists of words, a block as a list at their end."""
    return [statement(one) for one in tree]


def statement(one: Statement) -> Plain:
    """Return the words of one statement, and its block as a list."""
    words: Plain = [word.text for word in one.words]
    return words if one.block is None else [*words, plain(one.block)]


def good(text: str, **more: str) -> list[str]:
    """Return the lines of a text with which nothing is wrong."""
    parsed = Parsed(text, **more)  # type: ignore[arg-type]
    assert not parsed.heard.refused + parsed.heard.passed + parsed.heard.remarks
    return parsed.lines


def wrong(text: str, **more: str) -> list[str]:
    """Return what is wrong with a text."""
    return Parsed(text, **more).heard.refused  # type: ignore[arg-type]
