"""The shape of a file before anything is known about its meaning.  Pure, and free of PyYAML.

Scalars stay text: what ``0100``, ``yes`` or ``1:30`` means is for the key's own type to say.  ``line``
and ``column`` count from 1.  A node that an alias repeats is one object, so it may contain itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

NOTHING = frozenset(("", "~", "null", "Null", "NULL"))


@dataclass(slots=True, eq=False)
class Scalar:
    """A single value as it was written, quotes removed."""

    line: int
    column: int
    text: str
    plain: bool  # written without quotes
    last_line: int  # on which it ends

    @property
    def is_nothing(self) -> bool:
        """Say whether the value was left out, or written as YAML's null."""
        return self.plain and self.text in NOTHING


@dataclass(slots=True, eq=False)
class Sequence:
    """A list."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Mapping:
    """Keys and values in the order of the file, duplicates included."""

    line: int
    column: int
    items: list[Node] = field(default_factory=list)  # key, value, key, value ...

    def pairs(self) -> Iterator[tuple[Node, Node]]:
        """Yield every key with its value."""
        return zip(self.items[::2], self.items[1::2], strict=True)


Node: TypeAlias = Scalar | Sequence | Mapping


def kind_of(node: Node) -> str:
    """Return what a node is, for people."""
    if isinstance(node, Scalar):
        return "nothing" if node.is_nothing else "a single value"
    return "a list" if isinstance(node, Sequence) else "a mapping"
