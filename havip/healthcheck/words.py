"""What servers said, for people: nothing that a terminal or a log would take for more than text.  Pure."""

from __future__ import annotations

from typing import Final

SHOWN: Final = 60  # bytes of what a server said that are repeated


def said(data: bytes, most: int = SHOWN) -> str:
    """Return what was said in quotation marks: what is not printable as escapes, the rest cut off."""
    return f'"{decoded(data, most)}{"..." if len(data) > most else ""}"'


def decoded(data: bytes, most: int = SHOWN) -> str:
    """Return the beginning of what was said as text: what is not printable as escapes."""
    return printable(data[:most].decode("utf-8", "backslashreplace"))


def printable(text: str) -> str:
    """Return a text with escapes in place of what cannot be shown."""
    return "".join(one if one.isprintable() else escape(one) for one in text)


def escape(one: str) -> str:
    """Return the escape of a character."""
    number = ord(one)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
