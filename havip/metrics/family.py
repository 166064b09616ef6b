"""What a family of metrics is, and where its samples come from.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
Labels: TypeAlias = dict[str, str]
Row: TypeAlias = tuple[str, Labels, float]  # what follows the family's name, labels, value


@dataclass(frozen=True, slots=True)
class Source:
    """All that metrics tell, as the control socket shows it."""

    status: Json
    checks: Json  # the answer of the verb `checks`
    transitions: Mapping[tuple[str, str, str], int] = field(default_factory=dict)  # by kind, name and state
    scrapes: Mapping[str, int] = field(default_factory=dict)  # by what became of them
    services: Json = field(default_factory=dict)  # the answer of the verb `services`


@dataclass(frozen=True, slots=True)
class Family:
    """One family: its name without what its kind adds, its kind as Prometheus calls it, what it means."""

    name: str
    kind: str
    meaning: str
    labels: tuple[str, ...]
    rows: Callable[[Source], Iterable[Row]]

    @property
    def shown_as(self) -> str:
        """Return the name by which one asks for it."""
        return self.name + {"counter": "_total", "info": "_info"}.get(self.kind, "")


Values: TypeAlias = Callable[[Source], Iterable[tuple[Any, ...]]]  # labels, and then the value


def gauge(name: str, meaning: str, labels: tuple[str, ...], values: Values) -> Family:
    """Return a family of one value a set of labels; ``values`` yields labels and then the value."""
    return Family(name, "gauge", meaning, labels, lambda source: rows("", labels, values(source)))


def counter(name: str, meaning: str, labels: tuple[str, ...], values: Values) -> Family:
    """Return the same for values that only grow."""
    return Family(name, "counter", meaning, labels, lambda source: rows("_total", labels, values(source)))


def info(name: str, meaning: str, labels: tuple[str, ...], values: Values) -> Family:
    """Return a family whose labels are all it tells."""
    return Family(
        name,
        "info",
        meaning,
        labels,
        lambda source: rows("_info", labels, ((*one, 1) for one in values(source))),
    )


def rows(suffix: str, labels: tuple[str, ...], values: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
    """Yield the rows of values that are there: None is none."""
    for *words, value in values:
        if value is not None:
            yield suffix, dict(zip(labels, map(text, words), strict=True)), float(value)


def text(word: object) -> str:
    """Return the value of a label."""
    return "" if word is None else str(word)
