"""A keepalived.conf as YAML that means the same, with comments that tell what differs and why.  Pure.

Written from the nodes that the mapping made, so that reading it gives the same nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from havip.config.fields import Group, ListOf, Named, Shape
from havip.config.keepalived.report import Decision, Outcome
from havip.config.keys import CONFIGURATION
from havip.config.nodes import Mapping, Node, Scalar, Sequence

WIDTH: Final = 110
#: text that YAML takes for itself, wherever it stands
_PLAIN: Final = re.compile(r"-[0-9]+|[A-Za-z0-9/][A-Za-z0-9_./@%+=-]*(?::[A-Za-z0-9_./@%+=-]+)*")
#: words that other readers of YAML take for something else than text
_TAKEN: Final = re.compile(r"yes|no|on|off|y|n|null|~", re.IGNORECASE)
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
#: how a decision begins in a comment
_SAID: Final = {
    Outcome.DIFFERS: "differs from keepalived",
    Outcome.DEFAULT: "keepalived's default",
    Outcome.IGNORED: "ignored",
    Outcome.UNKNOWN: "unknown to keepalived too",
}


def write(node: Mapping, decisions: Iterable[Decision], path: str) -> str:
    """Return the text of a YAML file; ``path`` is the keepalived.conf that it was made of."""
    comments: dict[str, list[str]] = {}
    loose: list[str] = []
    keys = set(paths(node, ""))
    for decision in decisions:
        if decision.outcome not in _SAID:
            continue
        key = decision.key
        while key and key not in keys:
            key = key.replace("[]", "").rpartition(".")[0] if "[]" not in key[-2:] else key[:-2]
        line = f"line {decision.line}" if decision.file == path else f"{decision.file}:{decision.line}"
        if key:
            said = f"{_SAID[decision.outcome]} ({line}, {decision.directive}): {decision.why}"
            comments.setdefault(key, []).append(said)
        else:
            loose.append(f"{line}, {decision.directive}: {_SAID[decision.outcome]}: {decision.why}")
    lines = [f"# Made of {path} by `havip convert`; it means the same, but for what comments say."]
    if loose:
        lines += ["#", "# What has no key here:"]
        lines += (wrapped for one in dict.fromkeys(loose) for wrapped in comment(one, "", first="- "))
    lines.append("")
    lines += Writer(comments).mapping(node, CONFIGURATION, "", "")
    return "\n".join(lines) + "\n"


def paths(node: Node, path: str) -> Iterator[str]:
    """Yield the path of every key."""
    if not isinstance(node, Mapping):
        return
    for key, value in node.pairs():
        if isinstance(key, Scalar):
            here = f"{path}.{key.text}" if path else key.text
            yield here
            yield from paths(value, here)


def comment(text: str, indentation: str, first: str = "") -> Iterator[str]:
    """Yield a comment in lines that are not too long."""
    line = f"{indentation}# {first}"
    empty = True
    for word in text.split():
        if not empty and len(line) + 1 + len(word) > WIDTH:
            yield line
            line, empty = f"{indentation}#   {word}", False
            continue
        line += word if empty else f" {word}"
        empty = False
    yield line


def text_of(scalar: Scalar) -> str:
    """Return a single value as YAML, in quotation marks where it needs them."""
    text = scalar.text
    if _PLAIN.fullmatch(text) and not _TAKEN.fullmatch(text):
        return text
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else escaped(c)) for c in text) + '"'


def escaped(character: str) -> str:
    """Return a character that cannot be printed, as YAML has it between quotation marks."""
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def within(shape: Shape | None, key: str) -> Shape | None:
    """Return the shape of a key of a mapping; None: nothing is known of it."""
    if isinstance(shape, Named):
        return shape.group
    found = shape.by_name.get(key) if isinstance(shape, Group) else None
    return None if found is None else found.shape


class Writer:
    """Writes nodes in the block style."""

    def __init__(self, comments: dict[str, list[str]]) -> None:
        self._comments = comments

    def mapping(self, node: Mapping, shape: Shape | None, path: str, indentation: str) -> Iterator[str]:
        """Yield the lines of a mapping, its keys in the order of the table."""
        order = {name: index for index, name in enumerate(shape.by_name)} if isinstance(shape, Group) else {}
        pairs = [(key, value) for key, value in node.pairs() if isinstance(key, Scalar)]
        for key, value in sorted(pairs, key=lambda pair: order.get(pair[0].text, 0)):
            here = f"{path}.{key.text}" if path else key.text
            if not path:
                yield ""
            for said in dict.fromkeys(self._comments.get(here, ())):
                yield from comment(said, indentation)
            head = f"{indentation}{text_of(key)}:"
            if isinstance(value, Scalar):
                yield f"{head} {text_of(value)}"
            elif not value.items:
                yield f"{head} {'{}' if isinstance(value, Mapping) else '[]'}"
            else:
                yield head
                yield from self.inner(value, within(shape, key.text), here, indentation + "  ")

    def inner(
        self, node: Mapping | Sequence, shape: Shape | None, path: str, indentation: str
    ) -> Iterator[str]:
        """Yield the lines of what stands within a mapping or a list."""
        if isinstance(node, Mapping):
            yield from self.mapping(node, shape, path, indentation)
            return
        of_items = shape.item if isinstance(shape, ListOf) else None
        for item in node.items:
            if isinstance(item, Scalar):
                yield f"{indentation}- {text_of(item)}"
                continue
            if not item.items:
                yield f"{indentation}- {'{}' if isinstance(item, Mapping) else '[]'}"
                continue
            lines = list(self.inner(item, of_items, f"{path}[]", indentation + "  "))
            lines[0] = f"{indentation}- {lines[0].lstrip()}"
            yield from lines
