"""What a table of keys is made of: values, lists, mappings with fixed keys, mappings from names.  Pure.

The table itself is `havip.config.keys`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from havip.clock import seconds
from havip.config.kinds import Kind

LONGEST_WAIT = seconds(1000)


@dataclass(frozen=True, eq=False)
class ListOf:
    """A list of single values of one kind, or of mappings of one shape.

    With ``split``, a single text stands for the list of what that returns.  Both it and ``judge``, which
    looks at a list as a whole, raise `Wrong`.
    """

    item: Kind | Group
    most: int
    split: Callable[[str], tuple[Any, ...]] | None = None
    judge: Callable[[tuple[Any, ...]], None] | None = None
    said: str = ""  # what is expected, if these words are better

    @property
    def expected(self) -> str:
        if self.said:
            return self.said
        return f"a list of 1 to {self.most} values, each {self.item.expected}"


@dataclass(frozen=True, eq=False)
class Named:
    """A mapping of names to groups of one shape; its value is the tuple of what the groups make."""

    group: Group
    name: Kind
    noun: str
    key: str = "name"  # the field of the group's dataclass that the name becomes

    @property
    def expected(self) -> str:
        return f"a mapping from the name of each {self.noun} to its keys"


@dataclass(frozen=True, eq=False)
class Group:
    """A mapping with fixed keys, and the dataclass that holds their values (``dict``: nothing more).

    With ``short``, a single text or a list stands for the mapping that has only this key.  ``like`` is the
    dataclass whose values ``make`` returns where that is a function.  One of the keys ``any_of`` must be
    given.
    """

    make: Callable[..., Any]
    fields: tuple[Field, ...]
    expected: str = "a mapping of keys to values"
    short: str = ""
    like: type | None = None
    any_of: tuple[str, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Return the fields by their keys."""
        return {field.name: field for field in self.fields}

    @cached_property
    def elsewhere(self) -> dict[str, str]:
        """Return the keys by the names that other programs give them."""
        return {foreign: field.name for field in self.fields for foreign in field.elsewhere}

    @cached_property
    def defaults(self) -> dict[str, Any]:
        """Return the values of the keys that may be left out."""
        made = self.like or self.make
        if not dataclasses.is_dataclass(made):
            return {}
        return {
            field.name: value
            for field in dataclasses.fields(made)
            if field.name in self.by_name and (value := default_of(field)) is not dataclasses.MISSING
        }

    @cached_property
    def required(self) -> tuple[Field, ...]:
        """Return the fields that must be given."""
        return tuple(field for field in self.fields if field.required or self.needs(field))

    def needs(self, field: Field) -> bool:
        """Say whether the dataclass cannot be made without the field."""
        return dataclasses.is_dataclass(self.like or self.make) and field.name not in self.defaults


Shape: TypeAlias = Kind | ListOf | Named | Group


@dataclass(frozen=True, eq=False)
class Field:
    """One key: its name, the shape of its value, and what the schema and the book say about it."""

    name: str
    shape: Shape
    doc: str
    example: Any = None
    own: bool = False  # belongs to one virtual router: no place in `defaults`
    required: bool = False  # although the dataclass has a default
    secret: bool = False  # its value, which is or may hold a secret, is shown nowhere
    elsewhere: tuple[str, ...] = ()  # what other programs call it, for the hint


def default_of(field: dataclasses.Field[Any]) -> Any:
    """Return a dataclass field's default, or `dataclasses.MISSING`."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def walk(group: Group, path: str = "") -> Iterator[tuple[str, Group, Field]]:
    """Yield every field below ``group`` with its path; a name is ``NAME``, an item of a list ``[]``."""
    for field in group.fields:
        here = f"{path}.{field.name}" if path else field.name
        yield here, group, field
        if isinstance(field.shape, Group):
            yield from walk(field.shape, here)
        elif isinstance(field.shape, Named):
            yield from walk(field.shape.group, f"{here}.NAME")
        elif isinstance(field.shape, ListOf) and isinstance(field.shape.item, Group):
            yield from walk(field.shape.item, f"{here}[]")
