"""Nodes to values, led by the table of fields.  Pure: it knows neither YAML nor any key by name.

Every value keeps its place, so that what a later check finds wrong can be shown where it stands.  A
value that cannot be read is reported and becomes `BAD`; reading goes on.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple, TypeAlias

from havip.config.fields import Group, ListOf, Named, Shape
from havip.config.kinds import Kind, Wrong
from havip.config.nodes import Mapping, Node, Scalar, Sequence, kind_of
from havip.config.problems import Place, Problems, nearest_of, quote
from havip.config.secrettext import SecretText, is_near_secrets

#: keys that we do not know and whose values are secrets all the same, by their names
SECRETIVE: Final = re.compile("passw|secret|token|authoriz|credential|auth_pass|api_?key", re.IGNORECASE)
BAD: Final = object()  #: stands for a value that was reported

MERGE_KEY = "<<"
NOT_SHOWN = "a text that is not shown"


class Read(NamedTuple):
    """A value and where it stands.

    ``value`` is a converted scalar, a tuple of `Read` for a list, a `Reading` for a mapping, or `BAD`.
    """

    value: Any
    place: Place


Reading: TypeAlias = dict[str, Read]


class Reader:
    """Reads the nodes of one file.

    What aliases repeat is read once: its problems are reported once, and a small file cannot ask for
    much work.
    """

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self._known: dict[tuple[int, int], Read] = {}  # by the identities of node and shape

    def read(self, node: Node, shape: Shape, at: Place) -> Read:
        """Return what ``node`` holds; ``at`` is the place of its key."""
        known = self._known.get((id(node), id(shape)))
        if known is None:
            known = self._known[id(node), id(shape)] = self.read_once(node, shape, at)
        return known

    def read_once(self, node: Node, shape: Shape, at: Place) -> Read:
        """Return what ``node`` holds, whatever its shape."""
        nothing = isinstance(node, Scalar) and node.is_nothing
        place = at if nothing else Place(node.line, node.column, at.path)
        if (
            isinstance(shape, Group)
            and shape.short
            and not isinstance(node, Mapping)
            and not (nothing and not shape.required)
        ):
            short = shape.by_name[shape.short]
            return Read({short.name: self.read(node, short.shape, place)}, place)
        if isinstance(shape, Group | Named):
            if nothing:
                node = Mapping(at.line, at.column)  # a key with every line below it commented out
            if isinstance(node, Mapping):
                read = (
                    self.group(node, shape, at) if isinstance(shape, Group) else self.named(node, shape, at)
                )
                return Read(read, place)
        elif isinstance(shape, ListOf):
            if isinstance(node, Sequence):
                return Read(self.judged(self.items(node, shape, place), node, shape, place), place)
            if shape.split is not None and isinstance(node, Scalar) and not nothing:
                return Read(self.judged(self.words(node, shape, place), node, shape, place), place)
        elif isinstance(node, Scalar) and not nothing:
            return Read(self.scalar(node, shape, place), place)
        if is_near_secrets(shape) and not nothing:
            self.hide(node)
            self.problems.add(place, kind_of(node), shape.expected)
        else:
            self.problems.add(place, found(node), shape.expected, nearest=listed(node, shape))
        return Read(BAD, place)

    def group(self, node: Mapping, group: Group, at: Place) -> Reading:
        """Return the values of a mapping with fixed keys, by key."""
        reading: Reading = {}
        meant: set[str] = set()  # keys that a misspelt one probably stands for
        for name, place, value in self.entries(node, at):
            field = group.by_name.get(name)
            if field is None:
                nearest = nearest_key(name, group)
                meant.add(nearest)
                self.unknown(name, place, nearest)
                if is_near_secrets(group) or SECRETIVE.search(name):
                    self.hide(value)
            else:
                reading[name] = self.read(value, field.shape, place)
        for field in group.required:
            if field.name not in reading and field.name not in meant:
                self.problems.add(at, f"missing key {quote(field.name)}", why=field.doc)
        if group.any_of and not (reading.keys() | meant) & set(group.any_of):
            self.problems.add(at, f"missing key {' or '.join(map(quote, group.any_of))}")
        return reading

    def named(self, node: Mapping, shape: Named, at: Place) -> Reading:
        """Return the groups of a mapping whose keys are names."""
        reading: Reading = {}
        for name, place, value in self.entries(node, at):
            try:
                shape.name.read(name)
            except Wrong as wrong:
                self.problems.add(place, quote(name), wrong.expected or shape.name.expected, why=wrong.why)
            reading[name] = Read(self.read(value, shape.group, place).value, place)
        if not reading:
            self.problems.add(at, "none", f"at least one {shape.noun}")
        return reading

    def entries(self, node: Mapping, at: Place) -> list[tuple[str, Place, Node]]:
        """Return (key, its place, value) in the order of the file; of a key given twice the first."""
        result: dict[str, tuple[str, Place, Node]] = {}
        for key, value in node.pairs():
            if not isinstance(key, Scalar):
                self.problems.add(Place(key.line, key.column, at.path), kind_of(key), "the name of a key")
            elif (first := result.get(key.text)) is not None:
                place = Place(key.line, key.column, at.inside(key.text))
                self.problems.add(
                    place,
                    f"duplicate key {quote(key.text)}",
                    why=f"first given in {self.problems.line(first[1])}",
                )
            else:
                result[key.text] = key.text, Place(key.line, key.column, at.inside(key.text)), value
        return list(result.values())

    def items(self, node: Sequence, shape: ListOf, place: Place) -> tuple[Read, ...]:
        """Return the values of a list, those left out that cannot be read or are too many."""
        if not 1 <= len(node.items) <= shape.most:
            self.problems.add(place, f"{len(node.items)} values", shape.expected)
        reads = [
            self.read(item, shape.item, Place(item.line, item.column, f"{place.path}[{index}]"))
            for index, item in enumerate(node.items)
        ]
        return tuple(read for read in reads[: shape.most] if read.value is not BAD)

    def words(self, node: Scalar, shape: ListOf, place: Place) -> Any:
        """Return the items that a single text stands for."""
        assert shape.split is not None
        try:
            return tuple(Read(item, place) for item in shape.split(node.text))
        except Wrong as wrong:
            self.problems.add(place, found(node), wrong.expected or shape.expected, why=wrong.why)
            return BAD

    def judged(self, reads: Any, node: Node, shape: ListOf, place: Place) -> Any:
        """Return the items of a list, or `BAD` if together they are nothing good."""
        if shape.judge is not None and reads is not BAD and reads:
            try:
                shape.judge(tuple(read.value for read in reads))
            except Wrong as wrong:
                where = reads[0].place
                self.problems.add(
                    where, quote(reads[0].value), wrong.expected or shape.expected, why=wrong.why
                )
                return BAD
        return reads

    def scalar(self, node: Scalar, kind: Kind, place: Place) -> Any:
        """Return the value of a single text."""
        if isinstance(kind, SecretText):
            self.hide(node)
        try:
            return kind.read(node.text)
        except Wrong as wrong:
            expected = wrong.expected or kind.expected
            what = NOT_SHOWN if isinstance(kind, SecretText) else found(node)
            self.problems.add(place, what, expected, nearest=wrong.nearest, why=wrong.why)
            return BAD

    def hide(self, node: Node) -> None:
        """Show no line of the file on which a text within ``node`` stands."""
        waiting, seen = [node], set()
        while waiting:
            node = waiting.pop()
            if isinstance(node, Scalar):
                self.problems.hide(node.text, range(node.line, node.last_line + 1))
            elif id(node) not in seen:
                seen.add(id(node))
                waiting += node.items

    def unknown(self, name: str, place: Place, nearest: str) -> None:
        """Report a key that is not in the table."""
        why = 'merge keys are not supported; put common keys under "defaults"' if name == MERGE_KEY else ""
        self.problems.add(place, f"unknown key {quote(name)}", nearest=nearest, why=why)


def found(node: Node) -> str:
    """Return what stands in the file, for people."""
    if isinstance(node, Scalar) and not node.is_nothing:
        return quote(node.text)
    return kind_of(node)


def listed(node: Node, shape: Shape) -> str:
    """Return the list that a single value was probably meant to be."""
    if isinstance(shape, ListOf) and isinstance(node, Scalar) and not node.is_nothing:
        return f"[{node.text}]"
    return ""


def nearest_key(name: str, group: Group) -> str:
    """Return the key that ``name`` most probably stands for; empty: none comes near."""
    return group.elsewhere.get(name) or nearest_of(name.lower(), group.by_name)


def missing(reading: Reading, group: Group) -> set[str]:
    """Return the keys that could not be read, or that are required and not there."""
    lost = {name for name, read in reading.items() if not whole(read, group.by_name[name].shape)}
    return lost | {field.name for field in group.required if field.name not in reading}


def whole(read: Read, shape: Shape) -> bool:
    """Say whether a value can be made of what was read, if perhaps with a default here and there."""
    if read.value is BAD:
        return False
    match shape:
        case Group():
            return missing(read.value, shape).isdisjoint(field.name for field in shape.required)
        case Named():
            return all(
                is_a(shape.name, name) and whole(item, shape.group) for name, item in read.value.items()
            )
        case ListOf():
            return all(whole(item, shape.item) for item in read.value)
        case _:
            return True


def is_a(kind: Kind, text: str) -> bool:
    """Say whether a text is of a kind."""
    try:
        kind.read(text)
    except Wrong:
        return False
    return True
