"""How the bytes that probes send and expect are written: text with escapes, or hexadecimal digits.  Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from havip.config.kinds import Schema, Wrong
from havip.config.probes import HEX, Masked

ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)?", re.DOTALL)
ESCAPES: Final = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
ANY_DIGIT: Final = "xX"


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes: a text with the escapes of C, or ``hex:`` and digits in pairs, which spaces may part."""

    least: int
    most: int

    @property
    def expected(self) -> str:
        size = f"{self.least} to {self.most} bytes"
        return f'{size}: a text with \\r, \\n, \\t, \\0, \\\\ and \\xNN, or "hex:" and digits'

    def read(self, text: str) -> bytes:
        data = of_digits(text[len(HEX) :]) if text.startswith(HEX) else of_text(text)
        if not self.least <= len(data) <= self.most:
            raise Wrong(why=f"{len(data)} bytes")
        return data

    def written(self, value: bytes) -> str:
        return written(value)

    def schema(self) -> Schema:
        return {"type": "string"}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A payload that may hold ``x`` for digits of which every value is good, if it is written in digits."""

    most: int

    @property
    def expected(self) -> str:
        return (
            f'1 to {self.most} bytes: a text, or "hex:" and digits, with "x" for each digit that may be any'
        )

    def read(self, text: str) -> Masked:
        if text.startswith(HEX):
            digits = "".join(text[len(HEX) :].split())
            mask = of_digits("".join("0" if one in ANY_DIGIT else "f" for one in digits))
            value = of_digits("".join("0" if one in ANY_DIGIT else one for one in digits))
        else:
            value = of_text(text)
            mask = b"\xff" * len(value)
        if not 1 <= len(value) <= self.most:
            raise Wrong(why=f"{len(value)} bytes")
        return Masked(value, mask)

    def written(self, value: Masked) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class Expression:
    """A regular expression of Python's over bytes."""

    most: int
    expected: str = 'a regular expression such as "^220 "'

    def read(self, text: str) -> str:
        try:
            re.compile(text.encode())
        except re.error as error:
            raise Wrong(why=str(error)) from None
        except (ValueError, OverflowError, RecursionError):  # ValueError: a text that UTF-8 cannot write
            raise Wrong from None
        if not 1 <= len(text.encode()) <= self.most:
            raise Wrong(why=f"{len(text.encode())} bytes, at most {self.most} are good")
        return text

    def written(self, value: str) -> str:
        return value

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": self.most}


def of_digits(text: str) -> bytes:
    """Return the bytes of pairs of hexadecimal digits.  Raises `Wrong`."""
    digits = "".join(text.split())
    if not re.fullmatch(r"([0-9A-Fa-f]{2})*", digits, re.ASCII):
        raise Wrong(why='what follows "hex:" are not pairs of hexadecimal digits')
    return bytes.fromhex(digits)


def of_text(text: str) -> bytes:
    """Return the bytes of a text with escapes.  Raises `Wrong`."""
    parts, end = [], 0
    for escape in ESCAPE.finditer(text):
        parts.append(utf8(text[end : escape.start()]))
        end, name = escape.end(), escape[1] or ""
        if len(name) == 3:
            parts.append(bytes.fromhex(name[1:]))
        elif name in ESCAPES:
            parts.append(ESCAPES[name])
        else:
            raise Wrong(why=f"there is no escape {escape[0]}")
    return b"".join([*parts, utf8(text[end:])])


def utf8(text: str) -> bytes:
    """Return a text in UTF-8.  Raises `Wrong`."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise Wrong(why="it holds what UTF-8 cannot write") from None


def written(data: bytes) -> str:
    """Return bytes as a text that `Payload` reads, for a file or for people: what is no text, in digits."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return HEX + data.hex()
    names = {value.decode(): name for name, value in ESCAPES.items()}
    escaped = "".join(f"\\{names[one]}" if one in names else one for one in text)
    return escaped if escaped.isprintable() and not text.startswith(HEX) else HEX + data.hex()
