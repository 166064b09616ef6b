"""havip's configuration in the making: nodes as a YAML file has them, placed in the keepalived.conf.  Pure.

The reader of YAML's nodes reads these as well, so there is one model, one set of checks, one kind of message.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from havip.config.keepalived.tree import Word
from havip.config.nodes import Mapping, Node, Scalar, Sequence

Value: TypeAlias = "str | bool | Node | Made | list[Word] | Listed"


def scalar(text: str, at: Word) -> Scalar:
    """Return a single value that stands where ``at`` does; it is never nothing."""
    return Scalar(at.line, at.column, text, plain=False, last_line=at.line)


class Listed:
    """A list in the making."""

    __slots__ = ("at", "items")

    def __init__(self, at: Word) -> None:
        self.at = at
        self.items: list[Scalar | Made] = []

    def node(self) -> Sequence:
        """Return the list."""
        items: list[Node] = [item.node() if isinstance(item, Made) else item for item in self.items]
        return Sequence(self.at.line, self.at.column, items)


class Made:
    """A mapping in the making; a path such as ``announce.delay`` leads into the mappings within it."""

    __slots__ = ("at", "entries", "passed")

    def __init__(self, at: Word, *, passed: bool = False) -> None:
        self.at = at
        self.passed = passed  # only on the way to something, so that it is nothing while it is empty
        self.entries: dict[str, tuple[Word, Node | Made | Listed]] = {}

    def put(self, path: str, at: Word, value: Value, by: Word | None = None) -> None:
        """Give a key its value, in place of the one that it has.

        ``at`` is where the value stands, ``by`` the directive that gives it.
        """
        above, _, key = path.rpartition(".")
        by = by or Word(key, at.line, at.column)
        self.into(above, at).entries[key] = (by, self._node(at, value))

    def name(self, key: str, at: Word, value: Made) -> None:
        """Give a key its mapping; the key is a name, whatever characters are in it."""
        self.entries[key] = (at, value)

    def into(self, path: str, at: Word) -> Made:
        """Return the mapping at a path, made if there is none."""
        made = self
        for key in path.split(".") if path else ():
            by = Word(key, at.line, at.column)
            _, inner = made.entries.setdefault(key, (by, Made(at, passed=True)))
            assert isinstance(inner, Made), "a key is either a mapping or it is not"
            made = inner
        return made

    def add(self, path: str, at: Word, item: Scalar | Made) -> None:
        """Add an item to the list at a path."""
        above, _, key = path.rpartition(".")
        by = Word(key, at.line, at.column)
        _, listed = self.into(above, at).entries.setdefault(key, (by, Listed(at)))
        assert isinstance(listed, Listed), "a key is either a list or it is not"
        listed.items.append(item)

    def get(self, path: str) -> Node | Made | Listed | None:
        """Return what stands at a path; None: nothing."""
        made: Node | Made | Listed | None = self
        for key in path.split("."):
            found = made.entries.get(key) if isinstance(made, Made) else None
            made = None if found is None else found[1]
        return made

    def text(self, path: str) -> str:
        """Return the single value at a path, empty where there is none."""
        found = self.get(path)
        return found.text if isinstance(found, Scalar) else ""

    def text_at(self, *keys: str) -> str:
        """Return the single value that keys lead to, whatever is in them; empty: there is none."""
        made: Node | Made | Listed | None = self
        for key in keys:
            found = made.entries.get(key) if isinstance(made, Made) else None
            made = None if found is None else found[1]
        return made.text if isinstance(made, Scalar) else ""

    def has_at(self, *keys: str) -> bool:
        """Say whether keys lead to something, whatever is in them."""
        made: Node | Made | Listed | None = self
        for key in keys:
            found = made.entries.get(key) if isinstance(made, Made) else None
            made = None if found is None else found[1]
        return made is not None

    def where(self, path: str) -> Word | None:
        """Return the directive that gave the value at a path, or the key in its place; None: nothing did."""
        above, _, key = path.rpartition(".")
        made = self.get(above) if above else self
        found = made.entries.get(key) if isinstance(made, Made) else None
        return None if found is None else found[0]

    def drop(self, path: str) -> None:
        """Take a key away, if it is there."""
        above, _, key = path.rpartition(".")
        made = self.get(above) if above else self
        if isinstance(made, Made):
            made.entries.pop(key, None)

    @property
    def is_nothing(self) -> bool:
        """Say whether it was only passed on the way to something that was not given in the end."""
        return self.passed and all(
            isinstance(value, Made) and value.is_nothing for _, value in self.entries.values()
        )

    def node(self) -> Mapping:
        """Return the mapping; a key stands where the directive does."""
        items: list[Node] = []
        for key, (at, value) in self.entries.items():
            if isinstance(value, Made) and value.is_nothing:
                continue
            items += scalar(key, at), value.node() if isinstance(value, Made | Listed) else value
        return Mapping(self.at.line, self.at.column, items)

    @staticmethod
    def _node(at: Word, value: Value) -> Node | Made | Listed:
        if isinstance(value, bool):
            return scalar("true" if value else "false", at)
        if isinstance(value, str):
            return scalar(value, at)
        if isinstance(value, list):
            listed = Listed(at)
            listed.items.extend(scalars(value))
            return listed
        return value


def scalars(words: Iterable[Word]) -> Iterable[Scalar]:
    """Return words as single values."""
    return (scalar(word.text, word) for word in words)
