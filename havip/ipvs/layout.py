"""Reads thousands of destinations quickly: one kernel lays out all of them alike.  Pure.

The first message of a length is taken apart attribute by attribute, as `answers.destination` does, and where
its attributes stand is kept.  Of a message with the same attributes at the same places only the numbers are
taken out; a destination that is set as one seen before is that one.  Anything else is taken apart again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from havip.balancing import Counts
from havip.ipvs import answers, codec
from havip.ipvs.model import Destination, Traffic
from havip.netlink.codec import Malformed, attributes
from havip.netlink.generic import ATTRIBUTES_AT

_HEAD: Final = 4  # bytes of an attribute before its value
_SIZES: Final = {"I": 4, "Q": 8}
_NUMBERS: Final = (codec.DEST_ACTIVE, codec.DEST_INACTIVE, codec.DEST_PERSISTENT)
_COUNTERS: Final = range(1, 11)  # within DEST_STATS64
_PAD: Final = 11  # there: before each number of 64 bits, on some machines
_MOST_KNOWN: Final = 65536  # destinations
_NONE: Final = Counts()


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the attributes of a message stand."""

    heads: int  # the bits of all that is not a value
    mask: int  # 1 where `heads` counts
    settings: tuple[slice, ...]  # what is set
    numbers: Struct  # of connections, and the counters
    #: destinations by the family of their service and the bytes that set them
    known: dict[tuple[int, bytes], Destination] = field(default_factory=dict, compare=False)


class Layouts:
    """What is known of one kernel's destinations."""

    def __init__(self) -> None:
        self._by_length: dict[int, Layout] = {}

    def destination(self, body: bytes, family: int) -> tuple[Destination, Traffic] | None:
        """Return what `answers.destination` does.  Raises `Malformed`."""
        layout = self._by_length.get(len(body))
        if layout is None or int.from_bytes(body, "little") & layout.mask != layout.heads:
            told = answers.destination(body, family)
            if told is not None and (found := layout_of(body)) is not None:
                self._by_length[len(body)] = found
            return told
        settings = family, b"".join([body[part] for part in layout.settings])
        one = layout.known.get(settings)
        if one is None:
            told = answers.destination(body, family)
            if told is None:
                return None
            if len(layout.known) >= _MOST_KNOWN:
                layout.known.clear()
            layout.known[settings] = one = told[0]
        active, inactive, persistent, *counts = layout.numbers.unpack(body)
        return one, Traffic(active, inactive, persistent, Counts(*counts) if any(counts) else _NONE)


def layout_of(body: bytes) -> Layout | None:
    """Return where the attributes of a message stand; None: it is not laid out as usual."""
    try:
        outer = _places(body, ATTRIBUTES_AT, len(body))
        if list(outer) != [codec.DESTINATION]:
            return None
        inner = _places(body, *outer[codec.DESTINATION])
        if not {codec.DEST_STATS64, *_NUMBERS} <= inner.keys():
            return None
        counters = _places(body, *inner[codec.DEST_STATS64])
    except Malformed:
        return None
    numbers = [(*inner[kind], "I") for kind in _NUMBERS]
    numbers += [(*counters.get(kind, (0, 0)), "Q") for kind in _COUNTERS]
    if any(end - begin != _SIZES[code] for begin, end, code in numbers):
        return None
    return _layout(body, inner, numbers)


def _layout(
    body: bytes, inner: dict[int, tuple[int, int]], numbers: list[tuple[int, int, str]]
) -> Layout | None:
    form, at = "=", 0
    for begin, end, code in numbers:
        if begin < at:
            return None
        form, at = f"{form}{begin - at}x{code}", end
    mask = bytearray(b"\xff" * len(body))
    measured = {*_NUMBERS, codec.DEST_STATS, codec.DEST_STATS64}
    settings: list[slice] = []
    for kind, (begin, end) in inner.items():
        if kind == codec.DEST_STATS:  # the same once more, with fewer bits
            mask[begin:end] = bytes(end - begin)
        elif kind not in measured:
            mask[begin:end] = bytes(end - begin)
            settings.append(slice(begin, end))
    for begin, end, _ in numbers:
        mask[begin:end] = bytes(end - begin)
    bits = int.from_bytes(mask, "little")
    return Layout(
        int.from_bytes(body, "little") & bits, bits, tuple(settings), Struct(f"{form}{len(body) - at}x")
    )


def _places(body: bytes, at: int, end: int) -> dict[int, tuple[int, int]]:
    """Return where each value begins and ends.  Raises `Malformed`, also for one that is there twice."""
    found: dict[int, tuple[int, int]] = {}
    for kind, value in attributes(body[:end], at):
        if kind in found and kind != _PAD:
            raise Malformed(f"attribute {kind} twice")
        found[kind] = at + _HEAD, at + _HEAD + len(value)
        at += _HEAD + len(value) + 3 & ~3
    return found
