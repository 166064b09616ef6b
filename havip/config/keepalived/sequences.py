"""``~SEQ(..)``, ``~SEQx(..)`` and ``~LST(..)``: a line that is read once for each value.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_HEAD: Final = re.compile(r"~(SEQx?|LST)[ \t]*\(([^)]*)\)[ \t]*")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER: Final = re.compile(r"[+-]?(?:0[xX][0-9A-Fa-f]{1,16}|[0-9]{1,18})")
_PART: Final = re.compile(r"\{([^{}]*)\}|[^,{}]+|([,{}])")
MOST_VALUES: Final = 70000  # of one sequence


class Bad(Exception):
    """A sequence that cannot be read."""


class Sequence(NamedTuple):
    """Which definitions get which values, one tuple for each time that the text is read."""

    names: tuple[str, ...]
    values: range | tuple[tuple[str, ...], ...]
    hexadecimal: bool
    text: int  # where the text begins that is read

    def turns(self) -> Iterator[tuple[str, ...]]:
        """Yield the values of each time."""
        for value in self.values:
            if isinstance(value, int):
                yield (f"{value:x}" if self.hexadecimal else str(value),)
            else:
                yield value


def is_sequence(text: str) -> bool:
    """Say whether a line begins with a sequence."""
    return text.startswith(("~SEQ", "~LST"))


def head(text: str) -> re.Match[str]:
    """Return what stands in the parentheses as group 2, after the kind of sequence.  Raises `Bad`."""
    found = _HEAD.match(text)
    if found is None:
        raise Bad("a sequence is ~SEQ(name, start, step, end) or ~LST(name, value, ...) and the text")
    return found


def read(found: re.Match[str], inside: str) -> Sequence:
    """Return a sequence; ``inside`` stands in the parentheses, definitions replaced.  Raises `Bad`."""
    if found[1] == "LST":
        return _list(inside, found.end())
    name, _, numbers = inside.partition(",")
    steps = [_number(text) for text in numbers.split(",")]
    return Sequence((_name(name),), _range(steps, found[1] == "SEQx"), found[1] == "SEQx", found.end())


def _range(numbers: list[int], hexadecimal: bool) -> range:
    """Return the numbers of ``end``, of ``start, end``, or of ``start, step, end``."""
    if len(numbers) == 1:
        (end,) = numbers
        start, step = (-1 if end < 0 else 1), (-1 if end < 1 else 1)
    elif len(numbers) == 2:
        start, end = numbers
        step = 1 if start <= end else -1
    elif len(numbers) == 3:
        start, step, end = numbers
    else:
        raise Bad("a sequence has start, step and end")
    if not step or (start < end and step < 0) or (start > end and step > 0):
        raise Bad(f"the step {step} does not lead from {start} to {end}")
    if hexadecimal and (start < 0 or end < 0):
        raise Bad("hexadecimal numbers cannot be negative")
    values = range(start, end + (1 if step > 0 else -1), step)
    if (end - start) // step + 1 > MOST_VALUES:
        raise Bad(f"more than {MOST_VALUES} values")
    return values


def _list(inside: str, end: int) -> Sequence:
    items: list[tuple[str, ...]] = [("",)]
    for found in _PART.finditer(inside):
        if found[2] == ",":
            items.append(("",))
        elif found[2] or (items[-1] != ("",) and found[0].strip(" \t")):
            raise Bad("values stand between commas, several for one time between braces")
        elif found[1] is not None:
            items.append(tuple(part.strip(" \t") for part in found[1].split(",")))
            del items[-2]
        elif found[0].strip(" \t"):
            items[-1] = (found[0].strip(" \t"),)
    if len(items) < 2:
        raise Bad("a list has a name and at least one value")
    if len(items) > MOST_VALUES:
        raise Bad(f"more than {MOST_VALUES} values")
    names = tuple(_name(name) for name in items[0])
    for values in items[1:]:
        if len(values) != len(names):
            raise Bad(f"{len(values)} values for {len(names)} names")
        if any(blank in value for value in values for blank in ' \t"'):
            raise Bad("a value has no blanks and no quotation marks")
    return Sequence(names, tuple(items[1:]), False, end)


def _name(text: str) -> str:
    text = text.strip(" \t")
    if not _NAME.fullmatch(text):
        raise Bad("its name is made of letters, digits and underscores")
    return text


def _number(text: str) -> int:
    text = text.strip(" \t")
    if not _NUMBER.fullmatch(text):
        raise Bad("start, step and end are whole numbers")
    sign, digits = (-1 if text[0] == "-" else 1), text.lstrip("+-")
    if digits[:2] in ("0x", "0X"):
        return sign * int(digits, 16)
    if len(digits) > 1 and digits[0] == "0":
        if not set(digits) <= set("01234567"):
            raise Bad("a number that begins with 0 is octal")
        return sign * int(digits, 8)
    return sign * int(digits)
