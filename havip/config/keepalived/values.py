"""What single arguments may be in keepalived, and how havip writes the same.  Pure.

Bounds are keepalived's: what is outside of them it does not take either.  havip's own are judged later.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from havip.clock import spell
from havip.config.kinds import Wrong

_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL: Final = re.compile(r"\+?([0-9]{0,12})(?:\.([0-9]{0,18}))?")
BILLION: Final = 1_000_000_000
TRUE: Final = ("true", "on", "yes")
FALSE: Final = ("false", "off", "no")


class Argument(NamedTuple):
    """One argument: what it may be, in words, and how it is written in havip.  ``read`` raises `Wrong`."""

    expected: str
    read: Callable[[str], str]


def anything(expected: str = "a word") -> Argument:
    """Return an argument that is written alike."""
    return Argument(expected, str)


def whole(least: int, most: int) -> Argument:
    """Return a whole number in a range."""

    def read(text: str) -> str:
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise Wrong
        return str(int(text))

    return Argument(f"a whole number from {least} to {most}", read)


def nanoseconds(text: str) -> int:
    """Return seconds, written with or without a fraction, in nanoseconds.  Raises `Wrong`."""
    found = _DECIMAL.fullmatch(text)
    if found is None or not (found[1] or found[2]):
        raise Wrong
    return int(found[1] or 0) * BILLION + int((found[2] or "").ljust(9, "0")[:9])


def timer(least: float, most: float, unit: int = BILLION) -> Argument:
    """Return seconds with a fraction, in a range; havip writes the unit.  ``unit``: in nanoseconds."""

    def read(text: str) -> str:
        length = nanoseconds(text)
        if not least * BILLION <= length <= most * BILLION:
            raise Wrong
        return spell(length * unit // BILLION)

    return Argument(f"seconds from {least:g} to {most:g}", read)


def one_of(**words: str) -> Argument:
    """Return an argument that is one of a few words, and what havip calls each."""

    def read(text: str) -> str:
        if text not in words:
            raise Wrong
        return words[text]

    return Argument(" or ".join(words), read)


def truth(text: str) -> bool:
    """Return what a word for true or false means.  Raises `Wrong`."""
    if text in TRUE:
        return True
    if text in FALSE:
        return False
    raise Wrong


BOOL: Final = Argument("on or off", lambda text: "true" if truth(text) else "false")
TEXT: Final = anything()
INTERFACE: Final = anything("the name of an interface")
ADDRESS: Final = anything("an address")
