"""Single lines of a keepalived.conf: comments and their escapes, words, quotation marks.  Pure."""

from __future__ import annotations

import re
from typing import Final

from havip.config.keepalived.sources import Mark, Spelled
from havip.config.keepalived.tree import Word

BLANK: Final = " \t\f\v\r"
#: what a comment may begin with, or what keeps it from beginning
_NOTABLE: Final = re.compile(r'[!#"\\]')
_WORD: Final = re.compile(r'"([^"]*)"|[^ \t\f\v\r"]+|"')
_QUOTES_OR_ESCAPES: Final = re.compile(r"[\"'\\]")
#: one step through text in which escapes count
_STEP: Final = re.compile(
    r"""
    (?P<blank>[ \t\f\v\r]+)
    |\\(?:x(?P<hex>[0-9A-Fa-f]+)|c(?P<control>.)|(?P<octal>[0-7]{1,3})|(?P<other>.))
    |(?P<quote>["'])
    |(?P<plain>[^ \t\f\v\r"'\\]+)
    |(?P<lost>\\)
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPES: Final = {
    "a": "\a", "b": "\b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
}  # fmt: skip
_BRACES: Final = re.compile(r'"[^"]*"?|[{}]')


class Unclosed(Exception):
    """A quotation mark without its other one, or a backslash with nothing after it, at an offset."""

    def __init__(self, offset: int, found: str) -> None:
        super().__init__(found)
        self.offset, self.found = offset, found


def without_comment(text: str, line: int) -> tuple[Spelled, bool]:
    """Return a line of a file without its comment and the blanks around it, and whether it goes on.

    ``\\#`` and ``\\!`` outside of double quotation marks stand for the characters themselves.  It goes on if
    it ends with a backslash, which is not part of the result.
    """
    start = len(text) - len(text.lstrip(BLANK))
    if _NOTABLE.search(text) is None:
        return Spelled.at(text[start:].rstrip(BLANK), line, start + 1), False
    kept: list[str] = []
    marks = [Mark(0, line, start + 1)]
    index, length, quoted, goes_on = start, 0, False, False
    begun = start
    while (found := _NOTABLE.search(text, index)) is not None:
        at = found.start()
        index = at + 1
        character = text[at]
        if character == '"':
            quoted = not quoted
        elif character == "\\":
            if index == len(text.rstrip("\r")):
                kept.append(text[begun:at])
                begun, goes_on = len(text), True
                break
            if not quoted and text[index] in "#!":
                kept.append(text[begun:at])
                length += at - begun
                begun = index
                marks.append(Mark(length, line, begun + 1))
            index += 1
        elif not quoted:
            kept.append(text[begun:at])
            begun = len(text)
            break
    kept.append(text[begun:])
    return Spelled("".join(kept).rstrip(BLANK), tuple(marks)), goes_on


def first_brace(text: str) -> int:
    """Return where the first brace outside of double quotation marks stands; -1: there is none."""
    if "{" not in text and "}" not in text:
        return -1
    for found in _BRACES.finditer(text):
        if found[0] in "{}":
            return found.start()
    return -1


def words(text: str) -> list[tuple[str, int]]:
    """Return the words of a line and their offsets: only double quotation marks count.  Raises `Unclosed`."""
    if '"' not in text:
        return [(found[0], found.start()) for found in _WORD.finditer(text)]
    result = []
    for found in _WORD.finditer(text):
        inside = found[1]
        if inside is None and found[0] == '"':
            raise Unclosed(found.start(), '"')
        result.append((found[0] if inside is None else inside, found.start()))
    return result


def has_escapes(text: str) -> bool:
    """Say whether `spelled_words` may differ from `words`."""
    return _QUOTES_OR_ESCAPES.search(text) is not None


def spelled_words(text: str) -> list[tuple[str, int]]:
    """Return the words with both kinds of quotation marks and escapes.  Raises `Unclosed`."""
    result: list[tuple[str, int]] = []
    word: list[str] | None = None
    begun, quote, quoted_at = 0, "", 0
    for found in _STEP.finditer(text):
        if not quote and found["blank"]:
            if word is not None:
                result.append(("".join(word), begun))
                word = None
            continue
        if word is None:
            word, begun = [], found.start()
        if found["quote"] and quote in ("", found[0]):
            quote, quoted_at = ("", 0) if quote else (found[0], found.start())
        elif found["lost"]:
            raise Unclosed(found.start(), "\\")
        else:
            word.append(_meant(found))
    if quote:
        raise Unclosed(quoted_at, quote)
    if word is not None:
        result.append(("".join(word), begun))
    return result


def _meant(found: re.Match[str]) -> str:
    """Return the characters that one step stands for."""
    if found["hex"]:
        return chr(int(found["hex"][-2:], 16))  # a byte: earlier digits are shifted out
    if found["control"]:
        return chr(ord(found["control"]) & 0x1F)
    if found["octal"]:
        return chr(int(found["octal"], 8) & 0xFF)
    if found["other"]:
        return _ESCAPES.get(found["other"], found["other"])
    return found[0]


def placed(spelled: Spelled, found: list[tuple[str, int]], line: int) -> tuple[Word, ...]:
    """Return words with their places.  ``line`` is that of a line with text of definitions, 0 for others."""
    if line:
        return tuple(Word(text, line, offset + 1) for text, offset in found)
    if len(spelled.marks) == 1:
        mark = spelled.marks[0]
        return tuple(Word(text, mark.line, mark.column + offset) for text, offset in found)
    return tuple(Word(text, *spelled.place(offset)) for text, offset in found)
