"""The types of single values: text to value, value to text, and the same in JSON Schema.  Pure.

A kind knows one value and nothing around it.  `read` raises `Wrong`; it never guesses, so text that
two YAML readers could take for two values (``0100``, ``12_3``, ``1e3``) is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from havip.clock import ZERO, Duration, milliseconds, seconds, spell

Schema = dict[str, Any]

WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")
#: exact in nanoseconds, so 1ns is the least step and no rounding can happen unseen
LENGTH_OF_TIME = re.compile(r"(0|[1-9][0-9]{0,9})(?:\.([0-9]{1,9}))?(us|ms|s|min|h|d)")
UNITS = {
    "us": Duration(1_000),
    "ms": milliseconds(1),
    "s": seconds(1),
    "min": seconds(60),
    "h": seconds(3600),
    "d": seconds(86400),
}


class Wrong(ValueError):
    """A text is not of its kind.  ``expected`` replaces the kind's own words where it is not empty."""

    def __init__(self, expected: str = "", *, why: str = "", nearest: str = "") -> None:
        super().__init__(expected or why)
        self.expected = expected
        self.why = why
        self.nearest = nearest


class Kind(Protocol):
    """What every type of single value can do."""

    @property
    def expected(self) -> str:
        """Return what a good value is, in words that follow "expected"."""

    def read(self, text: str) -> Any:
        """Return the value that ``text`` stands for.  Raises `Wrong`."""

    def written(self, value: Any) -> bool | int | str:
        """Return a value as it is written in a file, for JSON."""

    def schema(self) -> Schema:
        """Return the JSON Schema of the written form."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a range, both ends included."""

    least: int
    most: int

    @property
    def expected(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    def read(self, text: str) -> int:
        if not WHOLE_NUMBER.fullmatch(text) or not self.least <= int(text) <= self.most:
            raise Wrong
        return int(text)

    def written(self, value: int) -> int:
        return value

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few whole numbers."""

    options: tuple[int, ...]

    @property
    def expected(self) -> str:
        return " or ".join(map(str, self.options))

    def read(self, text: str) -> int:
        for option in self.options:
            if text == str(option):
                return option
        raise Wrong

    def written(self, value: int) -> int:
        return value

    def schema(self) -> Schema:
        return {"enum": list(self.options)}


@dataclass(frozen=True, slots=True)
class Word:
    """One of the words of an enumeration."""

    options: type[StrEnum]

    @property
    def expected(self) -> str:
        return " or ".join(self.options)

    def read(self, text: str) -> StrEnum:
        try:
            return self.options(text)
        except ValueError:
            folded = text.lower().replace("_", "-")
            raise Wrong(nearest=folded if folded in tuple(self.options) else "") from None

    def written(self, value: StrEnum) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"enum": [str(option) for option in self.options]}


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false, in the three capitalisations of YAML's core schema and no other words."""

    expected: str = "true or false"

    def read(self, text: str) -> bool:
        if text in ("true", "True", "TRUE"):
            return True
        if text in ("false", "False", "FALSE"):
            return False
        if text.lower() in ("yes", "on", "y", "1"):
            raise Wrong(nearest="true")
        raise Wrong(nearest="false" if text.lower() in ("no", "off", "n", "0") else "")

    def written(self, value: bool) -> bool:
        return value

    def schema(self) -> Schema:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Length:
    """A length of time with its unit, in a range, both ends included."""

    least: Duration
    most: Duration

    @property
    def expected(self) -> str:
        return f"a length of time from {spell(self.least)} to {spell(self.most)}"

    def read(self, text: str) -> Duration:
        match = LENGTH_OF_TIME.fullmatch(text)
        if match is None:
            closed_up = "".join(text.split()).lower()
            nearest = next(
                (guess for guess in (closed_up, closed_up + "s") if LENGTH_OF_TIME.fullmatch(guess)), ""
            )
            raise Wrong('a length of time such as "1s" or "100ms"', nearest=nearest)
        whole, fraction, unit = match[1], match[2] or "", match[3]
        length, rest = divmod(int(whole + fraction) * UNITS[unit], 10 ** len(fraction))
        if rest:
            raise Wrong(why="no more than whole nanoseconds can be kept")
        if not self.least <= length <= self.most:
            raise Wrong
        return Duration(length)

    def written(self, value: Duration) -> str:
        return spell(value)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^{LENGTH_OF_TIME.pattern}$"}


@dataclass(frozen=True, slots=True)
class Period(Length):
    """A length of time in a range, or 0 for never."""

    @property
    def expected(self) -> str:
        return f"a length of time from {spell(self.least)} to {spell(self.most)}, or 0s"

    def read(self, text: str) -> Duration:
        length = Length(ZERO, self.most).read(text)
        if ZERO < length < self.least:
            raise Wrong
        return length


@dataclass(frozen=True, slots=True)
class Text:
    """A text that matches ``pattern`` and takes at most ``longest`` bytes of UTF-8."""

    expected: str
    pattern: str  # in the syntax that Python and ECMAScript share
    longest: int

    def read(self, text: str) -> str:
        if not text.isprintable() or not re.search(self.pattern, text):
            raise Wrong
        if len(text.encode()) > self.longest:
            raise Wrong(why=f"{len(text.encode())} bytes")
        return text

    def written(self, value: str) -> str:
        return value

    def schema(self) -> Schema:
        return {"type": "string", "pattern": self.pattern, "maxLength": self.longest}
