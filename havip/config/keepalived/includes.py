"""What an include asks for: which files, and what it is an error to lack.  Pure."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from havip.config.problems import quote

_INCLUDE: Final = re.compile(r"include([rmwba]?)[ \t\f\v\r]+(.*)", re.DOTALL)
WILDCARDS: Final = "*?["
MOST_ALTERNATIVES: Final = 200  # that braces make

READABLE, MATCH, WILDCARD, BRACE = "readable", "match", "wildcard_match", "brace_match"
ALL: Final = frozenset((READABLE, MATCH, WILDCARD, BRACE))
_BY_LETTER: Final = {
    "": frozenset[str](),
    "r": frozenset((READABLE,)),
    "m": frozenset((MATCH,)),
    "w": frozenset((WILDCARD,)),
    "b": frozenset((BRACE,)),
    "a": ALL,
}


class Refused(Exception):
    """A file that is not read, or an include without files."""

    def __init__(self, found: str, expected: str, why: str = "") -> None:
        super().__init__(found)
        self.found, self.expected, self.why = found, expected, why


class TooMuch(Refused):
    """More than one configuration may ask for: nothing more is read."""


class Included(NamedTuple):
    """The files that an include means, and those that it names and may do without."""

    paths: list[str]
    missing: list[str]


class Include(NamedTuple):
    """An include, and what it must find."""

    pattern: str
    checks: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Include | None:
        """Return the include that a line is; None: it is none."""
        found = _INCLUDE.fullmatch(text)
        if found is None:
            return None
        pattern = found[2].strip(" \t\f\v\r")
        if len(pattern) > 1 and pattern[0] == pattern[-1] == '"':
            pattern = pattern[1:-1]
        return cls(pattern, _BY_LETTER[found[1]])


def checks_after(text: str, checks: frozenset[str]) -> frozenset[str]:
    """Return what every include must find after a line ``include_check [[+|-]CHECK ...]``."""
    words = text.split()[1:]
    if not words:
        return ALL
    if words[0][0] not in "+-":
        checks = frozenset()
    adding = True
    for word in words:
        if word[0] in "+-":
            adding = word[0] == "+"
        name = word.lstrip("+-")
        if name in ALL:
            checks = checks | {name} if adding else checks - {name}
    return checks


def said(path: str) -> str:
    """Return a path for people, whole unless it holds what cannot be printed."""
    return f'"{path}"' if path.isprintable() else quote(path)


def has_wildcards(pattern: str) -> bool:
    """Say whether a pattern may mean any number of files."""
    return any(character in pattern for character in WILDCARDS)


def alternatives(pattern: str) -> list[str]:
    """Return what the braces of a pattern stand for, in order.  Raises `Refused`."""
    found = [pattern]
    index = 0
    while index < len(found):
        options = _first_braces(found[index])
        if options is None:
            index += 1
            continue
        found[index : index + 1] = options
        if len(found) > MOST_ALTERNATIVES or sum(map(len, found)) > 100_000:
            raise Refused(said(pattern), f"at most {MOST_ALTERNATIVES} alternatives")
    return found


def _first_braces(pattern: str) -> list[str] | None:
    """Return a pattern with its first braces taken apart; None: there are none that belong together."""
    begin = pattern.find("{")
    if begin < 0:
        return None
    depth, parts, at = 0, [], begin + 1
    for index in range(begin, len(pattern)):
        character = pattern[index]
        if character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
        if (character == "," and depth == 1) or depth == 0:
            parts.append(pattern[at:index])
            at = index + 1
        if depth == 0:
            return [pattern[:begin] + part + pattern[at:] for part in parts]
    return None


def must_be_there(include: Include, option: str, *, among_braces: bool) -> bool:
    """Say whether it is an error that no file fits one alternative of an include."""
    if has_wildcards(option):
        return WILDCARD in include.checks
    if among_braces:
        return BRACE in include.checks
    return not include.checks.isdisjoint((MATCH, WILDCARD))
